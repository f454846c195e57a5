"""The TLS leg. One suite runs on Twisted's own transport too; what only ours does is marked so."""

from __future__ import annotations

import socket
from hashlib import sha256
from typing import Any

from OpenSSL import SSL
from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IHalfCloseableProtocol, IHandshakeListener
from twisted.internet.protocol import Factory, Protocol
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from appliance.config.model import TLSVersion
from appliance.tls.context import build
from appliance.tls.creator import Creator
from appliance.tls.transport import MOST_ANSWERS, TLSWireFactory
from tests import material as m
from tests.wires import connect, listen

BULK = bytes(range(256)) * 4 * 1024 * 6
"""Six MiB that a shifted or doubled byte would alter."""


@implementer(IHandshakeListener)
class Recorder(Protocol):
    """Keeps what it hears and tells who waits for it."""

    transport: Any

    def __init__(self) -> None:
        self.received = bytearray()
        self.made: Deferred[None] = Deferred()
        self.shaken: Deferred[None] = Deferred()
        self.lost: Deferred[Any] = Deferred()
        self._wanted = 0
        self._enough: Deferred[None] | None = None

    def connectionMade(self) -> None:
        self.made.callback(None)

    def handshakeCompleted(self) -> None:
        self.shaken.callback(None)

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        if self._enough is not None and len(self.received) >= self._wanted:
            enough, self._enough = self._enough, None
            enough.callback(None)

    def upTo(self, size: int) -> Deferred[None]:
        """Fires when C{size} bytes have come in all."""
        done: Deferred[None] = Deferred()
        if len(self.received) >= size:
            done.callback(None)
        else:
            self._wanted, self._enough = size, done
        return done

    def connectionLost(self, reason: Any) -> None:
        self.lost.callback(reason.value)


