"""The sender over TCP: what it does while a collector is away, slow, or rude."""

from __future__ import annotations

from typing import Any

from twisted.internet import error
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from appliance import events as e
from appliance.audit.outbox import Outbox
from appliance.audit.spool import Memory, Queue
from appliance.audit.stream import HOLD, READ_WITHIN, READY_WITHIN, STOP_WITHIN, Line, Sender


class Transport:
    """A connection to a collector that the test plays."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.halfClosed = False
        self.aborted = False

    def write(self, data: bytes) -> None:
        """Take C{data}."""
        self.written.append(data)

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Whoever writes can be paused."""
        assert streaming

    def loseWriteConnection(self) -> None:
        """We have no more to say."""
        self.halfClosed = True

    def abortConnection(self) -> None:
        """We give up."""
        self.aborted = True


class Endpoint:
    """Where the sender connects to, when the test lets it."""

    def __init__(self) -> None:
        self.attempts: list[tuple[IProtocolFactory, Deferred[Any]]] = []

    def connect(self, factory: IProtocolFactory) -> Deferred[Any]:
        """Note an attempt."""
        waiting: Deferred[Any] = Deferred()
        self.attempts.append((factory, waiting))
        return waiting


class SenderCase(SynchronousTestCase):
    """A sender on a clock, a second between attempts."""

    encrypted = False

    def setUp(self) -> None:
        self.clock = Clock()
        self.told: list[e.Event] = []
        self.endpoint = Endpoint()
        self.queue = Queue(Memory(), 100)
        self.sender = Sender(
            self.clock,
            Outbox("audit.example:6514", self.queue, self.told.append),
            self.endpoint,  # type: ignore[arg-type]
            lambda factory: factory,
            lambda _transport, why: type(why).__name__,
            encrypted=self.encrypted,
            delay=float,
        )
        self.sender.startService()

    def connects(self) -> tuple[Line, Transport]:
        """The attempt that is under way leads to a connection."""
        factory, waiting = self.endpoint.attempts[-1]
        line: Any = factory.buildProtocol(None)  # type: ignore[arg-type]
        transport = Transport()
        line.makeConnection(transport)
        waiting.callback(line)
        return line, transport

    def fails(self) -> None:
        """The attempt that is under way leads nowhere."""
        self.endpoint.attempts[-1][1].errback(error.ConnectionRefusedError())

    @staticmethod
    def loses(line: Line, why: Exception) -> None:
        """The connection ends."""
        line.connectionLost(Failure(why))


class SendingTests(SenderCase):
    """The collector is there."""

    def test_frames(self) -> None:
        """What waited and what comes is written at once, each behind its length."""
        self.sender.send(b"early")
        _, transport = self.connects()
        self.sender.send(b"late")
        self.assertEqual(transport.written, [b"5 early", b"4 late"])
        self.assertEqual(self.told, [])

    def test_kept(self) -> None:
        """A message is done with only when its connection has lasted."""
        _, _ = self.connects()
        self.sender.send(b"one")
        self.clock.advance(HOLD - 1)
        self.assertEqual(len(self.queue), 1)
        self.sender.send(b"two")
        self.clock.advance(1)
        self.assertEqual(len(self.queue), 1)
        self.clock.advance(HOLD)
        self.assertEqual(len(self.queue), 0)

    def test_slow(self) -> None:
        """A collector that does not read stops the writing, and fills no memory but the queue."""
        line, transport = self.connects()
        line.pauseProducing()
        for _ in range(50):
            self.sender.send(b"0123456789")
        self.assertEqual(transport.written, [])
        self.assertEqual(len(self.queue), 10)
        line.resumeProducing()
        self.assertEqual(len(transport.written), 10)

    def test_talkative(self) -> None:
        """What a collector says means nothing."""
        line, transport = self.connects()
        line.dataReceived(b"ACK")
        self.assertEqual((transport.written, transport.aborted), ([], False))


