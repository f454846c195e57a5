"""What the connections of real clients tell about a backend: events in, facts for its judge out.

It keeps nothing but which associations are under way, which have seen a failure, and in which the
client has said what is no DICOM.
"""

from __future__ import annotations

from typing import Final

from attrs import define, field

from appliance.dicom import reasons
from appliance.events import (
    AssociationAccepted,
    AssociationEnded,
    AssociationRejected,
    Closed,
    DialFailed,
    Dialled,
    Event,
    OperationFailed,
    Outcome,
    Unreadable,
)
from appliance.health.explain import SEE_LOG, undialled
from appliance.health.judge import Judge

_TELLING: Final = (
    *(Dialled, DialFailed),
    *(AssociationAccepted, AssociationRejected, OperationFailed, AssociationEnded),
)
"""The events that tell something of a backend, which their C{backend} names."""

HEARD: Final = (*_TELLING, Closed, Unreadable)
"""All events that are evidence, or end it."""

_ENDS: Final = {
    Outcome.ABORTED_BY_BACKEND: "it aborted an association",
    Outcome.CUT_BY_BACKEND: "it hung up in the middle of an association",
}


@define
class Evidence:
    """The evidence from the connections of one section."""

    _failed: set[str] = field(factory=set, init=False)
    _garbled: set[str] = field(factory=set, init=False)
    _open: dict[str, str] = field(factory=dict, init=False)

    def busy(self, target: str) -> bool:
        """True while an association is under way that C{target} has accepted."""
        return target in self._open.values()

    def backend(self, event: Event) -> str | None:
        """The backend that C{event} tells something of, if any."""
        if isinstance(event, Closed):
            # An association may have been lost with its process, and have no end of its own.
            self._forget(event.connection)
        elif isinstance(event, Unreadable) and event.fromClient:
            # Whoever ends the association for that is right.
            self._garbled.add(event.connection)
        return event.backend if isinstance(event, _TELLING) else None

    def weigh(self, event: Event, judge: Judge, now: float, *, checked: bool) -> None:
        """Let C{judge} know what C{event} tells of its backend, which may be C{checked}."""
        match event:
            case DialFailed(error=error):
                judge.unconnected(undialled(error))
            case Dialled() if not checked:
                # A PACS that hangs still accepts connections, so that checks know better.
                judge.connected()
            case AssociationAccepted(backend=str(backend)):
                self._open[event.connection] = backend
                judge.accepted(now)
            case AssociationRejected(why=why):
                judge.rejected(f"it rejected an association: {why}", _afterRejection(event), now)
            case OperationFailed(operation=operation, words=words, status=status):
                self._failed.add(event.connection)
                judge.troubled(
                    f"it answered {operation} with {words} (status {status:04X}H)", SEE_LOG, now
                )
            case AssociationEnded():
                self._ended(event, judge, now)

    def _ended(self, event: AssociationEnded, judge: Judge, now: float) -> None:
        outcome, why = event.association.outcome, event.association.why
        found = None if outcome is None else _ENDS.get(outcome)
        if found is not None and event.connection not in self._garbled:
            lives = outcome is Outcome.ABORTED_BY_BACKEND
            judge.troubled(f"{found} ({why})" if why else found, SEE_LOG, now, lives=lives)
        elif outcome is Outcome.RELEASED and event.connection not in self._failed:
            judge.clean(now)
        self._forget(event.connection)

    def _forget(self, connection: str) -> None:
        self._failed.discard(connection)
        self._garbled.discard(connection)
        self._open.pop(connection, None)


def _afterRejection(event: AssociationRejected) -> str:
    match event.source, event.reason:
        case reasons.CALLED_TITLE:
            return f"let the client call the PACS by its own AE title, not {event.called!r}"
        case reasons.CALLING_TITLE:
            return f"register the client's AE title {event.calling!r} at the PACS"
        case reasons.CONGESTION | reasons.LOCAL_LIMIT:
            return "the PACS is busy: see how many associations it allows"
        case _:
            return SEE_LOG