@implementer(IHalfCloseableProtocol)
class HalfRecorder(Recorder):
    """A recorder that hears each direction's end by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.readEnded: Deferred[None] = Deferred()

    def readConnectionLost(self) -> None:
        self.readEnded.callback(None)

    def writeConnectionLost(self) -> None:
        pass


class ViewRecorder(HalfRecorder):
    """A recorder that takes views."""

    def viewReceived(self, view: memoryview) -> None:
        assert isinstance(view, memoryview | bytes)
        self.dataReceived(bytes(view))


class One(Factory):
    """Builds one given protocol, and others of its kind for whoever comes later."""

    noisy = False

    def __init__(self, protocol: Recorder) -> None:
        self._protocol = protocol
        self.built: list[Recorder] = []

    def buildProtocol(self, addr: Any) -> Protocol:
        built = type(self._protocol)() if self.built else self._protocol
        self.built.append(built)
        return built

    def end(self) -> Deferred[Any]:
        """Reset whatever is still connected; fires when all is gone."""
        alive = [built for built in self.built if not built.lost.called]
        for built in alive:
            built.transport.abortConnection()
        return DeferredList([built.lost for built in alive])


class Loopback(TestCase):
    """A TLS server and client on loopback sockets."""

    timeout = 20
    version = TLSVersion.TLSv1_3

    def serverFactory(self, creator: Creator, carried: Factory) -> Factory:
        """The server side under test."""
        return TLSWireFactory(creator, False, carried)

    def context(self, client: bool, **changes: Any) -> SSL.Context:
        """A context for one side."""
        changes = {"minimum": self.version, "maximum": self.version, **changes}
        tls = m.tlsConfig(client=client, **changes)
        return build("test", m.WHERE, tls, m.material(None if client else m.server()))

    async def connected(
        self,
        server: Recorder,
        client: Recorder,
        stockClient: bool = False,
        serverContext: dict[str, Any] | None = None,
        clientContext: dict[str, Any] | None = None,
    ) -> None:
        """Connect C{client} to C{server}; the handshake is still to come."""
        creator = Creator(self.context(False, **(serverContext or {})))
        accepted, dialled = One(server), One(client)
        port = listen(self, self.serverFactory(creator, accepted))
        wrap = TLSMemoryBIOFactory if stockClient else TLSWireFactory
        factory = wrap(Creator(self.context(True, **(clientContext or {}))), True, dialled)
        self.addCleanup(accepted.end)
        self.addCleanup(dialled.end)
        await connect(port, factory)
        await server.made


class SharedTests:
    """What Twisted's transport and ours must both do."""

    async def test_bytesArriveBothWays(self) -> None:
        """Large transfers arrive unaltered in both directions at once."""
        server, client = Recorder(), Recorder()
        await self.connected(server, client)
        server.transport.write(BULK)
        client.transport.write(BULK[::-1])
        await server.upTo(len(BULK))
        await client.upTo(len(BULK))
        self.assertEqual(sha256(client.received).digest(), sha256(BULK).digest())
        self.assertEqual(sha256(server.received).digest(), sha256(BULK[::-1]).digest())

    async def test_twistedAsClient(self) -> None:
        """Twisted's own TLS client gets along with the server."""
        server, client = Recorder(), Recorder()
        await self.connected(server, client, stockClient=True)
        client.transport.write(b"hello")
        await server.upTo(5)
        server.transport.write(BULK)
        await client.upTo(len(BULK))
        self.assertEqual(client.received, BULK)

    async def test_writesBeforeTheHandshake(self) -> None:
        """What is written before the handshake has ended is sent after it, in order."""
        server, client = Recorder(), Recorder()
        await self.connected(server, client)
        for piece in (b"one ", b"two ", b"three"):
            client.transport.write(piece)
        await server.upTo(13)
        self.assertEqual(bytes(server.received), b"one two three")

    async def test_tellsOfTheHandshake(self) -> None:
        """A handshake listener hears of the handshake, once, on both sides."""
        server, client = Recorder(), Recorder()
        await self.connected(server, client)
        await server.shaken
        await client.shaken

    async def test_peerCertificate(self) -> None:
        """The client can ask for the server's certificate."""
        server, client = Recorder(), Recorder()
        await self.connected(server, client)
        await client.shaken
        certificate = client.transport.getPeerCertificate().to_cryptography()
        self.assertEqual(certificate, m.server().certificate.chain[0])
        self.assertIsNone(server.transport.getPeerCertificate())

    async def test_closeEndsBothCleanly(self) -> None:
        """All that was written before C{loseConnection} arrives, and both sides end cleanly."""
        server, client = Recorder(), Recorder()
        await self.connected(server, client)
        server.transport.write(BULK)
        server.transport.loseConnection()
        error = await client.lost
        self.assertEqual(client.received, BULK)
        self.assertNotIsInstance(error, SSL.Error)
        await server.lost

    async def test_noSharedCipher(self) -> None:
        """A failed handshake ends both with OpenSSL's error."""
        server, client = Recorder(), Recorder()
        await self.connected(
            server,
            client,
            serverContext={
                "ciphers": "ECDHE-RSA-AES256-GCM-SHA384",
                "maximum": TLSVersion.TLSv1_2,
                "minimum": TLSVersion.TLSv1_2,
            },
            clientContext={
                "ciphers": "ECDHE-RSA-AES128-GCM-SHA256",
                "maximum": TLSVersion.TLSv1_2,
                "minimum": TLSVersion.TLSv1_2,
            },
        )
        error = await server.lost
        self.assertIsInstance(error, SSL.Error)
        self.assertIn("no shared cipher", str(error))
        self.assertIsInstance(await client.lost, SSL.Error)

    async def test_slowReaderPausesTheProducer(self) -> None:
        """While the peer does not read, a producer is paused and little is kept in memory."""
        server, client = Recorder(), Recorder()
        await self.connected(server, client)
        await client.shaken
        client.transport.pauseProducing()
        producer = Pump(server.transport)
        server.transport.registerProducer(producer, True)
        await producer.paused
        self.assertLess(producer.written, 16 * 1024 * 1024)
        client.transport.resumeProducing()
        await producer.resumed
        server.transport.unregisterProducer()
        await client.upTo(producer.written)
        self.assertEqual(set(client.received), {ord("x")})


