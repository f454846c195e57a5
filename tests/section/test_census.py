"""Tests of the census: who is in, over all sections."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from appliance import events as e
from appliance.config.model import LimitsConfig
from appliance.section.census import Census
from appliance.section.limits import Limits
from tests.section.test_limits import closed, config


class CensusTests(SynchronousTestCase):
    """C{Census}."""

    def setUp(self) -> None:
        self.capacity = 2
        self.census = Census(lambda: self.capacity)
        self.limits = Limits(
            Clock(), config(LimitsConfig(connections=1)), e.Events(), self.census.full
        )

    def enter(self, connection: str) -> None:
        """A connection is let in."""
        self.census.enter(connection, self.limits)
        self.limits.enter(connection, "192.0.2.1")

    def test_full(self) -> None:
        """It is full when there are as many as may be, also when that changes."""
        self.enter("0")
        self.assertFalse(self.census.full())
        self.enter("1")
        self.assertTrue(self.census.full())
        self.capacity = 3
        self.assertFalse(self.census.full())

    def test_end(self) -> None:
        """A connection's end is heard of by the section that has let it in, whoever served it."""
        self.enter("0")
        self.assertIsNotNone(self.limits.admit("192.0.2.1"))
        other = e.Closed("another section", "0", "x", e.Reason.IDLE, 0, 0, 0.0, False)
        self.census.hear(other)
        self.assertEqual(len(self.census), 0)
        self.assertIsNone(self.limits.admit("192.0.2.1"))

    def test_strangers(self) -> None:
        """Connections that nobody has let in here, as in a worker, are nobody's."""
        self.census.hear(closed("7"))
        self.assertEqual(len(self.census), 0)

    def test_once(self) -> None:
        """An end that is told twice counts once."""
        self.enter("0")
        self.enter("1")
        self.census.hear(closed("0"))
        self.census.hear(closed("0"))
        self.assertEqual(len(self.census), 1)
