"""What it costs when all clients come again at once, as after a takeover by another machine.

C{python -m bench.reconnect}: 200 clients connect, come again to the same appliance, and then to its
twin, which has the same certificate and was never seen by them. Prints CPU milliseconds of the
appliance for a connection (handshake, dial, a byte from the backend, the end), and how many took
up their TLS sessions. OpenSSL's clients offer their session each time.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

from bench import measure
from bench.setting import makeKeys

CLIENTS = 200

CONFIG = """\
foreground = yes
debug = 3
control = no
[reconnect]
accept = 127.0.0.1:{port}
connect = 127.0.0.1:{behind}
cert = {kind}.pem
key = {kind}.key
dicom = no
healthCheck = none
"""

TWISTD = [sys.executable, "-c", "from twisted.scripts.twistd import run; run()"]


@contextmanager
def backend() -> Iterator[int]:
    """A process that says a byte to whoever comes; its port."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:
        pid = os.fork()
        if pid == 0:
            while True:
                connection, _ = listening.accept()
                with connection, contextlib.suppress(OSError):
                    connection.sendall(b"x")
                    connection.recv(1)
        try:
            yield listening.getsockname()[1]
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


@contextmanager
def appliance(directory: Path, kind: str, behind: int) -> Iterator[tuple[int, int]]:
    """An appliance with a key of that C{kind}; its process and its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    path = directory / f"{kind}-{port}.conf"
    path.write_text(CONFIG.format(port=port, behind=behind, kind=kind))
    argv = [*TWISTD, "-n", "--pidfile=", "butterfly-tls", "--config", str(path)]
    process = subprocess.Popen(argv, cwd=directory, stdout=subprocess.DEVNULL)
    try:
        for _ in range(2000):
            with contextlib.suppress(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port)).close()
                break
            time.sleep(0.01)
        yield process.pid, port
    finally:
        process.kill()
        process.wait()


def client(version: ssl.TLSVersion) -> ssl.SSLContext:
    """A client of one version of TLS that believes anything."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    return context


Sessions = list[ssl.SSLSession | None]


def connect(
    where: tuple[int, int], contexts: list[ssl.SSLContext], sessions: Sessions
) -> tuple[float, int]:
    """All clients connect, and keep their C{sessions}; CPU ms of each, and how many resumed."""
    pid, port = where
    begun, resumed = measure.cpu([pid]), 0
    for number, context in enumerate(contexts):
        with (
            socket.create_connection(("127.0.0.1", port)) as raw,
            context.wrap_socket(raw, session=sessions[number]) as tls,
        ):
            tls.recv(1)
            resumed += bool(tls.session_reused)
            sessions[number] = tls.session
    return (measure.cpu([pid]) - begun) * 1000 / len(contexts), resumed


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench.reconnect", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="of which the median is printed")
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        directory = Path(name)
        makeKeys(directory)
        behind = stack.enter_context(backend())
        for version in (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2):
            for kind in ("rsa", "ecdsa"):
                with (
                    appliance(directory, kind, behind) as one,
                    appliance(directory, kind, behind) as two,
                ):
                    report(f"{version.name} {kind}", version, rounds, one, two)


def report(
    what: str, version: ssl.TLSVersion, rounds: int, one: tuple[int, int], two: tuple[int, int]
) -> None:
    """Measure one kind of handshake and print a line."""
    # The first connections of a process cost more.
    connect(one, [client(version)] * 20, [None] * 20)
    connect(two, [client(version)] * 20, [None] * 20)
    found = []
    for _ in range(rounds):
        contexts = [client(version) for _ in range(CLIENTS)]
        sessions: Sessions = [None] * CLIENTS
        found.append([connect(where, contexts, sessions) for where in (one, one, two)])
    words = (
        f"{name} {median(each[at][0] for each in found):.2f} ms ({found[-1][at][1]} resumed)"
        for at, name in enumerate(("first", "again", "at the twin"))
    )
    print(f"{what:14} {', '.join(words)}", flush=True)


if __name__ == "__main__":
    main()
