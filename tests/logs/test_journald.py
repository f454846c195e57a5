"""The journal of systemd: its protocol, when it is there, and what becomes of lines when not."""

from __future__ import annotations

import io
import os
import re
import socket
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from appliance import events as e
from appliance import tap
from appliance.config.model import Config, GlobalConfig
from appliance.daemon import sinksFor
from appliance.logs import sinks
from appliance.logs.journald import Journald, datagram, isJournal, named
from appliance.logs.shapes import JSON
from appliance.logs.sinks import File, Stream, Syslog
from appliance.logs.vocabulary import Line, lines
from tests.logs.strategies import LINES
from tests.peers import directoryFor

NAMES = st.from_regex(r"[A-Z][A-Z0-9_]{0,63}", fullmatch=True)
VALUES = st.text(st.characters(exclude_categories=("Cs",)), max_size=50)
NOON = datetime(2026, 11, 24, 12, 0, 0)
CLOSED = e.Closed("S", "7", "192.0.2.1:9", e.Reason.HANDSHAKE, 0, 0, 0.5, False)


def fields(data: bytes) -> Iterator[tuple[str, str]]:
    """What the journal reads in a datagram, by systemd.io/JOURNAL_NATIVE_PROTOCOL."""
    while data:
        line, _, rest = data.partition(b"\n")
        name, plain, value = line.partition(b"=")
        if not plain:
            size = int.from_bytes(rest[:8], "little")
            value, end, rest = rest[8 : 8 + size], rest[8 + size : 9 + size], rest[9 + size :]
            assert end == b"\n"
        yield name.decode(), value.decode()
        data = rest


class DatagramTests(SynchronousTestCase):
    """The protocol alone."""

    def test_plain(self) -> None:
        """A value of one line stands behind its name."""
        self.assertEqual(datagram([("A", "b=c"), ("D_1", "")]), b"A=b=c\nD_1=\n")

    def test_lines(self) -> None:
        """A value of several lines comes with its length, in 64 bits, the least first."""
        self.assertEqual(datagram([("A", "b\nc")]), b"A\n\x03\0\0\0\0\0\0\0b\nc\n")

    @given(st.lists(st.tuples(NAMES, VALUES)))
    def test_whateverTheValues(self, given: list[tuple[str, str]]) -> None:
        """The journal reads what was written, whatever that is."""
        self.assertEqual(list(fields(datagram(given))), given)

    @given(st.text())
    def test_badNames(self, name: str) -> None:
        """A name that the journal would drop, or take for something else, is refused."""
        if re.fullmatch("[A-Z][A-Z0-9_]{0,63}", name, re.ASCII):
            return
        with self.assertRaises(ValueError):
            datagram([(name, "x")])

    def test_halves(self) -> None:
        """Half a character, which has no bytes, costs no line."""
        self.assertEqual(datagram([("A", "b\ud800")]), b"A=b?\n")

    def test_named(self) -> None:
        """Names of facts are spelt as the journal's are; what is not known has none."""
        facts = {"sentToTLS": 1, "peer": {"serverName": "x", "psk": False, "group": None}}
        self.assertEqual(
            list(named(facts)),
            [
                ("BUTTERFLY_SENT_TO_TLS", "1"),
                ("BUTTERFLY_PEER_SERVER_NAME", "x"),
                ("BUTTERFLY_PEER_PSK", "no"),
            ],
        )


class ConnectedTests(SynchronousTestCase):
    """Whether the standard error stream leads into the journal."""

    def setUp(self) -> None:
        self.reading, self.writing = os.pipe()
        self.addCleanup(os.close, self.reading)
        self.addCleanup(os.close, self.writing)
        found = os.fstat(self.writing)
        self.stream = f"{found.st_dev}:{found.st_ino}"

    def test_same(self) -> None:
        """It does where systemd names the very file that it is."""
        self.assertTrue(isJournal({"JOURNAL_STREAM": self.stream}, self.writing))

    def test_other(self) -> None:
        """It does not without systemd, nor where it was led elsewhere since."""
        for environment in ({}, {"JOURNAL_STREAM": ""}, {"JOURNAL_STREAM": "1:2"}):
            self.assertFalse(isJournal(environment, self.writing))
        with open(os.devnull) as elsewhere:
            self.assertFalse(isJournal({"JOURNAL_STREAM": self.stream}, elsewhere.fileno()))

    def test_closed(self) -> None:
        """It does not where there is no such stream at all."""
        free = os.dup(self.writing)
        os.close(free)
        self.assertFalse(isJournal({"JOURNAL_STREAM": self.stream}, free))


