from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.error import ConnectionRefusedError as RefusedError
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from appliance.health.result import TCP, Result, State, Step
from appliance.health.tcp import reach
from tests.health.memory import accept, refuse


class ReachTests(SynchronousTestCase):
    """L{reach}."""

    def setUp(self) -> None:
        """A probe on its way."""
        self.reactor = MemoryReactorClock()
        endpoint = TCP4ClientEndpoint(self.reactor, "192.0.2.1", 104)
        self.asked: Deferred[Result] = Deferred.fromCoroutine(
            reach(self.reactor, endpoint, timeout=2)
        )

    def test_accepted(self) -> None:
        """Who accepts is alive, and hears not one byte."""
        self.reactor.advance(0.5)
        transport = accept(self.reactor)
        self.assertTrue(transport.disconnecting)
        self.assertEqual(transport.value(), b"")
        transport.hangUp()
        self.assertEqual(
            self.successResultOf(self.asked),
            Result(State.ALIVE, "it accepts connections", "", (Step(TCP, 0.5, True, "connected"),)),
        )

    def test_refused(self) -> None:
        """Who refuses is unreachable."""
        refuse(self.reactor, RefusedError())
        result = self.successResultOf(self.asked)
        self.assertEqual((result.state, result.alive), (State.UNREACHABLE, False))
        self.assertEqual(result.text, "nothing listens on that port")
        self.assertFalse(result.steps[0].ok)

    def test_silent(self) -> None:
        """Who does not answer in time is unreachable."""
        self.reactor.advance(2)
        result = self.successResultOf(self.asked)
        self.assertEqual(result.text, "no connection within 2 s")
        self.assertEqual(self.reactor.getDelayedCalls(), [])
