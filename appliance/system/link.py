"""One end of the socketpair between the supervisor and a worker.

A message is four bytes of length, big-endian, and JSON; a socket travels with the message that is
about it (SCM_RIGHTS, unix(7)). The link passes messages on and knows none of them.
"""

from __future__ import annotations

import socket
import struct
from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet import main
from twisted.internet.interfaces import IReadWriteDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from appliance.system.codec import MAX_MESSAGE, CodecError, dump, load

_LENGTH = struct.Struct(">I")
_READ = 256 * 1024
_MOST_SOCKETS = 200
"""How many sockets one C{recvmsg} takes; the kernel sends at most 253 (SCM_MAX_FD)."""

WITH_SOCKET = "take"
"""The kind of message that a socket comes with."""

Received = Callable[[dict[str, Any], "socket.socket | None"], None]


@implementer(IReadWriteDescriptor)
class Link:
    """Sends and receives messages over C{end}; each is a dict with a C{"kind"}.

    C{received} gets each one, with the socket that came with it or C{None}. C{lost} is called once
    when the other end is gone.
    """

    def __init__(
        self, reactor: Any, end: socket.socket, received: Received, lost: Callable[[], None]
    ) -> None:
        self._reactor = reactor
        self._end = end
        self._received = received
        self._lost = lost
        self._buffer = bytearray()
        self._sockets: deque[socket.socket] = deque()
        self._queue: deque[tuple[memoryview, socket.socket | None]] = deque()
        self._open = True
        end.setblocking(False)
        reactor.addReader(self)

    # --- sending ---------------------------------------------------------------------------

    def send(self, kind: str, **facts: Any) -> None:
        """Send a message; one to a dead end is lost, as L{lost} tells."""
        self._put(dump({"kind": kind, **facts}), None)

    def sendSocket(self, handle: socket.socket, **facts: Any) -> None:
        """Send a message with C{handle}; our own copy is closed when it is on its way."""
        self._put(dump({"kind": WITH_SOCKET, **facts}), handle)

    def _put(self, message: bytes, handle: socket.socket | None) -> None:
        if not self._open:
            if handle is not None:
                handle.close()
            return
        idle = not self._queue
        self._queue.append((memoryview(_LENGTH.pack(len(message)) + message), handle))
        if idle:
            self._sendQueued()
            if self._queue:
                self._reactor.addWriter(self)

    def _sendQueued(self) -> None:
        try:
            while self._queue:
                view, handle = self._queue[0]
                if handle is None:
                    sent = self._end.send(view)
                else:
                    sent = socket.send_fds(self._end, [view], [handle.fileno()])
                    handle.close()
                if sent == len(view):
                    self._queue.popleft()
                else:
                    self._queue[0] = (view[sent:], None)
        except BlockingIOError:
            return
        except OSError:
            # The reader finds the same and tells.
            self._drop()

    def _drop(self) -> None:
        while self._queue:
            _, handle = self._queue.popleft()
            if handle is not None:
                handle.close()

    # --- receiving -------------------------------------------------------------------------

    def _receive(self) -> None:
        data, descriptors, _, _ = socket.recv_fds(self._end, _READ, _MOST_SOCKETS)
        self._sockets.extend(socket.socket(fileno=number) for number in descriptors)
        if not data:
            raise ConnectionResetError
        self._buffer += data
        while self._open and (message := self._next()) is not None:
            facts = load(message)
            handle = self._sockets.popleft() if facts["kind"] == WITH_SOCKET else None
            self._received(facts, handle)

    def _next(self) -> bytes | None:
        if len(self._buffer) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._buffer)
        if length > MAX_MESSAGE:
            raise CodecError(f"a message of {length} bytes")
        end = _LENGTH.size + length
        if len(self._buffer) < end:
            return None
        message = bytes(self._buffer[_LENGTH.size : end])
        del self._buffer[:end]
        return message

    # --- what the reactor asks -------------------------------------------------------------

    def fileno(self) -> int:
        """The descriptor to watch; -1 when it is closed."""
        return self._end.fileno()

    def logPrefix(self) -> str:
        """For the reactor's own log."""
        return "link"

    def doRead(self) -> BaseException | None:  # type: ignore[override]
        """There is something to receive, or the other end is gone."""
        try:
            self._receive()
        except BlockingIOError:
            return None
        except (OSError, CodecError, LookupError):
            return main.CONNECTION_LOST
        return None

    def doWrite(self) -> None:
        """There is room to send again."""
        self._sendQueued()
        if not self._queue:
            self._reactor.removeWriter(self)

    def connectionLost(self, reason: Failure) -> None:  # noqa: ARG002
        """The other end is gone."""
        self.close()
        self._lost()

    def close(self) -> None:
        """Close our end; nothing more is received, and C{lost} is not called for it."""
        if self._open:
            self._open = False
            self._reactor.removeReader(self)
            self._reactor.removeWriter(self)
            self._drop()
            while self._sockets:
                self._sockets.popleft().close()
            self._end.close()
