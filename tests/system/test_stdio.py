"""Standard input and output as one socket."""

from __future__ import annotations

import os
import socket
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.process import ProcessReader
from twisted.internet.protocol import Factory
from twisted.internet.stdio import StandardIO
from twisted.trial.unittest import TestCase

from appliance.system import stdio
from appliance.system.stdio import standardSocket
from tests.test_section import turn
from tests.tls.test_transport import BULK, HalfRecorder


class SocketTests(TestCase):
    """As inetd starts us."""

    def test_same(self) -> None:
        """A socket is itself, under another number, so that the standard one may be closed."""
        ours, theirs = socket.socketpair()
        with ours, theirs:
            number = theirs.fileno()
            handle, flushed = standardSocket(reactor, number, number)
            with handle:
                self.assertNotEqual(handle.fileno(), number)
                ours.sendall(b"hello")
                self.assertEqual(handle.recv(5), b"hello")
        self.successResultOf(flushed)

    def test_closed(self) -> None:
        """A descriptor that is not open is an error."""
        ours, theirs = socket.socketpair()
        number = theirs.fileno()
        theirs.close()
        ours.close()
        with self.assertRaises(OSError):
            standardSocket(reactor, number, number)


class PipeTests(TestCase):
    """As a shell or ssh starts us."""

    timeout = 10

    def setUp(self) -> None:
        source, self.say = os.pipe()
        self.hear, sink = os.pipe()
        made: list[StandardIO] = []

        def make(*arguments: Any) -> None:
            made.append(StandardIO(*arguments))

        self.patch(stdio, "StandardIO", make)
        handle, self.flushed = standardSocket(reactor, source, sink)
        (self.pipes,) = made
        self.inner = self.pipes.protocol.other.transport
        self.relay = HalfRecorder()
        handle.setblocking(False)
        with handle:
            factory = Factory.forProtocol(lambda: self.relay)
            factory.noisy = False
            reactor.adoptStreamConnection(handle.fileno(), handle.family, factory)
        self.output = Output(self.hear)
        self.open = {self.say, self.hear, source, sink}
        self.addCleanup(self.end)

    def close(self, number: int) -> None:
        """Close a descriptor of the test's."""
        self.open.discard(number)
        os.close(number)

    async def end(self) -> None:
        if not self.relay.lost.called:
            self.relay.transport.abortConnection()
        await self.relay.lost
        if not self.flushed.called:
            await self.flushed
        if not self.output.ended.called:
            await self.output.ended
        self.pipes.loseConnection()
        self.inner.abortConnection()
        await turn()
        for number in tuple(self.open):
            self.close(number)

    async def test_input(self) -> None:
        """What is written to standard input arrives, and its end after it."""
        os.write(self.say, b"hello")
        await self.relay.upTo(5)
        self.close(self.say)
        await self.relay.readEnded
        self.assertEqual(self.relay.received, b"hello")

    async def test_output(self) -> None:
        """What is said arrives at standard output, all of it before it is told to be out."""
        self.relay.transport.write(BULK)
        self.relay.transport.loseConnection()
        await self.output.ended
        self.assertEqual(bytes(self.output.heard), BULK)
        await self.flushed

    async def test_halfClose(self) -> None:
        """The end of the input leaves the output open."""
        self.close(self.say)
        await self.relay.readEnded
        self.relay.transport.write(b"answer")
        self.relay.transport.loseConnection()
        await self.output.ended
        self.assertEqual(bytes(self.output.heard), b"answer")

    async def test_nobodyReads(self) -> None:
        """When nobody reads the output any more the connection is at its end."""
        self.output.reader.stopReading()
        self.close(self.hear)
        self.output.ended.callback(None)
        await self.flushed
        await self.relay.readEnded


class Output:
    """Reads a pipe to its end, as a C{ProcessReader} wants it."""

    def __init__(self, number: int) -> None:
        self.heard = bytearray()
        self.ended: Deferred[None] = Deferred()
        self.reader = ProcessReader(reactor, self, "output", number)  # type: ignore[arg-type]
        self.reader.startReading()

    def childDataReceived(self, _: str, data: bytes) -> None:
        self.heard += data

    def childConnectionLost(self, *_: object) -> None:
        self.ended.callback(None)
