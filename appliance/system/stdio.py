"""Standard input and output as one socket, for a program that is started for one connection.

Under inetd they are a socket already. Under a shell, or as ssh's C{ProxyCommand}, they are pipes,
and bytes are carried between them and a socketpair.
"""

from __future__ import annotations

import os
import socket
import stat
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.stdio import StandardIO
from twisted.python.failure import Failure
from zope.interface import implementer


def standardSocket(
    reactor: Any, source: int = 0, sink: int = 1
) -> tuple[socket.socket, Deferred[None]]:
    """A socket that is as good as the descriptors C{source} and C{sink}, and belongs to the caller.

    The Deferred fires when all that was written is out, some time after the socket was closed; the
    process may end then. Raises C{OSError} when a descriptor is not open.
    """
    if all(stat.S_ISSOCK(os.fstat(number).st_mode) for number in (source, sink)):
        return socket.socket(fileno=os.dup(source)), succeed(None)
    theirs, ours = socket.socketpair()
    pipes, inner = _Pipes(sink), _Inner()
    pipes.other, inner.other = inner, pipes
    factory = Factory.forProtocol(lambda: inner)
    factory.noisy = False
    with ours:
        ours.setblocking(False)
        reactor.adoptStreamConnection(ours.fileno(), ours.family, factory)
    StandardIO(pipes, source, sink, reactor)  # type: ignore[call-arg]  # mypy sees Windows's
    pipes.transport.registerProducer(inner.transport, True)
    inner.transport.registerProducer(pipes.transport, True)
    return theirs, pipes.flushed


@implementer(IHalfCloseableProtocol)
class _End(Protocol):
    """Passes bytes, and their end, on to the C{other} end."""

    transport: Any
    other: _End
    quiet = False

    def dataReceived(self, data: bytes) -> None:
        """Pass C{data} on."""
        self.other.transport.write(data)

    def readConnectionLost(self) -> None:
        """Nothing more comes: the other end is told so after all that came."""
        self.quiet = True
        self.other.transport.unregisterProducer()
        self.other.transport.loseWriteConnection()
        if self.other.quiet:
            self.other.transport.loseConnection()

    def writeConnectionLost(self) -> None:
        """Nothing more goes out."""


class _Inner(_End):
    """Our end of the socketpair."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: ARG002
        """The section is through with it."""
        if not self.quiet:
            self.readConnectionLost()
        self.other.transport.loseConnection()


class _Pipes(_End):
    """Standard input and output; C{flushed} fires when nothing more will be written."""

    def __init__(self, sink: int) -> None:
        self._sink = sink
        self.flushed: Deferred[None] = Deferred()

    def writeConnectionLost(self) -> None:
        """All is written, or nobody reads it any more: then there is no use for more."""
        if self.quiet or not self.other.quiet:
            self.other.transport.unregisterProducer()
            self.other.transport.loseConnection()
        # Twisted leaves it open, and whoever reads it waits for its end; the number stays taken.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._sink)
        os.close(nowhere)
        self.flushed.callback(None)

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: ARG002
        """Something failed in both directions at once."""
        if not self.flushed.called:
            self.writeConnectionLost()
