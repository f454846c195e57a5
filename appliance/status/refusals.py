"""Who was not let in or not let through, and why: the last twenty, in words.

The same again is counted, not listed again, so that one scanner does not push out all others.
"""

from __future__ import annotations

from typing import Final

from attrs import define, evolve, field

from appliance.events import (
    AssociationRefused,
    AssociationRejected,
    CertificateRejected,
    ConnectionEvent,
    HandshakeFailed,
    Limited,
    NotAdmitted,
    Unannounced,
)
from appliance.status.document import Refusal

MOST: Final = 20

KINDS: Final[tuple[type[ConnectionEvent], ...]] = (
    HandshakeFailed,
    CertificateRejected,
    NotAdmitted,
    AssociationRefused,
    AssociationRejected,
    Unannounced,
)
"""The events that are refusals."""

_LONGEST: Final = 300
"""Characters of what peers may have written."""


def described(event: ConnectionEvent | Limited, client: str, now: float) -> Refusal | None:
    """What C{event} says about a refusal of C{client}; C{None} where it is none."""
    match event:
        case HandshakeFailed():
            facts = ("handshake", event.remote, event.found, event.advice)
        case CertificateRejected():
            facts = ("certificate", event.subject, event.error, "")
        case NotAdmitted():
            facts = ("admission", client, event.why, "")
        case Unannounced():
            facts = ("admission", event.remote, event.found, event.advice)
        case AssociationRefused():
            why = event.why if event.enforced else f"{event.why} (let through: policy = report)"
            facts = ("rules", _titles(event), why, event.advice)
        case AssociationRejected():
            why = f"{event.backend} rejected it: {event.why}"
            facts = ("backend", _titles(event), why, "")
        case Limited():
            facts = ("limit", client, event.why, event.advice)
        case _:
            return None
    kind, who, why, advice = (fact[:_LONGEST] for fact in facts)
    return Refusal(now, event.section, kind, who, why, advice)


def _titles(event: AssociationRefused | AssociationRejected) -> str:
    return f"{event.calling} to {event.called}"


@define
class Refusals:
    """The last refusals."""

    _last: list[tuple[str, Refusal]] = field(factory=list, init=False)
    """The latest last, each with its connection."""

    def add(self, event: ConnectionEvent | Limited, client: str, now: float) -> None:
        """Take in C{event}, which is about C{client}."""
        fresh = described(event, client, now)
        if fresh is None:
            return
        if isinstance(event, HandshakeFailed):
            # It says of a certificate all that the rejection has said, and what to do.
            self._last = [each for each in self._last if not _explains(event, *each)]
        connection = ""
        if isinstance(event, Limited):
            fresh = evolve(fresh, count=event.count)
        else:
            connection = event.connection
        for each in self._last:
            if _alike(each[1], fresh):
                fresh = evolve(fresh, count=each[1].count + fresh.count)
                self._last.remove(each)
                break
        self._last = [*self._last, (connection, fresh)][-MOST:]

    def read(self) -> tuple[Refusal, ...]:
        """The last ones, the latest first."""
        return tuple(refusal for _, refusal in reversed(self._last))


def _explains(event: HandshakeFailed, connection: str, refusal: Refusal) -> bool:
    return (refusal.section, refusal.kind, connection) == (
        event.section,
        "certificate",
        event.connection,
    )


def _alike(one: Refusal, other: Refusal) -> bool:
    def gist(refusal: Refusal) -> tuple[str, ...]:
        host = refusal.who.rpartition(":")[0] or refusal.who
        return refusal.section, refusal.kind, host, refusal.why

    return gist(one) == gist(other)
