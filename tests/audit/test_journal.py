"""The journal: its lines, and what becomes of them when the disk does not play along."""

from __future__ import annotations

import errno
import json
import os
import stat
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from appliance import events as e
from appliance.audit.journal import Journal, Lines
from appliance.audit.schema import SCHEMA
from appliance.dicom import uids
from tests.audit import happenings as h
from tests.audit.validator import faults
from tests.peers import directoryFor


class JournalCase(SynchronousTestCase):
    """A journal in a directory of its own, and a clock that the test sets."""

    def setUp(self) -> None:
        self.path = directoryFor(self) / "journal"
        self.told: list[e.Event] = []
        self.time = h.NOON
        self.lines = Lines(str(self.path))
        self.addCleanup(self.lines.close)
        self.journal = Journal(self.lines, self.told.append, uids.name, lambda: self.time)

    def hears(self, *events: e.Event) -> None:
        """Let the journal hear C{events}."""
        for event in events:
            self.journal(event)

    def read(self, path: Path | None = None) -> list[dict[str, Any]]:
        """All lines, each held against the schema."""
        found = [json.loads(line) for line in (path or self.path).read_bytes().splitlines()]
        for line in found:
            self.assertEqual(list(faults(SCHEMA, line)), [])
        return found


class LineTests(JournalCase):
    """What a line says."""

    def test_whole(self) -> None:
        """All that is known of an association and its connection is in its line."""
        self.hears(h.opened(), h.handshaken(), h.requested(), h.accepted(), h.ended())
        (line,) = self.read()
        self.assertEqual(
            line,
            {
                "v": 1,
                "begin": "2026-11-24T11:59:57.623+01:00",
                "end": "2026-11-24T12:00:00.123+01:00",
                "seconds": 2.5,
                "section": "S",
                "connection": "7",
                "client": {"address": "192.0.2.1", "port": 40000},
                "via": None,
                "certificate": "CN=modality",
                "tls": {
                    "version": "TLSv1.3",
                    "cipher": "TLS_AES_256_GCM_SHA384",
                    "group": "X25519",
                    "resumed": False,
                    "psk": False,
                    "dialled": False,
                },
                "backend": "192.0.2.9:104",
                "calling": "MODALITY",
                "called": "PACS",
                "requestor": {"class": "1.2.3", "version": "MODALITY_1", "maximumLength": 16384},
                "acceptor": {"class": "1.2.4", "version": "PACS_7", "maximumLength": 0},
                "contexts": {
                    "proposed": 2,
                    "accepted": 1,
                    "list": [{"sopClass": h.US, "transferSyntax": h.EXPLICIT}],
                },
                "operations": [
                    {
                        "operation": "C-STORE",
                        "sopClass": h.US,
                        "name": uids.name(h.US),
                        "requests": 3,
                        "statuses": {"0000H": 2, "A700H": 1},
                        "bytes": 4096,
                        "seconds": 0.5,
                    }
                ],
                "outcome": "released",
                "why": "",
            },
        )

    def test_atOnce(self) -> None:
        """A line is there when its association ends, not only when its connection does."""
        self.hears(h.opened(), h.requested(), h.ended())
        self.assertEqual(len(self.read()), 1)
        self.hears(h.closed())
        self.assertEqual(len(self.read()), 1)

    def test_severalOnOneConnection(self) -> None:
        """Each association of a connection has its own line, with the same client and TLS."""
        self.hears(h.opened(), h.handshaken())
        self.hears(h.requested(), h.ended(), h.requested(), h.ended(calling="OTHER"), h.closed())
        first, second = self.read()
        self.assertEqual([first["calling"], second["calling"]], ["MODALITY", "OTHER"])
        self.assertEqual(first["client"], second["client"])
        self.assertEqual(second["certificate"], "CN=modality")

    def test_everyOutcome(self) -> None:
        """Whatever becomes of an association, there is a line, also without a backend."""
        for outcome in e.Outcome:
            self.hears(h.ended(outcome=outcome, why="so", backend=None, acceptor=None))
        lines = self.read()
        self.assertEqual([line["outcome"] for line in lines], [o.value for o in e.Outcome])
        self.assertEqual({line["backend"] for line in lines}, {None})

    def test_nothingKnown(self) -> None:
        """An association is told of even if nothing was heard of its connection."""
        self.hears(h.ended())
        (line,) = self.read()
        self.assertEqual(line["client"], {"address": None, "port": None})
        self.assertIsNone(line["tls"])

    def test_announced(self) -> None:
        """Of a client that a load balancer has announced both addresses are in the line."""
        balancer, called = "198.51.100.5:4321", "203.0.113.9:2762"
        announced = e.Announced("S", "7", "192.0.2.1:40000", called, balancer, 0.0)
        self.hears(announced, h.opened(), h.ended(), h.closed(), h.opened(), h.ended())
        first, second = self.read()
        self.assertEqual(first["client"], {"address": "192.0.2.1", "port": 40000})
        self.assertEqual(first["via"], {"address": "198.51.100.5", "port": 4321})
        self.assertIsNone(second["via"])

    def test_oddClients(self) -> None:
        """A client by IPv6, and one by a unix socket."""
        self.hears(h.opened("1", "2001:db8::1:104"), h.ended("1"))
        self.hears(h.opened("2", "unnamed socket"), h.ended("2"))
        six, unix = self.read()
        self.assertEqual(six["client"], {"address": "2001:db8::1", "port": 104})
        self.assertEqual(unix["client"], {"address": "unnamed socket", "port": None})

    @given(st.text(max_size=16), st.text(max_size=64), st.text(max_size=64))
    def test_whateverPeersSay(self, title: str, uid: str, words: str) -> None:
        """A line stays one line of ASCII that says the same again, whatever a peer has said."""
        tally = e.Tally("C-STORE", uid, 1)
        before = self.path.read_bytes()
        self.hears(h.ended(calling=title, why=words, tallies=(tally,)))
        line = self.path.read_bytes().removeprefix(before)
        self.assertTrue(line.isascii() and line.count(b"\n") == 1 and line.endswith(b"\n"))
        read = json.loads(line)
        self.assertEqual(list(faults(SCHEMA, read)), [])
        self.assertEqual((read["calling"], read["why"]), (title, words))


