"""What the Tab key makes of a line that is half typed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from appliance.console.commands import COMMANDS
from appliance.console.operator import Operator

LEAVE = ("exit", "quit")
"""What ends a session; no commands, since there is nothing to end elsewhere."""


def complete(before: str, operator: Operator) -> tuple[str, tuple[str, ...]]:
    """What to type after C{before}, and the choices there are, where more than one is left."""
    name, blank, argument = before.lstrip().partition(" ")
    if not blank:
        return _grown(name, (*(each.name for each in COMMANDS), *LEAVE))
    argument = argument.lstrip()
    for command in COMMANDS:
        if command.name == name:
            return _grown(argument, command.offers(operator, argument))
    return "", ()


def _grown(typed: str, offers: Iterable[str]) -> tuple[str, tuple[str, ...]]:
    fitting = tuple(each for each in dict.fromkeys(offers) if each.startswith(typed))
    if len(fitting) == 1:
        return f"{fitting[0][len(typed) :]} ", ()
    return _shared(fitting)[len(typed) :], fitting


def _shared(words: Sequence[str]) -> str:
    """What all C{words} begin with."""
    shortest = min(words, key=len, default="")
    for number, char in enumerate(shortest):
        if any(word[number] != char for word in words):
            return shortest[:number]
    return shortest
