"""One socket of a pair as a wire, with a reactor that does what the test says."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.main import CONNECTION_LOST
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from appliance.config.model import SocketOption, SocketRole
from appliance.system.outlet import HIGH_WATER
from appliance.system.wire import Wire

CONNECTION_LOST_FAILURE = Failure(CONNECTION_LOST)


class Reactor(Clock):
    """Remembers who wants to hear of what."""

    def __init__(self) -> None:
        super().__init__()
        self.readers: set[Any] = set()
        self.writers: set[Any] = set()
        self.addReader, self.removeReader = self.readers.add, self.readers.discard
        self.addWriter, self.removeWriter = self.writers.add, self.writers.discard


class Hearer(Protocol):
    """Keeps what it hears, and does as it is told when it does."""

    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.then: Any = lambda: None

    def dataReceived(self, data: bytes) -> None:
        self.heard.append(data)
        self.then()
        self.heard.append("done")

    def connectionLost(self, reason: Any = None) -> None:
        self.heard.append(type(reason.value))


@implementer(IHalfCloseableProtocol)
class HalfHearer(Hearer):
    """One that hears of each direction's end."""

    def readConnectionLost(self) -> None:
        self.heard.append("no more")
        self.then()

    def writeConnectionLost(self) -> None:
        self.heard.append("all said")


class Producer:
    """Counts what it is told."""

    def __init__(self) -> None:
        self.paused = self.resumed = 0

    def pauseProducing(self) -> None:
        self.paused += 1

    def resumeProducing(self) -> None:
        self.resumed += 1


class WireCase(SynchronousTestCase):
    """A wire on C{self.ours}; the test has the other end, C{self.theirs}."""

    def setUp(self) -> None:
        self.reactor = Reactor()
        self.ours, self.theirs = self.pair()
        self.addCleanup(self.theirs.close)
        self.addCleanup(self.ours.close)
        self.wire = Wire(self.reactor, self.ours)

    def pair(self) -> tuple[socket.socket, socket.socket]:
        """Two ends of a TCP connection; the second one never blocks for long."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            one = socket.create_connection(server.getsockname(), timeout=5)
            other, _ = server.accept()
            other.settimeout(5)
        return one, other

    def carry(self, protocol: Hearer | None = None) -> Hearer:
        """What the wire carries."""
        hearer = protocol or HalfHearer()
        self.wire.carry(hearer)
        return hearer

    def fill(self) -> bytes:
        """Write until something waits here; all that was written."""
        written = b""
        while not self.wire.unsent:
            piece = b"%08d" % len(written) * 4096
            self.wire.write(piece)
            written += piece
        return written

    def drain(self, size: int) -> bytes:
        """Receive C{size} bytes at the other end, while the wire sends what it has."""
        got = b""
        while len(got) < size:
            got += self.theirs.recv(1 << 20)
            for writer in tuple(self.reactor.writers):
                self.assertIsNone(writer.doWrite())
        return got


class ReadTests(WireCase):
    """What comes in."""

    def test_delivers(self) -> None:
        """Bytes are delivered as they come, and nothing is as good as nothing."""
        hearer = self.carry()
        self.assertEqual(self.reactor.readers, {self.wire})
        self.assertIsNone(self.wire.doRead())
        self.theirs.sendall(b"hello")
        self.assertIsNone(self.wire.doRead())
        self.assertEqual(hearer.heard, [b"hello", "done"])

    def test_views(self) -> None:
        """Whoever takes views gets them; they may change from one connection to the next."""
        hearer, views = self.carry(), []
        hearer.viewReceived = views.append  # type: ignore[attr-defined]
        self.theirs.sendall(b"hello")
        self.wire.doRead()
        self.assertIsInstance(views[0], memoryview)
        self.assertEqual(bytes(views[0]), b"hello")

    def test_notYet(self) -> None:
        """A protocol that pauses from the start on hears nothing until it resumes."""
        hearer = HalfHearer()
        hearer.makeConnection = lambda wire: wire.pauseProducing()  # type: ignore[method-assign]
        self.carry(hearer)
        self.assertEqual(self.reactor.readers, set())
        self.wire.resumeProducing()
        self.assertEqual(self.reactor.readers, {self.wire})

    def test_pause(self) -> None:
        """What comes during a pause waits in the kernel; the reactor asks once, and no more."""
        hearer = self.carry()
        self.wire.pauseProducing()
        self.assertEqual(self.reactor.readers, {self.wire})
        self.theirs.sendall(b"hello")
        self.wire.doRead()
        self.assertEqual((hearer.heard, self.reactor.readers), ([], set()))
        self.wire.resumeProducing()
        self.assertEqual(self.reactor.readers, {self.wire})
        self.wire.doRead()
        self.assertEqual(hearer.heard, [b"hello", "done"])

    def test_end(self) -> None:
        """The peer's FIN ends that direction alone, also when reading is resumed after it."""
        hearer = self.carry()
        self.theirs.shutdown(socket.SHUT_WR)
        self.wire.doRead()
        self.wire.resumeProducing()
        self.assertEqual((hearer.heard, self.reactor.readers), (["no more"], set()))
        self.wire.write(b"and yet")
        self.assertEqual(self.theirs.recv(100), b"and yet")

    def test_endOfBoth(self) -> None:
        """For a protocol that knows no half-close the FIN is the end."""
        hearer = self.carry(Hearer())
        self.theirs.shutdown(socket.SHUT_WR)
        self.wire.doRead()
        self.assertEqual(hearer.heard, [ConnectionDone])
        self.assertEqual(self.theirs.recv(100), b"")

    def test_reset(self) -> None:
        """A reset is returned to the reactor, which then ends the wire."""
        hearer = self.carry()
        Wire(self.reactor, self.theirs).abortConnection()
        self.theirs.close()
        self.assertIs(self.wire.doRead(), CONNECTION_LOST)
        self.assertEqual(hearer.heard, [])

    def test_hangUp(self) -> None:
        """A reactor that sees the end without anything to read says so itself."""
        hearer = self.carry()
        self.theirs.close()
        self.wire.readConnectionLost(None)  # type: ignore[arg-type]
        self.assertEqual(hearer.heard, ["no more"])


