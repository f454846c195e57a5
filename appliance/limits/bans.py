"""Who was bad too often, and is not let in for a while. Pure: whoever asks tells the time.

It judges nothing: what counts as bad is for others to say. It forgets at a restart.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from attrs import define, field, frozen

from appliance.limits.recent import Recent

MOST: Final = 4096
"""Clients that are watched, and clients that are banned."""


@frozen
class Ban:
    """C{client} is not let in before C{until}; C{why} is what it did last."""

    client: bytes
    why: str
    until: float


@define(eq=False)
class BanBook:
    """Bans a client for C{seconds} that was bad C{strikes} times C{within} so many seconds."""

    strikes: int
    within: float
    seconds: float
    _struck: Recent[bytes, deque[float]] = field(init=False)
    _bans: dict[bytes, Ban] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self._struck = Recent(MOST, lambda: deque(maxlen=self.strikes))

    def strike(self, client: bytes, why: str, now: float) -> Ban | None:
        """Note that C{client} was bad; the ban, if that was once too often."""
        if self.banned(client, now) is not None:
            return None
        times = self._struck.get(client)
        times.append(now)
        if len(times) < self.strikes or now - times[0] > self.within:
            return None
        self._struck.forget(client)
        if len(self.all(now)) >= MOST:
            del self._bans[next(iter(self._bans))]
        ban = self._bans[client] = Ban(client, why, now + self.seconds)
        return ban

    def banned(self, client: bytes, now: float) -> Ban | None:
        """The ban that C{client} is under."""
        ban = self._bans.get(client)
        if ban is not None and ban.until <= now:
            del self._bans[client]
            return None
        return ban

    def end(self, client: bytes) -> bool:
        """Let C{client} in again, with a clean record; false where it was not banned."""
        self._struck.forget(client)
        return self._bans.pop(client, None) is not None

    def all(self, now: float) -> tuple[Ban, ...]:
        """All bans, the oldest first."""
        self._bans = {client: ban for client, ban in self._bans.items() if ban.until > now}
        return tuple(self._bans.values())
