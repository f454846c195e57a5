"""Tests of the rate that leaves something for those who ask little."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from appliance.limits.fairness import MOST, SHARE, FairRate

RATES = st.integers(1, 500)
BURSTS = st.integers(2, 500)


def client(number: int) -> bytes:
    """One of many clients."""
    return number.to_bytes(4)


class FairRateTests(SynchronousTestCase):
    """C{FairRate}."""

    @given(RATES, BURSTS, st.lists(st.tuples(st.integers(0, 9), st.floats(0, 1)), max_size=200))
    def test_neverMore(self, rate: int, burst: int, calls: list[tuple[int, float]]) -> None:
        """All clients together get no more than the rate and the burst."""
        fair, now, taken = FairRate(rate, burst), 0.0, 0
        for number, wait in calls:
            now += wait
            taken += fair.take(client(number), now)
            self.assertLessEqual(taken, burst + rate * now + 1e-6)

    @settings(deadline=None)
    @given(RATES, BURSTS)
    def test_alone(self, rate: int, burst: int) -> None:
        """A client that is alone gets all of the rate in the long run."""
        fair = FairRate(rate, burst)
        # A gateway that calls twice as often as is allowed, for ten seconds.
        calls = [number / (2 * rate) for number in range(20 * rate)]
        taken = sum(fair.take(client(0), now) for now in calls)
        self.assertGreaterEqual(taken, rate * 10 - 2)

    @settings(deadline=None)
    @given(st.integers(1, 50), st.integers(8, 500), st.integers(1, 20))
    def test_quietOne(self, rate: int, burst: int, flood: int) -> None:
        """Whoever asks little is let in while one other floods."""
        fair = FairRate(rate, burst)
        for second in range(30):
            for part in range(flood * rate):
                fair.take(client(0), second + part / (flood * rate))
            if second % SHARE == 0:
                self.assertTrue(fair.take(client(1), second + 1))

    def test_twentyAtOnce(self) -> None:
        """A modality that opens twenty associations at once gets them by the usual burst."""
        fair = FairRate(10, 20)
        self.assertTrue(all(fair.take(client(0), 0) for _ in range(10)))
        # The other half is kept for others; it gets more of that with time.
        self.assertTrue(fair.take(client(1), 0))

    def test_bounded(self) -> None:
        """A flood from ever new addresses fills no memory."""
        fair = FairRate(1e6, 1e6)
        for number in range(MOST * 2):
            fair.take(client(number), 0)
        self.assertEqual(len(fair._each), MOST)
