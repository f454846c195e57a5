"""One association as the journal has it: plain values that JSON knows, by L{schema.SCHEMA}.

Titles, UIDs of classes, counts, statuses and sizes; never what was transferred. Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from attrs import frozen

from appliance.audit.connections import Known
from appliance.events import Application, Association, AssociationEvent, Context, Peer, Tally

VERSION: Final = 1
"""Raised when a field changes its meaning or goes; fields may be added without."""

WORKER_LOST: Final = "worker lost"
"""The outcome, beside those in L{Outcome}, of an association whose process died."""


@frozen
class Entry:
    """What a line is made of: an C{association} that C{event} tells of, over for C{outcome}."""

    event: AssociationEvent
    association: Association
    outcome: str
    why: str


def record(
    entry: Entry, known: Known, end: datetime, named: Callable[[str], str]
) -> dict[str, Any]:
    """The line for C{entry}, which was over at C{end} (aware); C{named} gives the words of a UID.

    C{known} is its connection.
    """
    event, association = entry.event, entry.association
    begin = end - timedelta(seconds=association.seconds)
    return {
        "v": VERSION,
        "begin": moment(begin),
        "end": moment(end),
        "seconds": round(association.seconds, 3),
        "section": event.section,
        "connection": event.connection,
        "client": _address(known.client),
        "via": _address(known.via) if known.via else None,
        "certificate": None if known.peer is None else known.peer.subject,
        "tls": None if known.peer is None else _tls(known.peer, known.dialled),
        "backend": event.backend,
        "calling": association.calling,
        "called": association.called,
        "requestor": _application(association.requestor),
        "acceptor": None if association.acceptor is None else _application(association.acceptor),
        "contexts": _contexts(association.contexts),
        "operations": [_operation(tally, named) for tally in association.tallies],
        "outcome": entry.outcome,
        "why": entry.why,
    }


def moment(when: datetime) -> str:
    """C{when} by RFC 3339, with its offset, to the millisecond."""
    return when.isoformat(timespec="milliseconds")


def _address(client: str) -> dict[str, Any]:
    host, _, port = client.rpartition(":")
    return {"address": host or client or None, "port": int(port) if port.isdecimal() else None}


def _tls(peer: Peer, dialled: bool) -> dict[str, Any]:
    return {
        "version": peer.version,
        "cipher": peer.cipher,
        "group": peer.group,
        "resumed": peer.resumed,
        "psk": peer.psk,
        "dialled": dialled,
    }


def _application(application: Application) -> dict[str, Any]:
    return {
        "class": application.implementationClass,
        "version": application.implementationVersion,
        "maximumLength": application.maximumLength,
    }


def _contexts(contexts: tuple[Context, ...]) -> dict[str, Any]:
    accepted = [context for context in contexts if context.result == 0]
    return {
        "proposed": len(contexts),
        "accepted": len(accepted),
        "list": [
            {"sopClass": each.sopClass, "transferSyntax": next(iter(each.transferSyntaxes), "")}
            for each in accepted
        ],
    }


def _operation(tally: Tally, named: Callable[[str], str]) -> dict[str, Any]:
    return {
        "operation": tally.operation,
        "sopClass": tally.sopClass,
        "name": named(tally.sopClass),
        "requests": tally.requests,
        "statuses": {f"{status:04X}H": count for status, count in tally.statuses},
        "bytes": tally.bytes,
        "seconds": round(tally.seconds, 3),
    }