class LostTests(JournalCase):
    """Associations whose end nobody announced."""

    def test_workerLost(self) -> None:
        """One that a dead worker had is accounted for when its connection is, as far as known."""
        self.hears(h.opened(), h.handshaken(), h.requested(), h.accepted())
        self.time += timedelta(seconds=4)
        self.hears(h.closed(reason=e.Reason.WORKER_LOST))
        (line,) = self.read()
        self.assertEqual(line["outcome"], "worker lost")
        self.assertEqual(line["seconds"], 4.0)
        self.assertEqual(line["backend"], h.BACKEND)
        self.assertEqual(line["contexts"]["accepted"], 1)
        self.assertEqual(line["acceptor"]["version"], "PACS_7")

    def test_other(self) -> None:
        """Any other is told as cut by the appliance, with the connection's reason."""
        self.hears(h.opened(), h.requested(), h.closed(reason=e.Reason.STOPPED))
        (line,) = self.read()
        self.assertEqual((line["outcome"], line["why"]), ("cut by the appliance", "stopped"))

    def test_noAssociation(self) -> None:
        """A connection without an association has no line."""
        self.hears(h.opened(), h.handshaken(), h.closed())
        self.assertEqual(self.read(), [])

    def test_forgets(self) -> None:
        """Nothing is kept of a connection that is over."""
        self.hears(h.opened(), h.handshaken(), h.requested(), h.closed())
        self.hears(h.opened(), h.closed(), h.closed(), h.requested("8"), h.ended("8"))
        self.hears(h.closed("8"))
        self.assertEqual(len(self.journal._connections), 0)
        self.assertEqual(self.journal._begun, {})

    def test_clockSetBack(self) -> None:
        """A clock that was set back makes no negative time."""
        self.hears(h.requested())
        self.time -= timedelta(hours=1)
        self.hears(h.closed())
        self.assertEqual(self.read()[0]["seconds"], 0.0)


