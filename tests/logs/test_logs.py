"""Log lines: their words, their levels, and where they go."""

from __future__ import annotations

import io
import os
import re
import resource
from datetime import datetime
from pathlib import Path
from typing import Any

import attrs
import pytest
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from appliance import events as e
from appliance.logs import vocabulary
from appliance.logs.listener import LogListener, onError, twistedObserver
from appliance.logs.sinks import File, Stream
from appliance.logs.text import MAX_TEXT, body, clean
from appliance.logs.vocabulary import Line, levels, lines

PEER = e.Peer("TLSv1.3", "TLS_AES_256_GCM_SHA384", 256, "X25519", None, "CN=modality", False)


def closed(reason: e.Reason, dialled: bool = False) -> e.Closed:
    """A connection's end."""
    return e.Closed("S", "7", "192.0.2.1:9", reason, 11, 22, 1.5, dialled, "192.0.2.2:104", PEER)


def texts(event: e.Event) -> list[str]:
    """The lines of C{event}, with their levels."""
    return [f"{line.level} {line.text}" for line in lines(event)]


class VocabularyTests(SynchronousTestCase):
    """Words and levels of stunnel 5.75 where it has them."""

    def test_everyEventHasALine(self) -> None:
        """No event that is announced goes unlogged at the highest level."""
        abstract = {e.Event, e.SectionEvent, e.ConnectionEvent, e.AssociationEvent}
        kinds = {
            kind
            for kind in vars(e).values()
            if isinstance(kind, type) and issubclass(kind, e.Event)
        }
        self.assertEqual({kind for kind in kinds - abstract if levels(kind) > 7}, set())

    def test_everyEntryIsExplained(self) -> None:
        """Each entry says when its line is seen."""
        for entry in vocabulary.ENTRIES:
            self.assertRegex(entry.doc, r"^[A-Z].*\.$")

    def test_ends(self) -> None:
        """The closing line tells ended, reset, and reset on one side apart."""
        counts = "11 byte(s) sent to TLS, 22 byte(s) sent to socket"
        for reason, dialled, how in (
            (e.Reason.COMPLETED, False, "closed"),
            (e.Reason.SOCKET_RESET, False, "reset"),
            (e.Reason.HANDSHAKE, False, "reset/closed"),
            (e.Reason.HANDSHAKE, True, "closed/reset"),
        ):
            self.assertEqual(texts(closed(reason, dialled))[0], f"5 Connection {how}: {counts}")

    def test_reasonOfTheEnd(self) -> None:
        """By default the end says why, through whom, with what and for how long."""
        self.assertEqual(
            texts(closed(e.Reason.IDLE))[1],
            "5 Service [S] connection from 192.0.2.1:9 ended: idle, backend 192.0.2.2:104, "
            "TLSv1.3 TLS_AES_256_GCM_SHA384, certificate CN=modality, 1.5 s",
        )

    def test_announced(self) -> None:
        """A load balancer's address is in the line of its word and in that of the end."""
        who = ("S", "0", "192.0.2.1:9", "203.0.113.9:2762", "198.51.100.5:4321")
        self.assertEqual(
            texts(e.Announced(*who, 0.0)),
            ["6 Service [S] 198.51.100.5:4321 announces 192.0.2.1:9, who called 203.0.113.9:2762"],
        )
        ended = attrs.evolve(closed(e.Reason.IDLE), via="198.51.100.5:4321")
        self.assertIn("from 192.0.2.1:9 via 198.51.100.5:4321 ended: idle", texts(ended)[1])

    def test_bareConnectsAreQuiet(self) -> None:
        """A bare connect has no line below debug."""
        self.assertEqual([line.level for line in lines(closed(e.Reason.PROBE))], [7])

    def test_handshake(self) -> None:
        """A handshake says what was negotiated, in stunnel's three lines."""
        self.assertEqual(
            texts(e.Handshaken("S", "0", PEER, False)),
            [
                "6 TLS accepted: new session negotiated",
                "6 TLSv1.3 ciphersuite: TLS_AES_256_GCM_SHA384 (256-bit encryption)",
                "6 Peer temporary key: X25519",
            ],
        )
        resumed = attrs.evolve(PEER, resumed=True, group="unknown")
        self.assertEqual(
            texts(e.Handshaken("S", "0", resumed, True))[0],
            "6 TLS connected: previous session reused",
        )
        self.assertEqual(len(texts(e.Handshaken("S", "0", resumed, True))), 2)

    def test_certificates(self) -> None:
        """The peer's own certificate is level 5, those above it 6; rejections are 4."""
        accepted = [e.CertificateAccepted("S", "0", depth, "CN=x") for depth in (1, 0)]
        self.assertEqual([next(lines(x)).level for x in accepted], [6, 5])
        self.assertEqual(
            texts(e.CertificateRejected("S", "0", 0, "CN=x", "hostname mismatch")),
            ["4 CERT: Subject checks failed", "4 Rejected by CERT at depth=0: CN=x"],
        )

    def test_failedDials(self) -> None:
        """A refusal and a time-out are told as stunnel tells them."""
        refused = e.DialFailed("S", "0", "192.0.2.2:104", "Connection refused (111)")
        late = e.DialFailed("S", "0", "192.0.2.2:104", None)
        self.assertEqual(
            texts(refused) + texts(late),
            [
                "3 s_connect: connect 192.0.2.2:104: Connection refused (111)",
                "3 s_connect: s_poll_wait 192.0.2.2:104: TIMEOUTconnect exceeded",
            ],
        )

    def test_refusedConfiguration(self) -> None:
        """Each problem has a line of its own before the verdict."""
        self.assertEqual(
            texts(e.Refused(("a", "b"), reload=True)),
            [
                "3 a",
                "3 b",
                "3 Configuration failed",
                "3 Failed to reload the configuration file",
            ],
        )

    def test_stop(self) -> None:
        """SIGTERM is a notice, SIGINT an error, as stunnel has it."""
        self.assertEqual(texts(e.Stopping("SIGTERM", 0))[0], "5 Terminated")
        self.assertEqual(texts(e.Stopping("SIGINT", 0))[0], "3 Received SIGINT; terminating")

    def test_files(self) -> None:
        """Files that have changed are named, with the certificate that is shown from now on."""
        taken = "5 Service [S] has taken up what has changed on the disk: /a.pem, /b.pem"
        shown = "(certificate CN=x, serial number 1A)"
        for event, text in (
            (e.FilesChanged("S", ("/a.pem", "/b.pem"), "CN=x", "1A"), f"{taken} {shown}"),
            (e.FilesChanged("S", (), "", ""), "5 Service [S] can use its files again"),
        ):
            self.assertEqual(texts(event), [text])

    def test_refusedFiles(self) -> None:
        """Files that cannot be used have a line for each problem."""
        before = "4 Service [S] goes on with the files from before: "
        self.assertEqual(texts(e.FilesRefused("S", ("a", "b"))), [f"{before}a", f"{before}b"])


