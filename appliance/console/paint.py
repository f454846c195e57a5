"""Colour for people who look at a terminal: good is green, bad is red, what is between is yellow.

The word itself says the same, for those who see no colour. Only text of ours is painted, which has
its state first.
"""

from __future__ import annotations

import re
from typing import Final

_RED, _GREEN, _YELLOW, _BOLD, _DIM, _NORMAL = (
    f"\x1b[{code}m" for code in ("1;31", "32", "33", "1", "2", "0")
)

_WORDS: Final = {
    **dict.fromkeys(("up", "serving", "good", "alive", "released", "associated"), _GREEN),
    **dict.fromkeys(("attention:", "degraded", "draining", "leaving", "soon", "refused"), _YELLOW),
    **dict.fromkeys(("starting", "unknown", "asking", "waiting", "rejected"), _YELLOW),
    **dict.fromkeys(("trouble:", "error:", "down", "expired", "unreachable", "aborted"), _RED),
    **dict.fromkeys(("declined", "cut", "not", "tls", "worker"), _RED),
}
"""Colours by the word that a line begins with, in lower case."""

_WELL: Final = "All is well"
_FIRST: Final = re.compile(r"[^\s]+")
_HEAD: Final = re.compile(r"[A-Z][A-Z ]+")


def painted(text: str) -> str:
    """C{text} with colours."""
    return "\n".join(map(_line, text.split("\n")))


def _line(line: str) -> str:
    if _HEAD.fullmatch(line):
        return f"{_BOLD}{line}{_NORMAL}"
    if line.startswith(_WELL):
        return f"{_GREEN}{line}{_NORMAL}"
    if line.startswith(" "):
        return f"{_DIM}{line}{_NORMAL}" if line.strip() else line
    first = _FIRST.match(line)
    colour = _WORDS.get(first[0].lower()) if first else None
    if first is None or colour is None:
        return line
    return f"{colour}{first[0]}{_NORMAL}{line[first.end() :]}"


def prompt(name: str) -> str:
    """The words before what is typed, in bold."""
    return f"{_BOLD}{name}{_NORMAL}"
