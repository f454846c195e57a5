"""What an event is made of, for programs that read the log: its words, numbers and truths.

Values that are made of such are taken apart in turn. Lists are left out: nothing bounds them, and
the text of the line has what matters of them.
"""

from __future__ import annotations

from enum import Enum
from functools import cache
from math import isfinite
from types import NoneType
from typing import Any, Final, get_args, get_origin, get_type_hints

import attrs

from appliance.events import Event
from appliance.logs.text import clean

MOST: Final = 256
"""Characters of one word."""

_ELSEWHERE: Final = {"section", "connection"}
"""What each line says of its event anyway."""

SCALARS: Final = (str, bool, int, float, NoneType)


@cache
def names(kind: type) -> tuple[tuple[str, Any], ...]:
    """The facts of an event or a value of C{kind}: their names, and the types that are declared."""
    hints = get_type_hints(kind).items()
    return tuple((name, hint) for name, hint in hints if name not in _ELSEWHERE and _isTold(hint))


def _isTold(hint: Any) -> bool:
    """True for a scalar, an enumeration, a value of our own, or a choice of these."""
    if get_origin(hint) is not None:
        return get_origin(hint) is not tuple and all(map(_isTold, get_args(hint)))
    return hint in SCALARS or issubclass(hint, Enum) or bool(attrs.has(hint))


def facts(event: Event) -> dict[str, Any]:
    """The facts of C{event} by their names: scalars, and dicts of such."""
    return _taken(event)


def _taken(value: Any) -> dict[str, Any]:
    kind: Any = type(value)
    return {name: _plain(getattr(value, name)) for name, _ in names(kind)}


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value, MOST)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, float):
        # JSON has no word for what is no number.
        return value if isfinite(value) else None
    return value if isinstance(value, SCALARS) else _taken(value)
