"""Aligned columns for a terminal. Pure, and without colour, which is for the faces to add.

What peers may have chosen, such as AE titles and subjects of certificates, cannot move a cursor.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_GAP: Final = "  "


def shown(text: object) -> str:
    """C{text} without anything that a terminal would obey, or that nobody could see."""
    return "".join(char if char.isprintable() else "." for char in str(text))


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Columns of one width each, numbers to the right; empty where there is no row."""
    if not rows:
        return ""
    cells = [[shown(cell) for cell in row] for row in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    right = [all(isinstance(cell, int) for cell in column) for column in zip(*rows, strict=True)]
    return "\n".join(_line(row, widths, right) for row in cells)


def _line(row: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    columns = zip(row, widths, right, strict=True)
    return _GAP.join(
        f"{cell:>{width}}" if end else f"{cell:<{width}}" for cell, width, end in columns
    ).rstrip()


def facts(pairs: Sequence[tuple[str, object]]) -> str:
    """A name and what it is a line."""
    width = max(len(name) for name, _ in pairs)
    return "\n".join(f"{name:<{width}}{_GAP}{shown(value)}".rstrip() for name, value in pairs)


def paragraphs(*texts: str) -> str:
    """C{texts} with an empty line between them; one that is empty is left out."""
    return "\n\n".join(filter(None, texts))