class SinkTests(SynchronousTestCase):
    """Lines as they are written."""

    def test_shape(self) -> None:
        """Date, time, level, id, text."""
        stream = io.StringIO()
        Stream(stream, lambda: datetime(2019, 6, 7, 15, 16, 10)).write(Line(5, "main", "hello"))
        self.assertEqual(stream.getvalue(), "2019.06.07 15:16:10 LOG5[main]: hello\n")

    def test_noForgedLines(self) -> None:
        """What a peer says can neither begin another line nor colour a terminal."""
        self.assertEqual(clean("a\nb\x1b[31mc\u2028d\x9be"), "a.b.[31mc.d.e")
        self.assertEqual(clean("Zürich ü"), "Zürich ü")
        self.assertEqual(len(body(Line(4, "0", "x" * 5000))), len("LOG4[0]: ") + MAX_TEXT)

    def test_goneStream(self) -> None:
        """A stream that takes no more does not end the appliance."""
        stream = io.StringIO()
        stream.close()
        Stream(stream).write(Line(5, "main", "hello"))


class TestFile:
    """The output file."""

    def test_reopen(self, tmp_path: Path) -> None:
        """After a rotation lines go to a new file of the old name."""
        path = tmp_path / "log"
        log = File(str(path))
        log.write(Line(5, "main", "one"))
        path.rename(tmp_path / "log.1")
        assert log.reopen() is None
        log.write(Line(5, "main", "two"))
        assert "one" in (tmp_path / "log.1").read_text()
        assert "two" in path.read_text()
        log._stream.close()

    def test_reopenFails(self, tmp_path: Path) -> None:
        """When the new file cannot be had the old one goes on, and that is told."""
        directory = tmp_path / "logs"
        directory.mkdir()
        log = File(str(directory / "log"))
        directory.rename(tmp_path / "away")
        lost = log.reopen()
        assert lost == e.LogLost(str(directory / "log"), "No such file or directory")
        log.write(Line(5, "main", "still here"))
        assert "still here" in (tmp_path / "away" / "log").read_text()
        log._stream.close()

    def test_overwrite(self, tmp_path: Path) -> None:
        """``log = overwrite`` begins anew each time the file is opened."""
        path = tmp_path / "log"
        path.write_text("old")
        log = File(str(path), append=False)
        assert path.read_text() == ""
        log.write(Line(5, "main", "one"))
        assert log.reopen() is None
        assert path.read_text() == ""
        log.close()

    def test_full(self, tmp_path: Path) -> None:
        """Lines that a full disk does not take are counted, and their place is told in the file."""
        path = tmp_path / "log"
        log = File(str(path))
        log.write(Line(5, "main", "one"))
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        # Room for some of a line.
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 10, before[1]))
        try:
            for _ in range(3):
                log.write(Line(5, "main", "lost"))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        log.write(Line(5, "main", "two"))
        log.write(Line(5, "main", "three"))
        log.close()
        one, torn, gap, two, three = path.read_text().splitlines()
        assert len(torn) == 10
        assert f"LOG4[main]: The log file can be written again: {path}, 3 line(s) are" in gap
        assert [line.rpartition(" ")[2] for line in (one, two, three)] == ["one", "two", "three"]

    def test_mode(self, tmp_path: Path) -> None:
        """A new file is readable to owner and group alone, under any mask that lets them."""
        path = tmp_path / "log"
        before = os.umask(0)
        try:
            File(str(path)).close()
        finally:
            os.umask(before)
        assert path.stat().st_mode & 0o777 == 0o640

    @pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give a file away")
    def test_owner(self, tmp_path: Path) -> None:
        """The file belongs to whom the process becomes."""
        path = tmp_path / "log"
        File(str(path), owner=65534, group=65534)._stream.close()
        assert (path.stat().st_uid, path.stat().st_gid) == (65534, 65534)


