"""The time of day, which people are told. Timers have the reactor's, which nobody can set."""

from __future__ import annotations

import time
from typing import Final, Protocol


class Clock(Protocol):
    """Something that tells the time."""

    def seconds(self) -> float:
        """Seconds since 1970."""


class _Wall:
    """The machine's own clock."""

    def seconds(self) -> float:
        """See L{Clock.seconds}."""
        return time.time()


WALL: Final = _Wall()
