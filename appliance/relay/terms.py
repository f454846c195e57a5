"""What a section agrees with its connections: limits, tools and who is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IProtocolFactory, IReactorTime

from appliance.backend.caller import Caller
from appliance.dicom.pdu import AssociateRJ, AssociateRQ
from appliance.events import ConnectionEvent, Events, Peer


class Dialable(Protocol):
    """The part of a pool that the relay needs."""

    def dial(self, factory: IProtocolFactory, caller: Caller) -> Deferred[Any]:
        """Connect C{factory} for C{caller}; gives C{(target, protocol)}."""


class NotAdmittedError(Exception):
    """The peer's handshake ended well, and still it is not let in; C{str} says why."""


Admit = Callable[[Any, Any], "Deferred[Any]"]
"""C{(join, transport) -> pool}: where a client goes whose TLS leg is C{transport}, C{None} for one
that is plain. It may take its time, may give the join other terms, and fails with
L{NotAdmittedError} for a client that goes nowhere."""

Approve = Callable[[Any, Any], "Deferred[Any]"]
"""C{(join, transport)}: may a server be used whose TLS leg is C{transport}? It may take its time,
and fails with L{NotAdmittedError} for a server that may not."""

Preface = Callable[[Caller, IAddress, "Peer | None"], bytes]
"""C{(caller, where it called, its TLS) -> bytes}: what the backend is told ahead of the data."""


@frozen
class Passage:
    """Where an association goes: the C{pool}, and the titles it goes by there, if others."""

    pool: Dialable
    calling: str | None = None
    called: str | None = None


class RejectedError(Exception):
    """An association is not let through; C{rejection} is what the client hears."""

    def __init__(self, rejection: AssociateRJ, why: str) -> None:
        super().__init__(why)
        self.rejection = rejection
        self.why = why


Gate = Callable[[Any, Dialable, AssociateRQ], Passage]
"""C{(join, pool, request) -> passage}: where an association goes that the client of C{join} asks
for, C{pool} being where connections go otherwise. Raises L{RejectedError}."""


class Secrets(Protocol):
    """What the TLS side knows of a leg, asked for when a handshake has ended."""

    def describe(self, transport: Any) -> Peer:
        """The peer at the other end."""

    def certificates(
        self, transport: Any, section: str, connection: str
    ) -> Iterable[ConnectionEvent]:
        """What was decided about the peer's certificates."""

    def failed(
        self, transport: Any, error: BaseException, section: str, connection: str, remote: str
    ) -> ConnectionEvent:
        """The failure of a handshake, in words."""


@frozen
class Terms:
    """One section's terms. Times are seconds; C{dials} is true where we are the TLS client.

    C{back} wraps the factory of the dialled leg in the transport that it needs. C{reset} false
    ends a failed connection with a FIN instead of a RST. C{serverName} is what a server is asked
    for. C{speaks} is true where associations are observed and clients hear failures in DICOM.
    With a C{gate} the association request is read before a backend is dialled. Where it is
    C{crowded} nothing is done for the client but to say so.
    """

    section: str
    dials: bool
    busy: float
    idle: float
    close: float
    admit: Admit
    approve: Approve
    tls: Secrets
    events: Events
    clock: IReactorTime
    back: Callable[[IProtocolFactory], IProtocolFactory]
    recognise: Callable[[bool, bytes], tuple[str, str] | None]
    serverName: str | None = None
    preface: Preface | None = None
    speaks: bool = True
    gate: Gate | None = None
    reset: bool = True
    crowded: bool = False
