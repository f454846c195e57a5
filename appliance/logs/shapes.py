"""How a line is written (C{logFormat}): as stunnel writes it, or as an object of JSON.

An object stands for one line, not for one event: there are as many of them as there would be
lines, at the same levels, so that a collector shows what a person would read. What it has is
described in L{appliance.logs.schema}.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from attrs import frozen

from appliance.config.values import LEVELS
from appliance.events import ConnectionEvent, SectionEvent
from appliance.logs.facts import facts
from appliance.logs.text import body, clean
from appliance.logs.vocabulary import Line

VERSION: Final = 1
"""Raised when a name goes or changes its meaning."""

_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@frozen
class Shape:
    """C{stamped} makes a line with its time, C{message} one for who keeps the time himself."""

    stamped: Callable[[Line, datetime], str]
    message: Callable[[Line, datetime], str]


def _stamped(line: Line, when: datetime) -> str:
    return f"{when:%Y.%m.%d %H:%M:%S} {body(line)}"


def record(line: Line, when: datetime) -> dict[str, Any]:
    """C{line}, which was written at C{when} (local time, or aware), as what JSON has."""
    event = line.event
    return {
        "v": VERSION,
        "time": when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": LEVELS[line.level],
        "severity": line.level,
        "section": clean(event.section) if isinstance(event, SectionEvent) else None,
        "connection": clean(event.connection) if isinstance(event, ConnectionEvent) else None,
        "event": None if event is None else type(event).__name__,
        "part": line.part,
        "text": clean(line.text),
        "fields": {} if event is None else facts(event),
    }


def _object(line: Line, when: datetime) -> str:
    return _encode(record(line, when))


STUNNEL: Final = Shape(_stamped, lambda line, _: body(line))
JSON: Final = Shape(_object, _object)

SHAPES: Final[Mapping[str, Shape]] = {"stunnel": STUNNEL, "json": JSON}
"""By what C{logFormat} calls them."""
