"""HTML from nested calls, in which every text is escaped and nobody has to remember to. Pure."""

from __future__ import annotations

import re
from html import escape
from typing import Final

_VOID: Final = ("link", "meta")

_MISLEADING: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
"""Characters that cannot be seen, or that let other text look like something else."""


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def text(value: str) -> Markup:
    """C{value} as it is to be read: nothing in it is markup, and nothing is hidden."""
    return value if isinstance(value, Markup) else Markup(escape(_MISLEADING.sub("\ufffd", value)))


def tag(name: str, /, *children: str, **attributes: str) -> Markup:
    """The element C{name}; a C{class_} is a C{class}, and C{aria_label} an C{aria-label}."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{text(value)}"' for key, value in attributes.items()
    )
    if name in _VOID:
        return Markup(f"<{name}{written}>")
    return Markup(f"<{name}{written}>{''.join(map(text, children))}</{name}>")


def join(*children: str) -> Markup:
    """C{children} one after the other."""
    return Markup("".join(map(text, children)))
