"""Tests of L{appliance.console.line} and L{appliance.console.completion}."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from appliance.console.commands import COMMANDS
from appliance.console.completion import complete
from appliance.console.line import LONGEST, REMEMBERED, Line
from tests.console.fake import STORE, WORKLIST, FakeOperator

KEYS = (
    *("left", "right", "home", "end", "up", "down", "take"),
    *("backspace", "delete", "deleteWord", "deleteBefore", "deleteAfter"),
)


def typed(text: str, cursor: int | None = None) -> Line:
    """A line with C{text} in it, and the cursor in its place."""
    line = Line()
    line.insert(text)
    if cursor is not None:
        line.cursor = cursor
    return line


class LineTests(SynchronousTestCase):
    """Keys and lines."""

    def test_typing(self) -> None:
        """What is typed stands where the cursor is."""
        line = typed("stus")
        line.left()
        line.left()
        line.insert("at")
        self.assertEqual((line.text, line.before, line.after), ("status", "stat", "us"))

    def test_deleting(self) -> None:
        """Each key takes away what it is for."""
        for key, expected in {
            "backspace": ("reload n", "w"),
            "delete": ("reload no", ""),
            "deleteWord": ("reload ", "w"),
            "deleteBefore": ("", "w"),
            "deleteAfter": ("reload no", ""),
        }.items():
            line = typed("reload now", 9)
            getattr(line, key)()
            self.assertEqual((line.before, line.after), expected, key)

    def test_deleteWords(self) -> None:
        """Word after word, with the blanks behind it, to nothing."""
        line = typed("drain DICOM  ")
        line.deleteWord()
        self.assertEqual(line.text, "drain ")
        line.deleteWord()
        line.deleteWord()
        self.assertEqual(line.text, "")

    def test_history(self) -> None:
        """Lines come back in their order, and what was being typed is not lost."""
        line = Line()
        for entered in ("status", "status", " ", "certs"):
            line.insert(entered)
            self.assertEqual(line.take(), entered)
        line.insert("re")
        seen = [line.text]
        for key in (line.up, line.up, line.up, line.down, line.down, line.down):
            key()
            seen.append(line.text)
        self.assertEqual(seen, ["re", "certs", "status", "status", "certs", "re", "re"])
        self.assertEqual(line.cursor, 2)

    def test_bounded(self) -> None:
        """Neither a line nor the memory of lines grows without end."""
        line = typed("x" * (LONGEST + 5))
        self.assertEqual(len(line.take()), LONGEST)
        for number in range(REMEMBERED + 5):
            line.insert(str(number))
            line.take()
        for _ in range(REMEMBERED + 50):
            line.up()
        self.assertEqual(line.text, "5")

    @given(st.lists(st.sampled_from(KEYS) | st.text(max_size=3).map(lambda text: f"={text}")))
    def test_anyKeys(self, keys: list[str]) -> None:
        """Whatever is pressed, the cursor stays within the line, and within the screen."""
        line = Line()
        for key in keys:
            if key.startswith("="):
                line.insert(key[1:])
            else:
                getattr(line, key)()
            self.assertTrue(0 <= line.cursor <= len(line.text))
            self.assertEqual(line.before + line.after, line.text)
            text, column = line.view(5)
            self.assertTrue(len(text) <= 5 and 0 <= column <= min(len(text), 4), (text, column))
            self.assertEqual(text[:column], line.before[len(line.before) - column :])


class CompletionTests(SynchronousTestCase):
    """The Tab key."""

    def setUp(self) -> None:
        self.operator = FakeOperator()

    def test_command(self) -> None:
        """A command is completed as far as it is certain, then offered."""
        self.assertEqual(complete("sta", self.operator), ("tus ", ()))
        self.assertEqual(complete("s", self.operator), ("", ("status", "sections", "show")))
        self.assertEqual(complete("  d", self.operator), ("rain ", ()))
        self.assertEqual(complete("ex", self.operator), ("it ", ()))
        self.assertEqual(complete("xyz", self.operator), ("", ()))

    def test_everything(self) -> None:
        """Nothing typed offers all commands."""
        _, choices = complete("", self.operator)
        self.assertEqual(choices[: len(COMMANDS)], tuple(each.name for each in COMMANDS))

    def test_sections(self) -> None:
        """Sections are completed, blanks and all."""
        self.assertEqual(complete("drain ", self.operator), ("", (STORE, WORKLIST, "all")))
        more, choices = complete("drain D", self.operator)
        self.assertEqual((more, choices), ("ICOM ", (STORE, WORKLIST)))
        self.assertEqual(complete("drain DICOM S", self.operator), ("TORE ", ()))

    def test_further(self) -> None:
        """What stands after the first word is completed too, where it is known."""
        self.assertEqual(complete("log-level deb", self.operator), ("ug ", ()))
        self.assertEqual(complete("log-level debug DICOM D", self.operator), ("MWL ", ()))
        self.assertEqual(complete("echo DICOM STORE 192", self.operator), (".168.1.100:104 ", ()))
        self.assertEqual(complete("help und", self.operator), ("rain ", ()))

    def test_nothing(self) -> None:
        """There is nothing to offer for what has no arguments, or is no command."""
        for before in ("status ", "show ", "what ", "drain nowhere"):
            self.assertEqual(complete(before, self.operator), ("", ()), before)