class Kept:
    """A sink that keeps its lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def write(self, line: Line) -> None:
        self.lines.append(body(line))

    def reopen(self) -> None:
        self.lines.append("reopened")


class ListenerTests(SynchronousTestCase):
    """What is shown, and to whom."""

    def setUp(self) -> None:
        self.sink = Kept()
        self.listener = LogListener((self.sink,), 5, {"loud": 7, "quiet": 3})

    def test_levels(self) -> None:
        """Each section's lines are shown up to its own debug level."""
        for name in ("loud", "quiet", "other"):
            self.listener(e.Accepted(name, "0", "192.0.2.1:9", 3))
            self.listener(e.Opened(name, "0", "192.0.2.1:9"))
        self.assertEqual(
            self.sink.lines,
            [
                "LOG7[0]: Service [loud] accepted (FD=3) from 192.0.2.1:9",
                "LOG5[0]: Service [loud] accepted connection from 192.0.2.1:9",
                "LOG5[0]: Service [other] accepted connection from 192.0.2.1:9",
            ],
        )

    def test_reopen(self) -> None:
        """Reopening reopens each sink and says so."""
        self.listener.reopen()
        self.assertEqual(self.sink.lines, ["reopened", "LOG5[main]: Log file reopened"])

    def test_defectInAListener(self) -> None:
        """A listener that fails is logged, without the exception's text, and harms nobody."""
        events = e.Events(onError(self.listener))

        def fails(event: e.Event) -> None:
            raise ValueError("DOE^JANE")

        events.subscribe(fails)
        events.subscribe(self.listener)
        events.publish(e.Accepting())
        log = "\n".join(self.sink.lines)
        self.assertIn("LOG2[main]: Internal error: ValueError", log)
        self.assertRegex(log, r"test_logs\.py:\d+ in fails")
        self.assertNotIn("DOE", log)

    def test_defectInTheReactor(self) -> None:
        """An exception that reached Twisted is logged in our words; its chatter is not."""
        events = e.Events()
        events.subscribe(self.listener)
        log = Logger(observer=twistedObserver(events))  # type: ignore[arg-type]
        log.info("Starting factory of {what}", what="Twisted")
        try:
            raise KeyError("DOE^JANE")
        except KeyError:
            log.failure("Unhandled", Failure())
        text = "\n".join(self.sink.lines)
        self.assertRegex(text, r"^LOG2\[main\]: Internal error: KeyError\nLOG2\[main\]: .*:\d+ in ")
        self.assertNotIn("DOE", text)
        self.assertNotIn("Starting", text)


