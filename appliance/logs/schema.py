"""The log's lines in JSON as a JSON Schema (draft 2020-12), which the documentation shows too.

What an event may tell is taken from the classes of the events themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from types import NoneType
from typing import Any, Final, get_args, get_origin

from appliance.config.values import LEVELS
from appliance.logs.facts import names
from appliance.logs.shapes import VERSION
from appliance.logs.vocabulary import ENTRIES

_SIMPLE: Final[dict[Any, str]] = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    NoneType: "null",
}


def logSchema() -> dict[str, Any]:
    """The schema of a line."""
    kinds = sorted({entry.event for entry in ENTRIES}, key=lambda kind: kind.__name__)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A line of the log of Butterfly-TLS (logFormat = json)",
        **_object(
            v={"const": VERSION, "description": "The version of this format."},
            time={
                "type": "string",
                "format": "date-time",
                "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$",
                "description": "When the line was written, in UTC.",
            },
            level={"enum": list(LEVELS), "description": "How urgent it is, as in debug."},
            severity={"enum": list(range(len(LEVELS))), "description": "The same as a number."},
            section=_orNull("The [section] that it is about; null where it is about none."),
            connection=_orNull("The connection that it is about; null where it is about none."),
            event={"enum": [kind.__name__ for kind in kinds], "description": "What happened."},
            part={
                "type": "integer",
                "minimum": 1,
                "description": "Which of the event's lines it is; there is always a first.",
            },
            text={"type": "string", "description": "The words, as in the other shape."},
            fields={
                "type": "object",
                "description": "What else the event tells. Each name is in some events only.",
                "properties": dict(sorted(_facts(kinds))),
            },
        ),
    }


def _facts(kinds: list[type]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each name that may be in C{fields}: what it may be, and in which events it is."""
    found: dict[str, dict[str, None]] = {}
    types: dict[str, dict[Any, None]] = {}
    for kind in kinds:
        for name, hint in names(kind):
            found.setdefault(name, {})[kind.__name__] = None
            types.setdefault(name, {}).update(dict.fromkeys(_kinds(hint)))
    for name, events in found.items():
        description = f"In {', '.join(events)}."
        yield name, {**_oneOf([_of(each) for each in types[name]]), "description": description}


def _kinds(hint: Any) -> tuple[Any, ...]:
    """What something that is declared as C{hint} may be."""
    kinds = (hint,) if get_origin(hint) is None else get_args(hint)
    # A float may be none, see L{appliance.logs.facts}.
    return (*kinds, NoneType) if float in kinds and NoneType not in kinds else kinds


def _of(kind: Any) -> dict[str, Any]:
    if kind in _SIMPLE:
        return {"type": _SIMPLE[kind]}
    if issubclass(kind, Enum):
        return {"enum": [each.value for each in kind]}
    inner = {name: _oneOf([_of(each) for each in _kinds(hint)]) for name, hint in names(kind)}
    return _object(**inner)


def _oneOf(schemas: list[dict[str, Any]]) -> dict[str, Any]:
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    """An object that has all C{properties}; later versions of ours may add some."""
    return {"type": "object", "required": list(properties), "properties": properties}


def _orNull(description: str) -> dict[str, Any]:
    return {**_oneOf([_of(str), _of(NoneType)]), "description": description}
