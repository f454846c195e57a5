"""Waits for the last one to leave, whoever comes and goes; it counts nobody itself."""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field
from twisted.internet.defer import Deferred


@define(eq=False)
class Vigil:
    """Those who wait until nobody is there. C{busy} is true as long as somebody is."""

    busy: Callable[[], object]
    _waiting: list[Deferred[None]] = field(factory=list, init=False)

    def wait(self) -> Deferred[None]:
        """Fires when nobody is there; at once when nobody is there now."""
        idle: Deferred[None] = Deferred()
        self._waiting.append(idle)
        self.look()
        return idle

    def look(self) -> None:
        """Somebody has left, perhaps the last one."""
        if self._waiting and not self.busy():
            waiting, self._waiting = self._waiting, []
            for each in waiting:
                each.callback(None)