class FileTests(JournalCase):
    """The journal's file."""

    def test_mode(self) -> None:
        """A new file can be read by its owner and group alone."""
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode) & 0o137, 0)

    def test_goesOn(self) -> None:
        """A file that is there is continued."""
        self.hears(h.ended())
        again = Lines(str(self.path))
        self.addCleanup(again.close)
        again.append(b"{}")
        self.assertEqual(len(self.path.read_bytes().splitlines()), 2)

    def test_unopenable(self) -> None:
        """A path that leads nowhere is an error at once."""
        self.assertRaises(OSError, Lines, str(self.path / "below" / "journal"))

    def test_rotation(self) -> None:
        """After a reopen, lines go to a new file of the same name."""
        self.hears(h.ended())
        moved = self.path.with_suffix(".1")
        self.path.rename(moved)
        self.hears(h.ended())
        self.journal.reopen()
        self.hears(h.ended(calling="LATER"))
        self.assertEqual(len(self.read(moved)), 2)
        self.assertEqual([line["calling"] for line in self.read()], ["LATER"])
        self.assertEqual(self.told, [])

    def test_rotationFails(self) -> None:
        """Where the new file cannot be had, the old one is written to, and that is told."""
        moved = self.path.with_suffix(".1")
        self.path.rename(moved)
        self.path.mkdir()
        self.journal.reopen()
        self.hears(h.ended())
        self.assertEqual(len(self.read(moved)), 1)
        (failed,) = self.told
        self.assertEqual(failed, e.JournalFailed(str(self.path), "Is a directory", dropping=False))


class FullTests(JournalCase):
    """A disk that takes nothing more."""

    def full(self, after: int = 0) -> Any:
        """A disk that takes so many bytes of each write, and no more."""

        def write(descriptor: int, data: bytes) -> int:
            if not after:
                raise OSError(errno.ENOSPC, "No space left on device")
            return real(descriptor, data[:after])

        real = os.write
        return patch("appliance.audit.journal.os.write", write)

    def test_announcedOnce(self) -> None:
        """That lines are lost is told once, and how many when it works again."""
        with self.full():
            self.hears(h.ended(), h.ended(), h.ended())
        self.hears(h.ended(calling="LATER"))
        failed, resumed = self.told
        self.assertEqual(failed, e.JournalFailed(str(self.path), "No space left on device"))
        self.assertEqual(resumed, e.JournalResumed(str(self.path), 3))
        self.assertEqual([line["calling"] for line in self.read()], ["LATER"])

    def test_again(self) -> None:
        """A second time is told again."""
        for _ in range(2):
            with self.full():
                self.hears(h.ended())
            self.hears(h.ended())
        self.assertEqual(
            [type(event) for event in self.told], [e.JournalFailed, e.JournalResumed] * 2
        )

    def test_torn(self) -> None:
        """A line that was cut short spoils no other."""
        with self.full(after=10):
            self.hears(h.ended())
        self.hears(h.ended(calling="LATER"), h.ended(calling="LAST"))
        torn, later, last = self.path.read_bytes().splitlines()
        self.assertEqual(len(torn), 10)
        self.assertEqual(json.loads(later)["calling"], "LATER")
        self.assertEqual(json.loads(last)["calling"], "LAST")


class SchemaTests(SynchronousTestCase):
    """The schema can tell good lines from bad ones."""

    def test_refuses(self) -> None:
        """A line of another version, without a field, or with a wrong one, is refused."""
        from appliance.audit.connections import Known
        from appliance.audit.record import Entry, record

        ended = h.ended()
        entry = Entry(ended, ended.association, "released", "")
        good = record(entry, Known(), datetime.now().astimezone(), uids.name)
        self.assertEqual(list(faults(SCHEMA, good)), [])
        for bad in (
            good | {"v": 2},
            {name: value for name, value in good.items() if name != "outcome"},
            good | {"outcome": "vanished"},
            good | {"begin": "2026-11-24 12:00"},
            good | {"operations": [{}]},
            good | {"seconds": -1},
            good | {"client": None},
        ):
            self.assertNotEqual(list(faults(SCHEMA, bad)), [], bad)
