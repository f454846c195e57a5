"""What the tests of the commands talk to: programs and bare sockets, on loopback only."""

from __future__ import annotations

import argparse
import atexit
import contextlib
import io
import os
import random
import shutil
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from itertools import cycle
from pathlib import Path
from time import monotonic, sleep
from unittest import TestCase

import pytest
from attrs import frozen

from appliance.cli.child import Child, running
from appliance.cli.main import Command, command

READY = 20.0
"""Seconds that a program may take to be ready."""


PORTS = range(20000, 32000)
"""Below those that Linux gives to outgoing connections (ip_local_port_range), above DICOM's own."""

_turns = cycle(random.SystemRandom().sample(PORTS, len(PORTS)))


@frozen
class Said:
    """What a command printed and returned."""

    status: int
    out: str
    err: str


def runCommand(name: str, *argv: str | Path) -> Said:
    """Run the subcommand C{name} in this process."""
    module: Command = command(name)
    parser = argparse.ArgumentParser()
    module.addArguments(parser)
    arguments = parser.parse_args([str(each) for each in argv])
    with (
        contextlib.redirect_stdout(io.StringIO()) as out,
        contextlib.redirect_stderr(io.StringIO()) as err,
    ):
        status = module.run(arguments)
    return Said(status, out.getvalue(), err.getvalue())


def butterfly(*argv: str | Path) -> list[str]:
    """The command line of a subcommand as a program."""
    return [sys.executable, "-m", "appliance.cli", *map(str, argv)]


def program(name: str) -> str:
    """The path of a real program that a test talks to.

    The test is skipped where it is missing. It fails where C{BUTTERFLY_TEST_PEERS} begins with the
    word C{required}, unless the program is one of the words after it.
    """
    path = shutil.which(name)
    required, *excused = os.environ.get("BUTTERFLY_TEST_PEERS", "").split() or [""]
    if path is None and required == "required" and name not in excused:
        pytest.fail(f"{name} is not installed, and every peer is required here")
    if path is None:
        pytest.skip(f"{name} is not installed: 'make peers' does that")
    return path


def directoryFor(case: TestCase) -> Path:
    """A fresh directory that is gone when the test is."""
    directory = tempfile.TemporaryDirectory(prefix="butterfly-tls-test-")
    case.addCleanup(directory.cleanup)
    return Path(directory.name)


@cache
def phantom(frames: int = 3) -> tuple[Path, ...]:
    """The files of a phantom's study, made once and gone when the tests are."""
    # Only here: it needs what the [demo] extra brings, and most tests do without.
    from appliance.cli.phantom import study

    directory = tempfile.mkdtemp(prefix="butterfly-tls-phantom-")
    atexit.register(shutil.rmtree, directory)
    return study(Path(directory), frames=frames)


def freePort() -> int:
    """A port that nobody listens on, and that the system gives to no outgoing connection.

    One of those may have it again before the program that is to listen there does. The same port
    is given again only after all others.
    """
    while True:
        port = next(_turns)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port


@contextmanager
def pacs(directory: Path, *argv: str | Path) -> Iterator[tuple[Child, int]]:
    """C{butterfly-tls pacs} as a program, and its port."""
    with running("pacs", butterfly("pacs", "--port", "0", *argv), directory) as child:
        yield child, int(child.waitFor(r"^listening on 127\.0\.0\.1:(\d+)$", READY)[1])


@contextmanager
def storescp(directory: Path, *options: str | Path) -> Iterator[int]:
    """The storage server of dcmtk, and its port; it writes into C{directory}."""
    port = freePort()
    argv = [program("storescp"), "-v", "+xa", "-od", str(directory), *map(str, options), str(port)]
    with running("storescp", argv, directory):
        awaitListener(port)
        yield port


def awaitThat(true: Callable[[], object]) -> None:
    """Return once it is so."""
    until = monotonic() + READY
    while not true():
        assert monotonic() < until
        sleep(0.02)


def awaitListener(port: int) -> None:
    """Return when something listens at C{port}."""
    for _ in range(1000):
        with contextlib.suppress(ConnectionRefusedError), socket.socket() as probe:
            probe.settimeout(READY)
            probe.connect(("127.0.0.1", port))
            return
        sleep(0.01)
    raise AssertionError(f"nothing listens at {port}")


@contextmanager
def answering(behave: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that does C{behave} with its one connection, and its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                connection, _ = server.accept()
                with connection:
                    behave(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(READY)
