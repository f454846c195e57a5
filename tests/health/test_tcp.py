from __future__ import annotations

from typing import Any

from OpenSSL import SSL
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.error import ConnectionRefusedError as RefusedError
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.testing import MemoryReactorClock
from twisted.protocols.policies import WrappingFactory
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from appliance.health.result import TCP, TLS, Result, State, Step
from appliance.health.spelling import OPTIONS
from appliance.health.tcp import reach
from tests.health.memory import Transport, accept, refuse
from tests.health.test_echo import Layer


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


class TLSTests(SynchronousTestCase):
    """L{reach} with TLS, which something else than OpenSSL plays."""

    def setUp(self) -> None:
        """A probe that is connected and has yet to shake hands."""
        self.reactor = MemoryReactorClock()

        def wrap(factory: IProtocolFactory) -> IProtocolFactory:
            self.layers: WrappingFactory[Any] = WrappingFactory(factory)
            self.layers.protocol = Layer
            return self.layers

        endpoint = TCP4ClientEndpoint(self.reactor, "192.0.2.1", 104)
        self.asked: Deferred[Result] = Deferred.fromCoroutine(
            reach(self.reactor, endpoint, timeout=2, tls=wrap, spelling=OPTIONS)
        )
        self.reactor.advance(0.5)
        self.transport: Transport = accept(self.reactor)

    def layer(self) -> Layer:
        """What is in the place of TLS."""
        (layer,) = self.layers.protocols
        assert isinstance(layer, Layer)
        return layer

    def test_shaken(self) -> None:
        """Who has shaken hands is alive, and the connection is closed."""
        self.assertFalse(self.transport.disconnecting)
        self.reactor.advance(0.25)
        self.layer().shakeHands()
        self.assertTrue(self.transport.disconnecting)
        self.transport.hangUp()
        result = self.successResultOf(self.asked)
        self.assertIs(result.state, State.ALIVE)
        self.assertEqual([(step.name, step.seconds) for step in result.steps][1], (TLS, 0.25))

    def test_failed(self) -> None:
        """A handshake that fails is told, with the names of options."""
        error = SSL.Error([("", "", "certificate verify failed")])
        self.transport.protocol.connectionLost(Failure(error))
        result = self.successResultOf(self.asked)
        self.assertEqual((result.state, result.failedAt), (State.TLS_FAILURE, TLS))
        self.assertIn("CAfile", result.advice)

    def test_hungUp(self) -> None:
        """Who hangs up may not speak TLS."""
        self.transport.hangUp()
        result = self.successResultOf(self.asked)
        self.assertIs(result.state, State.TLS_FAILURE)
        self.assertIn("client = yes", result.advice)

    def test_silent(self) -> None:
        """Who does not shake hands in time is unreachable."""
        self.reactor.advance(2)
        result = self.successResultOf(self.asked)
        self.assertEqual((result.state, result.failedAt), (State.UNREACHABLE, TLS))
        self.assertEqual(self.reactor.getDelayedCalls(), [])
