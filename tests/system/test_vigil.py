"""Waiting for the last one to leave."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from appliance.system.vigil import Vigil


class VigilTests(SynchronousTestCase):
    """Each who waits hears once."""

    def test_nobody(self) -> None:
        """With nobody there it fires at once."""
        self.assertIsNone(self.successResultOf(Vigil(lambda: False).wait()))

    def test_last(self) -> None:
        """All hear when the last one has left, and not before."""
        there = [1, 2]
        vigil = Vigil(lambda: there)
        first, second = vigil.wait(), vigil.wait()
        there.pop()
        vigil.look()
        self.assertNoResult(first)
        there.pop()
        vigil.look()
        self.assertIsNone(self.successResultOf(first))
        self.assertIsNone(self.successResultOf(second))

    def test_again(self) -> None:
        """Who comes to wait while the others are told waits for the next time."""
        there = [1]
        vigil = Vigil(lambda: there)
        later = []
        vigil.wait().addCallback(lambda _: (there.append(2), later.append(vigil.wait())))
        there.clear()
        vigil.look()
        self.assertNoResult(later[0])
        there.clear()
        vigil.look()
        self.assertIsNone(self.successResultOf(later[0]))
