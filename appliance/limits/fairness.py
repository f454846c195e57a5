"""Who may still connect when too many do: a rate for all, the last half for those who ask little.

One client that floods takes what nobody else wants, and not the whole. Against a flood from many
addresses at once there is only the rate. Pure: whoever asks tells the time in seconds.
"""

from __future__ import annotations

from typing import Final

from appliance.limits.bucket import Bucket
from appliance.limits.recent import Recent

SHARE: Final = 8
"""How many clients could have a share of the rate each, all at the same time."""

MOST: Final = 4096
"""Clients that are told apart."""


class FairRate:
    """Lets C{rate} a second through in the long run, and C{burst} at once after a quiet time.

    A client that has had its share, an eighth, gets nothing of the lower half of the burst.
    """

    def __init__(self, rate: float, burst: float) -> None:
        self._all = Bucket(rate, burst)
        self._half = (burst - 1) / 2
        self._each: Recent[bytes, Bucket] = Recent(
            MOST, lambda: Bucket(rate / SHARE, max(1.0, burst / SHARE))
        )

    def take(self, client: bytes, now: float) -> bool:
        """Whether C{client} may connect C{now}; it has done so then."""
        level = self._all.level(now)
        if level < 1:
            return False
        modest = self._each.get(client).take(now)
        if not modest and level - 1 < self._half:
            return False
        return self._all.take(now)
