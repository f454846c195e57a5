"""The one time limit that a connection is under at any moment."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime


class Limit:
    """A timer on C{clock} that can be set anew; a new one takes the place of the old."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._timer: IDelayedCall | None = None

    def set(self, seconds: float, overdue: Callable[[], None]) -> None:
        """Call C{overdue} after C{seconds}, and nothing else that was to be called."""
        self.clear()
        self._timer = self._clock.callLater(seconds, overdue)

    def clear(self) -> None:
        """Call nothing."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
