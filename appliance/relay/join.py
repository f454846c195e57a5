"""One client's connection from accept to close: two legs, one pump, one reason at the end.

A L{Join} moves bytes between the legs with backpressure both ways, passes each direction's end on
by itself, keeps the time limits, and announces exactly one L{Closed}. What it knows of DICOM is
how to ask for the request before it dials and how to say goodbye; an inspector looks on. It never
touches a socket: the legs' transports do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from attrs import evolve
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionLost
from twisted.logger import Logger
from twisted.python.failure import Failure

from appliance.backend.caller import Caller
from appliance.backend.pool import NoBackendError
from appliance.dicom.inspect import Inspector
from appliance.dicom.pdu import Abort, AssociateRJ
from appliance.dicom.reasons import ABORT_BY_PROVIDER
from appliance.events import (
    Accepted,
    AssociationEvent,
    Closed,
    ConnectionEvent,
    End,
    Ended,
    Handshaken,
    Leg,
    NotAdmitted,
    Opened,
    Outcome,
    Peer,
    Reason,
    ServerNameSent,
    TimedOut,
    Timer,
)
from appliance.relay import telling
from appliance.relay.back import Back
from appliance.relay.front import Front
from appliance.relay.hearing import NotDicomError
from appliance.relay.limit import Limit
from appliance.relay.meeting import Meeting
from appliance.relay.moving import Mover, evades, mover
from appliance.relay.side import Side
from appliance.relay.terms import NotAdmittedError, Preface, RejectedError, Terms

log = Logger()

LAST_FLUSH: Final = 5.0
"""Seconds that a leg gets to send what is queued after TIMEOUTclose, before it is reset."""

ARTIM: Final = 10.0
"""Seconds that a client gets to close after it was rejected (PS3.8 9.1.4 and 9.2)."""

ABORT: Final = Abort(ABORT_BY_PROVIDER).encode()

_OURS: Final = (Reason.IDLE, Reason.CLOSE_TIMEOUT, Reason.STOPPED, Reason.INTERNAL)
"""Ends that were our own doing."""


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
        self.inspector: Inspector | None = None
        self.serverShaken: Deferred[None] = Deferred()
        self.limit = Limit(terms.clock)
        self._meeting = Meeting(self)
        self._done = done
        self.lastMoved = terms.clock.seconds()
        self._started = self.lastMoved - caller.waited
        self._joining: Deferred[None] | None = None
        self._joined = False
        self._ended: list[Leg] = []
        self._alive: set[Leg] = set()
        self._parting: set[Leg] = set()
        self._outcome = Outcome.CUT_BY_US

    def publish(self, kind: Callable[..., ConnectionEvent], *facts: Any) -> None:
        """Announce an event of this connection."""
        self.terms.events.publish(kind(self.terms.section, self.connection, *facts))

    def tell(self, kind: Callable[..., AssociationEvent], *facts: Any) -> None:
        """Announce an event of the association on this connection."""
        self.publish(kind, self.backend, *facts)

    @property
    def age(self) -> float:
        """Seconds since the connection was accepted."""
        return self.terms.clock.seconds() - self._started

    # --- coming together -------------------------------------------------------------------

    def accepted(self) -> None:
        """The front leg is there."""
        self._alive.add(self.front.leg)
        self.publish(Accepted, self.client, self.front.descriptor())
        if self.terms.dials:
            self.publish(Opened, self.client)
            self._join(None)
        else:
            self.limit.set(max(0.0, self.terms.busy - self.age), self._handshakeOverdue)

    def dialled(self, back: Back) -> None:
        """The back leg is there; as a TLS client it has yet to shake hands."""
        self.back = back
        self._alive.add(back.leg)
        if self.reason is not None:
            back.transport.abortConnection()
        elif self.terms.dials:
            if self.terms.preface is not None:
                back.transport.ahead = self._preface(self.terms.preface)
            self.limit.set(self.terms.busy, self._handshakeOverdue)
            if self.terms.serverName is not None:
                self.publish(ServerNameSent, self.terms.serverName)

    def shaken(self, transport: Any) -> None:
        """The TLS leg's handshake has ended well."""
        self.limit.clear()
        self.peer = peer = self.terms.tls.describe(transport)
        if not self.terms.dials:
            self.publish(Opened, self.client)
        telling.certificates(self, transport)
        self.publish(Handshaken, peer, self.terms.dials)
        if self.terms.dials:
            self.serverShaken.callback(None)
        else:
            self.caller = evolve(
                self.caller, subject=peer.subject, issuer=peer.issuer, resumed=peer.resumed
            )
            self._join(transport)

    def _join(self, transport: Any) -> None:
        # Nothing is read from the client meanwhile: what it sends waits in its own kernel.
        self.front.transport.pauseProducing()
        self._joining = Deferred.fromCoroutine(self._meeting.bringTogether(transport))
        self._joining.addCallbacks(self._broughtTogether, self._notBroughtTogether)

    def _reject(self, rejection: AssociateRJ, why: str) -> None:
        """Answer the client's request with a no of ours."""
        if self.inspector is not None:
            self.inspector.declined(rejection, why)
        self.finish(Reason.REFUSED)
        if self._frontAlive:
            self._part(self.front, rejection.encode(), ARTIM)

    def _broughtTogether(self, _: None) -> None:
        self._joining = None
        if self.reason is None:
            self._couple()

    def _notBroughtTogether(self, failure: Failure) -> None:
        self._joining = None
        error = failure.value
        if isinstance(error, RejectedError):
            self._reject(error.rejection, error.why)
        elif isinstance(error, NotDicomError) and self.reason is None:
            if error.head or not self._ended:
                telling.notDicom(self, error)
            self.abort(Reason.NOT_DICOM)
        elif isinstance(error, NoBackendError | NotDicomError | CancelledError):
            self.abort(Reason.NO_BACKEND)
        elif isinstance(error, NotAdmittedError):
            self.publish(NotAdmitted, str(error))
            self.abort(Reason.REFUSED)
        else:
            log.failure("dialling a backend failed", failure)
            self.abort(Reason.INTERNAL)

    def _couple(self) -> None:
        assert self.back is not None  # noqa: S101
        front, back = self.front.transport, self.back.transport
        self._joined = True
        if self.terms.preface is not None and not self.terms.dials:
            back.write(self._preface(self.terms.preface))
        front.registerProducer(back, True)
        back.registerProducer(front, True)
        self.lastMoved = self.terms.clock.seconds()
        self.limit.set(self.terms.idle, self._quiet)
        request = self._meeting.heard()
        if request:
            self.front.viewReceived = self._mover(self.front)
            if evades(self):
                return
            self.moved[self.back.leg] += len(request)
            back.write(request)
        for leg in tuple(self._ended):
            self._passEnd(leg)
        front.resumeProducing()

    def _preface(self, preface: Preface) -> bytes:
        # The TLS that it may tell of is the client's.
        peer = None if self.terms.dials else self.peer
        return preface(self.caller, self.front.transport.getHost(), peer)

    # --- moving ----------------------------------------------------------------------------

    def first(self, side: Side, view: Any) -> None:
        """The first bytes of a leg: see whether it speaks what it should, then move them."""
        side.viewReceived = move = self._mover(side)
        telling.misplaced(self, side, bytes(view[:6]))
        move(view)

    def _mover(self, side: Side) -> Mover:
        return mover(self, side, self._side(side.leg.other))

    # --- ending ----------------------------------------------------------------------------

    def ended(self, leg: Leg, end: End) -> None:
        """C{leg} has no more to say: pass that on, and wait for the other one."""
        self.publish(Ended, leg, end)
        self._ended.append(leg)
        if leg in self._parting:
            self._side(leg).transport.loseConnection()
        elif self._joined:
            self._passEnd(leg)
        else:
            self._meeting.ended()

    def _passEnd(self, leg: Leg) -> None:
        assert self.back is not None  # noqa: S101
        if len(self._ended) == 2:
            self.finish(Reason.COMPLETED)
            self._eachAlive("loseConnection")
        elif leg is self.back.leg and self.inspector is not None and self.inspector.requested:
            self.abort(Reason.CUT)
        else:
            self._side(leg.other).transport.loseWriteConnection()
            self.lastMoved = self.terms.clock.seconds()
            self.limit.set(self.terms.close, self._quiet)

    def _side(self, leg: Leg) -> Side:
        if self.front.leg is leg:
            return self.front
        assert self.back is not None  # noqa: S101
        return self.back

    def lost(self, side: Side, failure: Failure) -> None:
        """The leg of C{side} is gone altogether."""
        self._alive.discard(side.leg)
        if self.reason is None:
            self._loseOther(side, self._whyLost(side, failure))
        if not self._alive and self._joining is not None:
            self._joining.cancel()
        if not self._alive and self._joining is None:
            self._close()

    def _loseOther(self, side: Side, reason: Reason) -> None:
        """End what is left after C{side} was lost for C{reason}."""
        if self._joined and side.leg in self._ended:
            # The other one has been sent all there is: a reset could take it away unread.
            self.finish(reason)
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
            telling.handshakeFailed(self, side, failure)
        return Reason.TLS_RESET

    def _handshakeFailed(self, side: Side, failure: Failure) -> Reason:
        if side is self.front:
            if not side.transport.firstBytes:
                return Reason.PROBE
            self.publish(Opened, self.client)
        telling.certificates(self, side.transport)
        telling.handshakeFailed(self, side, failure)
        return Reason.HANDSHAKE

    def abort(self, reason: Reason) -> None:
        """End the connection for C{reason}: at once, but for a last word where there is one."""
        sides = [side for side in (self.front, self.back) if side and side.leg in self._alive]
        hearers = [side for side in sides if self._mayAbort(side)]
        self.finish(reason)
        if self._joining is not None:
            self._joining.cancel()
        for side in sides:
            if side in hearers:
                self._part(side, ABORT, LAST_FLUSH)
            elif side.leg not in self._alive:
                continue
            elif self.terms.reset:
                side.transport.abortConnection()
            else:
                self.limit.set(LAST_FLUSH, self._resetRest)
                side.transport.dropConnection()

    def _mayAbort(self, side: Side) -> bool:
        """True when C{side} can be sent an A-ABORT: it is in an association, between two PDUs."""
        if self.inspector is None or not self._joined or side.leg in self._parting:
            return False
        if side is self.front:
            return self.inspector.mayAbortToClient
        # Where the client is gone the backend is to learn of it without waiting for anybody.
        return self._frontAlive and self.inspector.mayAbortToBackend

    def _part(self, side: Side, word: bytes, seconds: float) -> None:
        """Say a last C{word} to C{side}, and close when it does, or after C{seconds}."""
        # To close with bytes unread would reset the connection, and could take the word away.
        side.viewReceived = _unheard
        side.transport.write(word)
        self.limit.set(seconds, self._resetRest)
        if side.leg in self._ended:
            side.transport.loseConnection()
        else:
            self._parting.add(side.leg)
            side.transport.resumeProducing()

    def _eachAlive(self, do: str) -> None:
        for side in (self.front, self.back):
            if side is not None and side.leg in self._alive:
                getattr(side.transport, do)()

    def finish(self, reason: Reason) -> None:
        """Let C{reason} be why the connection ended, unless there is one."""
        if self.reason is None:
            self.reason = reason
            self._outcome = self._whoCut(reason)

    def _whoCut(self, reason: Reason) -> Outcome:
        """Who has cut an association that was under way when the connection ended."""
        if reason in _OURS:
            return Outcome.CUT_BY_US
        gone = self._ended[0] is self.front.leg if self._ended else not self._frontAlive
        return Outcome.CUT_BY_CLIENT if gone else Outcome.CUT_BY_BACKEND

    @property
    def _frontAlive(self) -> bool:
        return self.front.leg in self._alive

    def _close(self) -> None:
        self.limit.clear()
        telling.silence(self)
        if self.inspector is not None and self.reason is not None:
            self.inspector.connectionEnded(self._outcome, self.reason.value)
        self.publish(
            Closed,
            self.client,
            self.reason,
            self.moved[Leg.TLS],
            self.moved[Leg.SOCKET],
            self.age,
            self.terms.dials,
            self.backend,
            self.peer,
            self.caller.via,
        )
        self._done(self)

    # --- time ------------------------------------------------------------------------------

    def _handshakeOverdue(self) -> None:
        self.publish(TimedOut, Timer.BUSY)
        side = self.back if self.terms.dials else self.front
        if side is self.front and not side.transport.firstBytes:
            self.abort(Reason.PROBE)
            return
        if side is self.front:
            self.publish(Opened, self.client)
        telling.handshakeOverdue(self, side)
        self.abort(Reason.HANDSHAKE_TIMEOUT)

    def _quiet(self) -> None:
        """Nothing may have moved for a while: idle, or one direction that never ends."""
        half = bool(self._ended)
        limit = self.terms.close if half else self.terms.idle
        left = self.lastMoved + limit - self.terms.clock.seconds()
        if left > 0:
            self.limit.set(left, self._quiet)
            return
        if not half:
            self.publish(TimedOut, Timer.IDLE)
            self.abort(Reason.IDLE)
            return
        if self.reason is None:
            self.publish(TimedOut, Timer.CLOSE)
        self.finish(Reason.CLOSE_TIMEOUT)
        self._closeRest()

    def _closeRest(self) -> None:
        self.limit.set(LAST_FLUSH, self._resetRest)
        self._eachAlive("loseConnection")

    def _resetRest(self) -> None:
        self._eachAlive("abortConnection")


def _unheard(_: Any) -> None:
    """Take what a client says that has been told its last word."""
