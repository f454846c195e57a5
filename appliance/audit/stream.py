"""Sends audit messages over one TCP connection, with TLS or without (RFC 5425, RFC 6587 3.4.1).

Nobody confirms a syslog message. So each is kept for L{HOLD} seconds after it was written, and
written again on the next connection when this one ends before: a message may come twice, but is
lost only where the collector itself loses it. A connection on which nothing is acknowledged must
end sooner than that, see L{USER_TIMEOUT}. One that the collector closes in good order has been
read to its end, but for what was on its way then, see L{READ_WITHIN}.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final

from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import (
    IDelayedCall,
    IHandshakeListener,
    IProtocolFactory,
    IPushProducer,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from appliance.audit.outbox import Outbox, retryAfter
from appliance.audit.syslog import framed

USER_TIMEOUT: Final = 20.0
"""Seconds after which the kernel gives a connection up that acknowledges nothing (tcp(7))."""

HOLD: Final = USER_TIMEOUT + 10.0
"""Seconds that a message which was written is kept."""

READ_WITHIN: Final = 5.0
"""Seconds after which a message was surely read, where the connection has ended with a FIN: with
anything unread the collector's kernel would have sent a reset."""

READY_WITHIN: Final = 30.0
"""Seconds that the TLS handshake may take."""

STOP_WITHIN: Final = 2.0
"""Seconds that the collector has to read the last messages when we stop."""


@implementer(IHandshakeListener, IPushProducer)
class Line(Protocol):
    """One connection to the collector, which is expected to say nothing."""

    transport: Any

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self.paused = False

    def connectionMade(self) -> None:
        """The connection is there; with TLS the handshake is still to come."""
        self.transport.registerProducer(self, True)
        self._sender.connected(self)

    def handshakeCompleted(self) -> None:
        """The collector has proven who it is."""
        self._sender.ready()

    def dataReceived(self, data: bytes) -> None:
        """Nothing that it may say means anything."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone."""
        self._sender.lost(self, reason)

    def pauseProducing(self) -> None:
        """The collector reads slowly."""
        self.paused = True

    def resumeProducing(self) -> None:
        """It has caught up."""
        self.paused = False
        self._sender.feed()

    def stopProducing(self) -> None:
        """The connection is lost, of which we hear otherwise."""


class Lines(Factory):
    """Builds the connections of C{sender}."""

    noisy = False

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def buildProtocol(self, addr: Any) -> Line:  # noqa: ARG002
        """The protocol for one connection."""
        return Line(self._sender)


class Sender(Service):
    """Sends what waits in C{outbox} to the collector at C{endpoint}.

    C{wrap} puts a wire beneath a factory, with TLS where C{encrypted}; its transports take a push
    producer and half-close. C{explain} says why a connection failed, by its transport (C{None}
    where there was none) and the error.
    """

    def __init__(
        self,
        clock: Any,
        outbox: Outbox,
        endpoint: IStreamClientEndpoint,
        wrap: Callable[[IProtocolFactory], IProtocolFactory],
        explain: Callable[[Any, BaseException], str],
        encrypted: bool = False,
        delay: Callable[[int], float] = retryAfter,
    ) -> None:
        self._clock = clock
        self._outbox = outbox
        self._endpoint = endpoint
        self._factory = wrap(Lines(self))
        self._explain = explain
        self._encrypted = encrypted
        self._delay = delay
        self._attempts = 0
        self._attempt: Deferred[Any] | None = None
        self._line: Line | None = None
        self._ready = False
        self._timer: IDelayedCall | None = None
        self._held: deque[tuple[float, int]] = deque()
        self._stopped: Deferred[None] | None = None

    def send(self, message: bytes) -> None:
        """Send C{message} as soon as that can be."""
        self._outbox.add(message)
        self.feed()

    # --- the service -----------------------------------------------------------------------

    def startService(self) -> None:
        """Connect."""
        super().startService()
        self._connect()

    def stopService(self) -> Deferred[None]:
        """Say goodbye once all is written; fires when the collector has, or is out of time."""
        super().stopService()
        self._unset()
        if self._attempt is not None:
            self._attempt.cancel()
        if self._line is None:
            return succeed(None)
        self._stopped = Deferred()
        if self._ready:
            # What it has not read by then stays in the queue.
            self._set(STOP_WITHIN, self._line.transport.abortConnection)
            self._line.transport.loseWriteConnection()
        else:
            self._line.transport.abortConnection()
        return self._stopped

    # --- the connection --------------------------------------------------------------------

    def _connect(self) -> None:
        self._timer = None
        self._attempt = self._endpoint.connect(self._factory)
        self._attempt.addCallbacks(self._attempted, self._failed)

    def _attempted(self, _: Any) -> None:
        self._attempt = None

    def _failed(self, failure: Failure) -> None:
        self._attempt = None
        if self.running:
            self._retry(None, failure)

    def connected(self, line: Line) -> None:
        """There is a connection."""
        self._line = line
        if self._encrypted:
            self._set(READY_WITHIN, line.transport.abortConnection)
        else:
            self.ready()

    def ready(self) -> None:
        """The connection can be written to."""
        self._ready = True
        self._outbox.ready()
        self._set(HOLD, self._settle)
        self.feed()

    def feed(self) -> None:
        """Write what waits, as far as the collector reads."""
        line = self._line
        if line is None or not self._ready or not self.running:
            return
        while not line.paused:
            taken = self._outbox.queue.take()
            if taken is None:
                return
            number, message = taken
            self._held.append((self._clock.seconds(), number))
            line.transport.write(framed(message))

    def _settle(self) -> None:
        """The connection has lasted: what was written long ago is done with."""
        self._release(HOLD)
        self._attempts = 0
        self._outbox.back()
        self._set(
            self._held[0][0] - self._clock.seconds() + HOLD if self._held else HOLD, self._settle
        )

    def _release(self, age: float) -> None:
        """Let go of what was written so many seconds ago, or before that."""
        until = self._clock.seconds() - age
        while self._held and self._held[0][0] <= until:
            self._outbox.queue.remove(self._held.popleft()[1])

    def lost(self, line: Line, reason: Failure) -> None:
        """The connection is gone: all that was written lately is to be written again."""
        self._unset()
        self._line, self._ready = None, False
        stopped, self._stopped = self._stopped, None
        if reason.check(ConnectionDone):
            # Where it has closed after our own end, it has read all before that.
            self._release(0.0 if stopped is not None else READ_WITHIN)
        self._held.clear()
        self._outbox.queue.rewind()
        if stopped is not None:
            stopped.callback(None)
        elif self.running:
            self._retry(line.transport, reason)

    def _retry(self, transport: Any, failure: Failure) -> None:
        self._attempts += 1
        self._set(self._delay(self._attempts), self._connect)
        # A collector may close a connection that was idle.
        if self._attempts > 1 or not failure.check(ConnectionDone):
            error = failure.value if failure.value is not None else ConnectionError()
            self._outbox.away(self._explain(transport, error))

    def _set(self, seconds: float, do: Callable[[], object]) -> None:
        self._unset()
        self._timer = self._clock.callLater(seconds, do)

    def _unset(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()
