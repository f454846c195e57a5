"""The lines about DICOM associations."""

from __future__ import annotations

from appliance import events as e
from appliance.logs.entry import Entry

_BAD = (e.Outcome.REJECTED, e.Outcome.ABORTED_BY_BACKEND, e.Outcome.CUT_BY_BACKEND)


def _asked(event: e.AssociationRequested) -> str:
    who = event.requestor.implementationVersion or event.requestor.implementationClass
    return (
        f"Service [{event.section}] association requested: {event.calling} calls {event.called}, "
        f"{len(event.contexts)} presentation context(s), implementation {who or 'unknown'}"
    )


def _accepted(event: e.AssociationAccepted) -> str:
    good = sum(context.result == 0 for context in event.contexts)
    return (
        f"Service [{event.section}] association accepted: {event.calling} with {event.called} at "
        f"{event.backend}, {good} of {len(event.contexts)} presentation context(s)"
    )


def _ended(event: e.AssociationEnded) -> str:
    association = event.association
    outcome = "unknown" if association.outcome is None else association.outcome.value
    text = (
        f"Service [{event.section}] association of {association.calling} with "
        f"{association.called} ended: {outcome}"
    )
    if association.why:
        text += f" ({association.why})"
    for tally in association.tallies:
        good = sum(count for status, count in tally.statuses if status == 0)
        text += f", {tally.operation} {good} of {tally.requests} with success"
    return f"{text}, {association.seconds:.1f} s"


ENTRIES: tuple[Entry, ...] = (
    Entry(e.AssociationRequested, 6, _asked, "A client asks for an association."),
    Entry(e.AssociationAccepted, 6, _accepted, "The backend has accepted it."),
    Entry(
        e.AssociationRejected,
        4,
        "Service [{e.section}] backend {e.backend} rejected the association of {e.calling} with "
        "{e.called}: {e.why}",
        "The backend has not accepted it.",
    ),
    Entry(
        e.AssociationRefused,
        4,
        "Service [{e.section}] rejected the association of {e.calling} with {e.called}: {e.why}; "
        "{e.advice}",
        "It is against the rules of the section.",
        lambda event: event.enforced,
    ),
    Entry(
        e.AssociationRefused,
        4,
        "Service [{e.section}] would reject the association of {e.calling} with {e.called}: "
        "{e.why}; {e.advice}",
        "It is against the rules of the section, and policy = report.",
        lambda event: not event.enforced,
    ),
    Entry(
        e.OperationFailed,
        4,
        "Service [{e.section}] backend {e.backend} answered {e.operation} with {e.words} (status "
        "{e.status:04X}H)",
        "An operation failed at the backend; once per status in an association.",
    ),
    Entry(
        e.AssociationEnded,
        6,
        _ended,
        "The one end of each association, with its counts.",
        lambda event: event.association.outcome not in _BAD,
    ),
    Entry(
        e.AssociationEnded,
        5,
        _ended,
        "The same where it was the backend that ended it.",
        lambda event: event.association.outcome in _BAD,
    ),
    Entry(
        e.Unreadable,
        6,
        "Service [{e.section}] cannot read the association any further, bytes are passed on: "
        "{e.what}",
        "Something is not DICOM, or not as PS3.8 has it.",
    ),
)
