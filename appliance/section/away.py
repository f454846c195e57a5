"""Tells of those who are not let in: the first of each at once, and the others as a number.

A flood must cost next to nothing, and one client's flood must not hide others.
"""

from __future__ import annotations

from typing import Any, Final

from attrs import define
from twisted.internet.interfaces import IDelayedCall

from appliance.events import Events, Limited, LimitKind
from appliance.limits.networks import clientOf, clientText, packed
from appliance.section.limits import Refusal

EVERY: Final = 10.0
"""Seconds until it is told how many more there were."""

MOST: Final = 256
"""Clients that are told apart in that time; more are counted together."""

OTHERS: Final = "other addresses"


@define(eq=False)
class More:
    """Those of whom it is not told yet."""

    refusal: Refusal
    count: int = 0


class TurnedAway:
    """Counts for C{section} who is turned away; C{clock} tells when to tell it to C{events}."""

    def __init__(self, clock: Any, section: str, events: Events) -> None:
        self._clock = clock
        self._section = section
        self._events = events
        self._seen: dict[tuple[str, LimitKind], More] = {}
        self._next: IDelayedCall | None = None

    def add(self, refusal: Refusal, host: str | None) -> None:
        """Somebody from C{host} was turned away."""
        address = None if host is None else packed(host)
        client = "unnamed socket" if address is None else clientText(clientOf(address))
        if (client, refusal.limit) not in self._seen and len(self._seen) >= MOST:
            client = OTHERS
        if self._next is None:
            self._next = self._clock.callLater(EVERY, self._again)
        key = client, refusal.limit
        more = self._seen.get(key)
        if more is None:
            self._seen[key] = More(refusal)
            self._tell(client, refusal, 1)
        else:
            more.refusal = refusal
            more.count += 1

    def _again(self) -> None:
        self._next = None
        self._flush()
        if self._seen:
            self._next = self._clock.callLater(EVERY, self._again)

    def _flush(self) -> None:
        """Tell the numbers, and forget those who came no more."""
        seen, self._seen = self._seen, {}
        for (client, limit), more in seen.items():
            if more.count:
                self._tell(client, more.refusal, more.count)
                self._seen[client, limit] = More(more.refusal)

    def _tell(self, client: str, refusal: Refusal, count: int) -> None:
        facts = (client, refusal.limit, refusal.why, refusal.advice, count)
        self._events.publish(Limited(self._section, *facts))

    def stop(self) -> None:
        """Tell the rest."""
        self._flush()
        self._seen.clear()
        if self._next is not None:
            self._next.cancel()
            self._next = None
