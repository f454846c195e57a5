from __future__ import annotations

import socket
from typing import cast

from twisted.internet import error
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.interfaces import IProtocol, IStreamClientEndpoint
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from appliance.health.conversation import Conversation, Ending, Wrapper, hold
from tests.health.memory import accept, refuse

QUICKACK = (socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


class SocketLike:
    """Keeps the options that are set."""

    def __init__(self) -> None:
        self.options: list[tuple[int, int, int]] = []

    def setsockopt(self, level: int, option: int, value: int) -> None:
        """Set an option."""
        self.options.append((level, option, value))


@implementer(IStreamClientEndpoint)
class Lookup:
    """An endpoint that looks a name up, for ever."""

    def connect(self, _factory: object) -> Deferred[IProtocol]:
        """Begin."""
        looking: Deferred[IProtocol] = Deferred()
        looking.addErrback(lambda _: fail(error.DNSLookupError()))
        return looking


class HoldTests(SynchronousTestCase):
    """L{hold}."""

    def setUp(self) -> None:
        """A conversation on its way to a server."""
        self.reactor = MemoryReactorClock()
        self.conversation = Conversation()
        self.start()

    def start(self, wrap: Wrapper | None = None) -> None:
        """Dial."""
        endpoint = TCP4ClientEndpoint(self.reactor, "192.0.2.1", 104)
        self.held: Deferred[Ending] = Deferred.fromCoroutine(
            hold(self.reactor, endpoint, self.conversation, timeout=5, wrap=wrap)
        )

    def assertNothingLeft(self) -> None:
        """No timer and no connection."""
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        self.assertFalse(self.conversation.connected)

    def test_closed(self) -> None:
        """It lasts until the connection is gone and says why it went."""
        transport = accept(self.reactor)
        self.assertNoResult(self.held)
        transport.hangUp()
        ending = self.successResultOf(self.held)
        self.assertIsInstance(ending.error, error.ConnectionDone)
        self.assertFalse(ending.expired)
        self.assertNothingLeft()

    def test_refused(self) -> None:
        """A connection that does not come about is an ending, too."""
        refuse(self.reactor, error.ConnectionRefusedError())
        ending = self.successResultOf(self.held)
        self.assertIsInstance(ending.error, error.ConnectionRefusedError)
        self.assertNothingLeft()

    def test_dialTooLong(self) -> None:
        """A dial beyond the limit is given up."""
        self.reactor.advance(5)
        self.assertTrue(self.successResultOf(self.held).expired)
        self.assertTrue(self.reactor.connectors[-1].stoppedConnecting)
        self.assertNothingLeft()

    def test_talkTooLong(self) -> None:
        """A connection beyond the limit, which began with the dial, is dropped."""
        self.reactor.advance(4)
        transport = accept(self.reactor)
        self.reactor.advance(1)
        self.assertTrue(transport.aborting)
        self.assertTrue(self.successResultOf(self.held).expired)
        self.assertNothingLeft()

    def test_cancelDial(self) -> None:
        """Cancelling gives the dial up."""
        self.held.cancel()
        self.failureResultOf(self.held, CancelledError)
        self.assertTrue(self.reactor.connectors[-1].stoppedConnecting)
        self.assertNothingLeft()

    def test_cancelLookup(self) -> None:
        """Cancelling stays cancelling when the endpoint makes another error of it.

        As C{HostnameEndpoint} does while it looks the name up.
        """
        endpoint = Lookup()
        held = Deferred.fromCoroutine(hold(self.reactor, endpoint, self.conversation, timeout=5))
        held.cancel()
        self.failureResultOf(held, CancelledError)

    def test_cancelTalk(self) -> None:
        """Cancelling drops the connection."""
        transport = accept(self.reactor)
        self.held.cancel()
        self.assertTrue(transport.aborting)
        self.failureResultOf(self.held, CancelledError)
        self.assertNothingLeft()

    def test_cancelWaits(self) -> None:
        """Cancelling takes effect only when the connection is gone."""
        transport = accept(self.reactor)
        transport.abortConnection = lambda: None  # type: ignore[method-assign]
        self.held.cancel()
        self.assertNoResult(self.held)
        transport.hangUp()
        self.failureResultOf(self.held, CancelledError)
        self.assertNothingLeft()

    def test_wrapped(self) -> None:
        """A layer can be put beneath the conversation."""
        wrapped = []

        def wrap(factory: object) -> object:
            wrapped.append(factory)
            return factory

        self.start(cast(Wrapper, wrap))
        accept(self.reactor)
        self.assertEqual(len(wrapped), 1)
        self.assertTrue(self.conversation.connected)


class PromptnessTests(SynchronousTestCase):
    """Acknowledging at once."""

    def test_quickAck(self) -> None:
        """The socket is told to acknowledge at once, in the beginning and after each read."""
        reactor = MemoryReactorClock()
        endpoint = TCP4ClientEndpoint(reactor, "192.0.2.1", 104)
        held = Deferred.fromCoroutine(hold(reactor, endpoint, Conversation(), timeout=5))
        transport = accept(reactor, socketLike := SocketLike())
        self.assertEqual(socketLike.options, [QUICKACK])
        transport.protocol.dataReceived(b"x")
        self.assertEqual(socketLike.options, [QUICKACK, QUICKACK])
        transport.hangUp()
        self.successResultOf(held)
