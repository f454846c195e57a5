"""One connected socket at the reactor, as the relay needs it: prompt, bounded and half-closable.

A L{Wire} is the transport of whatever it carries. It reads into one buffer that all connections
share, sends at once what the kernel takes, has what it read acknowledged at once, and ends when
there is nothing left to send. Twisted's own transports do each of these in another turn of the
reactor. It knows nothing of TLS or DICOM.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Iterable
from typing import Any, Final

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.error import ConnectionAborted
from twisted.internet.interfaces import (
    IAddress,
    IHalfCloseableDescriptor,
    IHalfCloseableProtocol,
    IProtocol,
    IPushProducer,
    IReadDescriptor,
    ISystemHandle,
    ITransport,
    IWriteDescriptor,
)
from twisted.internet.main import CONNECTION_LOST
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from appliance.config.model import SocketOption
from appliance.system.outlet import Outlet

INBOX: Final = memoryview(bytearray(256 * 1024))
"""What every connection of the process is read into, since one is read at a time."""

_RESET: Final = struct.pack("ii", 1, 0)


@implementer(
    IReadDescriptor,
    IWriteDescriptor,
    IHalfCloseableDescriptor,
    ITransport,
    IPushProducer,
    ISystemHandle,
)
class Wire(Outlet):
    """The transport on C{handle}, a connected socket that is its own from now on.

    A carried protocol with a method C{viewReceived(view)} gets a memoryview that is good only
    during that call; any other gets bytes through C{dataReceived}, as usual. One that provides
    C{IHalfCloseableProtocol} hears of each direction's end by itself. C{options} are set on the
    socket after our own. Raises C{OSError} when they cannot be.
    """

    protocol: IProtocol

    def __init__(
        self, reactor: Any, handle: socket.socket, options: Iterable[SocketOption] = ()
    ) -> None:
        super().__init__(reactor, handle)
        self._number = handle.fileno()
        self._family = handle.family
        self._internet = self._family != socket.AF_UNIX
        self._reading = self._paused = self._readEnded = self._inTurn = False
        self._why = connectionDone
        if handle.gettimeout() != 0:
            handle.setblocking(False)
        if self._internet:
            handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            handle.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option in options:
            if self._internet or option.level == socket.SOL_SOCKET:
                handle.setsockopt(option.level, option.number, option.value)

    def carry(self, protocol: IProtocol) -> None:
        """Connect C{protocol}, and read unless it does not want that yet."""
        self.protocol = protocol
        protocol.makeConnection(self)
        self._read()

    # --- reading ---------------------------------------------------------------------------

    def doRead(self) -> Any:
        """Something has come, or the end; a connection that is lost is returned as such."""
        if self._paused or self.lost or self.disconnecting:
            self._unread()
            return None
        try:
            size = self._socket.recv_into(INBOX)
        except BlockingIOError:
            return None
        except OSError:
            return CONNECTION_LOST
        self._inTurn = True
        if size:
            self._hand(INBOX[:size])
        else:
            self._unread()
            self.readConnectionLost(connectionDone)
        self._inTurn = False
        if self.lost:
            self.connectionLost(self._why)
        return None

    def _hand(self, view: memoryview) -> None:
        receive = getattr(self.protocol, "viewReceived", None)
        if receive is not None:
            receive(view)
        else:
            self.protocol.dataReceived(bytes(view))
        if self._internet:
            # dcmtk writes each PDU in two pieces with Nagle on, so a delayed ACK costs it 40 ms a
            # PDU. The kernel drops the flag again by itself: it must be set after each read.
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def readConnectionLost(self, reason: Failure) -> None:  # noqa: ARG002
        """The peer's FIN: it has no more to say but may still listen."""
        self._reading = False
        self._readEnded = True
        if IHalfCloseableProtocol.providedBy(self.protocol):
            self.protocol.readConnectionLost()
        else:
            self.loseConnection()

    def pauseProducing(self) -> None:
        """Deliver no more; the reactor is told only if more comes meanwhile."""
        self._paused = True

    def resumeProducing(self) -> None:
        """Read from the peer again."""
        self._paused = False
        self._read()

    def stopProducing(self) -> None:
        """Close, since whoever consumes us is gone."""
        self.loseConnection()

    def _read(self) -> None:
        if self._reading or self._paused or self._readEnded or self.lost or self.disconnecting:
            return
        self._reading = True
        self._reactor.addReader(self)

    def _unread(self) -> None:
        if self._reading:
            self._reading = False
            self._reactor.removeReader(self)

    # --- ending ----------------------------------------------------------------------------

    def emptied(self) -> None:
        """All that was queued is with the kernel."""
        if self.disconnecting:
            self.connectionLost(connectionDone)
        elif self._finishing:
            self._sendFIN()
        else:
            super().emptied()

    def loseWriteConnection(self) -> None:
        """Send what is queued, then FIN; reading goes on."""
        if self.lost or self._finishing:
            return
        self._finishing = True
        if not self._queue:
            self._sendFIN()

    def _sendFIN(self) -> None:
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            # Gone altogether, as reading finds out.
            return
        if IHalfCloseableProtocol.providedBy(self.protocol):
            self.protocol.writeConnectionLost()

    def loseConnection(self) -> None:
        """Send what is queued, then close."""
        if self.lost or self.disconnecting:
            return
        self.disconnecting = self._finishing = True
        self._unread()
        if not self._queue:
            self._endSoon(connectionDone)

    def dropConnection(self) -> None:
        """Close at once with a FIN; what is queued here is not sent."""
        self._queue.clear()
        self._queued = 0
        self.loseConnection()
        self._endSoon(connectionDone)

    def abortConnection(self) -> None:
        """Reset the connection at once; nothing queued is sent."""
        if not self.lost:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._endSoon(Failure(ConnectionAborted()))

    def _endSoon(self, reason: Failure) -> None:
        """Close, but not in the midst of a call, where nobody expects to hear of the end."""
        if self.lost:
            return
        self.lost = True
        self._why = reason
        self._unread()
        self._unwrite()
        # Not in another's turn either: the reactor may still have an event of ours, and must not
        # find a new connection under our number.
        if not self._inTurn:
            self._reactor.callLater(0, self.connectionLost, reason)

    def writeConnectionLost(self, reason: Failure) -> None:
        """No reactor calls this: it is we who end that direction."""

    def connectionLost(self, reason: Failure) -> None:
        """Both directions are gone."""
        if self._socket.fileno() < 0:
            return
        self.lost = True
        self._unread()
        self._unwrite()
        if reason is connectionDone and not self._readEnded:
            self._discard()
        self._socket.close()
        self._queue.clear()
        self._queued = 0
        self._producer = None
        protocol = self.protocol
        del self.protocol
        protocol.connectionLost(reason)

    def _discard(self) -> None:
        """Read what is left: to close with bytes unread would take away what was sent last."""
        with contextlib.suppress(OSError):
            self._socket.recv_into(INBOX)

    # --- who is who ------------------------------------------------------------------------

    def getPeer(self) -> IAddress:
        """The remote address."""
        return _address(self._family, self._socket.getpeername())

    def getHost(self) -> IAddress:
        """Our own address."""
        return _address(self._family, self._socket.getsockname())

    def getHandle(self) -> socket.socket:
        """The socket."""
        return self._socket

    def fileno(self) -> int:
        """The socket's number, also after its end: a reactor looks for one that has changed."""
        return self._number

    def logPrefix(self) -> str:
        """What Twisted calls us in a log of its own."""
        return "wire"


def _address(family: int, where: Any) -> IAddress:
    if family == socket.AF_INET:
        return IPv4Address("TCP", *where)
    if family == socket.AF_INET6:
        return IPv6Address("TCP", *where)
    return UNIXAddress(where or None)