class WriteTests(WireCase):
    """What goes out."""

    def test_atOnce(self) -> None:
        """What the kernel takes is gone at once."""
        self.carry()
        self.wire.writeSequence([b"he", b"llo"])
        self.assertEqual(self.theirs.recv(100), b"hello")
        self.assertEqual((self.wire.unsent, self.reactor.writers), (0, set()))

    def test_order(self) -> None:
        """What it does not take follows in order, whatever becomes of the buffer it was in."""
        self.carry()
        written = self.fill()
        buffer = bytearray(b"last")
        self.wire.write(memoryview(buffer))
        buffer[:] = b"----"
        written += b"last"
        self.assertEqual(self.drain(len(written)), written)
        self.assertEqual((self.wire.unsent, self.reactor.writers), (0, set()))

    def test_producer(self) -> None:
        """Whoever fills it is told to pause once, and to go on when all is sent."""
        self.carry()
        producer = Producer()
        self.wire.registerProducer(producer, True)
        written = self.fill()
        while self.wire.unsent <= 2 * HIGH_WATER:
            self.wire.write(b"x" * 4096)
            written += b"x" * 4096
        self.assertEqual((producer.paused, producer.resumed), (1, 0))
        self.drain(len(written))
        self.assertEqual((producer.paused, producer.resumed), (1, 1))

    def test_pullProducer(self) -> None:
        """One that must be asked for each piece is not taken."""
        self.assertRaises(TypeError, self.wire.registerProducer, Producer(), False)

    def test_halfClose(self) -> None:
        """The FIN goes out behind what is queued; nothing is written after it."""
        hearer = self.carry()
        written = self.fill()
        self.wire.loseWriteConnection()
        self.wire.write(b"too late")
        self.assertEqual(hearer.heard, [])
        self.assertEqual(self.drain(len(written)), written)
        self.assertEqual(self.theirs.recv(100), b"")
        self.assertEqual(hearer.heard, ["all said"])
        self.theirs.sendall(b"still here")
        self.wire.doRead()
        self.assertIn(b"still here", hearer.heard)

    def test_broken(self) -> None:
        """A write that fails ends the wire, but not before what had come is delivered."""
        hearer = self.carry()
        self.theirs.sendall(b"goodbye")
        self.theirs.close()
        while not self.reactor.writers:
            self.wire.write(b"x")
        self.assertEqual(self.reactor.readers, {self.wire})
        self.wire.write(b"unheard")
        self.wire.loseWriteConnection()
        self.wire.doRead()
        self.assertEqual(hearer.heard, [b"goodbye", "done"])
        self.assertIs(self.wire.doWrite(), CONNECTION_LOST)


