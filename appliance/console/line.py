"""A line that is being typed: what the keys do to it, what was typed before, what of it is seen.

Pure; it knows no terminal. Twisted's own C{recvline} is for ASCII and for lines that end before
the screen does, and names of sections have neither to be.
"""

from __future__ import annotations

from typing import Final

from attrs import define, field

LONGEST: Final = 1000
"""Characters of a line; more are not taken."""

REMEMBERED: Final = 200
"""Lines that can be had back."""


@define(eq=False)
class Line:
    """C{text} with the C{cursor} before the character of that number."""

    text: str = ""
    cursor: int = 0
    _history: list[str] = field(factory=list, init=False)
    _at: int = field(default=0, init=False)
    _draft: str = field(default="", init=False)

    # --- typing ----------------------------------------------------------------------------

    def insert(self, text: str) -> None:
        """Type C{text}, or as much of it as there is room for."""
        text = text[: LONGEST - len(self.text)]
        self.text = self.before + text + self.after
        self.cursor += len(text)

    @property
    def before(self) -> str:
        """What stands before the cursor."""
        return self.text[: self.cursor]

    @property
    def after(self) -> str:
        """What stands behind it."""
        return self.text[self.cursor :]

    def _become(self, before: str, after: str = "") -> None:
        self.text, self.cursor = before + after, len(before)

    def backspace(self) -> None:
        """Take the character before the cursor away."""
        self._become(self.before[:-1], self.after)

    def delete(self) -> None:
        """Take the one behind it away."""
        self._become(self.before, self.after[1:])

    def deleteWord(self) -> None:
        """Take the word before the cursor away."""
        kept, _, _ = self.before.rstrip().rpartition(" ")
        self._become(f"{kept} " if kept else "", self.after)

    def deleteBefore(self) -> None:
        """Take all before the cursor away."""
        self._become("", self.after)

    def deleteAfter(self) -> None:
        """Take all behind it away."""
        self._become(self.before)

    # --- moving ----------------------------------------------------------------------------

    def left(self) -> None:
        """Go a character to the left."""
        self.cursor = max(0, self.cursor - 1)

    def right(self) -> None:
        """Go a character to the right."""
        self.cursor = min(len(self.text), self.cursor + 1)

    def home(self) -> None:
        """Go to the begin."""
        self.cursor = 0

    def end(self) -> None:
        """Go to the end."""
        self.cursor = len(self.text)

    # --- what was typed before -------------------------------------------------------------

    def up(self) -> None:
        """Go to the line that was entered before."""
        if self._at == len(self._history):
            self._draft = self.text
        if self._at:
            self._at -= 1
            self._become(self._history[self._at])

    def down(self) -> None:
        """Go to the line that was entered after that, in the end to what was being typed."""
        if self._at < len(self._history):
            self._at += 1
            known = self._at < len(self._history)
            self._become(self._history[self._at] if known else self._draft)

    def take(self) -> str:
        """Enter the line: give it, remember it, and begin an empty one."""
        entered = self.text
        if entered.strip() and self._history[-1:] != [entered]:
            self._history.append(entered)
            del self._history[:-REMEMBERED]
        self._at, self._draft = len(self._history), ""
        self._become("")
        return entered

    # --- what is seen ----------------------------------------------------------------------

    def view(self, room: int) -> tuple[str, int]:
        """What of the line is seen in C{room} columns, and in which of them the cursor is."""
        start = max(0, self.cursor - room + 1)
        return self.text[start : start + room], self.cursor - start