class Pump:
    """A push producer that writes whenever it may."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self.written = 0
        self.paused: Deferred[None] = Deferred()
        self.resumed: Deferred[None] = Deferred()
        self._call = reactor.callLater(0, self._write)

    def _write(self) -> None:
        self._call = reactor.callLater(0, self._write)
        self.written += 65536
        self._transport.write(b"x" * 65536)

    def pauseProducing(self) -> None:
        if self._call.active():
            self._call.cancel()
        if not self.paused.called:
            self.paused.callback(None)

    def resumeProducing(self) -> None:
        if not self.resumed.called:
            self.resumed.callback(None)

    stopProducing = pauseProducing


class Pauses:
    """A producer that tells when it is first paused."""

    def __init__(self, paused: Deferred[None]) -> None:
        self._paused = paused

    def pauseProducing(self) -> None:
        if not self._paused.called:
            self._paused.callback(None)

    def resumeProducing(self) -> None:
        pass

    stopProducing = resumeProducing


class TLS13Tests(SharedTests, Loopback):
    """Our transport, TLS 1.3."""


class TLS12Tests(SharedTests, Loopback):
    """Our transport, TLS 1.2."""

    version = TLSVersion.TLSv1_2


class StockTests(SharedTests, Loopback):
    """Twisted's own transport as the server: the yardstick."""

    def serverFactory(self, creator: Creator, carried: Factory) -> Factory:
        """Twisted's."""
        return TLSMemoryBIOFactory(creator, False, carried)


class OursOnly:
    """What Twisted's transport does not do."""

    async def test_halfCloseByTheClient(self) -> None:
        """After the client's close_notify the server still sends, and the client still reads."""
        server, client = HalfRecorder(), HalfRecorder()
        await self.connected(server, client)
        client.transport.write(b"request")
        client.transport.loseWriteConnection()
        await server.readEnded
        self.assertEqual(bytes(server.received), b"request")
        self.assertTrue(server.transport.cleanEnd)
        server.transport.write(BULK)
        server.transport.loseWriteConnection()
        await client.readEnded
        self.assertEqual(client.received, BULK)
        await client.lost
        await server.lost

    async def test_halfCloseByTheServer(self) -> None:
        """After the server's close_notify the client still sends, and the server still reads."""
        server, client = HalfRecorder(), HalfRecorder()
        await self.connected(server, client)
        await server.shaken
        server.transport.loseWriteConnection()
        await client.readEnded
        client.transport.write(BULK)
        client.transport.loseWriteConnection()
        await server.readEnded
        self.assertEqual(server.received, BULK)
        await client.lost
        await server.lost

    async def test_halfCloseBeforeTheHandshake(self) -> None:
        """A direction that is ended before the handshake ends after what was written to it."""
        server, client = HalfRecorder(), HalfRecorder()
        await self.connected(server, client)
        client.transport.write(b"request")
        client.transport.loseWriteConnection()
        client.transport.write(b"too late")
        await server.readEnded
        self.assertEqual(bytes(server.received), b"request")

    async def test_abruptFINDeliversAll(self) -> None:
        """A FIN without close_notify cuts nothing, in neither direction."""
        server, client = HalfRecorder(), HalfRecorder()
        await self.connected(server, client)
        await client.shaken
        client.transport.write(BULK)
        client.transport.transport.loseWriteConnection()
        server.transport.write(BULK)
        await server.readEnded
        self.assertFalse(server.transport.cleanEnd)
        self.assertEqual(server.received, BULK)
        server.transport.loseWriteConnection()
        await client.readEnded
        self.assertEqual(client.received, BULK)

    async def test_pauseHoldsDecryptedBytes(self) -> None:
        """A pause takes effect within one read, and nothing is lost by it, not even a FIN."""
        client = HalfRecorder()
        server = Pausing()
        await self.connected(server, client)
        client.transport.write(BULK)
        client.transport.loseConnection()
        await server.readEnded
        self.assertEqual(server.received, BULK)
        self.assertGreater(server.pauses, 10)

    async def test_views(self) -> None:
        """A protocol that takes views gets them."""
        server, client = ViewRecorder(), Recorder()
        await self.connected(server, client)
        client.transport.write(BULK)
        await server.upTo(len(BULK))
        self.assertEqual(server.received, BULK)

    async def test_plainTextPeer(self) -> None:
        """A peer that speaks no TLS ends in an error, and its first bytes are kept."""
        server, client = Recorder(), Recorder()
        creator = Creator(self.context(False))
        accepted, dialled = One(server), One(client)
        port = listen(self, self.serverFactory(creator, accepted))
        self.addCleanup(accepted.end)
        self.addCleanup(dialled.end)
        await connect(port, dialled)
        client.transport.write(b"\x01\x00\x00\x00\x00\xcd")
        error = await server.lost
        self.assertIsInstance(error, SSL.Error)
        self.assertTrue(server.transport.firstBytes.startswith(b"\x01\x00"))
        await client.lost

    async def test_garbageInMidStream(self) -> None:
        """What was good before a broken record is delivered, then the error is told."""
        server, client = HalfRecorder(), HalfRecorder()
        await self.connected(server, client)
        await client.shaken
        client.transport.write(b"good")
        client.transport.transport.write(b"\x17\x03\x03\x00\x20" + bytes(32))
        error = await server.lost
        self.assertEqual(bytes(server.received), b"good")
        self.assertIsInstance(error, SSL.Error)

    async def test_abortIsAReset(self) -> None:
        """C{abortConnection} resets; the other side hears no clean end."""
        server, client = Recorder(), Recorder()
        await self.connected(server, client)
        await client.shaken
        server.transport.abortConnection()
        error = await client.lost
        self.assertEqual(type(error).__name__, "ConnectionLost")
        await server.lost