class AwayTests(SenderCase):
    """The collector is not there, or goes away."""

    def test_retries(self) -> None:
        """It is tried again, with growing pauses; that it is away is told once."""
        for attempt in range(1, 4):
            self.fails()
            self.clock.advance(attempt - 0.5)
            self.assertEqual(len(self.endpoint.attempts), attempt)
            self.clock.advance(0.5)
            self.assertEqual(len(self.endpoint.attempts), attempt + 1)
        self.assertEqual(
            self.told, [e.AuditAway("audit.example:6514", "ConnectionRefusedError", keeps=True)]
        )

    def test_back(self) -> None:
        """That it is back is told when it has kept a connection, with how many had waited."""
        self.fails()
        self.sender.send(b"one")
        self.sender.send(b"two")
        self.clock.advance(1)
        _, transport = self.connects()
        self.assertEqual(transport.written, [b"3 one", b"3 two"])
        self.assertEqual(len(self.told), 1)
        self.clock.advance(HOLD)
        self.assertEqual(self.told[1:], [e.AuditBack("audit.example:6514", 2, 0)])
        self.clock.advance(10 * HOLD)
        self.assertEqual(len(self.told), 2)

    def test_lost(self) -> None:
        """Beyond the bound the oldest are lost, which is told once, and counted in the end."""
        self.fails()
        for number in range(25):
            self.sender.send(b"message %02d" % number)
        self.assertEqual(self.told[1:], [e.AuditLost("audit.example:6514")])
        self.clock.advance(1)
        _, transport = self.connects()
        self.assertEqual(transport.written[0], b"10 message 15")
        self.clock.advance(HOLD)
        self.assertEqual(self.told[2:], [e.AuditBack("audit.example:6514", 10, 15)])

    def test_reset(self) -> None:
        """After a reset all that was written lately is written again, in its order."""
        line, _ = self.connects()
        self.sender.send(b"old")
        self.clock.advance(HOLD)
        self.sender.send(b"one")
        self.clock.advance(HOLD - 1)
        self.sender.send(b"two")
        self.loses(line, ConnectionLost())
        self.clock.advance(1)
        _, transport = self.connects()
        self.sender.send(b"three")
        self.assertEqual(transport.written, [b"3 one", b"3 two", b"5 three"])

    def test_idleClose(self) -> None:
        """A connection that the collector closes in good order is made anew, without a word.

        What it had time to read is not sent again, or it would be each time.
        """
        line, _ = self.connects()
        self.sender.send(b"read")
        self.clock.advance(READ_WITHIN)
        self.sender.send(b"on its way")
        self.loses(line, ConnectionDone())
        self.clock.advance(1)
        _, transport = self.connects()
        self.assertEqual(transport.written, [b"10 on its way"])
        self.assertEqual(self.told, [])

    def test_noticedBeforeWriting(self) -> None:
        """Nothing is written to a connection whose end we know of."""
        line, transport = self.connects()
        self.loses(line, ConnectionDone())
        self.sender.send(b"one")
        self.assertEqual(transport.written, [])
        self.clock.advance(1)
        self.assertEqual(self.connects()[1].written, [b"3 one"])

    def test_closesAtOnce(self) -> None:
        """Whoever takes connections only to close them counts as away, with growing pauses."""
        self.sender.send(b"one")
        for attempt in range(1, 4):
            line, transport = self.connects()
            self.assertEqual(transport.written, [b"3 one"])
            self.loses(line, ConnectionDone())
            self.clock.advance(attempt)
        self.assertEqual([type(event) for event in self.told], [e.AuditAway])

    def test_twice(self) -> None:
        """A collector that is away a second time is told of a second time."""
        for _ in range(2):
            self.fails()
            self.clock.advance(2)
            line, _ = self.connects()
            self.clock.advance(HOLD)
            self.loses(line, ConnectionDone())
            self.clock.advance(1)
        kinds = [type(event) for event in self.told]
        self.assertEqual(kinds, [e.AuditAway, e.AuditBack] * 2)


class StopTests(SenderCase):
    """The appliance stops."""

    def stop(self) -> Deferred[Any]:
        """Stop."""
        return self.sender.stopService()

    def test_readToTheEnd(self) -> None:
        """A collector that closes after our end has read everything: nothing is left to send."""
        line, transport = self.connects()
        self.sender.send(b"stopped")
        done = self.stop()
        self.assertNoResult(done)
        self.assertTrue(transport.halfClosed)
        self.loses(line, ConnectionDone())
        self.successResultOf(done)
        self.assertEqual(len(self.queue), 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_hangs(self) -> None:
        """One that does not close in time is left, and its messages stay for the next start."""
        line, transport = self.connects()
        self.sender.send(b"stopped")
        done = self.stop()
        self.clock.advance(STOP_WITHIN)
        self.assertTrue(transport.aborted)
        self.loses(line, ConnectionLost())
        self.successResultOf(done)
        self.assertEqual(len(self.queue), 1)

    def test_away(self) -> None:
        """Without a connection there is nothing to wait for, and no attempt is left."""
        self.sender.send(b"stopped")
        self.successResultOf(self.stop())
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.told, [])

    def test_whileWaiting(self) -> None:
        """A stop between two attempts makes no other one."""
        self.fails()
        self.successResultOf(self.stop())
        self.clock.advance(100)
        self.assertEqual(len(self.endpoint.attempts), 1)

    def test_afterwards(self) -> None:
        """What is sent after the stop waits for the next start."""
        line, transport = self.connects()
        self.stop()
        self.sender.send(b"late")
        self.loses(line, ConnectionDone())
        self.assertEqual(transport.written, [])
        self.assertEqual(len(self.queue), 1)


class EncryptedTests(SenderCase):
    """With TLS there is a handshake before anything is sent."""

    encrypted = True

    def test_handshakeFirst(self) -> None:
        """Nothing is written before the collector has proven who it is."""
        self.sender.send(b"one")
        line, transport = self.connects()
        self.assertEqual(transport.written, [])
        line.handshakeCompleted()
        self.assertEqual(transport.written, [b"3 one"])

    def test_overdue(self) -> None:
        """A handshake that does not end is given up."""
        line, transport = self.connects()
        self.clock.advance(READY_WITHIN)
        self.assertTrue(transport.aborted)
        self.loses(line, ConnectionLost())
        self.clock.advance(1)
        self.assertEqual(len(self.endpoint.attempts), 2)

    def test_stoppedBefore(self) -> None:
        """A stop does not wait for a handshake."""
        line, transport = self.connects()
        done = self.sender.stopService()
        self.assertTrue(transport.aborted)
        self.loses(line, ConnectionLost())
        self.successResultOf(done)
