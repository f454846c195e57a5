"""The sending half of a socket: prompt, in order, and bounded by a producer that is told to pause.

What the kernel takes at once is never copied. What it does not take is kept, and sent when the
reactor says so. L{appliance.system.wire} has the other half, and ends the connection.
"""

from __future__ import annotations

import socket
from typing import Any, Final

from twisted.internet.main import CONNECTION_LOST

HIGH_WATER: Final = 256 * 1024
"""Bytes queued at which whoever fills the queue is asked to pause."""


class Outlet:
    """Sends on C{handle}, which does not block.

    C{lost}: the connection is gone or about to go, C{disconnecting}: it ends when all is sent.
    """

    disconnecting = False
    lost = False

    def __init__(self, reactor: Any, handle: socket.socket) -> None:
        self._reactor = reactor
        self._socket = handle
        self._queue: list[bytes | memoryview] = []
        self._queued = 0
        self._writing = self._finishing = self._broken = False
        self._producer: Any = None
        self._producerPaused = False

    def write(self, data: Any) -> None:
        """Send C{data} (any buffer); what the kernel does not take is copied and queued."""
        if self._finishing or self.lost or self._broken:
            return
        if not self._queue:
            sent = self._send(data)
            if sent == len(data) or sent < 0:
                return
            data = memoryview(data)[sent:]
        self._queue.append(bytes(data))
        self._queued += len(data)
        if self._queued > HIGH_WATER and self._producer is not None and not self._producerPaused:
            self._producerPaused = True
            self._producer.pauseProducing()

    def _send(self, data: Any) -> int:
        """How much of C{data} the kernel took; the reactor tells when it takes more."""
        try:
            sent = self._socket.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            # Told by the reactor too, so that what had come before is still read.
            self._broken, sent = True, -1
        if sent < len(data) and not self._writing:
            self._writing = True
            self._reactor.addWriter(self)
        return sent

    def writeSequence(self, data: Any) -> None:
        """Send several pieces as one."""
        self.write(b"".join(data))

    def doWrite(self) -> Any:
        """The kernel takes more, or has lost the connection, which is returned."""
        if self.lost:
            return None
        queue = self._queue
        while queue and not self._broken:
            piece = queue[0]
            sent = self._send(piece)
            if sent < 0:
                break
            self._queued -= sent
            if sent < len(piece):
                queue[0] = memoryview(piece)[sent:]
                return None
            del queue[0]
        if self._broken:
            return CONNECTION_LOST
        self._unwrite()
        self.emptied()
        return None

    def _unwrite(self) -> None:
        if self._writing:
            self._writing = False
            self._reactor.removeWriter(self)

    def emptied(self) -> None:
        """All that was queued is with the kernel: the producer may go on."""
        if self._producerPaused and self._producer is not None:
            self._producerPaused = False
            self._producer.resumeProducing()

    @property
    def unsent(self) -> int:
        """Bytes that wait here for the kernel."""
        return self._queued

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Pause C{producer} while much is queued here. Only push producers are taken."""
        if not streaming:
            raise TypeError("only push producers are taken")
        self._producer = producer
        self._producerPaused = False

    def unregisterProducer(self) -> None:
        """Forget the producer."""
        self._producer = None
