"""Events for the tests of records: a connection, and what becomes of it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from attrs import evolve

from appliance import events as e

ZONE = timezone(timedelta(hours=1))
NOON = datetime(2026, 11, 24, 12, 0, 0, 123456, ZONE)

US = "1.2.840.10008.5.1.4.1.1.6.1"
EXPLICIT = "1.2.840.10008.1.2.1"
IMPLICIT = "1.2.840.10008.1.2"

PEER = e.Peer("TLSv1.3", "TLS_AES_256_GCM_SHA384", 256, "X25519", None, "CN=modality", False)
REQUESTOR = e.Application("1.2.3", "MODALITY_1", 16384)
ACCEPTOR = e.Application("1.2.4", "PACS_7", 0)
PROPOSED = (
    e.Context(1, US, (EXPLICIT, IMPLICIT)),
    e.Context(3, "1.2.840.10008.1.1", (IMPLICIT,)),
)
ANSWERED = (
    e.Context(1, US, (EXPLICIT,), 0),
    e.Context(3, "1.2.840.10008.1.1", (IMPLICIT,), 3),
)
STORED = e.Tally("C-STORE", US, 3, ((0, 2), (0xA700, 1)), 4096, 0.5)

CLIENT = "192.0.2.1:40000"
BACKEND = "192.0.2.9:104"


def opened(connection: str = "7", client: str = CLIENT) -> e.Opened:
    """A client that has something to say."""
    return e.Opened("S", connection, client)


def handshaken(connection: str = "7", dialled: bool = False) -> e.Handshaken:
    """A good handshake."""
    return e.Handshaken("S", connection, PEER, dialled)


def requested(connection: str = "7") -> e.AssociationRequested:
    """MODALITY calls PACS."""
    return e.AssociationRequested("S", connection, None, "MODALITY", "PACS", REQUESTOR, PROPOSED)


def accepted(connection: str = "7") -> e.AssociationAccepted:
    """PACS accepts."""
    return e.AssociationAccepted("S", connection, BACKEND, "MODALITY", "PACS", ACCEPTOR, ANSWERED)


ASSOCIATION = e.Association(
    "MODALITY",
    "PACS",
    REQUESTOR,
    ACCEPTOR,
    ANSWERED,
    (STORED,),
    2.5,
    e.Outcome.RELEASED,
)


def ended(connection: str = "7", **changes: Any) -> e.AssociationEnded:
    """Three objects were stored, one of them not."""
    backend = changes.pop("backend", BACKEND)
    return e.AssociationEnded("S", connection, backend, evolve(ASSOCIATION, **changes))


def closed(connection: str = "7", reason: e.Reason = e.Reason.COMPLETED) -> e.Closed:
    """The connection's end."""
    return e.Closed("S", connection, CLIENT, reason, 1, 2, 3.0, False)