class EndTests(WireCase):
    """How it closes."""

    def ended(self) -> bool:
        """True when the socket is closed and the reactor has forgotten it."""
        return self.ours.fileno() < 0 and not self.reactor.readers | self.reactor.writers

    def test_inAnotherTurn(self) -> None:
        """Who closes from elsewhere does not hear of the end at once."""
        hearer = self.carry()
        self.wire.loseConnection()
        self.wire.loseConnection()
        self.assertEqual(hearer.heard, [])
        self.assertTrue(self.wire.disconnecting)
        self.reactor.advance(0)
        self.assertEqual(hearer.heard, [ConnectionDone])
        self.assertTrue(self.ended())

    def test_afterTheCall(self) -> None:
        """Who closes while it hears something hears of the end right after that."""
        hearer = self.carry()
        hearer.then = self.wire.loseConnection
        self.theirs.sendall(b"hello")
        self.wire.doRead()
        self.assertEqual(hearer.heard, [b"hello", "done", ConnectionDone])
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        self.assertTrue(self.ended())

    def test_afterTheEnd(self) -> None:
        """So does who closes on hearing of the peer's end."""
        hearer = self.carry()
        hearer.then = self.wire.loseConnection
        self.theirs.close()
        self.wire.doRead()
        self.assertEqual(hearer.heard, ["no more", ConnectionDone])
        self.assertTrue(self.ended())

    def test_afterTheQueue(self) -> None:
        """All that is queued is sent before the end, and nothing is heard meanwhile."""
        hearer = self.carry()
        written = self.fill()
        self.wire.loseConnection()
        self.theirs.sendall(b"unheard")
        self.wire.doRead()
        self.assertEqual(self.drain(len(written)), written)
        self.assertEqual(self.theirs.recv(100), b"")
        self.assertEqual(hearer.heard, [ConnectionDone])
        self.assertTrue(self.ended())

    def test_unread(self) -> None:
        """Bytes that nobody reads any more do not turn the end into a reset."""
        self.carry()
        self.theirs.sendall(b"a ticket")
        self.wire.write(b"last words")
        self.wire.loseConnection()
        self.reactor.advance(0)
        self.assertEqual(self.theirs.recv(100), b"last words")
        self.assertEqual(self.theirs.recv(100), b"")

    def test_drop(self) -> None:
        """A drop leaves out what is queued, also when a close waits for it already."""
        for wait in (False, True):
            self.setUp()
            hearer = self.carry()
            self.fill()
            if wait:
                self.wire.loseConnection()
            self.wire.dropConnection()
            self.reactor.advance(0)
            self.assertEqual((hearer.heard, self.ended()), ([ConnectionDone], True))

    def test_abort(self) -> None:
        """An abort is a reset, whatever is queued."""
        hearer = self.carry()
        self.fill()
        self.wire.abortConnection()
        self.wire.write(b"too late")
        self.wire.loseConnection()
        self.assertTrue(self.wire.lost)
        self.reactor.advance(0)
        self.assertEqual(hearer.heard, [ConnectionAborted])
        self.assertTrue(self.ended())
        with self.assertRaises(ConnectionResetError):
            while self.theirs.recv(1 << 20):
                pass

    def test_eventsOfBefore(self) -> None:
        """What the reactor still has in hand for a wire that is about to end does nothing."""
        hearer = self.carry()
        self.theirs.sendall(b"unheard")
        self.wire.abortConnection()
        self.assertEqual((self.wire.doRead(), self.wire.doWrite()), (None, None))
        self.reactor.advance(0)
        self.assertEqual(hearer.heard, [ConnectionAborted])

    def test_byTheReactor(self) -> None:
        """A reactor that gives the socket up is believed, once."""
        hearer = self.carry()
        self.wire.loseConnection()
        self.wire.connectionLost(CONNECTION_LOST_FAILURE)
        self.reactor.advance(0)
        self.assertEqual(len(hearer.heard), 1)
        self.assertTrue(self.ended())


class SocketTests(WireCase):
    """What becomes of the socket itself."""

    def test_addresses(self) -> None:
        """It tells both addresses, and the number that it keeps beyond its end."""
        self.assertEqual(self.wire.getPeer().port, self.theirs.getsockname()[1])
        self.assertEqual(self.wire.getHost().port, self.theirs.getpeername()[1])
        number = self.wire.fileno()
        self.carry()
        self.wire.connectionLost(CONNECTION_LOST_FAILURE)
        self.assertEqual(self.wire.fileno(), number)

    def test_unix(self) -> None:
        """A socket pair is as good; what only TCP has is not set there."""
        one, other = socket.socketpair()
        self.addCleanup(one.close)
        self.addCleanup(other.close)
        option = SocketOption(SocketRole.LOCAL, "x", socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 9)
        wire = Wire(self.reactor, one, [option])
        wire.carry(Hearer())
        other.sendall(b"hello")
        wire.doRead()
        self.assertIsNone(wire.getPeer().name)

    def test_options(self) -> None:
        """The options that are asked for come after those that are always set."""
        one, other = self.pair()
        self.addCleanup(one.close)
        self.addCleanup(other.close)
        option = SocketOption(SocketRole.LOCAL, "x", socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)
        Wire(self.reactor, one, [option])
        self.assertEqual(one.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY), 0)
        self.assertTrue(one.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
        self.assertEqual(one.gettimeout(), 0)