class JournalCase(SynchronousTestCase):
    """A socket in the journal's place, and another place for what it does not take."""

    def setUp(self) -> None:
        self.path = str(directoryFor(self) / "socket")
        self.journal = self.listen()
        self.terminal = io.StringIO()
        otherwise = Stream(self.terminal, lambda: NOON)
        self.sink = Journald(self.path, "butterfly-tls", "daemon", otherwise, lambda: NOON)
        self.addCleanup(self.sink.close)

    def listen(self) -> socket.socket:
        """What listens at the path."""
        journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.addCleanup(journal.close)
        journal.bind(self.path)
        return journal

    def got(self) -> dict[str, str]:
        """The fields of the next line that the journal has."""
        return dict(fields(self.journal.recv(1 << 20)))


class SinkTests(JournalCase):
    """Lines on their way to the journal."""

    def test_fields(self) -> None:
        """A line has the journal's own fields, and one for each thing that is known of it."""
        self.sink.write(next(lines(CLOSED)))
        self.assertEqual(
            self.got(),
            {
                "MESSAGE": "LOG5[7]: Connection reset/closed: 0 byte(s) sent to TLS, 0 byte(s) "
                "sent to socket",
                "PRIORITY": "5",
                "SYSLOG_IDENTIFIER": "butterfly-tls",
                "SYSLOG_FACILITY": "3",
                "BUTTERFLY_SECTION": "S",
                "BUTTERFLY_CONNECTION": "7",
                "BUTTERFLY_EVENT": "Closed",
                "BUTTERFLY_CLIENT": "192.0.2.1:9",
                "BUTTERFLY_REASON": "handshake",
                "BUTTERFLY_SENT_TO_TLS": "0",
                "BUTTERFLY_SENT_TO_SOCKET": "0",
                "BUTTERFLY_SECONDS": "0.5",
                "BUTTERFLY_DIALLED": "no",
            },
        )
        self.assertEqual(self.terminal.getvalue(), "")

    def test_json(self) -> None:
        """With C{logFormat = json} the object is the message, beside the same fields."""
        self.sink.shape = JSON
        (line,) = lines(e.Accepting())
        self.sink.write(line)
        found = self.got()
        self.assertEqual(found["MESSAGE"], JSON.message(line, NOON))
        self.assertEqual(found["BUTTERFLY_EVENT"], "Accepting")

    @given(LINES)
    def test_whateverPeersSay(self, line: Line) -> None:
        """Whatever is in a line, its fields are its own: none is forged, none gets lost."""
        self.sink.write(line)
        found = list(fields(self.journal.recv(1 << 20)))
        self.assertEqual(len(found), len(dict(found)))
        self.assertEqual(dict(found)["PRIORITY"], str(line.level))
        self.assertEqual(dict(found)["BUTTERFLY_EVENT"], type(line.event).__name__)
        self.assertEqual(self.terminal.getvalue(), "")

    def test_full(self) -> None:
        """Nobody waits for a journal that takes no more: lines go to the terminal meanwhile."""
        written = 0
        while not self.terminal.getvalue():
            self.sink.write(Line(5, "main", f"line {written}"))
            written += 1
        self.assertEqual(
            self.terminal.getvalue(), f"2026.11.24 12:00:00 LOG5[main]: line {written - 1}\n"
        )
        heard = [self.got()["MESSAGE"] for _ in range(written - 1)]
        self.assertEqual(heard, [f"LOG5[main]: line {number}" for number in range(written - 1)])
        self.sink.write(Line(5, "main", "again"))
        self.assertEqual(self.got()["MESSAGE"], "LOG5[main]: again")

    def test_beganAnew(self) -> None:
        """A journal that was started again is found again, and no line is lost."""
        self.journal.close()
        self.sink.write(Line(5, "main", "gone"))
        os.unlink(self.path)
        self.sink.write(Line(5, "main", "away"))
        self.journal = self.listen()
        self.sink.write(Line(5, "main", "back"))
        self.assertEqual(self.got()["MESSAGE"], "LOG5[main]: back")
        missed = re.findall(r"\[main\]: (\w+)", self.terminal.getvalue())
        self.assertEqual(missed, ["gone", "away"])

    def test_shapeElsewhere(self) -> None:
        """What goes elsewhere has the shape that is asked for."""
        self.journal.close()
        self.sink.shape = JSON
        self.sink.write(Line(5, "main", "x"))
        self.assertTrue(self.terminal.getvalue().startswith('{"v":1,"time":'))

    def test_absent(self) -> None:
        """A journal that cannot be had at the start is no reason not to start."""
        out = io.StringIO()
        sink = Journald(f"{self.path}.not", "x", "daemon", Stream(out, lambda: NOON))
        sink.write(Line(5, "main", "x"))
        self.assertEqual(out.getvalue(), "2026.11.24 12:00:00 LOG5[main]: x\n")

    def test_connectedBefore(self) -> None:
        """It was connected when it was made: a path that is gone since does not matter."""
        os.unlink(self.path)
        self.sink.write(Line(5, "main", "x"))
        self.assertEqual(self.got()["MESSAGE"], "LOG5[main]: x")

    def test_reopen(self) -> None:
        """There is nothing to open again: no line is lost, and none goes elsewhere."""
        self.sink.write(Line(5, "main", "one"))
        self.assertIsNone(self.sink.reopen())
        self.sink.write(Line(5, "main", "two"))
        self.assertEqual(self.got()["MESSAGE"], "LOG5[main]: one")
        self.assertEqual(self.got()["MESSAGE"], "LOG5[main]: two")


