"""A stunnel.conf that stunnel can read, with an overlay of our own options, in a real appliance."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from appliance.cli.child import Child, environment, running
from tests.integration.appliance import READY, TWISTD, configure, keyPair, section, start
from tests.integration.test_dicom import ANY_SERVER, client, storescp, tool
from tests.integration.test_workers import awaitLines
from tests.peers import butterfly, freePort, program, runCommand

pytestmark = pytest.mark.real

STRICT = "[DICOM STORE]\ndicom = yes\nallowCallingAET = NOBODY\n"


def lay(directory: Path, text: str) -> Path:
    """Write C{text} as the overlay, in a directory of its own."""
    path = directory / "ours" / "overlay.conf"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


@contextmanager
def overlaid(directory: Path, text: str, overlay: str) -> Iterator[Child]:
    """The appliance with C{text} and C{overlay}, once it serves."""
    keyPair(directory)
    path = configure(directory, f"debug = 6\n{text}")
    files = ["--config", str(path), "--overlay", str(lay(directory, overlay))]
    with running(
        "the appliance", [*TWISTD, "-n", "--pidfile=", "butterfly-tls", *files], directory
    ) as child:
        child.waitFor("Accepting new connections", READY)
        yield child


def test_reload(tmp_path: Path) -> None:
    """What the overlay says holds, and a reload reads it anew."""
    port = freePort()
    with (
        storescp(tmp_path) as (_, behind),
        overlaid(tmp_path, section(port, behind), STRICT) as child,
    ):
        child.waitFor(r"Reading configuration from file .*/butterfly-tls\.conf", READY)
        child.waitFor(r"Reading configuration from file .*/ours/overlay\.conf", READY)
        assert client("echoscu", port, options=ANY_SERVER).returncode != 0
        lay(tmp_path, "[DICOM STORE]\ndicom = yes\n")
        child.process.send_signal(signal.SIGHUP)
        awaitLines(child, "Configuration successful", 2)
        tool("echoscu", port)


def test_badReload(tmp_path: Path) -> None:
    """An overlay gone wrong changes nothing, and the log says where in it."""
    port = freePort()
    with (
        storescp(tmp_path) as (_, behind),
        overlaid(tmp_path, section(port, behind), "; nothing\n") as child,
    ):
        lay(tmp_path, STRICT + "[DICOM DMWL]\n")
        child.process.send_signal(signal.SIGHUP)
        child.waitFor(r"overlay\.conf:4: error: \[DICOM DMWL\] there is no section", READY)
        child.waitFor("Failed to reload the configuration file", READY)
        tool("echoscu", port)


def test_start(tmp_path: Path) -> None:
    """A start with a wrong overlay fails in words."""
    keyPair(tmp_path)
    path = configure(tmp_path, section(freePort(), 104))
    overlay = lay(tmp_path, "connect = 192.168.1.100:104\n")
    done = start(tmp_path, "--config", str(path), "--overlay", str(overlay))
    assert done.returncode == 1
    assert f"{overlay}:1: error: connect: is an option of stunnel's" in done.stderr


def test_check(tmp_path: Path) -> None:
    """A check takes the overlay as well, and finds fault with it."""
    keyPair(tmp_path)
    path = configure(tmp_path, section(freePort(), 104))
    good, bad = "[DICOM STORE]\nhealthCheck = none\n", "[DICOM STORE]\nhealthCheck = maybe\n"
    said = runCommand("check", path, "--offline", "--overlay", lay(tmp_path, good))
    assert said.status == 0, said
    said = runCommand("check", path, "--offline", "--overlay", lay(tmp_path, bad))
    assert said.status == 1
    assert 'overlay.conf:2: error: [DICOM STORE] healthCheck: "maybe" is not valid' in said.out


def test_console(tmp_path: Path) -> None:
    """An administrator's check of the running appliance looks at the overlay too."""
    first = f"control = {tmp_path}/control\n"
    ask = butterfly("ask", "--socket", tmp_path / "control", "check")
    with overlaid(tmp_path, section(freePort(), 104), first):
        how = {"env": environment(), "capture_output": True, "text": True, "timeout": 60}
        done = subprocess.run(ask, **how)
        assert done.returncode == 0, done
        lay(tmp_path, first + "[DICOM STOR]\n")
        done = subprocess.run(ask, **how)
        assert done.returncode == 1
        assert "overlay.conf:2: error: [DICOM STOR]" in done.stdout + done.stderr


def test_stunnel(tmp_path: Path) -> None:
    """The file that has an overlay here is one that stunnel takes as it is."""
    port = freePort()
    first = "foreground = yes\nsyslog = no\npid =\n"
    with storescp(tmp_path) as (_, behind):
        text = first + section(port, behind)
        with overlaid(tmp_path, text, STRICT):
            assert client("echoscu", port, options=ANY_SERVER).returncode != 0
        path = tmp_path / "butterfly-tls.conf"
        with running("stunnel", [program("stunnel4"), str(path)], tmp_path) as child:
            child.waitFor("Configuration successful", READY)
            tool("echoscu", port)


def test_none(tmp_path: Path) -> None:
    """An empty name is no overlay, for a start and for a check: the unit has a place for one."""
    keyPair(tmp_path)
    port = freePort()
    path = configure(tmp_path, section(port, 104, "healthCheck = none"))
    with running(
        "the appliance",
        [*TWISTD, "-n", "--pidfile=", "butterfly-tls", "--config", str(path), "--overlay="],
        tmp_path,
    ) as child:
        child.waitFor("Configuration successful", READY)
    assert runCommand("check", path, "--offline", "--overlay=").status == 0
