"""Sends audit messages as UDP datagrams, one each (RFC 5426, PS3.15 A.7).

What is sent is gone: UDP tells of nothing that was lost on the way, and of a collector that is
away at most by a refusal, later. Messages wait only while the collector's name is not known.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import MessageLengthError
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import DatagramProtocol
from twisted.python.failure import Failure

from appliance.audit.outbox import Outbox, retryAfter

Find = Callable[[], "Deferred[tuple[str, ...]]"]
"""C{() -> addresses} by IP; an unknown name gives none."""


class _Socket(DatagramProtocol):
    """A socket that is connected to one collector; C{refused} hears when nobody listens there."""

    transport: Any

    def __init__(self, host: str, port: int, refused: Callable[[], None]) -> None:
        self._collector = host, port
        self._refused: Callable[[], None] | None = refused

    def startProtocol(self) -> None:
        """Talk to the collector and to nobody else."""
        self.transport.connect(*self._collector)

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        """Nothing that the collector may say means anything."""

    def connectionRefused(self) -> None:
        """What was sent before reached a machine where nobody listens."""
        self.transport.stopListening()

    def stopProtocol(self) -> None:
        """The socket is closed: by us, or by the reactor, which hears of a refusal too."""
        refused, self._refused = self._refused, None
        if refused is not None:
            refused()

    def close(self) -> Deferred[Any]:
        """Close the socket."""
        self._refused = None
        return maybeDeferred(self.transport.stopListening)


class DatagramSender(Service):
    """Sends what waits in C{outbox} to the collector at C{port} of what C{find} finds."""

    def __init__(
        self,
        reactor: Any,
        outbox: Outbox,
        find: Find,
        port: int,
        delay: Callable[[int], float] = retryAfter,
    ) -> None:
        self._reactor = reactor
        self._outbox = outbox
        self._find = find
        self._port = port
        self._delay = delay
        self._attempts = 0
        self._socket: _Socket | None = None
        self._timer: IDelayedCall | None = None
        self._refused = False

    def send(self, message: bytes) -> None:
        """Send C{message} as soon as that can be."""
        self._outbox.add(message)
        self._feed()

    def startService(self) -> None:
        """Look for the collector."""
        super().startService()
        self._open()

    def stopService(self) -> Deferred[Any] | None:
        """Send nothing more."""
        super().stopService()
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        socket, self._socket = self._socket, None
        return None if socket is None else socket.close()

    def _open(self) -> None:
        self._find().addCallback(self._found).addErrback(self._failed)

    def _found(self, addresses: tuple[str, ...]) -> None:
        if not self.running:
            return
        if not addresses:
            raise LookupError("its name cannot be resolved")
        host = addresses[0]
        socket = _Socket(host, self._port, self._connectionRefused)
        self._reactor.listenUDP(0, socket, interface="::" if ":" in host else "")
        self._socket = socket
        self._outbox.ready()
        self._feed()

    def _failed(self, failure: Failure) -> None:
        if self.running:
            self._retry()
            self._outbox.away(failure.getErrorMessage())

    def _connectionRefused(self) -> None:
        self._socket = None
        self._refused = True
        self._retry()
        self._outbox.away("nobody listens there", keeps=False)

    def _retry(self) -> None:
        self._attempts += 1
        self._timer = self._reactor.callLater(self._delay(self._attempts), self._open)

    def _feed(self) -> None:
        # A refusal of what is sent now is heard of before anything more is sent, mostly.
        fine = not self._refused
        while self._socket is not None and (taken := self._outbox.queue.take()) is not None:
            number, message = taken
            if fine:
                self._attempts = 0
                self._outbox.back()
            self._refused = False
            self._write(self._socket, message)
            self._outbox.queue.remove(number)

    def _write(self, socket: _Socket, message: bytes) -> None:
        try:
            socket.transport.write(message)
        except (OSError, MessageLengthError) as error:
            why = getattr(error, "strerror", None) or type(error).__name__
            self._outbox.away(why, keeps=False)
            self._refused = True
