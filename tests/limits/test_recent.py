"""Tests of the mapping of bounded size."""

from __future__ import annotations

from collections import OrderedDict

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from appliance.limits.recent import Recent


class RecentTests(SynchronousTestCase):
    """C{Recent}."""

    def test_same(self) -> None:
        """A key has the same value each time."""
        recent: Recent[str, list[int]] = Recent(2, list)
        recent.get("a").append(7)
        self.assertEqual(recent.get("a"), [7])

    def test_forget(self) -> None:
        """What is forgotten begins anew."""
        recent: Recent[str, list[int]] = Recent(2, list)
        recent.get("a").append(7)
        recent.forget("a")
        recent.forget("b")
        self.assertEqual(recent.get("a"), [])

    @given(st.integers(1, 5), st.lists(st.integers(0, 9)))
    def test_lastOnes(self, most: int, keys: list[int]) -> None:
        """It keeps those that were asked for last, and no more of them than it may."""
        recent: Recent[int, list[int]] = Recent(most, list)
        model: OrderedDict[int, list[int]] = OrderedDict()
        for number, key in enumerate(keys):
            model.setdefault(key, [])
            model.move_to_end(key)
            while len(model) > most:
                model.popitem(last=False)
            model[key].append(number)
            recent.get(key).append(number)
            self.assertEqual(len(recent), len(model))
            self.assertEqual(recent.get(key), model[key])
