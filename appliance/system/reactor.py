"""Twisted's epoll reactor, without what it does for a log of its own around each event.

That takes longer than the event itself where there are many small ones, and our log has no use
for it. Its timers go by a clock that nobody sets, and its names are resolved as L{Names} does. What
is private in Twisted's reactor is touched here alone.
"""

from __future__ import annotations

import sys
from time import monotonic

from twisted.internet.epollreactor import EPollReactor
from twisted.internet.main import installReactor

from appliance.system.names import Names


class Reactor(EPollReactor):
    """A reactor that asks the kernel, and lets each descriptor do what it can."""

    seconds = staticmethod(monotonic)

    def __init__(self) -> None:
        super().__init__()
        self.installNameResolver(Names(self))

    def doPoll(self, timeout: float | None) -> None:
        """Wait up to C{timeout} seconds, and dispatch what has happened."""
        selectables = self._selectables
        wait = -1 if timeout is None else timeout
        for number, event in self._poller.poll(wait, len(selectables)):
            selectable = selectables.get(number)
            if selectable is not None:
                self._doReadOrWrite(selectable, number, event)

    doIteration = doPoll


def install() -> None:
    """Make it the reactor of this process, unless there is one already."""
    if "twisted.internet.reactor" not in sys.modules:
        installReactor(Reactor())
