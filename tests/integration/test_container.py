"""The image as it is meant to run: nobody's user, a root that cannot be written, no capability.

C{etc/container/prove} unpacks the image and says in C{BUTTERFLY_TEST_IMAGE} where its root and what
is known of it are; without that there is nothing to test here.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from appliance.cli.child import Child, running
from tests.integration.appliance import READY, keyPair, section
from tests.integration.test_dicom import ANY_SERVER, storescp, tool
from tests.peers import freePort

WHERE = os.environ.get("BUTTERFLY_TEST_IMAGE", "")

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not WHERE, reason="'make image' builds the image that is tried here"),
]

ENTER = """
mount --bind "$1" "$1"
mount -o remount,bind,ro "$1"
mount --bind "$2" "$1/etc/butterfly-tls"
mount -o remount,bind,ro "$1/etc/butterfly-tls"
mount -t tmpfs -o mode=1777 tmpfs "$1/var/lib/butterfly-tls"
mount -t proc proc "$1/proc"
root=$1 user=$3
shift 3
# No terminal and no standard input, as in a container.
exec chroot "$root" setpriv --reuid="$user" --regid="$user" --clear-groups \
    --inh-caps=-all --bounding-set=-all --no-new-privs "$@"
"""
"""What an engine does: a root for reading alone, one directory to read, one to write."""


def known() -> dict[str, Any]:
    """What the image says of itself."""
    facts: dict[str, Any] = json.loads((Path(WHERE) / "image.json").read_text())["Docker"]["config"]
    return facts


def enter(home: Path, *command: str) -> list[str]:
    """A command line that runs C{command} in the image with C{home} as its configuration."""
    image = known()
    user = image["User"].partition(":")[0]
    namespaces = ("unshare", "--mount", "--propagation", "private", "--pid", "--fork")
    place = ("image", str((Path(WHERE) / "root").resolve()), str(home), user)
    clean = ("env", "-i", f"--chdir={image['WorkingDir']}", *image["Env"])
    return [*namespaces, "--kill-child", "sh", "-euc", ENTER, *place, *clean, *command]


@contextmanager
def started(home: Path, text: str) -> Iterator[Child]:
    """The image as an engine starts it, with the configuration C{text} in C{home}."""
    keyPair(home)
    # As Kubernetes gives a secret to the group of the user (fsGroup).
    key = home / "Butterfly_SCP_key.pem"
    os.chown(key, 0, int(known()["User"].partition(":")[2]))
    key.chmod(0o640)
    home.chmod(0o755)
    (home / "butterfly-tls.conf").write_text(f"debug = 6\n{text}")
    image = known()
    with running("image", enter(home, *image["Entrypoint"], *image["Cmd"]), home) as child:
        child.waitFor("Accepting new connections", READY)
        yield child
        stop(child)


def stop(child: Child) -> None:
    """Send what an engine sends, and return when nothing of it runs any more."""
    if child.process.poll() is None:
        # unshare itself hears no signal.
        os.kill(inner(child), signal.SIGTERM)
        child.process.wait(READY)


def inner(child: Child) -> int:
    """The number that the container's first process has outside."""
    path = Path(f"/proc/{child.process.pid}/task/{child.process.pid}/children")
    return int(path.read_text().split()[0])


def test_user() -> None:
    """The user is a number, so that it can be seen that it is not root."""
    assert known()["User"].partition(":")[0].isdecimal()
    assert known()["User"].partition(":")[0] != "0"


def test_echo(tmp_path: Path) -> None:
    """It serves as nobody in particular, without a capability, and says that it is well."""
    port = freePort()
    with storescp(tmp_path) as (_, behind):
        home = tmp_path / "etc"
        home.mkdir()
        with started(home, section(port, behind)) as child:
            tool("echoscu", port, options=ANY_SERVER)
            status = Path(f"/proc/{inner(child)}/status").read_text()
            assert "\nUid:\t10001\t10001\t10001\t10001\n" in status
            assert "\nCapEff:\t0000000000000000\n" in status
            assert "\nCapBnd:\t0000000000000000\n" in status
            assert not any(re.search(r" LOG[0-4]", line) for line in child.lines), child.tail()
            assert health(child) == 0


def test_workers(tmp_path: Path) -> None:
    """So it does with workers."""
    port = freePort()
    with storescp(tmp_path) as (_, behind):
        home = tmp_path / "etc"
        home.mkdir()
        with started(home, f"workers = 2\n{section(port, behind)}") as child:
            tool("echoscu", port, options=ANY_SERVER)
            assert health(child) == 0


def test_stopped(tmp_path: Path) -> None:
    """The signal that an engine sends ends it, and leaves nothing behind."""
    home = tmp_path / "etc"
    home.mkdir()
    with started(home, section(freePort(), freePort())) as child:
        stop(child)
        child.waitFor("Terminated", READY)


def test_unhealthy(tmp_path: Path) -> None:
    """Where nothing runs the check of health says so, in the one status that engines know."""
    home = tmp_path / "etc"
    home.mkdir()
    done = subprocess.run(enter(home, *known()["Healthcheck"]["Test"][1:]), timeout=READY)
    assert done.returncode == 1


def test_noConfiguration(tmp_path: Path) -> None:
    """Without a configuration it says what is missing, and ends."""
    image = known()
    tmp_path.chmod(0o755)
    command = enter(tmp_path, *image["Entrypoint"], *image["Cmd"])
    done = subprocess.run(command, capture_output=True, text=True, timeout=READY)
    assert done.returncode == 1
    assert "cannot read /etc/butterfly-tls/butterfly-tls.conf" in done.stderr


def health(child: Child) -> int:
    """What the image's own check of health says, asked within the container."""
    image = known()
    user = image["User"].partition(":")[0]
    within = ("nsenter", f"--target={inner(child)}", "--mount", "--pid", "--root")
    who = ("setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "env", "-i")
    check = image["Healthcheck"]["Test"][1:]
    return subprocess.run([*within, *who, *image["Env"], *check], timeout=READY).returncode