class ChoiceTests(JournalCase):
    """Where the log goes when there is a journal."""

    def chosen(
        self, foreground: bool, output: Path | None = None, syslog: bool | None = None
    ) -> list[type]:
        """The kinds of the sinks."""
        path = None if output is None else str(output)
        with patch.object(sinks.syslog, "openlog"):
            found = sinksFor(GlobalConfig(), foreground, path, syslog, journal=self.path)
        for sink in found:
            self.addCleanup(sink.close)
        return [type(sink) for sink in found]

    def test_onceOnly(self) -> None:
        """The journal hears a line once, though terminal and syslog both end there."""
        self.assertEqual(self.chosen(True), [Journald])
        self.assertEqual(self.chosen(False), [Journald])
        self.assertEqual(self.chosen(True, syslog=True), [Journald])

    def test_file(self) -> None:
        """A file is written beside it; alone where the log was to go there alone."""
        output = directoryFor(self) / "log"
        self.assertEqual(self.chosen(True, output), [Journald, File])
        self.assertEqual(self.chosen(False, output), [File])
        self.assertEqual(self.chosen(False, output, True), [Journald, File])

    def test_twistd(self) -> None:
        """Under systemd, twistd's log in the foreground is the journal's."""
        found = os.fstat(2)
        stream = f"{found.st_dev}:{found.st_ino}"
        with (
            patch.object(tap, "SOCKET", self.path),
            patch.dict(os.environ, JOURNAL_STREAM=stream),
        ):
            (sink,) = tap._sinks({"nodaemon": True}, Config("x", GlobalConfig(), ()))
        self.addCleanup(sink.close)
        sink.write(Line(5, "main", "x"))
        self.assertEqual(self.got()["MESSAGE"], "LOG5[main]: x")

    def test_none(self) -> None:
        """Without a journal all is as ever."""
        with patch.object(sinks.syslog, "openlog"):
            found = sinksFor(GlobalConfig(logFormat="json"), True, None, True)
        self.assertEqual([type(sink) for sink in found], [Stream, Syslog])
        self.assertEqual({sink.shape for sink in found}, {JSON})
