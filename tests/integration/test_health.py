"""Backends that are known to be alive, or not: the appliance before real and before odd PACS."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from time import monotonic, sleep

import pytest

from appliance.cli.child import Child, running
from appliance.health.learnt import NAME
from tests import objects
from tests.health.servers import pynetdicom
from tests.integration.appliance import READY, TWISTD, configure, keyPair, section, serving
from tests.integration.test_dicom import ANY_SERVER, client, storescp, tool
from tests.integration.test_workers import awaitLines
from tests.peers import awaitListener, freePort

pytestmark = pytest.mark.real

QUICK = ("healthInterval = 1", "healthTimeout = 1")
"""The shortest that there is."""

ECHO = ("calledAET = STORESCP", *QUICK)

CLEAN = [
    "I: Association Received",
    "I: Association Acknowledged (Max Send PDV: 16372)",
    "I: Received Echo Request (MsgID 1)",
    "I: Association Release",
]

ABORT = bytes.fromhex("07000000000400000000")


def changed(child: Child, port: int, after: str, why: str = "", seconds: float = READY) -> None:
    """Return when the log tells that a backend is C{after} now."""
    child.waitFor(rf"backend 127\.0\.0\.1:{port} is {after} \(was .*\): .*{why}", seconds)


def told(child: Child) -> list[str]:
    """The changes that the log tells of, by their states."""
    found = (re.search(r"\]: Service .* is (\w+) \(was (\w+) for", line) for line in child.lines)
    return [f"{match[2]} {match[1]}" for match in found if match]


@contextmanager
def odd(behave: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that does C{behave} with each connection, and its port."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:

        def serve(connection: socket.socket) -> None:
            with connection, contextlib.suppress(OSError):
                behave(connection)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    Thread(target=serve, args=[server.accept()[0]], daemon=True).start()

        Thread(target=accept, daemon=True).start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)


def silent(connection: socket.socket) -> None:
    """Take what comes and never answer."""
    while connection.recv(65536):
        pass


def aborting(connection: socket.socket) -> None:
    """Abort whatever is asked for."""
    connection.recv(65536)
    connection.sendall(ABORT)
    connection.recv(65536)


def declined(port: int) -> None:
    """Assert that a client hears that there is no PACS, in DICOM and at once."""
    done = client("echoscu", port)
    assert done.returncode != 0
    assert "Rejected Transient" in done.stdout
    assert "Temporary Congestion" in done.stdout


class TestRealPACS:
    """Before dcmtk's storage server."""

    def test_clean(self, tmp_path: Path) -> None:
        """Checks leave nothing but clean associations in the log of the PACS."""
        keyPair(tmp_path)
        with storescp(tmp_path) as (pacs, behind):
            with serving(tmp_path, section(freePort(), behind, *ECHO), level=7) as child:
                awaitLines(child, "echo of backend .*: it answers the echo", 3)
            pacs.waitFor("Association Release", READY)
        # The first one is the test's own, to see whether it listens.
        first, *lines = pacs.lines
        assert first == CLEAN[0]
        assert lines[: len(CLEAN) * 3] == CLEAN * 3
        assert told(child) == ["unknown up"]

    def test_stoppedAndRestarted(self, tmp_path: Path) -> None:
        """A PACS that stops is down, clients hear so at once, and one that is back is up."""
        keyPair(tmp_path)
        port = freePort()
        with (
            storescp(tmp_path) as (pacs, behind),
            serving(tmp_path, section(port, behind, *ECHO)) as child,
        ):
            changed(child, behind, "up", "it answers the echo")
            tool("echoscu", port)
            pacs.end()
            changed(child, behind, "down", "nothing listens on that port; start the peer")
            dialled = sum("s_connect: connecting" in line for line in child.lines)
            declined(port)
            assert sum("s_connect: connecting" in line for line in child.lines) == dialled
            child.waitFor("backends that are down or drained and were not tried: 1", READY)
            with storescp(tmp_path, port=behind):
                awaitLines(child, rf"backend 127\.0\.0\.1:{behind} is up", 2)
                tool("echoscu", port)
        assert told(child) == ["unknown up", "up down", "down up"]

    def test_failover(self, tmp_path: Path) -> None:
        """While the first PACS is down its clients go to the second without being kept waiting."""
        keyPair(tmp_path)
        port = freePort()
        with storescp(tmp_path) as (first, one), storescp(tmp_path) as (_, other):
            more = (f"connect = 127.0.0.1:{other}", *ECHO)
            with serving(tmp_path, section(port, one, *more)) as child:
                changed(child, one, "up")
                changed(child, other, "up")
                first.end()
                changed(child, one, "down")
                before = len(child.lines)
                tool("echoscu", port)
                child.waitFor(rf"s_connect: connected 127\.0\.0\.1:{other}", READY)
                assert not any(f"127.0.0.1:{one}" in line for line in child.lines[before:])

    def test_refusing(self, tmp_path: Path) -> None:
        """One that refuses everybody lives, and is degraded with its reason."""
        keyPair(tmp_path)
        with (
            storescp(tmp_path, "--refuse") as (_, behind),
            serving(tmp_path, section(freePort(), behind, *ECHO)) as child,
        ):
            changed(child, behind, "degraded", "refused by")
        assert told(child) == ["unknown degraded"]

    def test_abortedStore(self, tmp_path: Path) -> None:
        """A green echo does not hide that stores are aborted."""
        keyPair(tmp_path)
        port = freePort()
        study = objects.write(tmp_path / "study", 1, 1000)
        with (
            storescp(tmp_path, "--abort-after") as (_, behind),
            serving(tmp_path, section(port, behind, *ECHO), level=7) as child,
        ):
            changed(child, behind, "up")
            assert client("storescu", port, *study).returncode != 0
            changed(child, behind, "degraded", "it aborted an association")
            answers = "echo of backend .*: it answers the echo"
            awaitLines(child, answers, 2 + sum(bool(re.search(answers, x)) for x in child.lines))
        assert told(child) == ["unknown up", "up degraded"]

    def test_overTLS(self, tmp_path: Path) -> None:
        """With client = yes the echo goes through TLS."""
        keyPair(tmp_path)
        (key,) = tmp_path.glob("*[Kk]ey.pem")
        tls = ("+tls", str(key), str(tmp_path / "Butterfly_SCP_Cert.pem"), "-ic")
        with storescp(tmp_path, *tls) as (pacs, behind):
            text = f"[out]\nclient = yes\naccept = 127.0.0.1:{freePort()}\n"
            text += f"connect = 127.0.0.1:{behind}\n" + "\n".join(ECHO) + "\n"
            with serving(tmp_path, text, level=7) as child:
                changed(child, behind, "up", "it answers the echo")
            pacs.waitFor("Association Release", READY)


