"""Real DICOM servers, as processes of their own."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import pytest
from attrs import frozen

from tests.peers import freePort, program

PATIENCE = 20.0
"""Seconds that a server may take to listen."""

PYNETDICOM = """
import sys
from pynetdicom import AE
ae = AE("PYNETDICOM")
ae.add_supported_context("1.2.840.10008.1.1")
ae.require_called_aet = True
ae.start_server(("127.0.0.1", int(sys.argv[1])))
"""


@frozen
class Server:
    """A server that listens on C{port} of 127.0.0.1."""

    port: int
    _log: Path

    @property
    def log(self) -> str:
        """All that it has written."""
        return self._log.read_text()


@contextmanager
def storescp(directory: Path, *options: str) -> Iterator[Server]:
    """Run dcmtk's C{storescp -v} with C{options}."""
    port = freePort()
    with _running(directory, [program("storescp"), "-v", *options, str(port)], port) as server:
        yield server


@contextmanager
def pynetdicom(directory: Path) -> Iterator[Server]:
    """Run a Verification SCP of pynetdicom, called PYNETDICOM and nothing else."""
    pytest.importorskip("pynetdicom", reason="pynetdicom (the [demo] extra) is not installed")
    port = freePort()
    with _running(directory, [sys.executable, "-c", PYNETDICOM, str(port)], port) as server:
        yield server


@contextmanager
def _running(directory: Path, command: Sequence[str], port: int) -> Iterator[Server]:
    directory.mkdir(exist_ok=True)
    log = directory / f"{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=directory, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        _awaitListening(process, port)
        yield Server(port, log)
    finally:
        process.terminate()
        process.wait()


def _awaitListening(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            if monotonic() > deadline:
                raise
        else:
            return
        try:
            process.wait(0.02)
        except subprocess.TimeoutExpired:
            continue
        raise RuntimeError(f"{process.args!r} ended by itself")


def closedPort() -> int:
    """A port of 127.0.0.1 on which nothing listens."""
    return freePort()
