"""Holds events back until it is known where the log goes, or that nothing was started at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from appliance.events import Event
from appliance.logs.text import clean
from appliance.logs.vocabulary import lines

MARKS: Final = ("[*]", "[*]", "[*]", "[!]", "[:]", "[.]", "[ ]", "[ ]")
"""What stands before a line, by its level, where a start has failed."""


class Held:
    """Keeps what it is called with, and passes it on once C{release} was called."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._pass: Callable[[Event], None] = self._events.append

    def __call__(self, event: Event) -> None:
        """Keep C{event}, or pass it on."""
        self._pass(event)

    def release(self, to: Callable[[Event], None]) -> None:
        """Hand all that was kept to C{to}, and what is still to come."""
        self._pass = to
        kept, self._events = self._events, []
        for event in kept:
            to(event)

    def marked(self) -> Iterator[str]:
        """The lines of what was kept, of every level, as stunnel shows them when a start fails."""
        for event in self._events:
            for line in lines(event):
                yield f"{MARKS[line.level]} {clean(line.text)}"
