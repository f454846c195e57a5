"""A network in memory, for probes."""

from __future__ import annotations

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure


class Transport(StringTransport):
    """A transport that tells its protocol when it is dropped, as a real one does."""

    def abortConnection(self) -> None:
        """Drop the connection at once."""
        self.aborting = True
        self.protocol.connectionLost(Failure(ConnectionLost()))

    def hangUp(self) -> None:
        """The connection comes to its proper end."""
        self.protocol.connectionLost(Failure(ConnectionDone()))


def accept(reactor: MemoryReactorClock) -> Transport:
    """Let the last dial succeed; the client's transport."""
    factory = reactor.tcpClients[-1][2]
    transport = Transport()
    transport.protocol = factory.buildProtocol(None)
    transport.protocol.makeConnection(transport)
    return transport


def refuse(reactor: MemoryReactorClock, error: Exception) -> None:
    """Let the last dial fail."""
    factory = reactor.tcpClients[-1][2]
    factory.clientConnectionFailed(None, Failure(error))
