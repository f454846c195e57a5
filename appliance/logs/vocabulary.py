"""Every log line that the appliance writes: which event, which level, which words.

Where stunnel has a line for a situation, the words and the level are those of stunnel 5.75, since
scripts look for them. The reference documentation is made from this table; the entries themselves
are in L{appliance.logs.lines}.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

from appliance import events as e
from appliance.logs.entry import Entry
from appliance.logs.lines import (
    associations,
    backends,
    connections,
    console,
    limits,
    process,
    records,
    sections,
    trust,
)

MAIN = "main"
"""Stands in the brackets where a line is not about one connection."""


@frozen
class Line:
    """One line: C{level} as syslog has it, C{who} the connection's id or L{MAIN}.

    It is the line number C{part} of C{event}, from 1.
    """

    level: int
    who: str
    text: str
    event: e.Event | None = None
    part: int = 1


ENTRIES: tuple[Entry, ...] = (
    *process.ENTRIES,
    *sections.ENTRIES,
    *trust.ENTRIES,
    *limits.ENTRIES,
    *connections.ENTRIES,
    *associations.ENTRIES,
    *backends.ENTRIES,
    *records.ENTRIES,
    *console.ENTRIES,
)

_BY_EVENT: dict[type[e.Event], tuple[Entry, ...]] = {
    kind: tuple(entry for entry in ENTRIES if entry.event is kind)
    for kind in {entry.event for entry in ENTRIES}
}

_LEAST = {kind: min(entry.level for entry in entries) for kind, entries in _BY_EVENT.items()}


def lines(event: e.Event, main: str = MAIN, shown: int = 7) -> Iterator[Line]:
    """The lines for C{event} up to the level C{shown}, in order.

    Those of no connection have C{main} in the brackets.
    """
    who = event.connection if isinstance(event, e.ConnectionEvent) else main
    part = 0
    for entry in _BY_EVENT.get(type(event), ()):
        if entry.level <= shown and entry.when(event):
            text = entry.text(event)
            for each in text.split("\n") if entry.many else (text,):
                part += 1
                yield Line(entry.level, who, each, event, part)


def levels(event: type[e.Event]) -> int:
    """The lowest (most urgent) level at which C{event} makes a line; 8 when it makes none."""
    return _LEAST.get(event, 8)
