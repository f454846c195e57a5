"""What a section knows of its backends, and who finds it out.

The board says how they stand. Where the section is alone with its name a monitor writes on it;
else another process's does, and sends what it writes.
"""

from __future__ import annotations

from typing import Any, Final

from twisted.internet.defer import Deferred, succeed

from appliance.backend import board
from appliance.backend.board import ALL, Board
from appliance.events import Event, Events
from appliance.health import evidence
from appliance.health.learnt import Learnt
from appliance.health.monitor import Monitor
from appliance.section.checks import Checks
from appliance.section.settings import Settings
from appliance.system.workers import Crew

HEARD: Final = (*board.HEARD, *evidence.HEARD)
"""The events that tell something of a backend."""


class Watch:
    """The watch of the section C{name} over its backends.

    With C{crew} workers hear of what is on the C{board}. It watches nobody itself unless it is
    C{alone}; C{learnt} then knows AE titles of backends.
    """

    def __init__(
        self,
        reactor: Any,
        name: str,
        events: Events,
        crew: Crew | None,
        alone: bool,
        learnt: Learnt | None,
    ) -> None:
        self.board = Board(self._changed)
        self._reactor = reactor
        self._name = name
        self._events = events
        self._crew = crew
        self._alone = alone
        self._learnt = learnt or Learnt(events)
        self._monitor: Monitor | None = None

    def use(self, settings: Settings) -> None:
        """Watch the backends that C{settings} name, as they say."""
        if not self._alone:
            return
        plan = Checks(self._reactor, settings, self._learnt).plan()
        if self._monitor is None:
            self._monitor = Monitor(self._reactor, self._name, self._events, self.board, plan)
        else:
            self._monitor.use(plan)

    def start(self) -> None:
        """Begin to watch, unless nobody is to go there."""
        if self._monitor is not None and not self.board.drained:
            self._monitor.start()

    def stop(self) -> Deferred[Any]:
        """Watch no more; fires when nothing is left of it."""
        return succeed(None) if self._monitor is None else self._monitor.stop()

    def drain(self, target: str, draining: bool) -> None:
        """Send nobody new to C{target}, nor checks of our own, or do so again."""
        self.board.drain(target, draining)
        if self._monitor is not None and target != ALL:
            self._monitor.rest(target, draining)
        elif draining:
            self.stop()
        else:
            self.start()

    def hear(self, event: Event) -> None:
        """Learn from C{event}, one of the section's."""
        self.board.hear(event)
        if self._monitor is not None:
            self._monitor.hear(event)

    def _changed(self) -> None:
        if self._crew is not None:
            self._crew.stand(self._name, self.board.summary)
