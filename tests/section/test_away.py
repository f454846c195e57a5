"""Tests of what is told of those who are turned away."""

from __future__ import annotations

from attrs import evolve
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from appliance import events as e
from appliance.section import away
from appliance.section.away import EVERY, MOST, TurnedAway
from appliance.section.limits import DENIED, OUT_OF_DESCRIPTORS


class TurnedAwayTests(SynchronousTestCase):
    """C{TurnedAway}."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.heard: list[e.Limited] = []
        events = e.Events()
        events.subscribe(self.heard.append)  # type: ignore[arg-type]
        self.away = TurnedAway(self.clock, "A", events)
        self.addCleanup(lambda: self.assertEqual(self.clock.getDelayedCalls(), []))
        self.addCleanup(self.away.stop)

    def told(self) -> list[tuple[str, int]]:
        """Who was told of since the last time, and how often each came."""
        found = [(event.client, event.count) for event in self.heard]
        self.heard.clear()
        return found

    def test_first(self) -> None:
        """The first of a client is told at once, with all that is known."""
        self.away.add(DENIED, "192.0.2.1")
        (event,) = self.heard
        self.assertEqual((event.section, event.limit), ("A", e.LimitKind.ADDRESS))
        self.assertEqual((event.why, event.advice), (DENIED.why, DENIED.advice))

    def test_more(self) -> None:
        """The others are a number, every ten seconds, for as long as they come."""
        for _ in range(1000):
            self.away.add(DENIED, "192.0.2.1")
        self.away.add(DENIED, "192.0.2.2")
        self.assertEqual(self.told(), [("192.0.2.1", 1), ("192.0.2.2", 1)])
        self.clock.advance(EVERY)
        self.assertEqual(self.told(), [("192.0.2.1", 999)])
        self.away.add(DENIED, "192.0.2.1")
        self.assertEqual(self.told(), [])
        self.clock.advance(EVERY)
        self.assertEqual(self.told(), [("192.0.2.1", 1)])

    def test_forgotten(self) -> None:
        """Who stays away for a while is told of at once when it comes again."""
        self.away.add(DENIED, "192.0.2.1")
        self.clock.advance(EVERY)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.away.add(DENIED, "192.0.2.1")
        self.assertEqual(self.told(), [("192.0.2.1", 1)] * 2)

    def test_apart(self) -> None:
        """Each limit that keeps a client out is told, the last words for it."""
        self.away.add(DENIED, "192.0.2.1")
        self.away.add(OUT_OF_DESCRIPTORS, "192.0.2.1")
        self.assertEqual(len(self.told()), 2)
        self.away.add(evolve(DENIED, why="another"), "192.0.2.1")
        self.clock.advance(EVERY)
        self.assertEqual([event.why for event in self.heard], ["another"])

    def test_sites(self) -> None:
        """A /64 of IPv6 is one client; a unix socket has no name."""
        for host in ("2001:db8::1", "2001:db8::2", "", None):
            self.away.add(DENIED, host)
        self.assertEqual(self.told(), [("2001:db8::/64", 1), ("unnamed socket", 1)])

    def test_manyAddresses(self) -> None:
        """A flood from ever new addresses is told in so many lines, and the rest as one number."""
        for number in range(MOST + 1000):
            self.away.add(DENIED, f"10.0.{number >> 8}.{number & 255}")
        told = self.told()
        self.assertEqual(len(told), MOST + 1)
        self.assertEqual(told[-1], (away.OTHERS, 1))
        self.clock.advance(EVERY)
        self.assertEqual(self.told(), [(away.OTHERS, 999)])

    def test_stop(self) -> None:
        """At the end the rest is told."""
        for _ in range(3):
            self.away.add(DENIED, "192.0.2.1")
        self.away.stop()
        self.assertEqual(self.told(), [("192.0.2.1", 1), ("192.0.2.1", 2)])
