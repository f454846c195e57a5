"""Tests of L{appliance.console.tables} and L{appliance.console.paint}."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from appliance.console.paint import painted
from appliance.console.tables import facts, paragraphs, shown, table


class TableTests(SynchronousTestCase):
    """Columns."""

    def test_aligned(self) -> None:
        """Words go to the left of their column, numbers to the right, and no line ends blank."""
        text = table(("STATE", "N", ""), [("up", 7, "x"), ("serving", 1234, "")])
        self.assertEqual(text, "STATE       N\nup          7  x\nserving  1234")

    def test_empty(self) -> None:
        """Without rows there is no table, not even its head."""
        self.assertEqual(table(("STATE",), []), "")

    def test_facts(self) -> None:
        """Names and what they are stand in two columns."""
        self.assertEqual(facts([("id", 7), ("client", "x")]), "id      7\nclient  x")

    def test_paragraphs(self) -> None:
        """Empty ones are left out."""
        self.assertEqual(paragraphs("a", "", "b"), "a\n\nb")

    @given(st.text())
    def test_nothingToObey(self, text: str) -> None:
        """Whatever a peer has put into a name, it cannot move a cursor or break a line."""
        self.assertTrue(shown(text).isprintable())
        self.assertEqual(table(("A",), [(text,)]).count("\n"), 1)


class PaintTests(SynchronousTestCase):
    """Colours."""

    def test_states(self) -> None:
        """The first word of a line has the colour of what it means."""
        lines = painted("up      A\ndown    B\ndraining C\nsomething else").split("\n")
        self.assertEqual(lines[0], "\x1b[32mup\x1b[0m      A")
        self.assertEqual(lines[1], "\x1b[1;31mdown\x1b[0m    B")
        self.assertEqual(lines[2], "\x1b[33mdraining\x1b[0m C")
        self.assertEqual(lines[3], "something else")

    def test_heads(self) -> None:
        """The head of a table is bold, the verdict green, what is indented dim."""
        lines = painted("STATE  TO BACKEND\nAll is well.\n  next: do it").split("\n")
        self.assertEqual([line[:5] for line in lines], ["\x1b[1mS", "\x1b[32m", "\x1b[2m "])

    @given(st.text(alphabet=st.characters(exclude_characters="\x1b")))
    def test_sameWords(self, text: str) -> None:
        """Colour adds nothing but colour."""
        plain = painted(text)
        for code in ("1;31", "32", "33", "1", "2", "0"):
            plain = plain.replace(f"\x1b[{code}m", "")
        self.assertEqual(plain, text)
