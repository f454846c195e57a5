"""The log of a running appliance: rotated under load, in another shape, and under a flood."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import socket
from pathlib import Path
from typing import Any

import pytest

from appliance.cli.child import running
from appliance.logs.damper import SHOWN
from appliance.logs.schema import logSchema
from tests.audit.validator import faults
from tests.integration.appliance import READY, configure, keyPair, section, serving
from tests.integration.test_workers import TWO, awaitLines, client, echoes
from tests.peers import butterfly, freePort

pytestmark = pytest.mark.real

SCHEMA = logSchema()
ROTATIONS = 5
FLOOD = 20


def asText(line: str) -> str:
    """A line without its time."""
    return line.partition(" LOG")[2]


def asObject(line: str) -> dict[str, Any]:
    """A line without its time, which is as the schema says."""
    found: dict[str, Any] = json.loads(line)
    assert list(faults(SCHEMA, found)) == []
    del found["time"]
    return found


def knock(port: int) -> None:
    """A web browser that calls, and is refused."""
    with socket.create_connection(("127.0.0.1", port), timeout=READY) as browser:
        browser.sendall(b"GET / HTTP/1.0\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            while browser.recv(1024):
                pass


@pytest.mark.parametrize(
    ("workers", "shape", "read"), [("", "stunnel", asText), (TWO, "json", asObject)]
)
def test_rotation(tmp_path: Path, workers: str, shape: str, read: Any) -> None:
    """Rotations under load: the files have, in order, every line that the terminal has."""
    keyPair(tmp_path)
    port = freePort()
    heads = f"{workers}output = log\nlogFormat = {shape}\n"
    with echoes() as behind, serving(tmp_path, heads + section(port, behind), 7) as child:
        for number in range(ROTATIONS):
            open_ = [client(port) for _ in range(5)]
            (tmp_path / "log").rename(tmp_path / f"log.{number}")
            child.process.send_signal(signal.SIGUSR1)
            for each in open_:
                each.close()
            awaitLines(child, "Log file reopened", number + 1)
        awaitLines(child, "connection from .* ended: completed", 5 * ROTATIONS)
    files = [*(tmp_path / f"log.{number}" for number in range(ROTATIONS)), tmp_path / "log"]
    written = [line for file in files for line in file.read_text("utf-8").splitlines()]
    assert list(map(read, written)) == list(map(read, child.lines))


def test_reload(tmp_path: Path) -> None:
    """A reload changes the shape of what comes, on the terminal and in the file, and back."""
    keyPair(tmp_path)
    text = "debug = 6\noutput = log\n{}" + section(freePort(), 9)
    with serving(tmp_path, text.format("")) as child:
        configure(tmp_path, text.format("logFormat = json\n"))
        child.process.send_signal(signal.SIGHUP)
        child.waitFor('^{.*"event":"Ready"', READY)
        configure(tmp_path, text.format(""))
        child.process.send_signal(signal.SIGHUP)
        awaitLines(child, "LOG5.* serves ", 2)
    objects = [asObject(line) for line in child.lines if line.startswith("{")]
    assert objects[0]["event"] == "Ready"
    assert [line[0] for line in (tmp_path / "log").read_text("utf-8").splitlines()] == [
        line[0] for line in child.lines
    ]


@pytest.mark.parametrize("workers", ["", TWO])
def test_flood(tmp_path: Path, workers: str) -> None:
    """A client that is refused over and over has five times all lines, and then a number."""
    keyPair(tmp_path)
    port = freePort()
    with serving(tmp_path, workers + section(port, 9)) as child:
        for _ in range(FLOOD):
            knock(port)
    told = re.compile(
        r"LOG3\[main\]: Service \[DICOM STORE\] 127\.0\.0\.1: (\d+) more time\(s\) in the last "
        r"\d+ s: speaks HTTP on a port for DICOM over TLS$"
    )
    (summary,) = filter(None, map(told.search, child.lines))
    shown = FLOOD - int(summary[1])
    # Another worker's next connection may begin before the end of the last one is known.
    assert shown == SHOWN if not workers else SHOWN <= shown < FLOOD, child.tail()
    for words in ("accepted connection", "speaks HTTP.*;", "reset/closed", "ended: handshake"):
        assert sum(bool(re.search(words, line)) for line in child.lines) == shown, words


def test_stunnelsOwn(tmp_path: Path) -> None:
    """In the place of stunnel every connection has its lines, as stunnel's have."""
    keyPair(tmp_path)
    port = freePort()
    path = configure(tmp_path, "foreground = yes\nsyslog = no\n" + section(port, 9))
    with running("the appliance", butterfly("stunnel", path), tmp_path) as child:
        child.waitFor("serves", READY)
        for _ in range(FLOOD):
            knock(port)
        awaitLines(child, "speaks HTTP", FLOOD)
