"""The live view: what C{top} gives, twice, as a screen for a terminal. Pure.

What has moved between the two tells the speeds. The faces draw it, each in its own way.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from appliance.console.paint import painted
from appliance.console.tables import shown, table
from appliance.status.words import duration, size

EVERY: Final = 1.0
"""Seconds from one view to the next."""

BEGIN: Final = "\x1b[?1049h\x1b[?25l"
END: Final = "\x1b[?25h\x1b[?1049l"
"""To a screen of its own without a cursor, and back to what was there before."""

_HINT: Final = "q leaves"

View = Mapping[str, Any]
"""The data of an answer to C{top}."""


def frame(before: View | None, now: View, room: tuple[int, int]) -> str:
    """What draws C{now} on a screen of C{room} columns and rows; C{before} was there before."""
    return framed(screen(before, now, room))


def framed(text: str) -> str:
    """What draws C{text} over all that is on the screen."""
    return "\x1b[H" + "".join(f"{line}\x1b[K\n" for line in text.split("\n"))[:-1] + "\x1b[J"


def screen(before: View | None, now: View, room: tuple[int, int]) -> str:
    """The lines of the screen, with colours; what has no room is counted."""
    columns, rows = room
    lines = [line[:columns] for line in _lines(before, now)]
    hidden = len(lines) - rows
    if hidden > 0:
        lines = [*lines[: rows - 1], f"... {hidden + 1} more lines"[:columns]]
    return painted("\n".join(lines))


def _lines(before: View | None, now: View) -> list[str]:
    names = ("state", "section", "backends", "connections", "associations")
    parts = (
        *map(shown, now["verdict"]),
        "",
        f"{shown(now['process'])}; {_HINT}",
        "",
        table(
            [name.upper() for name in names], [[each[n] for n in names] for each in now["sections"]]
        ),
        "",
        _connections(before, now),
    )
    return "\n".join(parts).split("\n")


def _connections(before: View | None, now: View) -> str:
    known = {} if before is None else {each["id"]: each["bytes"] for each in before["connections"]}
    passed = 0.0 if before is None else now["at"] - before["at"]
    names = ("id", "section", "client", "calling", "called", "backend")
    found = [(_speed(each, known, passed), each) for each in now["connections"]]
    found.sort(key=lambda pair: -pair[0])
    rows = [
        (
            *(each["state"], f"{size(int(speed))}/s"),
            *(each[name] or "" for name in names),
            *(duration(each["seconds"]), size(each["bytes"])),
        )
        for speed, each in found
    ]
    head = ("STATE", "SPEED", *map(str.upper, names), "FOR", "BYTES")
    return table(head, rows) or "Nobody is connected."


def _speed(connection: View, known: Mapping[str, int], passed: float) -> float:
    """Bytes a second since the view before; of one that is new since its own begin."""
    moved = connection["bytes"] - known.get(connection["id"], 0)
    seconds = passed if connection["id"] in known else connection["seconds"]
    return max(0.0, moved / seconds) if seconds > 0 else 0.0
