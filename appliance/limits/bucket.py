"""A token bucket: so many a second in the long run, and some more at once.

It knows no clock: whoever asks tells the time in seconds. Where a clock is set back nothing is
gained, and nothing lost.
"""

from __future__ import annotations

from attrs import define, field


@define
class Bucket:
    """Holds C{burst} tokens at the most, gets C{rate} of them a second, and is full at first."""

    rate: float
    burst: float
    _tokens: float = field(init=False)
    _at: float = field(default=0.0, init=False)

    def __attrs_post_init__(self) -> None:
        self._tokens = self.burst

    def level(self, now: float) -> float:
        """How many tokens there are C{now}."""
        gained = max(0.0, now - self._at) * self.rate
        self._at = now
        self._tokens = min(self.burst, self._tokens + gained)
        return self._tokens

    def take(self, now: float) -> bool:
        """Take a token; false where there is none."""
        if self.level(now) < 1:
            return False
        self._tokens -= 1
        return True
