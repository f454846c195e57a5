"""The journal and the audit trail of a real process, with a real collector."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Condition, Thread
from typing import Any

import pytest

from appliance.audit.schema import SCHEMA
from appliance.cli.child import Child
from appliance.dicom.associate import echoAssociation
from tests.audit.conformance import described, parsed
from tests.audit.validator import faults
from tests.integration.appliance import READY, configure, keyPair, section, serving
from tests.integration.test_dicom import client, storescp, tool
from tests.integration.test_workers import TWO, echoes, workers
from tests.peers import butterfly, freePort

pytestmark = pytest.mark.real


class Collector:
    """An audit record repository that keeps what it is sent over TCP."""

    def __init__(self) -> None:
        self._data = b""
        self._changed = Condition()

    def take(self, connection: socket.socket) -> None:
        """Read C{connection} to its end."""
        with connection:
            while data := connection.recv(65536):
                with self._changed:
                    self._data += data
                    self._changed.notify_all()

    def messages(self) -> list[bytes]:
        """The XML of all whole messages so far."""
        found, rest = [], self._data
        while b" " in rest:
            length, _, rest = rest.partition(b" ")
            if len(rest) < int(length):
                break
            found.append(rest[: int(length)].split(b"\xef\xbb\xbf")[1])
            rest = rest[int(length) :]
        return found

    def wait(self, number: int) -> list[bytes]:
        """The XML of all messages, once there are C{number} of them."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.messages()) >= number, READY)
            return self.messages()


@contextmanager
def collecting(port: int = 0) -> Iterator[tuple[Collector, int]]:
    """A collector and its port."""
    collector = Collector()
    with socket.create_server(("127.0.0.1", port)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                Thread(target=collector.take, args=[connection], daemon=True).start()

        Thread(target=serve, daemon=True).start()
        try:
            yield collector, server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)


def kinds(messages: list[bytes]) -> list[str | None]:
    """The types of audit messages, each of which is as DICOM has it."""
    return [parsed(xml)[0][1].get("csd-code") for xml in messages]


def journal(path: Path) -> list[dict[str, Any]]:
    """The lines of a journal, each as the schema has it."""
    found = [json.loads(line) for line in path.read_text().splitlines()]
    assert [fault for line in found for fault in faults(SCHEMA, line)] == []
    return found


def awaitJournal(path: Path, number: int) -> list[dict[str, Any]]:
    """The lines of a journal, once there are C{number} of them, by C{butterfly-tls journal}."""
    argv = butterfly("journal", "--json", "--follow", path)
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as reader:
        try:
            assert reader.stdout is not None
            for _ in range(number):
                assert reader.stdout.readline()
        finally:
            reader.kill()
    return journal(path)


