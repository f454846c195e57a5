"""One connected socket at the reactor, as the relay needs it: prompt, bounded and half-closable.

A L{Wire} is the transport of whatever it carries. It reads into one buffer that all connections
share, writes straight to the socket while nothing is queued, keeps what the kernel would not take,
tells a producer when to pause, and has what it read acknowledged at once. Twisted's own transports
do each of these in another turn of the reactor. It knows nothing of TLS or DICOM.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from collections import deque
from collections.abc import Iterable
from typing import Any

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
from twisted.internet.main import CONNECTION_DONE, CONNECTION_LOST
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from appliance.config.model import SocketOption

INBOX = memoryview(bytearray(256 * 1024))
"""What every connection of the process is read into, since one is read at a time."""

HIGH_WATER = 256 * 1024
"""Bytes queued on a leg at which whoever fills it is asked to pause."""

_RESET = struct.pack("ii", 1, 0)


@implementer(
    IReadDescriptor,
    IWriteDescriptor,
    IHalfCloseableDescriptor,
    ITransport,
    IPushProducer,
    ISystemHandle,
)
class Wire:
    """The transport on C{handle}, a connected socket that is its own from now on.

    A carried protocol with a method C{viewReceived(view)} gets a memoryview that is good only
    during that call; any other gets bytes through C{dataReceived}, as usual. One that provides
    C{IHalfCloseableProtocol} hears of each direction's end by itself. C{options} are set on the
    socket after our own.
    """

    protocol: IProtocol
    disconnecting = False
    lost = False

    def __init__(
        self, reactor: Any, handle: socket.socket, options: Iterable[SocketOption] = ()
    ) -> None:
        self._reactor = reactor
        self._socket = handle
        self._number = handle.fileno()
        self._internet = handle.family != socket.AF_UNIX
        self._queue: deque[bytes | memoryview] = deque()
        self._queued = 0
        self._reading = self._writing = False
        self._paused = False
        self._readEnded = False
        self._finishing = False
        self._broken = False
        self._producer: Any = None
        self._producerPaused = False
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
        """Something has come, or the end, which is returned."""
        if self._paused or self.lost or self.disconnecting:
            self._unread()
            return None
        try:
            size = self._socket.recv_into(INBOX)
        except BlockingIOError:
            return None
        except OSError:
            return CONNECTION_LOST
        if not size:
            return CONNECTION_DONE
        receive = getattr(self.protocol, "viewReceived", None)
        if receive is not None:
            receive(INBOX[:size])
        else:
            self.protocol.dataReceived(bytes(INBOX[:size]))
        if self._internet and not self.lost:
            # dcmtk writes each PDU in two pieces with Nagle on, so a delayed ACK costs it 40 ms a
            # PDU. The kernel drops the flag again by itself: it must be set after each read.
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        return None

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
        if self._paused or self._readEnded or self.lost or self.disconnecting:
            return
        if not self._reading:
            self._reading = True
            self._reactor.addReader(self)

    def _unread(self) -> None:
        if self._reading:
            self._reading = False
            self._reactor.removeReader(self)

    # --- writing ---------------------------------------------------------------------------

    def write(self, data: Any) -> None:
        """Send C{data} (any buffer); what the kernel does not take is copied and queued."""
        if self._finishing or self.lost or self._broken:
            return
        if not self._queue:
            try:
                sent = self._socket.send(data)
            except BlockingIOError:
                sent = 0
            except OSError:
                # What had come before that is still read.
                self._broken = True
                self._unsentRemains()
                return
            if sent == len(data):
                return
            data = memoryview(data)[sent:]
            self._unsentRemains()
        self._queue.append(bytes(data))
        self._queued += len(data)
        if self._queued > HIGH_WATER and self._producer is not None and not self._producerPaused:
            self._producerPaused = True
            self._producer.pauseProducing()

    def _unsentRemains(self) -> None:
        self._writing = True
        self._reactor.addWriter(self)

    def writeSequence(self, data: Any) -> None:
        """Send several pieces as one."""
        self.write(b"".join(data))

    def doWrite(self) -> Any:
        """The kernel takes more, or has lost the connection, which is returned."""
        if self.lost:
            return None
        if self._broken:
            return CONNECTION_LOST
        queue = self._queue
        while queue:
            piece = queue[0]
            try:
                sent = self._socket.send(piece)
            except BlockingIOError:
                return None
            except OSError:
                return CONNECTION_LOST
            self._queued -= sent
            if sent < len(piece):
                queue[0] = memoryview(piece)[sent:]
                return None
            queue.popleft()
        self._unwrite()
        if self.disconnecting:
            self._endSoon(connectionDone)
        elif self._finishing:
            self._sendFIN()
        elif self._producerPaused and self._producer is not None:
            self._producerPaused = False
            self._producer.resumeProducing()
        return None

    def _unwrite(self) -> None:
        if self._writing:
            self._writing = False
            self._reactor.removeWriter(self)

    @property
    def unsent(self) -> int:
        """Bytes that wait here for the kernel."""
        return self._queued

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Pause C{producer} while much is queued here. Only push producers are taken."""
        if not streaming:
            raise TypeError("a Wire takes push producers only")
        self._producer = producer
        self._producerPaused = False

    def unregisterProducer(self) -> None:
        """Forget the producer."""
        self._producer = None

    # --- ending ----------------------------------------------------------------------------

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
        """Close at once; what is queued here is not sent."""
        self._queue.clear()
        self._queued = 0
        if self.disconnecting:
            self._endSoon(connectionDone)
        else:
            self.loseConnection()

    def abortConnection(self) -> None:
        """Reset the connection at once; nothing queued is sent."""
        if self.lost:
            return
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._endSoon(Failure(ConnectionAborted()))

    def _endSoon(self, reason: Failure) -> None:
        """Close in the next turn: nobody expects to hear of the end in the midst of a call."""
        if not self.lost:
            self.lost = True
            self._unread()
            self._unwrite()
            self._reactor.callLater(0, self.connectionLost, reason)

    def _discard(self) -> None:
        """Read what is left: to close with bytes unread would take away what was sent last."""
        if not self._readEnded:
            with contextlib.suppress(OSError):
                self._socket.recv_into(INBOX)

    def writeConnectionLost(self, reason: Failure) -> None:
        """No reactor calls this: we know by ourselves when we have ended."""

    def connectionLost(self, reason: Failure) -> None:
        """Both directions are gone."""
        if self._socket.fileno() < 0:
            return
        self.lost = True
        self._unread()
        self._unwrite()
        if reason is connectionDone:
            self._discard()
        self._socket.close()
        self._queue.clear()
        self._queued = 0
        self._producer = None
        protocol = self.protocol
        del self.protocol
        protocol.connectionLost(reason)

    # --- who is who ------------------------------------------------------------------------

    def getPeer(self) -> IAddress:
        """The remote address."""
        return _address(self._socket.family, self._socket.getpeername())

    def getHost(self) -> IAddress:
        """Our own address."""
        return _address(self._socket.family, self._socket.getsockname())

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