class EventsTests(SynchronousTestCase):
    """The announcements themselves."""

    def test_unsubscribe(self) -> None:
        """Who has unsubscribed hears no more."""
        heard: list[Any] = []
        events = e.Events()
        leave = events.subscribe(heard.append)
        events.publish(e.Accepting())
        leave()
        events.publish(e.Accepting())
        self.assertEqual(heard, [e.Accepting()])

    def test_kinds(self) -> None:
        """Who asks for kinds of events hears those, and what is one of them, and no others."""
        heard: list[Any] = []
        events = e.Events()
        leave = events.subscribe(heard.append, (e.ConnectionEvent, e.Accepting))
        opened = e.Opened("S", "0", "x")
        for _ in range(2):
            for event in (opened, e.Configured(), e.Accepting()):
                events.publish(event)
        self.assertEqual(heard, [opened, e.Accepting()] * 2)
        leave()
        events.publish(opened)
        self.assertEqual(len(heard), 4)

    def test_order(self) -> None:
        """All hear an event in the order in which they have subscribed."""
        heard: list[str] = []
        events = e.Events()
        events.subscribe(lambda _: heard.append("all"))
        events.subscribe(lambda _: heard.append("some"), (e.Accepting,))
        events.publish(e.Accepting())
        events.subscribe(lambda _: heard.append("late"))
        events.publish(e.Accepting())
        self.assertEqual(heard, ["all", "some", "all", "some", "late"])

    def test_frozen(self) -> None:
        """An event cannot be altered by who hears it."""
        with self.assertRaises(attrs.exceptions.FrozenInstanceError):
            e.Opened("S", "0", "x").client = "y"  # type: ignore[misc]

    def test_reasonsInWords(self) -> None:
        """Every reason reads as words."""
        for reason in e.Reason:
            self.assertTrue(re.fullmatch(r"[A-Za-z ]+", reason.value))


class ForgeryTests(SynchronousTestCase):
    """What a peer says is one line at most, whatever it says."""

    def test_lineSeparators(self) -> None:
        """No separator of Unicode's makes a second line of a certificate's subject."""
        subject = "CN=a\u2028Service [S] accepted connection from 203.0.113.9:1\u0085b\x0bc"
        for event in (
            e.CertificateAccepted("S", "0", 0, subject),
            e.Closed(
                "S",
                "0",
                "x:1",
                e.Reason.IDLE,
                0,
                0,
                0,
                False,
                None,
                e.Peer("", "", 0, subject=subject),
            ),
        ):
            sink = Kept()
            LogListener((sink,), 7)(event)
            self.assertEqual(len(sink.lines), len(list(lines(event))))
            for line in sink.lines:
                self.assertEqual(len(line.splitlines()), 1)

    def test_problemsAreLines(self) -> None:
        """Our own text of several lines is several lines."""
        self.assertEqual(len(list(lines(e.Refused(("a\n  b",))))), 3)

    def test_defectReportedTheOldWay(self) -> None:
        """What the reactor reports with log.err is logged too."""
        events, sink = e.Events(), Kept()
        events.subscribe(LogListener((sink,), 5))
        observe = twistedObserver(events)
        try:
            raise KeyError("DOE^JANE")
        except KeyError:
            observe({"isError": 1, "failure": Failure(), "why": "x"})
        self.assertIn("LOG2[main]: Internal error: KeyError", sink.lines)