class Pausing(HalfRecorder):
    """Pauses at each delivery and resumes in the next turn."""

    pauses = 0

    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data)
        self.pauses += 1
        self.transport.pauseProducing()
        reactor.callLater(0, self.transport.resumeProducing)


class OursTLS13Tests(OursOnly, Loopback):
    """TLS 1.3."""


class OursTLS12Tests(OursOnly, Loopback):
    """TLS 1.2."""

    version = TLSVersion.TLSv1_2


class WireTests(TestCase):
    """The plain leg on loopback sockets."""

    timeout = 20

    async def connected(self, server: Recorder, client: Recorder) -> None:
        """Connect two wires."""
        accepted, dialled = One(server), One(client)
        port = listen(self, accepted)
        self.addCleanup(accepted.end)
        self.addCleanup(dialled.end)
        await connect(port, dialled)
        await server.made

    async def test_bulkAndHalfClose(self) -> None:
        """Bulk arrives, and each direction ends by itself."""
        server, client = HalfRecorder(), HalfRecorder()
        await self.connected(server, client)
        client.transport.write(BULK)
        client.transport.loseWriteConnection()
        await server.readEnded
        self.assertEqual(server.received, BULK)
        server.transport.write(BULK)
        server.transport.loseWriteConnection()
        await client.readEnded
        self.assertEqual(client.received, BULK)
        server.transport.loseConnection()
        client.transport.loseConnection()
        await server.lost
        await client.lost

    async def test_orderAcrossTheQueue(self) -> None:
        """Writes keep their order whether they go straight to the socket or by the queue."""
        server, client = Recorder(), Recorder()
        await self.connected(server, client)
        server.transport.pauseProducing()
        queued: Deferred[None] = Deferred()
        client.transport.registerProducer(Pauses(queued), True)
        sent = bytearray()
        while not queued.called:
            sent += self._piece(client, len(sent))
        server.transport.resumeProducing()
        sent += self._piece(client, len(sent))
        await server.upTo(len(sent))
        self.assertEqual(server.received, sent)

    @staticmethod
    def _piece(client: Recorder, number: int) -> bytes:
        piece = b"%08d" % number * (1 + number % 700)
        client.transport.write(piece)
        return piece

    async def test_socketOptions(self) -> None:
        """Small writes leave at once and dead peers are noticed by the kernel."""
        server, client = Recorder(), Recorder()
        await self.connected(server, client)
        handle = client.transport.getHandle()
        self.assertTrue(handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        self.assertTrue(handle.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))


class HostilePeerTests(Loopback):
    """A peer that makes us talk and does not listen."""

    version = TLSVersion.TLSv1_2

    async def test_answersAreBounded(self) -> None:
        """Refused renegotiations queue warnings for a peer that does not read, up to a bound."""
        server, client = HalfRecorder(), HalfRecorder()
        await self.connected(
            server, client, clientContext={"clearOptions": SSL.OP_NO_RENEGOTIATION}
        )
        await client.shaken
        client.transport.pauseProducing()
        server.transport._answered = MOST_ANSWERS
        server.transport.transport._queue.append(b"x")  # as though the kernel took no more
        server.transport.transport._queued += 1
        tls = client.transport.connection
        tls.renegotiate()
        try:
            tls.do_handshake()
        except SSL.Error:
            pass
        client.transport._flush()
        error = await server.lost
        self.assertIn("does not read", str(error))
