"""How problems are worded: who is told what, with names spelled the same way everywhere.

Nothing here decides whether something is a problem.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from attrs import frozen

from appliance.config.model import About, Problem, Said, Severity, Where

LONGEST = 80
"""Characters of a found text that a message repeats."""


@frozen
class Place:
    """What a problem is about: a place in a file, and the section and option there.

    C{line} is the whole line that is wrong, as it is written; empty when it is no one line.
    """

    where: Where
    section: str = ""
    option: str = ""
    line: str = ""

    def error(self, found: str, expected: str = "", advice: str = "", says: str = "") -> Problem:
        """A problem here that stops the start; C{says} is stunnel's own message, if it has one."""
        said = self.said(says, About.LINE if self.line else About.SECTION) if says else None
        return self._problem(Severity.ERROR, found, expected, advice, said)

    def warning(self, found: str, expected: str = "", advice: str = "") -> Problem:
        """A problem here that is only told."""
        return self._problem(Severity.WARNING, found, expected, advice, None)

    def said(self, message: str, about: About) -> Said:
        """What stunnel says of this place."""
        return Said(visible(message), about, visible(self.line) if about is About.LINE else "")

    def _problem(
        self, severity: Severity, found: str, expected: str, advice: str, said: Said | None
    ) -> Problem:
        return Problem(
            severity,
            self.where,
            visible(found),
            visible(expected),
            visible(advice),
            visible(self.section),
            visible(self.option),
            said,
        )


def visible(text: str) -> str:
    """C{text} with what a terminal would obey, or nobody could see, spelled out; lines stay."""
    return "".join(
        char if char.isprintable() or char == "\n" else f"<U+{ord(char):04X}>" for char in text
    )


def quoted(text: str) -> str:
    """C{text} between quotes, cut to L{LONGEST}.

    Backslashes stay single, unlike in C{repr}: they are mostly parts of Windows paths.
    """
    return f'"{text}"' if len(text) <= LONGEST else f'"{text[:LONGEST]}…"'


def anyOf(words: Iterable[str]) -> str:
    """C{words} as a choice: C{a, b or c}."""
    *others, last = words
    return f"{', '.join(others)} or {last}" if others else last


def nearest(name: str, known: Iterable[str], count: int = 1) -> list[str]:
    """Up to C{count} of the C{known} names that C{name} may be meant to be, the likeliest first."""
    folded = {other.casefold(): other for other in known}
    return [folded[match] for match in difflib.get_close_matches(name.casefold(), folded, count)]
