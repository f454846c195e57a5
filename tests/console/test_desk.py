"""Tests of L{appliance.console.desk}."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from appliance.console.answer import FAILED, Answer
from appliance.console.desk import LONGEST
from appliance.events import CommandGiven, InternalError
from appliance.logs.vocabulary import lines
from tests.console.fake import STORE, FakeOperator, deskFor


class DeskTests(SynchronousTestCase):
    """Lines that are done and announced."""

    def setUp(self) -> None:
        self.operator = FakeOperator()
        self.desk, self.heard = deskFor(self.operator)

    def enter(self, line: str) -> tuple[Answer, bool]:
        """What comes of C{line}."""
        return self.successResultOf(
            Deferred.fromCoroutine(self.desk.takeLine("alice", "ssh", line))
        )

    def test_announced(self) -> None:
        """Every line is announced with who entered it, and whether it was done."""
        self.enter("status --json")
        self.enter("drain 'DICOM STORE'")
        self.enter("close 8")
        self.enter("drain 'x")
        self.assertEqual(
            self.heard,
            [
                CommandGiven("alice", "ssh", "status", ok=True, changes=False),
                CommandGiven("alice", "ssh", f"drain {STORE}", ok=True, changes=True),
                CommandGiven("alice", "ssh", "close 8", ok=False, changes=True),
                CommandGiven("alice", "ssh", "drain 'x", ok=False, changes=False),
            ],
        )

    def test_levels(self) -> None:
        """In the log changes and failures are usual lines, and who looks is a detail."""
        for line in ("status", "reload", "close 8"):
            self.enter(line)
        logged = [line for event in self.heard for line in lines(event)]
        self.assertEqual([line.level for line in logged], [7, 5, 5])
        self.assertEqual(logged[1].text, "Console: alice entered by ssh: reload")
        self.assertIn("it failed: close 8", logged[2].text)

    def test_json(self) -> None:
        """Whether JSON is wanted is the face's to know."""
        self.assertTrue(self.enter("--json status")[1])
        self.assertFalse(self.enter("status")[1])

    def test_defect(self) -> None:
        """A defect of ours is an answer, and is announced without its text."""
        self.operator.breaks = True
        answer, _ = self.enter("status")
        self.assertEqual(answer.code, FAILED)
        self.assertNotIn("ZeroDivision", answer.text)
        defect, given = self.heard
        assert isinstance(defect, InternalError)
        self.assertEqual(defect.what, "ZeroDivisionError")
        self.assertEqual(given, CommandGiven("alice", "ssh", "status", ok=False, changes=False))

    def test_looking(self) -> None:
        """What is looked at again and again is not announced each time."""
        self.successResultOf(Deferred.fromCoroutine(self.desk.look(["top"])))
        self.assertEqual(self.heard, [])

    @given(st.text())
    def test_anyLine(self, line: str) -> None:
        """Any line gets an answer, and an announcement of bounded length."""
        desk, heard = deskFor(FakeOperator())
        answer, _ = self.successResultOf(
            Deferred.fromCoroutine(desk.takeLine("x" * 999, "ssh", line * 50))
        )
        self.assertTrue(answer.text)
        (event,) = heard
        assert isinstance(event, CommandGiven)
        self.assertTrue(max(len(event.who), len(event.line)) <= LONGEST)
