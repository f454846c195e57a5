"""Tests of the token bucket."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from appliance.limits.bucket import Bucket

RATES = st.floats(0.1, 1000)
BURSTS = st.integers(1, 1000)
WAITS = st.lists(st.floats(0, 10), max_size=100)


class BucketTests(SynchronousTestCase):
    """C{Bucket}."""

    def test_burst(self) -> None:
        """It is full at first, and empty after its burst."""
        bucket = Bucket(1, 3)
        self.assertEqual([bucket.take(1000) for _ in range(4)], [True, True, True, False])

    def test_refill(self) -> None:
        """It gets its tokens with time, and never more than it holds."""
        bucket = Bucket(2, 3)
        for _ in range(3):
            bucket.take(0)
        self.assertEqual(bucket.level(1), 2)
        self.assertEqual(bucket.level(100), 3)

    def test_clockSetBack(self) -> None:
        """A clock that is set back takes nothing away, and does not stop the refill."""
        bucket = Bucket(1, 2)
        bucket.take(1000)
        bucket.take(1000)
        self.assertFalse(bucket.take(400))
        self.assertTrue(bucket.take(401))

    @given(RATES, BURSTS, WAITS)
    def test_neverMore(self, rate: float, burst: int, waits: list[float]) -> None:
        """However it is asked, it gives no more than its burst and its rate by the time."""
        bucket, now, given_ = Bucket(rate, burst), 0.0, 0
        for wait in waits:
            now += wait
            while bucket.take(now):
                given_ += 1
            self.assertLessEqual(given_, burst + rate * now + 1e-6 * (1 + rate * now))

    @given(RATES, BURSTS, WAITS)
    def test_neverLess(self, rate: float, burst: int, waits: list[float]) -> None:
        """What was not given yet and fits is there."""
        bucket, now = Bucket(rate, burst), 0.0
        for wait in waits:
            while bucket.take(now):
                pass
            before = bucket.level(now)
            now += wait
            self.assertAlmostEqual(bucket.level(now), min(burst, before + wait * rate), delta=1e-6)
