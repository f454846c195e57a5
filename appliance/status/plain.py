"""A document as JSON, and the JSON Schema (draft 2020-12) of that, both made from its classes."""

from __future__ import annotations

from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import attrs

from appliance.status.document import VERSION, Document

SIMPLE: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    NoneType: {"type": "null"},
}


def plain(value: Any) -> Any:
    """C{value} in what JSON has: objects, arrays, words and numbers."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if attrs.has(type(value)):
        names = (field.name for field in attrs.fields(type(value)))
        return {name: plain(getattr(value, name)) for name in names}
    return value


def statusSchema() -> dict[str, Any]:
    """The schema of C{/status.json}."""
    made = _object(Document)
    made["properties"]["version"]["const"] = VERSION
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": made.pop("description"),
        **made,
    }


def _object(kind: type) -> dict[str, Any]:
    """The schema of an attrs class; later versions of ours may add properties."""
    hints = get_type_hints(kind, include_extras=True)
    names = [field.name for field in attrs.fields(kind)]
    return {
        "description": (kind.__doc__ or "").split("\n")[0],
        "type": "object",
        "required": names,
        "properties": {name: _of(hints[name]) for name in names},
    }


def _of(hint: Any) -> dict[str, Any]:
    """The schema of what has the type C{hint}."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return {**_of(inner[0]), "description": inner[1]}
    if origin in (Union, UnionType):
        return {"anyOf": [_of(each) for each in inner]}
    if origin is tuple:
        return {"type": "array", "items": _of(inner[0])}
    if origin is dict:
        return {"type": "object", "additionalProperties": _of(inner[1])}
    if hint in SIMPLE:
        return dict(SIMPLE[hint])
    if issubclass(hint, Enum):
        return {"enum": [each.value for each in hint]}
    return _object(hint)
