"""Times, sizes and counts as people read them. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from appliance.status.html import Markup, tag

LAST: Final = 253_402_000_000
"""A moment that is in the year 9999 everywhere; certificates that never expire go beyond it."""

_UNITS: Final = ((86400, "d"), (3600, "h"), (60, "min"))


def number(count: int, what: str) -> str:
    """C{3 days}, C{1 day}."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def duration(seconds: float) -> str:
    """C{0.4 ms}, C{12 ms}, C{3.2 s}, C{4 min}, C{2 d 5 h}: as precise as is of use."""
    if seconds < 0.0095:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    for (size, unit), (smaller, smallerUnit) in zip(_UNITS, (*_UNITS[1:], (0, "")), strict=True):
        if seconds >= size:
            text = f"{int(seconds // size)} {unit}"
            rest = int(seconds % size // smaller) if smaller else 0
            return f"{text} {rest} {smallerUnit}" if rest else text
    return f"{seconds:.0f} s"


def age(seconds: float) -> str:
    """How long something has been so, in whole seconds and at least one."""
    return duration(float(max(round(seconds), 1))).replace(".0 s", " s")


def size(count: int) -> str:
    """C{512 B}, C{3.2 MB}: in thousands, as networks count."""
    if count < 1000:
        return f"{count} B"
    value = float(count)
    for unit in ("kB", "MB", "GB", "TB", "PB"):
        value /= 1000
        if value < 999.5:
            return f"{value:.1f} {unit}" if value < 9.95 else f"{value:.0f} {unit}"
    return f"{value:.0f} PB"


def _local(seconds: float) -> datetime:
    return datetime.fromtimestamp(min(seconds, LAST)).astimezone()


def moment(seconds: float) -> str:
    """A time as this machine's clock on the wall has it: C{2026-11-24 06:12:03 +0000}."""
    return _local(seconds).strftime("%Y-%m-%d %H:%M:%S %z")


def day(seconds: float) -> str:
    """The day of a time: C{2026-11-24}."""
    return _local(seconds).strftime("%Y-%m-%d")


def timeTag(seconds: float, words: str) -> Markup:
    """A time in C{words}, and for programs and those who ask as it is."""
    exact = _local(seconds).isoformat(timespec="seconds")
    return tag("time", words, datetime=exact, title=moment(seconds))
