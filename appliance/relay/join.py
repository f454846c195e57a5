"""One client's connection from accept to close: two legs, one pump, one reason at the end.

A L{Join} moves bytes between the legs with backpressure both ways, passes each direction's end on
by itself, keeps the time limits, and announces exactly one L{Closed}. It never looks into what it
moves beyond the first bytes, and it never touches a socket: the legs' transports do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import evolve
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from appliance.backend.caller import Caller
from appliance.backend.pool import NoBackendError
from appliance.events import (
    Accepted,
    Closed,
    ConnectionEvent,
    Declined,
    End,
    Ended,
    HandshakeFailed,
    Handshaken,
    Leg,
    Misplaced,
    NotAdmitted,
    Opened,
    Peer,
    Reason,
    ServerNameSent,
    TimedOut,
    Timer,
)
from appliance.relay.back import Back, BackFactory
from appliance.relay.decline import Decline
from appliance.relay.front import Front
from appliance.relay.side import Side
from appliance.relay.terms import NotAdmittedError, Terms

log = Logger()

LAST_FLUSH = 5.0
"""Seconds that a leg gets to send what is queued after TIMEOUTclose, before it is reset."""


class Join:
    """The connection of C{caller}, on the C{terms} of its section.

    C{done} is called with it once, when both legs are gone.
    """

    def __init__(self, terms: Terms, caller: Caller, done: Callable[[Join], None]) -> None:
        self.terms = terms
        self.caller = caller
        self.connection = caller.connection
        self.client = str(caller)
        self.backend: str | None = None
        self.front = Front(self, Leg.SOCKET if terms.dials else Leg.TLS)
        self.back: Back | None = None
        self.moved = {Leg.TLS: 0, Leg.SOCKET: 0}
        self.reason: Reason | None = None
        self.peer: Peer | None = None
        self._done = done
        self._started = self._lastMoved = terms.clock.seconds()
        self._joining: Deferred[None] | None = None
        self._serverShaken: Deferred[None] = Deferred()
        self._joined = False
        self._decline: Decline | None = None
        self._ended: set[Leg] = set()
        self._alive: set[Leg] = set()
        self._timer: IDelayedCall | None = None

    def publish(self, kind: Callable[..., ConnectionEvent], *facts: Any) -> None:
        """Announce an event of this connection."""
        self.terms.events.publish(kind(self.terms.section, self.connection, *facts))

    # --- coming together -------------------------------------------------------------------

    def accepted(self) -> None:
        """The front leg is there."""
        self._alive.add(self.front.leg)
        self.publish(Accepted, self.client, self.front.descriptor())
        if self.terms.dials:
            self.publish(Opened, self.client)
            self._join(None)
        else:
            self._limit(self.terms.busy, self._handshakeOverdue)

    def dialled(self, back: Back) -> None:
        """The back leg is there; as a TLS client it has yet to shake hands."""
        self.back = back
        self._alive.add(back.leg)
        if self.reason is not None:
            back.transport.abortConnection()
        elif self.terms.dials:
            self._limit(self.terms.busy, self._handshakeOverdue)
            if self.terms.serverName is not None:
                self.publish(ServerNameSent, self.terms.serverName)

    def shaken(self, transport: Any) -> None:
        """The TLS leg's handshake has ended well."""
        self._unlimit()
        self.peer = peer = self.terms.tls.describe(transport)
        if not self.terms.dials:
            self.publish(Opened, self.client)
        self._tellCertificates(transport)
        self.publish(Handshaken, peer, self.terms.dials)
        if self.terms.dials:
            self._serverShaken.callback(None)
        else:
            self.caller = evolve(
                self.caller, subject=peer.subject, issuer=peer.issuer, resumed=peer.resumed
            )
            self._join(transport)

    def _join(self, transport: Any) -> None:
        # Nothing is read from the client meanwhile: what it sends waits in its own kernel.
        self.front.transport.pauseProducing()
        self._joining = Deferred.fromCoroutine(self._bringTogether(transport))
        self._joining.addCallbacks(self._broughtTogether, self._notBroughtTogether)

    async def _bringTogether(self, transport: Any) -> None:
        pool = await self.terms.admit(self, transport)
        factory = self.terms.back(BackFactory(self, self.front.leg.other))
        target, _ = await pool.dial(factory, self.caller)
        self.backend = str(target)
        if self.terms.dials and self.back is not None:
            await self._serverShaken
            await self.terms.approve(self, self.back.transport)

    def _broughtTogether(self, _: None) -> None:
        self._joining = None
        if self.reason is None:
            self._couple()

    def _notBroughtTogether(self, failure: Failure) -> None:
        self._joining = None
        answers = self.terms.speaks and self.front.leg in self._alive
        if failure.check(NoBackendError) and answers:
            self._declineClient()
        elif failure.check(NoBackendError, CancelledError):
            self.abort(Reason.NO_BACKEND)
        elif failure.check(NotAdmittedError):
            self.publish(NotAdmitted, str(failure.value))
            self.abort(Reason.REFUSED)
        else:
            log.failure("dialling a backend failed", failure)
            self.abort(Reason.INTERNAL)

    def _declineClient(self) -> None:
        """No backend is there: tell a DICOM client so in its own language."""
        self._finish(Reason.NO_BACKEND)
        transport = self.front.transport
        self._decline = Decline(
            transport,
            self.terms.clock,
            lambda: self.publish(Declined),
            lambda: self.abort(Reason.NO_BACKEND),
        )
        self.front.viewReceived = self._decline.viewReceived
        if self._ended:
            self._decline.ended()
        else:
            transport.resumeProducing()

    def _couple(self) -> None:
        assert self.back is not None  # noqa: S101
        front, back = self.front.transport, self.back.transport
        self._joined = True
        if self.terms.preface is not None:
            back.write(self.terms.preface(self.caller, front.getHost(), self.peer))
        front.registerProducer(back, True)
        back.registerProducer(front, True)
        self._lastMoved = self.terms.clock.seconds()
        self._limit(self.terms.idle, self._quiet)
        for leg in tuple(self._ended):
            self._passEnd(leg)
        front.resumeProducing()

    # --- moving ----------------------------------------------------------------------------

    def first(self, side: Side, view: Any) -> None:
        """The first bytes of a leg: see whether it speaks what it should, then move them."""
        side.viewReceived = self._mover(side)
        if side.leg is Leg.SOCKET:
            wrong = self.terms.recognise(side is self.front, bytes(view[:6]))
            if wrong is not None:
                remote = self.client if side is self.front else self.backend
                self.publish(Misplaced, remote, *wrong)
        side.viewReceived(view)

    def _mover(self, side: Side) -> Callable[[Any], None]:
        assert self.back is not None  # noqa: S101
        other = self.back if side is self.front else self.front
        write, leg, moved, seconds = (
            other.transport.write,
            other.leg,
            self.moved,
            self.terms.clock.seconds,
        )

        def move(view: Any) -> None:
            moved[leg] += len(view)
            self._lastMoved = seconds()
            write(view)

        return move

    # --- ending ----------------------------------------------------------------------------

    def ended(self, leg: Leg, end: End) -> None:
        """C{leg} has no more to say: pass that on, and wait for the other one."""
        self.publish(Ended, leg, end)
        self._ended.add(leg)
        if self._decline is not None:
            self._decline.ended()
        elif self._joined:
            self._passEnd(leg)

    def _passEnd(self, leg: Leg) -> None:
        assert self.back is not None  # noqa: S101
        if len(self._ended) == 2:
            self._finish(Reason.COMPLETED)
            self._eachAlive("loseConnection")
        else:
            other = self.back if self.front.leg is leg else self.front
            other.transport.loseWriteConnection()
            self._lastMoved = self.terms.clock.seconds()
            self._limit(self.terms.close, self._quiet)

    def lost(self, side: Side, failure: Failure) -> None:
        """The leg of C{side} is gone altogether."""
        self._alive.discard(side.leg)
        if self.reason is None:
            self._loseOther(side, self._whyLost(side, failure))
        if not self._alive and self._joining is None:
            self._close()

    def _loseOther(self, side: Side, reason: Reason) -> None:
        """End what is left after C{side} was lost for C{reason}."""
        if self._joined and side.leg in self._ended:
            # The other one has been sent all there is: a reset could take it away unread.
            self._finish(reason)
            self._closeRest()
        else:
            self.abort(reason)

    def _whyLost(self, side: Side, failure: Failure) -> Reason:
        if self.peer is None and side.leg is Leg.TLS:
            return self._handshakeFailed(side, failure)
        if side.leg is Leg.SOCKET:
            return Reason.SOCKET_RESET
        if side is self.back and not self.moved[Leg.SOCKET] and not failure.check(ConnectionLost):
            # A TLS 1.3 server refuses our certificate only after our handshake has ended.
            self._tellFailure(side, failure)
        return Reason.TLS_RESET

    def _handshakeFailed(self, side: Side, failure: Failure) -> Reason:
        if side is self.front:
            if not side.transport.firstBytes:
                return Reason.PROBE
            self.publish(Opened, self.client)
        self._tellCertificates(side.transport)
        self._tellFailure(side, failure)
        return Reason.HANDSHAKE

    def _tellFailure(self, side: Side, failure: Failure) -> None:
        self.terms.events.publish(
            self.terms.tls.failed(
                side.transport,
                _error(failure),
                self.terms.section,
                self.connection,
                self._remote(side),
            )
        )

    def _remote(self, side: Side | None) -> str:
        return self.client if side is self.front else (self.backend or "the backend")

    def _tellCertificates(self, transport: Any) -> None:
        for event in self.terms.tls.certificates(transport, self.terms.section, self.connection):
            self.terms.events.publish(event)

    def abort(self, reason: Reason) -> None:
        """End the connection for C{reason}: reset whatever is still there."""
        self._finish(reason)
        if self._joining is not None:
            self._joining.cancel()
        if self.terms.reset:
            self._eachAlive("abortConnection")
        else:
            self._limit(LAST_FLUSH, self._resetRest)
            self._eachAlive("dropConnection")

    def _eachAlive(self, do: str) -> None:
        for side in (self.front, self.back):
            if side is not None and side.leg in self._alive:
                getattr(side.transport, do)()

    def _finish(self, reason: Reason) -> None:
        if self.reason is None:
            self.reason = reason

    def _close(self) -> None:
        self._unlimit()
        if self._decline is not None:
            self._decline.stop()
        self._tellSilence()
        seconds = self.terms.clock.seconds() - self._started
        self.publish(
            Closed,
            self.client,
            self.reason,
            self.moved[Leg.TLS],
            self.moved[Leg.SOCKET],
            seconds,
            self.terms.dials,
            self.backend,
            self.peer,
        )
        self._done(self)

    def _tellSilence(self) -> None:
        """A plain backend that hung up without a word on what it was sent: say what that means."""
        spoke, heard = self.moved[Leg.SOCKET], self.moved[Leg.TLS]
        ended = self.reason in (Reason.COMPLETED, Reason.SOCKET_RESET)
        if ended and spoke and not heard and not self.terms.dials and self.backend is not None:
            self.publish(
                Misplaced,
                self.backend,
                "the backend hung up without a word",
                "it may expect TLS on the port that 'connect' names, or refuse our address: see "
                "its own log",
            )

    # --- time ------------------------------------------------------------------------------

    def _limit(self, seconds: float, overdue: Callable[[], None]) -> None:
        self._unlimit()
        self._timer = self.terms.clock.callLater(seconds, overdue)

    def _unlimit(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def _handshakeOverdue(self) -> None:
        self.publish(TimedOut, Timer.BUSY)
        side = self.back if self.terms.dials else self.front
        if side is self.front and not side.transport.firstBytes:
            self.abort(Reason.PROBE)
            return
        if side is self.front:
            self.publish(Opened, self.client)
        self.publish(
            HandshakeFailed,
            self._remote(side),
            "TIMEOUTbusy exceeded",
            "timeout",
            f"has not finished its TLS handshake within {self.terms.busy:g} s",
            "look for a slow or hung peer, or a firewall between that swallows packets",
            self.terms.dials,
        )
        self.abort(Reason.HANDSHAKE_TIMEOUT)

    def _quiet(self) -> None:
        """Nothing may have moved for a while: idle, or one direction that never ends."""
        half = bool(self._ended)
        limit = self.terms.close if half else self.terms.idle
        left = self._lastMoved + limit - self.terms.clock.seconds()
        if left > 0:
            self._limit(left, self._quiet)
            return
        if not half:
            self.publish(TimedOut, Timer.IDLE)
            self.abort(Reason.IDLE)
            return
        if self.reason is None:
            self.publish(TimedOut, Timer.CLOSE)
        self._finish(Reason.CLOSE_TIMEOUT)
        self._closeRest()

    def _closeRest(self) -> None:
        self._limit(LAST_FLUSH, self._resetRest)
        self._eachAlive("loseConnection")

    def _resetRest(self) -> None:
        self._eachAlive("abortConnection")


def _error(failure: Failure) -> BaseException:
    return failure.value if failure.value is not None else ConnectionError()
