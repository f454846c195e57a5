"""An encrypted key, and a person at the terminal of the start."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from select import select

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)

from appliance.cli.child import environment
from tests import material as m
from tests.integration.appliance import READY, TWISTD, configure, keyPair, section
from tests.integration.test_peers import openssl
from tests.peers import freePort, program

pytestmark = pytest.mark.real


@contextmanager
def atTerminal(directory: Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """The appliance on a terminal of its own; reads and writes of it go through the descriptor."""
    ours, theirs = os.openpty()
    command = [*TWISTD, "-n", "--pidfile=", "butterfly-tls", "--config", "butterfly-tls.conf"]
    process = subprocess.Popen(
        [program("setsid"), "-c", *command],
        cwd=directory,
        env=environment(),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    try:
        yield ours, process
    finally:
        process.terminate()
        process.wait(20)
        os.close(ours)


def hear(terminal: int, *words: bytes) -> bytes:
    """Read the terminal until all C{words} have come, in any order; all that was read."""
    heard = b""
    while not all(each in heard for each in words):
        assert select([terminal], [], [], READY)[0], heard
        heard += os.read(terminal, 4096)
    return heard


def encrypted(directory: Path, port: int) -> None:
    """A section whose key has the passphrase C{s3cret}."""
    keyPair(directory)
    pem = m.server().key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"s3cret")
    )
    (directory / "Butterfly_SCP_key.pem").write_bytes(pem)
    configure(directory, f"debug = 6\n{section(port, freePort())}")


def test_typed(tmp_path: Path) -> None:
    """A mistake and the right answer; the key then serves, and a reload asks nobody."""
    port = freePort()
    encrypted(tmp_path, port)
    with atTerminal(tmp_path) as (terminal, process):
        for answer in (b"wrong\n", b"s3cret\n"):
            heard = hear(terminal, b"Enter pass phrase for ")
            os.write(terminal, answer)
        heard += hear(terminal, b"Accepting new connections")
        assert b"s3cret" not in heard
        assert b"New, TLSv1.3" in openssl(port).stdout
        process.send_signal(1)
        heard = hear(terminal, b"Configuration successful", b"serves")
        assert b"pass phrase" not in heard
        assert b"New, TLSv1.3" in openssl(port).stdout


def test_givenUp(tmp_path: Path) -> None:
    """After three mistakes nothing is started."""
    encrypted(tmp_path, freePort())
    with atTerminal(tmp_path) as (terminal, process):
        for _ in range(3):
            hear(terminal, b"Enter pass phrase for ")
            os.write(terminal, b"wrong\n")
        hear(terminal, b"Wrong password or PIN: giving up")
        assert process.wait(20) == 1