class TestOddPACS:
    """Before what is not quite a PACS."""

    def state(self, directory: Path, port: int, after: str, why: str, *more: str) -> Child:
        """The appliance, once it has told that what is at C{port} is C{after}."""
        keyPair(directory)
        with serving(directory, section(freePort(), port, *more)) as child:
            changed(child, port, after, why)
        return child

    def test_hung(self, tmp_path: Path) -> None:
        """One that takes connections and never answers is down, where its title is known."""
        keyPair(tmp_path)
        port = freePort()
        with odd(silent) as behind, serving(tmp_path, section(port, behind, *ECHO)) as child:
            changed(child, behind, "down", "no answer to the association request within 1 s")
            declined(port)
        assert told(child) == ["unknown down"]

    def test_hungAndGuessed(self, tmp_path: Path) -> None:
        """Where the title is a guess silence means little, and clients are still let through."""
        with odd(silent) as behind:
            child = self.state(
                tmp_path, behind, "degraded", "no answer", "healthCheck = echo", *QUICK
            )
        assert told(child) == ["unknown degraded"]

    def test_aborting(self, tmp_path: Path) -> None:
        """One that aborts us lives, and is degraded."""
        with odd(aborting) as behind:
            child = self.state(tmp_path, behind, "degraded", "aborted by the application", *ECHO)
        assert told(child) == ["unknown degraded"]

    def test_wrongTitle(self, tmp_path: Path) -> None:
        """One that goes by another title is degraded, and the option to mend is named."""
        with pynetdicom(tmp_path / "pacs") as server:
            why = "called AE title not recognized; check the called AE title 'STORESCP' .calledAET"
            self.state(tmp_path, server.port, "degraded", why, *ECHO)

    def test_guessedTitle(self, tmp_path: Path) -> None:
        """A guess that is refused is a sign of life, and no more than that."""
        with pynetdicom(tmp_path / "pacs") as server:
            why = "it lives .refused by the application: called AE title not recognized"
            self.state(tmp_path, server.port, "up", why, "healthCheck = echo", *QUICK)

    def test_tcp(self, tmp_path: Path) -> None:
        """With healthCheck = tcp an open port is all that is asked for."""
        with odd(silent) as behind:
            why = "it accepts connections"
            self.state(tmp_path, behind, "up", why, "healthCheck = tcp", *QUICK)

    def test_unasked(self, tmp_path: Path) -> None:
        """Where nothing says that it is a PACS nobody is asked, and clients tell."""
        keyPair(tmp_path)
        port, behind = freePort(), freePort()
        with serving(tmp_path, section(port, behind, *QUICK), level=7) as child:
            for _ in range(3):
                declined(port)
            changed(child, behind, "down", "nothing listens on that port")
            declined(port)
            assert sum("s_connect: connecting" in line for line in child.lines) == 4
            assert not any("of backend" in line for line in child.lines)
            with storescp(tmp_path, port=behind):
                tool("echoscu", port)
                changed(child, behind, "up")


