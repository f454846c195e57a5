"""A network in memory, for probes."""

from __future__ import annotations

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import ISystemHandle, ITCPTransport
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from zope.interface import implementer


class Transport(StringTransport):
    """A transport that tells its protocol when it is dropped, as a real one does."""

    aborting = False

    def abortConnection(self) -> None:
        """Drop the connection at once."""
        self.aborting = True
        self.protocol.connectionLost(Failure(ConnectionLost()))

    def hangUp(self) -> None:
        """The connection comes to its proper end."""
        self.protocol.connectionLost(Failure(ConnectionDone()))


@implementer(ITCPTransport, ISystemHandle)
class TCPTransport(Transport):
    """A transport with a socket."""

    def __init__(self, handle: object) -> None:
        super().__init__()
        self._handle = handle

    def getHandle(self) -> object:
        """The socket."""
        return self._handle


def accept(reactor: MemoryReactorClock, handle: object = None) -> Transport:
    """Let the last dial succeed; the client's transport, with the socket C{handle} if given."""
    factory = reactor.tcpClients[-1][2]
    transport = Transport() if handle is None else TCPTransport(handle)
    transport.protocol = factory.buildProtocol(None)
    transport.protocol.makeConnection(transport)
    return transport


def refuse(reactor: MemoryReactorClock, error: Exception) -> None:
    """Let the last dial fail."""
    factory = reactor.tcpClients[-1][2]
    factory.clientConnectionFailed(None, Failure(error))
