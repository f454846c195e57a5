"""As much of JSON Schema (draft 2020-12) as the journal's schema uses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}
_KNOWN = {
    *("$schema", "title", "description", "format"),
    *("type", "const", "enum", "anyOf", "minimum", "pattern", "items"),
    *("required", "properties", "patternProperties", "additionalProperties"),
}


def faults(schema: dict[str, Any], value: Any, at: str = "$") -> Iterator[str]:
    """What of C{value} is not as C{schema} has it."""
    unknown = schema.keys() - _KNOWN
    assert not unknown, f"the validator does not know {unknown}"
    if "anyOf" in schema and all(list(faults(one, value, at)) for one in schema["anyOf"]):
        yield f"{at}: {value!r} is none of what it may be"
    if "const" in schema and value != schema["const"]:
        yield f"{at}: {value!r} is not {schema['const']!r}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at}: {value!r} is not one of {schema['enum']}"
    if "type" in schema and not _isOf(schema["type"], value):
        yield f"{at}: {value!r} is not of type {schema['type']}"
    elif isinstance(value, dict):
        yield from _inObject(schema, value, at)
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from faults(schema.get("items", {}), each, f"{at}[{number}]")
    elif isinstance(value, str):
        if not re.search(schema.get("pattern", ""), value):
            yield f"{at}: {value!r} does not match {schema['pattern']}"
    elif isinstance(value, int | float) and value < schema.get("minimum", value):
        yield f"{at}: {value!r} is less than {schema['minimum']}"


def _isOf(kind: str, value: Any) -> bool:
    # To Python a truth is a number, to JSON it is not.
    return isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _inObject(schema: dict[str, Any], value: dict[str, Any], at: str) -> Iterator[str]:
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{at}: {name} is missing"
    properties = schema.get("properties", {})
    patterns = schema.get("patternProperties", {})
    for name, each in value.items():
        fitting = [one for pattern, one in patterns.items() if re.search(pattern, name)]
        if name in properties:
            fitting.append(properties[name])
        for one in fitting:
            yield from faults(one, each, f"{at}.{name}")
        if not fitting and schema.get("additionalProperties") is False:
            yield f"{at}: there must be no {name!r}"
