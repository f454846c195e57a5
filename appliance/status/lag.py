"""How late the reactor is: the time from when a call was due to when it was made.

A reactor that has too much to do, or waits for something that it should not wait for, serves
nobody meanwhile. It only measures.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final

from attrs import define, field
from twisted.application.service import Service
from twisted.internet.interfaces import IDelayedCall

EVERY: Final = 0.5
"""Seconds from one sample to the next."""

RECENT: Final = 60.0
"""Seconds for which a sample counts."""


@define
class Lag:
    """The samples of the last minute: when, and how late in seconds."""

    _samples: deque[tuple[float, float]] = field(factory=deque, init=False)

    def add(self, now: float, late: float) -> None:
        """Take in a sample."""
        self._samples.append((now, late))
        # Those that seem to be still to come are from before the clock was set back.
        while not now - RECENT <= self._samples[0][0] <= now:
            self._samples.popleft()

    def worst(self, now: float, within: float = RECENT) -> float:
        """The latest that it was in the last seconds; 0 where nothing is known."""
        return max((late for at, late in self._samples if at >= now - within), default=0.0)


class LagSampler(Service):
    """Tells C{heard} how late C{reactor} is, twice a second."""

    def __init__(self, reactor: Any, heard: Callable[[float, float], None]) -> None:
        self._reactor = reactor
        self._heard = heard
        self._due = 0.0
        self._next: IDelayedCall | None = None

    def startService(self) -> None:
        """Begin to measure."""
        super().startService()
        self._ask()

    def stopService(self) -> None:
        """Measure no more."""
        super().stopService()
        if self._next is not None and self._next.active():
            self._next.cancel()
        self._next = None

    def _ask(self) -> None:
        self._due = self._reactor.seconds() + EVERY
        self._next = self._reactor.callLater(EVERY, self._sample)

    def _sample(self) -> None:
        now = self._reactor.seconds()
        self._heard(now, max(now - self._due, 0.0))
        self._ask()
