"""Several worker processes behind one supervisor: whole to the outside, each alone in its fall."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from time import monotonic

import pytest

from appliance.cli.child import Child
from tests import objects
from tests.integration.appliance import READY, configure, keyPair, section, serving
from tests.integration.test_dicom import received, storescp, tool
from tests.peers import freePort

pytestmark = pytest.mark.real

TWO = "workers = 2\n"


@contextmanager
def echoes() -> Iterator[int]:
    """A backend that sends everything back, to any number of clients."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as server:

        def serve(connection: socket.socket) -> None:
            with connection, contextlib.suppress(OSError):
                while data := connection.recv(65536):
                    connection.sendall(data)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    Thread(target=serve, args=[server.accept()[0]], daemon=True).start()

        Thread(target=accept, daemon=True).start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)


def client(port: int) -> ssl.SSLSocket:
    """A TLS client that has said something and heard it back."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    raw = socket.create_connection(("127.0.0.1", port), timeout=READY)
    tls = context.wrap_socket(raw)
    assert answers(tls)
    return tls


def answers(tls: ssl.SSLSocket) -> bool:
    """True when what is said comes back from the backend."""
    try:
        tls.sendall(b"ping")
        return tls.recv(4) == b"ping"
    except OSError:
        return False


def alive(tls: ssl.SSLSocket) -> bool:
    """True when a connection that L{client} made still goes through.

    One that was ended is readable, since nobody here speaks unasked. It is not written to: in some
    releases of Python the failure of one TLS write is found again by the next, on another socket.
    """
    return not select.select([tls], [], [], 0)[0] and answers(tls)


def workers(child: Child) -> list[int]:
    """The pids of the workers that were started, in order."""
    found = (re.search(r"Worker \d+ started \(PID=(\d+)\)", line) for line in child.lines)
    return [int(match[1]) for match in found if match]


def awaitEnd(pid: int) -> None:
    """Return when the process is gone."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    assert select.select([handle], [], [], READY)[0], f"{pid} still runs"
    os.close(handle)


def awaitLines(child: Child, pattern: str, number: int) -> None:
    """Return when so many lines of the log match."""
    deadline = monotonic() + READY
    while sum(bool(re.search(pattern, line)) for line in child.lines) < number:
        assert monotonic() < deadline, child.tail()


class TestWorkers:
    """C{workers = 2}."""

    def test_study(self, tmp_path: Path) -> None:
        """Studies arrive identical, and the log reads as that of one process."""
        keyPair(tmp_path)
        port = freePort()
        study = objects.write(tmp_path / "study", 20, 50_000)
        with (
            storescp(tmp_path) as (_, behind),
            serving(tmp_path, TWO + section(port, behind)) as child,
        ):
            for path in study[:4]:
                tool("storescu", port, path)
            tool("storescu", port, *study[4:])
            awaitLines(child, r"LOG5\[\d\]: Connection closed", 5)
        assert received(tmp_path) == {objects.digest(path) for path in study}
        ids = {re.search(r"LOG5\[(\d+)\]: Connection closed", line) for line in child.lines}
        assert sorted(int(match[1]) for match in ids if match) == [0, 1, 2, 3, 4]

    def test_shared(self, tmp_path: Path) -> None:
        """Connections are spread evenly, and listed as one process's."""
        keyPair(tmp_path)
        port = freePort()
        with echoes() as behind, serving(tmp_path, TWO + section(port, behind)) as child:
            clients = [client(port) for _ in range(10)]
            for pid in workers(child):
                inherited = os.listdir(f"/proc/{pid}/fd")
                # Five connections have two sockets each; the rest are a dozen of its own.
                assert 10 <= len(inherited) <= 28, inherited
            child.process.send_signal(signal.SIGUSR2)
            child.waitFor(r"LOG0\[main\]: Listed 10 active connection\(s\)", READY)
            child.waitFor(r"Service \[DICOM STORE\], 4 byte\(s\) sent to TLS, 4 byte", READY)
            for each in clients:
                each.close()
            awaitLines(child, r"LOG5\[\d\]: Connection closed: 4 byte", 10)

    def test_killedWorker(self, tmp_path: Path) -> None:
        """A killed worker takes its own connections and no other; another takes its place."""
        keyPair(tmp_path)
        port = freePort()
        with echoes() as behind, serving(tmp_path, TWO + section(port, behind)) as child:
            clients = [client(port) for _ in range(10)]
            first, second = workers(child)
            os.kill(first, signal.SIGKILL)
            child.waitFor(rf"LOG3\[main\]: Worker \d \(PID={first}\) ended by signal 9", READY)
            awaitLines(child, r"LOG5\[\d\]: Connection reset: 0 byte", 5)
            assert sum(alive(each) for each in clients) == 5
            awaitLines(child, r"Worker \d started", 3)
            assert workers(child)[-1] not in (first, second)
            more = [client(port) for _ in range(10)]
            assert all(alive(each) for each in more)
            for each in clients + more:
                each.close()

    def test_reload(self, tmp_path: Path) -> None:
        """A reload keeps the connections and serves new ones by the new file."""
        keyPair(tmp_path)
        port = freePort()
        with echoes() as old, echoes() as new, serving(tmp_path, TWO + section(port, old)) as child:
            before = client(port)
            configure(tmp_path, "debug = 6\n" + TWO + section(port, new))
            child.process.send_signal(signal.SIGHUP)
            awaitLines(child, "Configuration successful", 2)
            after = [client(port) for _ in range(4)]
            assert alive(before)
            assert all(alive(each) for each in after)
            awaitLines(child, rf"connected 127\.0\.0\.1:{new}$", 4)
            for each in [before, *after]:
                each.close()

    def test_stop(self, tmp_path: Path) -> None:
        """SIGTERM ends the workers too, each connection with its own last line."""
        keyPair(tmp_path)
        port = freePort()
        with echoes() as behind, serving(tmp_path, TWO + section(port, behind)) as child:
            clients = [client(port) for _ in range(4)]
            pids = workers(child)
        assert child.process.returncode == 0
        for pid in pids:
            awaitEnd(pid)
        assert sum("Connection reset: 4 byte" in line for line in child.lines) == 4
        for each in clients:
            each.close()

    def test_killedSupervisor(self, tmp_path: Path) -> None:
        """When the supervisor is killed no worker outlives it."""
        keyPair(tmp_path)
        port = freePort()
        with echoes() as behind, serving(tmp_path, TWO + section(port, behind)) as child:
            tls = client(port)
            pids = workers(child)
            child.process.kill()
            for pid in pids:
                awaitEnd(pid)
            assert not alive(tls)
            tls.close()

    def test_signalToTheGroup(self, tmp_path: Path) -> None:
        """A signal that reaches the workers too, as from a terminal, is the supervisor's alone."""
        keyPair(tmp_path)
        port = freePort()
        with echoes() as behind, serving(tmp_path, TWO + section(port, behind)) as child:
            tls = client(port)
            for pid in workers(child):
                for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                    os.kill(pid, number)
            assert alive(tls)
            tls.close()

    def test_auto(self, tmp_path: Path) -> None:
        """C{workers = auto} starts one for each processor."""
        keyPair(tmp_path)
        with serving(tmp_path, "workers = auto\n" + section(freePort(), 104)) as child:
            count = len(os.sched_getaffinity(0))
            if count > 1:
                awaitLines(child, r"Worker \d+ started", count)
