"""Tests of what file descriptors allow."""

from __future__ import annotations

import resource
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from appliance.system.descriptors import EACH, MOST, capacity, needed, raiseLimit

FOREVER = resource.RLIM_INFINITY


class LimitTests(SynchronousTestCase):
    """C{RLIMIT_NOFILE}, which is not really changed here."""

    def setUp(self) -> None:
        self.limits = (1024, 4096)
        for name, function in (("getrlimit", lambda _: self.limits), ("setrlimit", self._set)):
            patcher = patch.object(resource, name, function)
            patcher.start()
            self.addCleanup(patcher.stop)

    def _set(self, _: int, limits: tuple[int, int]) -> None:
        self.limits = limits

    def raised(self, soft: int, hard: int) -> int:
        """The soft limit that comes of these; the hard one stays."""
        self.limits = soft, hard
        raiseLimit()
        self.assertEqual(self.limits[1], hard)
        return self.limits[0]

    def test_raise(self) -> None:
        """The soft limit goes up to the hard one, and not without end."""
        self.assertEqual(self.raised(1024, 4096), 4096)
        self.assertEqual(self.raised(1024, 1 << 20), MOST)
        self.assertEqual(self.raised(1024, FOREVER), MOST)

    def test_neverLower(self) -> None:
        """What somebody has given us already stays ours."""
        self.assertEqual(self.raised(4096, 4096), 4096)
        self.assertEqual(self.raised(1 << 20, 1 << 20), 1 << 20)
        self.assertEqual(self.raised(FOREVER, FOREVER), FOREVER)

    def test_capacity(self) -> None:
        """Two descriptors a connection, but for those that are for other things."""
        self.limits = (1024, 1024)
        self.assertEqual(capacity(0), (1024 - 100) // 2)
        self.assertEqual(capacity(24), (1024 - 124) // 2)
        self.limits = (FOREVER, FOREVER)
        self.assertEqual(capacity(0), (MOST - 100) // 2)

    def test_few(self) -> None:
        """With next to none there is still somebody served."""
        self.limits = (64, 64)
        self.assertEqual(capacity(0), 24)
        self.assertEqual(capacity(1000), 1)

    @given(st.integers(1, 5000), st.integers(0, 500))
    def test_needed(self, connections: int, fixed: int) -> None:
        """What is said to be needed is enough, and hardly more where it is not little."""
        limit = needed(connections, fixed)
        self.limits = (limit, limit)
        self.assertGreaterEqual(capacity(fixed), connections)
        if limit > 400:
            self.assertLessEqual(capacity(fixed), connections + EACH)
