"""Rights are given up before anybody from outside is let in, whoever comes and however early."""

from __future__ import annotations

import os
import pwd
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from appliance.cli.child import Child, running
from tests.console import keymaking
from tests.integration.appliance import READY, configure, keyPair, section
from tests.integration.dropping import ACCEPTED, HALTS
from tests.integration.test_workers import TWO, echoes, workers
from tests.integration.traffic import believing
from tests.peers import awaitThat, freePort

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else"),
]

NOBODY = pwd.getpwnam("nobody")

TWISTD = (sys.executable, "-m", "tests.integration.dropping", "-n", "--pidfile=")


@pytest.fixture
def home() -> Iterator[Path]:
    """A directory that everybody may enter, with a key pair and what the console needs."""
    with TemporaryDirectory(prefix="butterfly-tls-test-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        keyPair(directory)
        keymaking.people(directory, alice="ed25519")
        keymaking.hostKey(directory)
        (directory / "root").mkdir()
        yield directory


FILE = ("setuid = nobody", f"setgid = {NOBODY.pw_gid}")
OPTIONS = ("--uid=nobody", f"--gid={NOBODY.pw_gid}")

WAYS = {
    "file": ((*FILE, "chroot = {root}"), ()),
    "file, no root of its own": (FILE, ()),
    "file, user alone": (FILE[:1], ()),
    "file, numbers nobody knows": (("setuid = 54321", "setgid = 54322"), ()),
    "twistd": ((), (*OPTIONS, "--chroot={root}")),
    "twistd, no root of its own": ((), OPTIONS),
}
"""How the file, or the command line, may say it."""


def status(pid: int, *names: str) -> list[str]:
    """What the kernel says of a process."""
    text = Path(f"/proc/{pid}/status").read_text()
    return [re.search(rf"^{name}:\t(.*)$", text, re.M)[1] for name in names]  # type: ignore[index]


@contextmanager
def halted(home: Path, way: str, text: str) -> Iterator[Child]:
    """The appliance, with all its sockets open and all its rights."""
    lines, options = WAYS[way]
    root = home / "root"
    heads = "".join(f"{line.format(root=root)}\n" for line in lines)
    path = configure(home, f"debug = 7\ndrainTimeout = 0\n{heads}{text}")
    words = [*TWISTD, *(each.format(root=root) for each in options)]
    with running("the appliance", [*words, "butterfly-tls", "--config", str(path)], home) as child:
        try:
            child.waitFor(HALTS, READY)
            # It says so before it does.
            awaitThat(lambda: status(child.process.pid, "State") == ["T (stopped)"])
            yield child
        finally:
            # Who stands still cannot end.
            child.process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize("way", WAYS)
def test_beforeTheFirst(home: Path, way: str) -> None:
    """TLS, HTTP, SSH and the control socket: all who have come before are let in after that."""
    tls, status, shell = freePort(), freePort(), freePort()
    control = home / "control"
    heads = (
        *(f"status = 127.0.0.1:{status}", f"control = {control}", f"manhole = 127.0.0.1:{shell}"),
        *("manholeKeys = keys", "manholeHostKey = hostkey"),
    )
    with ExitStack() as stack:
        behind = stack.enter_context(echoes())
        text = "\n".join((*heads, section(tls, behind)))
        child = stack.enter_context(halted(home, way, text))
        early = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=READY))
            for port in (tls, status, shell)
        ]
        local = stack.enter_context(socket.socket(socket.AF_UNIX))
        local.settimeout(READY)
        local.connect(str(control))
        early[1].sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        early[2].sendall(b"SSH-2.0-early\r\n")
        local.sendall(b'{"v": 1, "command": "version", "arguments": []}\n')
        assert not [line for line in child.lines if re.search(ACCEPTED, line)]
        child.process.send_signal(signal.SIGCONT)
        with believing().wrap_socket(early[0]) as secured:
            secured.sendall(b"word")
            assert secured.recv(4) == b"word"
        assert b" 200 " in early[1].recv(4096)
        assert early[2].recv(4096).startswith(b"SSH-2.0-")
        assert b'"ok":true' in local.recv(65536)
    known = [match for line in child.lines if (match := re.search(ACCEPTED, line))]
    assert len(known) == len(early) + 1, child.tail()
    root = home / "root" if "root" in "".join((*WAYS[way][0], *WAYS[way][1])) else Path("/")
    user, group = (54321, 54322) if "numbers" in way else (NOBODY.pw_uid, NOBODY.pw_gid)
    for match in known:
        assert set(map(int, match.group(1, 2, 3))) == {user}
        assert set(map(int, match.group(4, 5, 6))) == {group}
        assert match[7] == str(group)
        assert int(match[8]) == root.stat().st_ino


@pytest.mark.parametrize("way", ["file, no root of its own", "twistd, no root of its own"])
def test_workers(home: Path, way: str) -> None:
    """With workers, who shake hands and read: each has been nobody from its first moment."""
    if not runnable():
        pytest.skip("nobody may not run this Python, so that there can be no workers")
    tls = freePort()
    # They read it themselves.
    key = home / "Butterfly_SCP_key.pem"
    os.chown(key, 0, NOBODY.pw_gid)
    key.chmod(0o640)
    with echoes() as behind, halted(home, way, TWO + section(tls, behind)) as child:
        early = socket.create_connection(("127.0.0.1", tls), timeout=READY)
        assert not workers(child)
        child.process.send_signal(signal.SIGCONT)
        with believing().wrap_socket(early) as secured:
            secured.sendall(b"word")
            assert secured.recv(4) == b"word"
        assert len(workers(child)) == 2
        ids = "\t".join([str(NOBODY.pw_uid)] * 4), "\t".join([str(NOBODY.pw_gid)] * 4)
        for pid in workers(child):
            assert status(pid, "Uid", "Gid") == [*ids]


def runnable() -> bool:
    """True where nobody may run this Python with all that it needs."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", "import appliance, twisted"],
            user=NOBODY.pw_uid,
            group=NOBODY.pw_gid,
            extra_groups=(),
            capture_output=True,
        )
    except PermissionError:
        return False
    return not done.returncode