class TestLearnt:
    """Titles that the appliance learns."""

    def test_fromStartToStart(self, tmp_path: Path) -> None:
        """From an association that was accepted on, the PACS is asked by its title."""
        keyPair(tmp_path)
        port, state = freePort(), tmp_path / "state"
        state.mkdir()
        with pynetdicom(tmp_path / "pacs") as server:
            text = f"stateDirectory = {state}\n{section(port, server.port, *QUICK)}"
            with serving(tmp_path, text, level=7) as child:
                done = client("echoscu", port, options=(*ANY_SERVER, "-aec", "PYNETDICOM"))
                assert done.returncode == 0, done.stdout
                child.waitFor("echo of backend .*: it answers the echo", READY)
            before = [line for line in child.lines if "of backend" in line]
            assert "it answers the echo" in before[0]
            path = state / NAME
            titles = {"DICOM STORE": {f"127.0.0.1:{server.port}": "PYNETDICOM"}}
            assert json.loads(path.read_text()) == titles
            with serving(tmp_path, text) as child:
                changed(child, server.port, "up", "it answers the echo")
            path.write_text("{")
            with serving(tmp_path, text) as child:
                child.waitFor(f"{path}: cannot be read, AE titles are learnt anew", READY)


class TestHook:
    """The administrator's program."""

    def test_told(self, tmp_path: Path) -> None:
        """It is started at each change, in their order, with what has changed."""
        keyPair(tmp_path)
        hook, out = tmp_path / "hook", tmp_path / "out"
        words = "$BUTTERFLY_SECTION $BUTTERFLY_BACKEND $BUTTERFLY_BEFORE $BUTTERFLY_AFTER"
        hook.write_text(f'#!/bin/sh\necho "{words} $BUTTERFLY_WHY" >> {out}\nexit 4\n')
        hook.chmod(0o755)
        with storescp(tmp_path) as (pacs, behind):
            more = (*ECHO, f"healthHook = {hook}")
            with serving(tmp_path, section(freePort(), behind, *more)) as child:
                changed(child, behind, "up")
                pacs.end()
                changed(child, behind, "down")
                awaitLines(child, f"healthHook {hook}: ended with exit status 4", 2)
        backend = f"DICOM STORE 127.0.0.1:{behind}"
        assert out.read_text().splitlines() == [
            f"{backend} unknown up it answers the echo",
            f"{backend} up down nothing listens on that port",
        ]


class TestWorkers:
    """The same with workers, which hear of it from their supervisor."""

    def test_known(self, tmp_path: Path) -> None:
        """A PACS that is down is so in each worker, also in a new one; one that is back is up."""
        keyPair(tmp_path)
        port = freePort()
        text = "workers = 2\n" + section(port, freePort(), *ECHO)
        behind = int(re.findall(r"connect = 127\.0\.0\.1:(\d+)", text)[0])
        with serving(tmp_path, text) as child:
            changed(child, behind, "down")
            pid = int(child.waitFor(r"Worker 0 started \(PID=(\d+)\)", READY)[1])
            os.kill(pid, 9)
            awaitLines(child, r"Worker 0 started", 2)
            for _ in range(4):
                declined(port)
            assert not any("s_connect: connecting" in line for line in child.lines)
            with storescp(tmp_path, port=behind):
                changed(child, behind, "up")
                for _ in range(4):
                    tool("echoscu", port)

    def test_evidence(self, tmp_path: Path) -> None:
        """What happens in workers is known to the supervisor, however little the log shows."""
        keyPair(tmp_path)
        port, state = freePort(), tmp_path / "state"
        state.mkdir()
        with storescp(tmp_path) as (_, behind):
            head = f"debug = 3\nworkers = 2\nstateDirectory = {state}\n"
            path = configure(tmp_path, head + section(port, behind))
            command = [*TWISTD, "-n", "--pidfile=", "butterfly-tls", "--config", str(path)]
            with running("the appliance", command, tmp_path) as child:
                awaitListener(port)
                tool("echoscu", port)
                deadline = monotonic() + READY
                while not (state / NAME).exists():
                    assert monotonic() < deadline, child.tail()
                    sleep(0.01)
