"""Alerts that are alike, summed up."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from appliance.audit.repeats import MOST, WINDOW, Repeats


class RepeatsTests(SynchronousTestCase):
    """The bound on what one address can cause."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.told: list[tuple[str, int]] = []
        self.repeats: Repeats[str] = Repeats(self.clock, lambda *told: self.told.append(told))

    def saw(self, key: object, alert: str = "alert") -> None:
        """One more of C{key}."""
        self.repeats.saw(key, alert, "crowded")

    def test_firstAtOnce(self) -> None:
        """The first alert is told at once, and nothing later if there was no other."""
        self.saw("a")
        self.assertEqual(self.told, [("alert", 0)])
        self.clock.advance(WINDOW)
        self.assertEqual(self.told, [("alert", 0)])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_summed(self) -> None:
        """Those that follow within the window are one alert, with the last one's words."""
        for number in range(1000):
            self.saw("a", f"alert {number}")
        self.clock.advance(WINDOW - 1)
        self.assertEqual(len(self.told), 1)
        self.clock.advance(1)
        self.assertEqual(self.told[1:], [("alert 999", 999)])

    def test_flood(self) -> None:
        """A flood makes one alert a window, and an end of it makes an end."""
        for _ in range(10 * int(WINDOW)):
            self.saw("a")
            self.clock.advance(1)
        self.assertEqual(len(self.told), 11)
        self.assertEqual(sum(more for _, more in self.told) + 1, 10 * int(WINDOW))
        self.clock.advance(2 * WINDOW)
        self.saw("a")
        self.assertEqual(self.told[-1], ("alert", 0))

    def test_apart(self) -> None:
        """Different keys do not hide each other."""
        self.saw("a")
        self.saw("b")
        self.assertEqual(len(self.told), 2)

    def test_crowd(self) -> None:
        """More keys than are told apart share one, so that memory and alerts are bounded."""
        for number in range(10 * MOST):
            self.saw(number)
        self.assertEqual(len(self.told), MOST + 1)
        self.assertEqual(self.told[-1], ("crowded", 0))
        self.clock.advance(WINDOW)
        self.assertEqual(self.told[MOST + 1 :], [("crowded", 9 * MOST - 1)])

    def test_flush(self) -> None:
        """At the end all that was counted is told, and no timer is left."""
        self.saw("a")
        self.saw("a")
        self.saw("b")
        self.repeats.flush()
        self.assertEqual(self.told[2:], [("alert", 1)])
        self.assertEqual(self.clock.getDelayedCalls(), [])
