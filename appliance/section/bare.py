"""Counts the connections that come and go without a byte, instead of a line for each."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IDelayedCall

from appliance.events import BareConnects, Events

EVERY = 3600.0
"""Seconds between two counts."""


class BareCount:
    """The bare connects of one section; C{clock} tells when to announce them."""

    def __init__(self, clock: Any, section: str, events: Events) -> None:
        self._clock = clock
        self._section = section
        self._events = events
        self._seen: dict[str, int] = {}
        self._next: IDelayedCall | None = None

    def saw(self, host: str) -> None:
        """One from C{host}."""
        self._seen[host] = self._seen.get(host, 0) + 1

    def start(self) -> None:
        """Announce how many there were, and do so again later."""
        self._announce()
        self._next = self._clock.callLater(EVERY, self.start)

    def stop(self) -> None:
        """Announce the rest."""
        if self._next is not None:
            self._next.cancel()
            self._next = None
            self._announce()

    def _announce(self) -> None:
        if self._seen:
            seen, self._seen = self._seen, {}
            event = BareConnects(self._section, sum(seen.values()), len(seen))
            self._events.publish(event)
