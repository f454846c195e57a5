"""Events and lines of any kind, made up by hypothesis from what the classes declare."""

from __future__ import annotations

from enum import Enum
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from appliance.logs.vocabulary import ENTRIES, Line

KINDS = sorted({entry.event for entry in ENTRIES}, key=lambda kind: kind.__name__)

_ANY = st.characters(exclude_categories=())

TEXTS = st.text(_ANY, max_size=20) | st.text(_ANY, min_size=1, max_size=3).map(lambda x: x * 600)
"""What peers may have said: control characters and halves of characters too."""

_SIMPLE: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXTS,
    bool: st.booleans(),
    int: st.integers(),
    float: st.floats(),
    NoneType: st.none(),
}


def valuesOf(hint: Any) -> st.SearchStrategy[Any]:
    """Whatever has the type C{hint}."""
    if get_origin(hint) is tuple:
        return st.lists(valuesOf(get_args(hint)[0]), max_size=2).map(tuple)
    if get_origin(hint) is not None:
        return st.one_of(*map(valuesOf, get_args(hint)))
    if hint in _SIMPLE:
        return _SIMPLE[hint]
    if issubclass(hint, Enum):
        return st.sampled_from(hint)
    fields = {name: valuesOf(each) for name, each in get_type_hints(hint).items()}
    return st.builds(hint, **fields)


EVENTS = st.sampled_from(KINDS).flatmap(valuesOf)

LINES = st.builds(Line, st.integers(0, 7), TEXTS, TEXTS, EVENTS, st.integers(1, 9))
