"""Keeps those out who try again and again: after some failures nobody from there is heard.

Pure but for the clock that it is given. It remembers a bounded number of places.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from ipaddress import IPv6Network, ip_network
from typing import Final

from attrs import define, field

FAILURES: Final = 5
"""Failures within L{WINDOW} after which a place is not heard any more."""

WINDOW: Final = 60.0
REST: Final = 60.0
"""Seconds for which it is not heard then."""

MOST: Final = 1000
"""Places that are remembered; the one that was heard of longest ago is forgotten first."""

_PREFIX: Final = 64
"""Bits of an IPv6 address that one subscriber has for himself."""


@define
class _Place:
    failures: deque[float] = field(factory=deque)
    until: float = 0.0


@define(eq=False)
class Gate:
    """Who may try to log in, by address; C{seconds} is the clock's."""

    seconds: Callable[[], float]
    _places: dict[str, _Place] = field(factory=dict, init=False)

    def admits(self, host: str) -> bool:
        """True when somebody from C{host} may try."""
        known = self._places.get(place(host))
        return known is None or self.seconds() >= known.until

    def failed(self, host: str) -> bool:
        """Note a failure from C{host}; true when that was one too many."""
        name, now = place(host), self.seconds()
        known = self._places.pop(name, None) or _Place()
        self._places[name] = known
        if len(self._places) > MOST:
            del self._places[next(iter(self._places))]
        known.failures.append(now)
        while known.failures[0] <= now - WINDOW:
            known.failures.popleft()
        if len(known.failures) < FAILURES:
            return False
        known.failures.clear()
        known.until = now + REST
        return True


def place(host: str) -> str:
    """What counts as the place that C{host} is at: an IPv6 address has many neighbours."""
    try:
        network = ip_network(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(network, IPv6Network):
        return str(network.supernet(new_prefix=_PREFIX))
    return host
