"""Titles that are learnt, and kept from one start to the next."""

from __future__ import annotations

import json
import os
import stat

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from appliance import events as e
from appliance.health.learnt import MOST, NAME, Learnt
from tests.peers import directoryFor

PACS = "192.0.2.1:104"
SECTION = "DICOM STORE"


class LearntTests(SynchronousTestCase):
    """L{Learnt}."""

    def setUp(self) -> None:
        self.directory = directoryFor(self)
        self.file = self.directory / NAME
        self.warnings: list[str] = []
        self.events = e.Events()
        self.events.subscribe(self._hear)

    def _hear(self, event: e.Event) -> None:
        assert isinstance(event, e.Warned)
        self.warnings.append(event.text)

    def learnt(self) -> Learnt:
        """What is learnt after a start."""
        learnt = Learnt(self.events)
        learnt.keepIn(str(self.directory))
        return learnt

    def test_kept(self) -> None:
        """What was learnt is known after the next start."""
        self.learnt().learn(SECTION, PACS, "STORE 1")
        again = self.learnt()
        self.assertEqual(again.title(SECTION, PACS), "STORE 1")
        self.assertIsNone(again.title("DICOM DMWL", PACS))
        self.assertIsNone(again.title(SECTION, "192.0.2.2:104"))
        self.assertEqual(self.warnings, [])

    def test_private(self) -> None:
        """The file is for nobody else, and there is nothing beside it."""
        before = os.umask(0)
        self.addCleanup(os.umask, before)
        self.learnt().learn(SECTION, PACS, "PACS")
        self.assertEqual(stat.S_IMODE(self.file.stat().st_mode), 0o600)
        self.assertEqual(os.listdir(self.directory), [NAME])

    def test_firstStands(self) -> None:
        """The first title stands, and the file is not written again for others."""
        learnt = self.learnt()
        learnt.learn(SECTION, PACS, "ONE")
        before = self.file.stat().st_ino
        learnt.learn(SECTION, PACS, "OTHER")
        learnt.learn(SECTION, PACS, "ONE")
        self.assertEqual(learnt.title(SECTION, PACS), "ONE")
        self.assertEqual(self.file.stat().st_ino, before)

    def test_forgotten(self) -> None:
        """One that is forgotten is gone from the file, too, and may be learnt anew."""
        learnt = self.learnt()
        learnt.learn(SECTION, PACS, "ONE")
        learnt.forget(SECTION, PACS)
        learnt.forget(SECTION, PACS)
        self.assertIsNone(self.learnt().title(SECTION, PACS))
        learnt.learn(SECTION, PACS, "OTHER")
        self.assertEqual(self.learnt().title(SECTION, PACS), "OTHER")

    def test_nowhere(self) -> None:
        """Without a directory it is known until the end."""
        learnt = Learnt(self.events)
        learnt.keepIn(None)
        learnt.learn(SECTION, PACS, "PACS")
        self.assertEqual(learnt.title(SECTION, PACS), "PACS")
        self.assertEqual(os.listdir(self.directory), [])

    def test_damaged(self) -> None:
        """A damaged file is told, and written anew with what is learnt then."""
        for data in (
            b"",
            b"{",
            b"\xff\xfe",
            b"[]",
            b"[" * 100_000,
            b'{"a": 1}',
            b'{"a": {"b": 1}}',
            b'{"a": {"b": "%s"}}' % (b"x" * 17),
            b'{"a": {"b": "A\\\\B"}}',
            b'{"a": {"b": "\\u0007"}}',
        ):
            self.warnings.clear()
            self.file.write_bytes(data)
            learnt = self.learnt()
            (warning,) = self.warnings
            self.assertIn(f"{self.file}: cannot be read", warning)
            learnt.learn(SECTION, PACS, "PACS")
            self.assertEqual(json.loads(self.file.read_text()), {SECTION: {PACS: "PACS"}})

    def test_unreadable(self) -> None:
        """So is one that cannot be read at all."""
        self.file.mkdir()
        self.learnt()
        self.assertEqual(len(self.warnings), 1)
        self.assertIn("Is a directory", self.warnings[0])

    def test_unwritable(self) -> None:
        """A directory that is gone is told once, and what was learnt is still known."""
        learnt = self.learnt()
        os.rmdir(self.directory)
        self.addCleanup(os.mkdir, self.directory)
        learnt.learn(SECTION, PACS, "PACS")
        learnt.learn(SECTION, "192.0.2.2:104", "PACS")
        self.assertEqual(len(self.warnings), 1)
        self.assertIn("No such file or directory", self.warnings[0])
        self.assertEqual(learnt.title(SECTION, PACS), "PACS")

    def test_leftOver(self) -> None:
        """What a crash has left is in nobody's way, even where it points elsewhere."""
        elsewhere = self.directory / "elsewhere"
        elsewhere.write_text("untouched")
        os.symlink(elsewhere, f"{self.file}.new")
        self.learnt().learn(SECTION, PACS, "PACS")
        self.assertEqual(elsewhere.read_text(), "untouched")
        self.assertEqual(self.learnt().title(SECTION, PACS), "PACS")

    def test_notATitle(self) -> None:
        """What cannot be a title is not learnt."""
        learnt = self.learnt()
        for title in ("", "  ", "x" * 17, "A\\B", "A\tB", "Ä"):
            learnt.learn(SECTION, PACS, title)
        self.assertIsNone(learnt.title(SECTION, PACS))
        self.assertEqual(os.listdir(self.directory), [])

    def test_bounded(self) -> None:
        """A name that leads to ever new addresses does not fill the memory."""
        learnt = Learnt(self.events)
        for number in range(MOST + 5):
            learnt.learn(SECTION, f"target{number}", "PACS")
        self.assertIsNone(learnt.title(SECTION, "target4"))
        self.assertEqual(learnt.title(SECTION, f"target{MOST + 4}"), "PACS")

    @given(st.binary())
    def test_anything(self, data: bytes) -> None:
        """Whatever is in the file, the start goes on."""
        self.file.write_bytes(data)
        self.learnt().title(SECTION, PACS)