class TestJournal:
    """C{journal = FILE}."""

    def test_associations(self, tmp_path: Path) -> None:
        """Each association through the appliance is in the journal, and in what it comes to."""
        keyPair(tmp_path)
        port, path = freePort(), tmp_path / "journal"
        with (
            storescp(tmp_path) as (_, behind),
            serving(tmp_path, "journal = journal\n" + section(port, behind)) as child,
        ):
            tool("echoscu", port, options=("+tla", "-ic", "-aet", "MODALITY", "-aec", "ARCHIVE"))
            (line,) = awaitJournal(path, 1)
            path.rename(tmp_path / "journal.1")
            child.process.send_signal(signal.SIGUSR1)
            child.waitFor("Log file reopened", READY)
            tool("echoscu", port)
            awaitJournal(path, 1)
        assert (line["calling"], line["called"]) == ("MODALITY", "ARCHIVE")
        assert line["outcome"] == "released"
        assert line["backend"] == f"127.0.0.1:{behind}"
        assert line["client"]["address"] == "127.0.0.1"
        assert line["tls"]["version"] == "TLSv1.3"
        (operation,) = line["operations"]
        assert (operation["operation"], operation["statuses"]) == ("C-ECHO", {"0000H": 1})
        said = subprocess.run(
            butterfly("journal", "--summary", tmp_path / "journal.1", path),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert said.returncode == 0
        assert re.search(r"^MODALITY +1 +1 +0 +1 +0 ", said.stdout, re.MULTILINE)

    def test_declined(self, tmp_path: Path) -> None:
        """An association for which there is no backend is in it too."""
        keyPair(tmp_path)
        port, path = freePort(), tmp_path / "journal"
        with serving(tmp_path, "journal = journal\n" + section(port, freePort())):
            client("echoscu", port)
            (line,) = awaitJournal(path, 1)
        assert (line["outcome"], line["backend"]) == ("declined", None)

    def test_workerLost(self, tmp_path: Path) -> None:
        """So is one whose worker was killed."""
        keyPair(tmp_path)
        port, path = freePort(), tmp_path / "journal"
        text = TWO + "journal = journal\n" + section(port, "{backend}")
        request = echoAssociation("MODALITY", "ARCHIVE").encode()
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with (
            echoes() as behind,
            serving(tmp_path, text.format(backend=behind)) as child,
            socket.create_connection(("127.0.0.1", port), timeout=READY) as raw,
            context.wrap_socket(raw) as tls,
        ):
            tls.sendall(request)
            # What comes back has passed, and so has the event of the request.
            assert tls.recv(len(request)) == request
            for pid in workers(child):
                os.kill(pid, signal.SIGKILL)
            (line,) = awaitJournal(path, 1)
        assert (line["outcome"], line["calling"]) == ("worker lost", "MODALITY")
        assert line["tls"] is not None


AUDIT = "audit = 127.0.0.1:{port}\nauditProtocol = tcp\nauditSpool = spool\nauditSource = Ward 3\n"


class TestAudit:
    """C{audit = HOST:PORT}."""

    @staticmethod
    def text(directory: Path, collector: int, *more: str) -> str:
        """A configuration with a collector."""
        (directory / "spool").mkdir(exist_ok=True)
        return AUDIT.format(port=collector) + section(freePort(), 104, *more)

    @staticmethod
    def reload(child: Child, directory: Path, text: str, said: str) -> None:
        """Let the appliance read another configuration."""
        configure(directory, text)
        child.process.send_signal(signal.SIGHUP)
        child.waitFor(said, READY)

    def test_life(self, tmp_path: Path) -> None:
        """Start, a failed handshake, two reloads and the stop come in their order."""
        keyPair(tmp_path)
        with collecting() as (collector, port):
            text = self.text(tmp_path, port)
            accept = int(re.findall(r"accept = 127.0.0.1:(\d+)", text)[0])
            with serving(tmp_path, text) as child:
                collector.wait(1)
                with socket.create_connection(("127.0.0.1", accept), timeout=READY) as stranger:
                    stranger.sendall(b"GET / HTTP/1.0\r\n\r\n")
                    stranger.recv(1)
                collector.wait(2)
                self.reload(child, tmp_path, "debug = loud\n" + text, "Failed to reload")
                collector.wait(3)
                changed = text.replace("Ward 3", "Ward 4")
                self.reload(child, tmp_path, "debug = 6\n" + changed, "counts at the next start")
                collector.wait(4)
            messages = collector.wait(5)
        assert kinds(messages) == ["110120", "110126", "110131", "110131", "110121"]
        assert "speaks HTTP" in described(parsed(messages[1]))
        assert "debug" in described(parsed(messages[2]))
        assert b'AuditSourceID="Ward 3"' in messages[4]
        started = parsed(messages[0])[1]
        assert started.get("UserID") == str(child.process.pid)
        assert started.get("AlternativeUserID") == "AETITLES=BUTTERFLYTLS"
        assert list((tmp_path / "spool").iterdir()) == []
        assert any("audit, or one of the options" in line for line in child.lines)

    def test_awayOverRestart(self, tmp_path: Path) -> None:
        """What happened while the collector was away comes at last, also after a restart."""
        keyPair(tmp_path)
        port = freePort()
        text = self.text(tmp_path, port)
        with serving(tmp_path, text) as child:
            child.waitFor(r"The audit collector 127\.0\.0\.1:\d+ \(tcp\) takes no messages", READY)
        assert child.process.returncode == 0
        assert len(list((tmp_path / "spool").iterdir())) == 2
        with collecting(port) as (collector, _), serving(tmp_path, text):
            assert kinds(collector.wait(3)) == ["110120", "110121", "110120"]

    def test_workers(self, tmp_path: Path) -> None:
        """What a worker saw comes too, and the process that reports it is the one that stays."""
        keyPair(tmp_path)
        with collecting() as (collector, port):
            text = TWO + self.text(tmp_path, port)
            accept = int(re.findall(r"accept = 127.0.0.1:(\d+)", text)[0])
            with serving(tmp_path, text) as child:
                with socket.create_connection(("127.0.0.1", accept), timeout=READY) as stranger:
                    stranger.sendall(b"GET / HTTP/1.0\r\n\r\n")
                    stranger.recv(1)
                messages = collector.wait(2)
        assert kinds(messages) == ["110120", "110126"]
        assert parsed(messages[1])[1].get("UserID") == str(child.process.pid)

    def test_ban(self, tmp_path: Path) -> None:
        """A ban comes as well, for what a worker saw and the process that accepts decided on."""
        keyPair(tmp_path)
        with collecting() as (collector, port):
            text = TWO + self.text(tmp_path, port, "banAfter = 1/60")
            accept = int(re.findall(r"accept = 127.0.0.1:(\d+)", text)[0])
            with serving(tmp_path, text):
                with socket.create_connection(("127.0.0.1", accept), timeout=READY) as stranger:
                    stranger.sendall(b"GET / HTTP/1.0\r\n\r\n")
                    stranger.recv(1)
                messages = collector.wait(3)
        assert kinds(messages) == ["110120", "110126", "110126"]
        told = {described(parsed(message)) for message in messages[1:]}
        (ban,) = [words for words in told if "is banned for 600 s" in words]
        assert "speaks HTTP" in ban
        assert parsed(messages[2])[2].get("UserID") == "127.0.0.1"
