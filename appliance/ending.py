"""How the process ends in order: no longer ready, then deaf, then idle, then gone.

Only the order and the times are here; what is done at each step is called.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime


class Ending:
    """The way out. C{end} is called once: with true when everybody has left by then."""

    def __init__(self, clock: IReactorTime, end: Callable[[bool], None]) -> None:
        self.begun = False
        self._clock = clock
        self._end = end
        self._over = False
        self._next: IDelayedCall | None = None

    def begin(
        self, deafen: Callable[[], Deferred[None]], delay: float, timeout: float | None
    ) -> None:
        """Call C{deafen} in C{delay} seconds, and be gone C{timeout} seconds later.

        C{deafen} accepts no more and gives what fires when nobody is left. C{None} has no limit.
        """
        self.begun = True
        if delay:
            self._next = self._clock.callLater(delay, self._leave, deafen, timeout)
        else:
            self._leave(deafen, timeout)

    def limit(self, timeout: float) -> None:
        """Be gone in C{timeout} seconds: whoever waits has had no limit so far."""
        self._cancel()
        self._next = self._clock.callLater(timeout, self._finish, False)

    def hurry(self) -> None:
        """Be gone now."""
        self._finish(False)

    def _leave(self, deafen: Callable[[], Deferred[None]], timeout: float | None) -> None:
        self._next = None
        if timeout is not None:
            self._next = self._clock.callLater(timeout, self._finish, False)
        deafen().addCallback(lambda _: self._finish(True))

    def _finish(self, idle: bool) -> None:
        if not self._over:
            self._over = True
            self._cancel()
            self._end(idle)

    def _cancel(self) -> None:
        if self._next is not None and self._next.active():
            self._next.cancel()
        self._next = None
