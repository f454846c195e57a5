"""The way out of a process."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from appliance.ending import Ending


class EndingTests(SynchronousTestCase):
    """Each step comes once, and in its order."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.steps: list[str] = []
        self.idle: Deferred[None] = Deferred()
        self.ending = Ending(
            self.clock, lambda idle: self.steps.append("idle" if idle else "not idle")
        )

    def deafen(self) -> Deferred[None]:
        """Accept no more."""
        self.steps.append("deaf")
        return self.idle

    def test_nobody(self) -> None:
        """With nobody there it ends at once."""
        self.idle.callback(None)
        self.ending.begin(self.deafen, 0, 60)
        self.assertEqual(self.steps, ["deaf", "idle"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_waits(self) -> None:
        """It waits for the last one, and no longer."""
        self.ending.begin(self.deafen, 0, 60)
        self.assertTrue(self.ending.begun)
        self.clock.advance(59)
        self.assertEqual(self.steps, ["deaf"])
        self.idle.callback(None)
        self.assertEqual(self.steps, ["deaf", "idle"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_delay(self) -> None:
        """It becomes deaf after the delay, and the time to end begins then."""
        self.ending.begin(self.deafen, 5, 60)
        self.assertEqual(self.steps, [])
        self.clock.advance(5)
        self.assertEqual(self.steps, ["deaf"])
        self.clock.advance(59)
        self.assertEqual(self.steps, ["deaf"])
        self.clock.advance(1)
        self.assertEqual(self.steps, ["deaf", "not idle"])

    def test_late(self) -> None:
        """Who leaves after the end changes nothing."""
        self.ending.begin(self.deafen, 0, 1)
        self.clock.advance(1)
        self.idle.callback(None)
        self.assertEqual(self.steps, ["deaf", "not idle"])

    def test_hurry(self) -> None:
        """Told to hurry it ends at once, deaf or not."""
        self.ending.begin(self.deafen, 5, 60)
        self.ending.hurry()
        self.assertEqual(self.steps, ["not idle"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_noLimit(self) -> None:
        """Without a limit it waits for ever, until it gets one."""
        self.ending.begin(self.deafen, 0, None)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.ending.limit(10)
        self.clock.advance(10)
        self.assertEqual(self.steps, ["deaf", "not idle"])
