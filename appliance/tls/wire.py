"""One TCP leg as the relay needs it: prompt, bounded and half-closable.

A L{Wire} sits between Twisted's TCP transport and a protocol of ours. It writes straight to the
socket while nothing is queued, keeps what the kernel would not take, tells a producer when to
pause, and re-arms quick acknowledgement after each read. It knows nothing of TLS or DICOM.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Iterable
from typing import Any

from twisted.internet.interfaces import (
    IAddress,
    IHalfCloseableProtocol,
    IProtocol,
    IPullProducer,
    IPushProducer,
    ITransport,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from appliance.config.model import SocketOption

READ_SIZE = 256 * 1024
"""Bytes asked of the kernel at a time: fewer turns of the reactor per GiB."""

HIGH_WATER = 256 * 1024
"""Bytes queued on a leg at which whoever fills it is asked to pause."""


@implementer(IPullProducer)
class _Pull:
    """Asked by the transport for more exactly when the transport's own buffer is empty."""

    def __init__(self, wire: Wire) -> None:
        self.resumeProducing = wire.pull

    def stopProducing(self) -> None:
        """The connection is lost; L{Wire.connectionLost} hears of it too."""


@implementer(IHalfCloseableProtocol, ITransport, IPushProducer)
class Wire(Protocol):
    """The plain leg: a protocol to Twisted's transport, a transport to the protocol it carries.

    A carried protocol with a method C{viewReceived(view)} gets a memoryview that is good only
    during that call; any other gets bytes through C{dataReceived}, as usual. One that provides
    C{IHalfCloseableProtocol} hears of each direction's end by itself. C{options} are set on the
    socket after our own.
    """

    disconnecting = False

    def __init__(self, carried: IProtocol, options: Iterable[SocketOption] = ()) -> None:
        self.carried = carried
        self._options = options
        self._takesViews = hasattr(carried, "viewReceived")
        self._held: list[bytes] = []
        self._paused = False
        self._receivedFIN = False
        self._readEnded = False
        self._queue: deque[bytes] = deque()
        self._queued = 0
        self._registered = False
        self._finishing = False
        self._halfCloseDue = False
        self._internet = False
        self._producer: Any = None
        self._producerPaused = False
        self._socket: socket.socket | None = None
        self.lost = False

    # --- towards the TCP transport ---------------------------------------------------------

    def connectionMade(self) -> None:
        """Set the socket up for small messages and large transfers alike, and begin."""
        handle = getattr(self.transport, "getHandle", lambda: None)()
        if isinstance(handle, socket.socket):
            self.transport.bufferSize = READ_SIZE  # type: ignore[union-attr]
            self._socket = handle
            self._internet = handle.family in (socket.AF_INET, socket.AF_INET6)
            if self._internet:
                handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                handle.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option in self._options:
                if not self._internet and option.level != socket.SOL_SOCKET:
                    continue
                handle.setsockopt(option.level, option.number, option.value)
            self._acknowledge()
        self.begin()

    def begin(self) -> None:
        """Connect the carried protocol."""
        self.carried.makeConnection(self)

    def _acknowledge(self) -> None:
        # dcmtk writes each PDU in two pieces with Nagle on, so a delayed ACK costs it 40 ms a
        # PDU. The kernel drops the flag again by itself: it must be set after each read.
        if self._internet and self._socket is not None:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def dataReceived(self, data: bytes) -> None:
        """Pass plain bytes on."""
        self._acknowledge()
        if self._paused:
            # The reactor had this read in hand already when we were paused.
            self._held.append(data)
        else:
            self.deliver(data)

    def deliver(self, data: Any) -> None:
        """Hand C{data} (any buffer) to the carried protocol."""
        if self._takesViews:
            self.carried.viewReceived(data)  # type: ignore[attr-defined]
        else:
            self.carried.dataReceived(bytes(data))

    def readConnectionLost(self) -> None:
        """The peer's FIN: it has no more to say but may still listen."""
        self._receivedFIN = True
        if not self._paused:
            self.endRead()

    def endRead(self) -> None:
        """Tell the carried protocol that no more will come."""
        self._readEnded = True
        if IHalfCloseableProtocol.providedBy(self.carried):
            self.carried.readConnectionLost()
        else:
            self.loseConnection()

    def writeConnectionLost(self) -> None:
        """Our own FIN went out."""
        if IHalfCloseableProtocol.providedBy(self.carried):
            self.carried.writeConnectionLost()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Both directions are gone."""
        self.lost = True
        self._queue.clear()
        self._queued = 0
        self._socket = None
        self._held.clear()
        self._producer = None
        self.carried.connectionLost(reason)

    # --- writing ---------------------------------------------------------------------------

    def write(self, data: Any) -> None:
        """Send C{data} (any buffer); what the kernel does not take is copied and queued."""
        if not self.lost and not self._finishing:
            self.send(data)

    def writeSequence(self, data: Any) -> None:
        """Send several pieces as one."""
        self.write(b"".join(data))

    def send(self, data: Any) -> None:
        """Put C{data} on the wire, after whatever is queued already."""
        if self._socket is not None and not self._queue and not self._registered:
            sent = self._sendNow(self._socket, data)
            if sent == len(data):
                return
            data = data[sent:]
        self._queue.append(bytes(data))
        self._queued += len(data)
        if self._queued > HIGH_WATER and self._producer is not None and not self._producerPaused:
            self._producerPaused = True
            self._producer.pauseProducing()
        if not self._registered and not self.lost:
            self._registered = True
            self.transport.registerProducer(_Pull(self), False)  # type: ignore[union-attr]

    def _sendNow(self, handle: socket.socket, data: Any) -> int:
        sent = 0
        view = memoryview(data)
        try:
            while sent < len(view):
                sent += handle.send(view[sent:])
        except BlockingIOError:
            pass
        except OSError:
            # Broken for writing; the transport's own write finds the same and reports it.
            self._socket = None
        return sent

    def pull(self) -> None:
        """Hand the transport the next piece, or tell it that there is no more."""
        if self._queue:
            piece = self._queue.popleft()
            self._queued -= len(piece)
            self.transport.write(piece)  # type: ignore[union-attr]
            return
        self._registered = False
        self.transport.unregisterProducer()  # type: ignore[union-attr]
        if self._halfCloseDue:
            self.transport.loseWriteConnection()  # type: ignore[union-attr]
        else:
            self.drained()

    def drained(self) -> None:
        """All that was queued is with the kernel: the producer may go on."""
        if self._producerPaused and self._producer is not None:
            self._producerPaused = False
            self._producer.resumeProducing()

    @property
    def unsent(self) -> int:
        """Bytes that wait here for the kernel."""
        return self._queued

    # --- ending ----------------------------------------------------------------------------

    def loseWriteConnection(self) -> None:
        """Send what is queued, then FIN; reading goes on."""
        if self.lost or self._finishing:
            return
        self._finishing = True
        if self._registered:
            self._halfCloseDue = True
        else:
            self.transport.loseWriteConnection()  # type: ignore[union-attr]

    def loseConnection(self) -> None:
        """Send what is queued, then close."""
        self.disconnecting = True
        self._finishing = True
        if not self.lost:
            self.transport.loseConnection()  # type: ignore[union-attr]

    def abortConnection(self) -> None:
        """Reset the connection at once; nothing queued is sent."""
        if not self.lost:
            self.lost = True
            self.transport.abortConnection()  # type: ignore[union-attr]

    def dropConnection(self) -> None:
        """Close at once with a FIN and no goodbye of TLS's: what is queued here is not sent."""
        if self.lost:
            return
        self.disconnecting = self._finishing = True
        self._queue.clear()
        self._queued = 0
        if self._registered:
            self._registered = False
            self.transport.unregisterProducer()  # type: ignore[union-attr]
        self.transport.loseConnection()  # type: ignore[union-attr]

    # --- producing and consuming -----------------------------------------------------------

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Pause C{producer} while much is queued here. Only push producers are taken."""
        if not streaming:
            raise TypeError("a Wire takes push producers only")
        self._producer = producer
        self._producerPaused = False

    def unregisterProducer(self) -> None:
        """Forget the producer."""
        self._producer = None

    def pauseProducing(self) -> None:
        """Stop reading from the peer."""
        self._paused = True
        if not self.lost:
            self.transport.pauseProducing()  # type: ignore[union-attr]

    def resumeProducing(self) -> None:
        """Deliver what was received meanwhile, then read from the peer again."""
        self._paused = False
        self.deliverHeld()
        if self._paused or self.lost or self.disconnecting:
            return
        if not self._receivedFIN:
            self.transport.resumeProducing()  # type: ignore[union-attr]
        elif not self._readEnded:
            self.endRead()

    def deliverHeld(self) -> None:
        """Deliver what was received while we were paused, unless that pauses us again."""
        while self._held and not self._paused and not self.lost:
            self.deliver(self._held.pop(0))

    def stopProducing(self) -> None:
        """Close, since whoever consumes us is gone."""
        self.loseConnection()

    # --- who is who ------------------------------------------------------------------------

    def getPeer(self) -> IAddress:
        """The remote address."""
        return self.transport.getPeer()  # type: ignore[union-attr]

    def getHost(self) -> IAddress:
        """Our own address."""
        return self.transport.getHost()  # type: ignore[union-attr]

    def getHandle(self) -> Any:
        """The socket below."""
        return self.transport.getHandle()  # type: ignore[union-attr]
