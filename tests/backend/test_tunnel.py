"""Through an HTTP proxy, in memory."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from appliance.backend.tunnel import LONGEST_ANSWER, Asking, Tunnel, TunnelError, connectRequest
from appliance.config.model import ConnectConfig

OK = b"HTTP/1.1 200 Connection established\r\nVia: proxy\r\n\r\n"


class Carried(Protocol):
    """What was to be connected."""

    def __init__(self) -> None:
        self.heard = b""

    def dataReceived(self, data: bytes) -> None:
        self.heard += data


class Transport(StringTransport):
    """A transport that hands what comes to whoever is its protocol, as Twisted's TCP does."""

    protocol: Any
    aborted = False

    def abortConnection(self) -> None:
        self.aborted = True

    def deliver(self, data: bytes) -> None:
        self.protocol.dataReceived(data)


class TunnelTests(SynchronousTestCase):
    """One question and what may be answered."""

    def setUp(self) -> None:
        self.clock = Clock()
        tunnel = Tunnel(connectRequest(ConnectConfig("pacs.example:11112")), 30.0)
        self.asking: Asking = tunnel.through(Factory.forProtocol(Carried), self.clock)
        self.transport = Transport()
        self.transport.protocol = self.asking.buildProtocol(None)
        self.transport.protocol.makeConnection(self.transport)

    def tearDown(self) -> None:
        self.assertEqual(self.clock.getDelayedCalls(), [], "a timer is left")

    def refusal(self) -> str:
        """Why there is no way through; the connection is ended."""
        self.assertTrue(self.transport.aborted)
        return str(self.failureResultOf(self.asking.answered, TunnelError).value)

    def test_asks(self) -> None:
        """The request names where to go."""
        expected = b"CONNECT pacs.example:11112 HTTP/1.1\r\nHost: pacs.example:11112\r\n\r\n"
        self.assertEqual(self.transport.value(), expected)
        self.transport.deliver(OK)

    def test_credentials(self) -> None:
        """Name and password go as basic authentication, and extra headers as they are."""
        config = ConnectConfig("pacs.example:1", "me", "secret", ("X-One: 1",))
        request = connectRequest(config)
        self.assertIn(b"\r\nX-One: 1\r\n", request)
        self.assertTrue(request.endswith(b"Proxy-Authorization: Basic bWU6c2VjcmV0\r\n\r\n"))
        self.transport.deliver(OK)

    def test_stepsAside(self) -> None:
        """After the answer the transport belongs to what was to be connected."""
        self.transport.deliver(OK)
        carried = self.successResultOf(self.asking.answered)
        self.assertIs(self.transport.protocol, carried)
        self.assertIs(carried.transport, self.transport)
        self.transport.deliver(b"hello")
        self.assertEqual(carried.heard, b"hello")

    def test_whatComesWithTheAnswer(self) -> None:
        """Bytes behind the answer are the server's first ones."""
        self.transport.deliver(OK + b"hello")
        self.assertEqual(self.successResultOf(self.asking.answered).heard, b"hello")

    def test_dripping(self) -> None:
        """The answer may come byte by byte."""
        for byte in OK:
            self.transport.deliver(bytes((byte,)))
        self.successResultOf(self.asking.answered)

    def test_credentialsAreMissing(self) -> None:
        """A proxy that asks for credentials is told, with the options for them."""
        self.transport.deliver(b"HTTP/1.1 407 Proxy Authentication Required\r\nA: b\r\n\r\n")
        words = self.refusal()
        self.assertIn("407 Proxy Authentication Required", words)
        self.assertIn("protocolUsername", words)

    def test_noHTTP(self) -> None:
        """What is no HTTP proxy is found out at its first bytes."""
        self.transport.deliver(b"\x15\x03")
        self.assertIn("no HTTP proxy", self.refusal())

    def test_noStatus(self) -> None:
        """An answer without a status is none."""
        self.transport.deliver(b"HTTP/1.1 yes\r\n\r\n")
        self.assertIn("no HTTP proxy", self.refusal())

    def test_endless(self) -> None:
        """An answer that does not end is not waited for."""
        self.transport.deliver(b"HTTP/1.1 200 OK\r\nX: " + b"x" * LONGEST_ANSWER)
        self.assertIn("longer than", self.refusal())

    def test_hangsUp(self) -> None:
        """A proxy that hangs up says nothing else."""
        self.transport.protocol.connectionLost()
        self.assertIn("hung up", self.refusal())

    def test_silent(self) -> None:
        """A proxy that says nothing is given up in time."""
        self.clock.advance(30)
        self.assertIn("does not answer", self.refusal())

    def test_cancel(self) -> None:
        """Whoever no longer waits ends the connection."""
        self.asking.answered.cancel()
        self.failureResultOf(self.asking.answered, CancelledError)
        self.assertTrue(self.transport.aborted)

    @given(st.binary(max_size=200), st.integers(1, 20))
    def test_anything(self, answer: bytes, size: int) -> None:
        """Whatever is answered, in whatever pieces: a verdict or a wait, never an exception."""
        self.setUp()
        for at in range(0, len(answer), size):
            if not self.asking.answered.called:
                self.transport.deliver(answer[at : at + size])
        if not self.asking.answered.called:
            self.transport.protocol.connectionLost()
        self.asking.answered.addErrback(lambda failure: failure.trap(TunnelError))
