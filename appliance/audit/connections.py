"""What has been announced of the connections that exist, for records that are written later.

It keeps no more of a connection than its end, and writes nothing.
"""

from __future__ import annotations

from attrs import define, evolve, field, frozen

from appliance.events import (
    Announced,
    Association,
    AssociationAccepted,
    AssociationEnded,
    AssociationEvent,
    AssociationRequested,
    CertificateRejected,
    Closed,
    ConnectionEvent,
    Dialled,
    Event,
    Handshaken,
    Opened,
    Peer,
)


@frozen
class Pending:
    """An C{association} that has not ended, and the last C{event} that told of it."""

    event: AssociationEvent
    association: Association


@frozen
class Known:
    """One connection: C{client} and C{backend} are C{"address:port"}, empty while not known.

    C{via} is the load balancer that has announced the client, empty for none. C{dialled}: we were
    TLS's client, and C{peer} is the backend. C{rejected} is the certificate
    that was, C{pending} the association that has not ended.
    """

    client: str = ""
    backend: str = ""
    via: str = ""
    peer: Peer | None = None
    dialled: bool = False
    rejected: CertificateRejected | None = None
    pending: Pending | None = None


@define
class Connections:
    """The connections that exist, by their ids."""

    _known: dict[str, Known] = field(factory=dict)

    def __len__(self) -> int:
        return len(self._known)

    def of(self, event: ConnectionEvent) -> Known:
        """What is known of the connection of C{event}, before that."""
        return self._known.get(event.connection, Known())

    def note(self, event: Event) -> None:
        """Learn from C{event}, or forget the connection whose end it is."""
        match event:
            case Announced():
                self._learn(event, via=event.via)
            case Opened():
                self._learn(event, client=event.client)
            case Dialled():
                self._learn(event, backend=event.backend)
            case Handshaken():
                self._learn(event, peer=event.peer, dialled=event.dialled)
            case CertificateRejected():
                self._learn(event, rejected=event)
            case AssociationRequested():
                self._learn(event, pending=Pending(event, _requested(event)))
            case AssociationAccepted():
                self._learn(event, pending=Pending(event, self._accepted(event)))
            case AssociationEnded():
                self._learn(event, pending=None)
            case Closed():
                self._known.pop(event.connection, None)

    def _learn(self, event: ConnectionEvent, **facts: object) -> None:
        self._known[event.connection] = evolve(self.of(event), **facts)  # type: ignore[arg-type]

    def _accepted(self, event: AssociationAccepted) -> Association:
        pending = self.of(event).pending
        known = Association(event.calling, event.called) if pending is None else pending.association
        return evolve(known, acceptor=event.acceptor, contexts=event.contexts)


def _requested(event: AssociationRequested) -> Association:
    return Association(event.calling, event.called, event.requestor, contexts=event.contexts)
