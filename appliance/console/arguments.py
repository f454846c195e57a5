"""The words of a command: a line taken apart, and its words taken for what they name. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Sequence
from typing import Final

from appliance.config.values import LEVELS
from appliance.config.wording import anyOf, nearest
from appliance.console.answer import MISUSED, CommandError

EVERYTHING: Final = "all"

JSON: Final = "--json"
"""Anywhere in a line: the answer is wanted as a program reads it."""


def split(line: str) -> list[str]:
    """The words of C{line}, in which quotes hold blanks together. Raises L{CommandError}."""
    try:
        return shlex.split(line)
    except ValueError:
        raise CommandError(
            "a quote is opened and not closed", "a second one", "or leave it out", MISUSED
        ) from None


def withoutJSON(words: Sequence[str]) -> tuple[list[str], bool]:
    """C{words} but for C{--json}, and whether that was among them."""
    return [word for word in words if word != JSON], JSON in words


def section(words: Sequence[str], known: Collection[str]) -> tuple[str, tuple[str, ...]]:
    """The section that C{words} begin with, and the words after its name.

    The name may have blanks without quotes, which are lost on their way through SSH, and any case
    of letters where that leaves no choice. Raises L{CommandError}.
    """
    if not words:
        raise CommandError("the section is missing", _sections(known), code=MISUSED)
    for length in range(len(words), 0, -1):
        name = " ".join(words[:length])
        for alike in (name, *(each for each in known if each.lower() == name.lower())):
            if alike in known:
                return alike, tuple(words[length:])
    name = " ".join(words)
    near = nearest(name, known)
    advice = f"perhaps {near[0]!r} is meant" if near else ""
    raise CommandError(f"there is no section {name!r}", _sections(known), advice, MISUSED)


def _sections(known: Collection[str]) -> str:
    return anyOf(known) if known else "one of the configuration, which has none"


def onlySection(words: Sequence[str], known: Collection[str]) -> str:
    """The one section that C{words} name. Raises L{CommandError}."""
    name, rest = section(words, known)
    nothing(rest)
    return name


def sectionOrAll(words: Sequence[str], known: Collection[str]) -> tuple[str | None, str | None]:
    """The section that C{words} name, and perhaps a backend of it; C{None} for all sections.

    Raises L{CommandError}.
    """
    if [word.lower() for word in words] == [EVERYTHING] and EVERYTHING not in known:
        return None, None
    name, rest = section(words, known)
    nothing(rest[1:])
    return name, rest[0] if rest else None


def one(words: Sequence[str], what: str) -> str:
    """The only one of C{words}. Raises L{CommandError}."""
    if len(words) != 1:
        found = "too many words" if words else f"{what} is missing"
        raise CommandError(found, what, code=MISUSED)
    return words[0]


def nothing(words: Sequence[str]) -> None:
    """Raise L{CommandError} if there are any words left."""
    if words:
        raise CommandError(f"what is {' '.join(words)!r} for?", "nothing more", code=MISUSED)


def number(words: Sequence[str], usual: int, most: int) -> int:
    """The number from 1 to C{most} that C{words} are; C{usual} where there are none."""
    if not words:
        return usual
    text = one(words, f"a number from 1 to {most}")
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and 1 <= int(text) <= most):
        raise CommandError(f"{text!r} is not right", f"a number from 1 to {most}", code=MISUSED)
    return int(text)


def level(text: str) -> int:
    """A level of the log, by name or number. Raises L{CommandError}."""
    name = text.lower()
    if name in LEVELS:
        return LEVELS.index(name)
    if name.isascii() and name.isdecimal() and len(name) == 1 and int(name) < len(LEVELS):
        return int(name)
    expected = f"{anyOf(LEVELS)}, or a number from 0 to 7"
    raise CommandError(f"{text!r} is no level", expected, code=MISUSED)
