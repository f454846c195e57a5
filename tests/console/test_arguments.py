"""Tests of L{appliance.console.arguments}."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from appliance.console import arguments as a
from appliance.console.answer import MISUSED, CommandError
from tests.console.fake import STORE, WORKLIST

KNOWN = (STORE, WORKLIST, "all store")


class ArgumentTests(SynchronousTestCase):
    """Words taken for what they name."""

    def refused(self, function: Callable[..., Any], *given: Any) -> str:
        """Assert that C{function} does not take what it is C{given}; all that it says of it."""
        error = self.assertRaises(CommandError, function, *given)
        self.assertEqual(error.code, MISUSED)
        return error.answer.text

    def test_split(self) -> None:
        """Quotes hold words together, and must be closed."""
        self.assertEqual(a.split("drain 'DICOM STORE'  x"), ["drain", STORE, "x"])
        self.assertIn("quote", self.refused(a.split, "drain 'DICOM"))

    @given(st.text())
    def test_splitAnything(self, line: str) -> None:
        """Any line is words, or is refused in words."""
        try:
            self.assertIsInstance(a.split(line), list)
        except CommandError as error:
            self.assertTrue(error.answer.text)

    def test_json(self) -> None:
        """--json may stand anywhere."""
        self.assertEqual(a.withoutJSON(["--json", "a", "b"]), (["a", "b"], True))
        self.assertEqual(a.withoutJSON(["a", "b"]), (["a", "b"], False))

    def test_section(self) -> None:
        """A section's name is found without quotes, in any case of letters."""
        for words in (["DICOM", "STORE"], [STORE], ["dicom", "store"]):
            self.assertEqual(a.section(words, KNOWN), (STORE, ()))
        self.assertEqual(a.section(["DICOM", "STORE", "1.2.3.4:104"], KNOWN)[1], ("1.2.3.4:104",))

    def test_longestSection(self) -> None:
        """The longest name that fits is meant."""
        known = ("DICOM", STORE)
        self.assertEqual(a.section(["DICOM", "STORE"], known), (STORE, ()))
        self.assertEqual(a.section(["DICOM", "x"], known), ("DICOM", ("x",)))

    def test_caseLeavesNoChoice(self) -> None:
        """Where two names differ in case alone, each is found by its own spelling."""
        for name in ("store", "STORE"):
            self.assertEqual(a.section([name], ("store", "STORE")), (name, ()))

    def test_unknownSection(self) -> None:
        """One that is not there is refused with those that are, and the likeliest."""
        said = self.refused(a.section, ["DICOM", "STOR"], KNOWN)
        self.assertIn("there is no section 'DICOM STOR'", said)
        self.assertIn("perhaps 'DICOM STORE' is meant", said)
        self.assertIn("is missing", self.refused(a.section, [], KNOWN))
        self.assertIn("has none", self.refused(a.section, ["x"], ()))

    def test_all(self) -> None:
        """C{all} means all, unless a section has that name."""
        self.assertEqual(a.sectionOrAll(["all"], KNOWN), (None, None))
        self.assertEqual(a.sectionOrAll(["all"], ("all",)), ("all", None))
        self.assertEqual(a.sectionOrAll([STORE, "x"], KNOWN), (STORE, "x"))
        self.assertIn("nothing more", self.refused(a.sectionOrAll, [STORE, "x", "y"], KNOWN))

    def test_one(self) -> None:
        """Exactly one word."""
        self.assertEqual(a.one(["7"], "an ID"), "7")
        self.assertIn("an ID is missing", self.refused(a.one, [], "an ID"))
        self.assertIn("too many", self.refused(a.one, ["7", "8"], "an ID"))

    def test_number(self) -> None:
        """A number within its bounds, or the usual one."""
        self.assertEqual(a.number([], 20, 100), 20)
        self.assertEqual(a.number(["100"], 20, 100), 100)
        for text in ("0", "101", "x", "-1", "\u0661", "9" * 5000, ""):
            self.refused(a.number, [text], 20, 100)

    def test_level(self) -> None:
        """A level by its name or number."""
        self.assertEqual((a.level("Debug"), a.level("5")), (7, 5))
        for text in ("8", "loud", "", "07", "\u0663"):
            self.assertIn("emerg", self.refused(a.level, text))
