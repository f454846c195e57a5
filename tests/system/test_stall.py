"""A reactor that stands still is noticed, with the place where it stood."""

from __future__ import annotations

import signal
import time
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from appliance import events as e
from appliance.system.stall import BEAT, StallWatch


def standStill(seconds: float) -> None:
    """Do nothing, and let nobody else do anything either."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass


class StallTests(TestCase):
    """On the real reactor, since only that can stand still."""

    timeout = 10

    def setUp(self) -> None:
        self.heard: Deferred[Any] = Deferred()
        self.events = e.Events()
        self.events.subscribe(self.heard.callback)

    async def test_tellsWhere(self) -> None:
        """The event says how long, and in which function."""
        watch = StallWatch(reactor, self.events, longest=0.05)
        watch.startService()
        self.addCleanup(watch.stopService)
        reactor.callLater(0, standStill, 2 * BEAT + 0.2)
        stalled = await self.heard
        self.assertIsInstance(stalled, e.LoopStalled)
        self.assertGreaterEqual(stalled.seconds, 0.05)
        self.assertIn("standStill", stalled.where[0])

    def test_leavesNothing(self) -> None:
        """When it stops, there is no alarm and no call left, and the old handler is back."""
        before = signal.getsignal(signal.SIGALRM)
        clock = Clock()
        watch = StallWatch(clock, self.events)
        watch.startService()
        clock.pump([BEAT] * 10)
        watch.stopService()
        self.assertEqual(signal.getitimer(signal.ITIMER_REAL), (0.0, 0.0))
        self.assertEqual(signal.getsignal(signal.SIGALRM), before)
        self.assertEqual(clock.getDelayedCalls(), [])
        self.assertFalse(self.heard.called)
