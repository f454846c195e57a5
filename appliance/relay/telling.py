"""What a connection says about itself when something goes wrong: who did what, in which event.

Nothing here decides what happens next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.python.failure import Failure

from appliance.events import HandshakeFailed, Leg, Misplaced, Reason
from appliance.relay.hearing import NotDicomError
from appliance.relay.side import Side

if TYPE_CHECKING:
    from appliance.relay.join import Join


def remote(join: Join, side: Side | None) -> str:
    """Who is at the other end of C{side}."""
    return join.client if side is join.front else (join.backend or "the backend")


def certificates(join: Join, transport: Any) -> None:
    """What was decided about the peer's certificates."""
    for event in join.terms.tls.certificates(transport, join.terms.section, join.connection):
        join.terms.events.publish(event)


def handshakeFailed(join: Join, side: Side, failure: Failure) -> None:
    """Why the handshake on C{side} failed."""
    error = failure.value if failure.value is not None else ConnectionError()
    join.terms.events.publish(
        join.terms.tls.failed(
            side.transport, error, join.terms.section, join.connection, remote(join, side)
        )
    )


def handshakeOverdue(join: Join, side: Side | None) -> None:
    """The handshake on C{side} took too long."""
    join.publish(
        HandshakeFailed,
        remote(join, side),
        "TIMEOUTbusy exceeded",
        "timeout",
        f"has not finished its TLS handshake within {join.terms.busy:g} s",
        "look for a slow or hung peer, or a firewall between that swallows packets",
        join.terms.dials,
    )


def misplaced(join: Join, side: Side, head: bytes) -> None:
    """The plain leg C{side} begins with C{head}: tell if that is another language."""
    if side.leg is Leg.SOCKET:
        wrong = join.terms.recognise(side is join.front, head)
        if wrong is not None:
            join.publish(Misplaced, remote(join, side), *wrong)


def notDicom(join: Join, error: NotDicomError) -> None:
    """The client of a section with C{dicom = yes} did not ask for an association."""
    wrong = None
    if join.front.leg is Leg.SOCKET:
        wrong = join.terms.recognise(True, error.head)
    advice = (
        "this section serves DICOM alone (dicom = yes): check what the client is, or write dicom = "
        "auto"
    )
    join.publish(Misplaced, join.client, *(wrong or (error.found, advice)))


def silence(join: Join) -> None:
    """A plain backend that hung up without a word on what it was sent: say what that means."""
    spoke, heard = join.moved[Leg.SOCKET], join.moved[Leg.TLS]
    ended = join.reason in (Reason.COMPLETED, Reason.SOCKET_RESET, Reason.CUT)
    if ended and spoke and not heard and not join.terms.dials and join.backend is not None:
        join.publish(
            Misplaced,
            join.backend,
            "the backend hung up without a word",
            "it may expect TLS on the port that 'connect' names, or refuse our address: see its "
            "own log",
        )
