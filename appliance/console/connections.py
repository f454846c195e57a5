"""The commands about connections: who is there, whose association it is, and an end to one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from attrs import asdict

from appliance.console.answer import Answer, CommandError
from appliance.console.arguments import one
from appliance.console.operator import Connection, Operator
from appliance.console.overview import backendsUp, process, state, verdict
from appliance.console.tables import facts, paragraphs, table
from appliance.status.document import OpenAssociation
from appliance.status.words import duration, size

BUSIEST: Final = 100
"""Connections that C{top} shows."""

_ID: Final = "the ID of a connection, as 'associations' lists them"


async def associations(operator: Operator, _words: Sequence[str]) -> Answer:
    """Each connection, and whose association is on it."""
    data = await _found(operator)
    return Answer(data, connectionsTable(data) or "Nobody is connected.")


async def _found(operator: Operator) -> list[dict[str, Any]]:
    """The connections as C{associations} gives them to programs."""
    connections = await operator.connections()
    open_ = {(each.section, each.client): each for each in operator.status().associations}
    return [_described(each, open_.get((each.section, each.client))) for each in connections]


def _described(connection: Connection, association: OpenAssociation | None) -> dict[str, Any]:
    if association is not None:
        state = "associated" if association.accepted else "asking"
    else:
        state = "connected" if connection.backend else "waiting"
    return {
        "state": state,
        **asdict(connection),
        "bytes": connection.sentToTLS + connection.sentToSocket,
        "calling": None if association is None else association.calling,
        "called": None if association is None else association.called,
    }


def connectionsTable(data: Iterable[Mapping[str, Any]]) -> str:
    """Connections as C{associations} gives them to programs, for people."""
    names = ("state", "id", "section", "client", "calling", "called", "backend")
    rows = [
        (*(each[name] or "" for name in names), duration(each["seconds"]), size(each["bytes"]))
        for each in data
    ]
    return table((*map(str.upper, names), "FOR", "BYTES"), rows)


async def show(operator: Operator, words: Sequence[str]) -> Answer:
    """All that is known of one connection."""
    wanted = one(words, _ID)
    for each in await _found(operator):
        if each["id"] == wanted:
            return Answer(each, facts([(name, _fact(name, each[name])) for name in each]))
    raise _unknown(wanted)


def _fact(name: str, value: Any) -> str:
    if value is None or value == "":
        return "-"
    if name == "seconds":
        return duration(value)
    return size(value) if isinstance(value, int) else str(value)


def _unknown(wanted: str) -> CommandError:
    return CommandError(
        f"there is no connection {wanted!r} now", advice="'associations' lists those there are"
    )


async def close(operator: Operator, words: Sequence[str]) -> Answer:
    """End one connection at once."""
    wanted = one(words, _ID)
    if not await operator.close(wanted):
        raise _unknown(wanted)
    return Answer({"closed": wanted}, f"Connection {wanted} is ended.")


async def top(operator: Operator, _words: Sequence[str]) -> Answer:
    """What is wrong, and the busiest connections."""
    found = await _found(operator)
    found.sort(key=lambda each: -each["bytes"])
    document = operator.status()
    alerts, itself = list(verdict(document)), process(document)
    data = {
        "at": document.at,
        "verdict": alerts,
        "process": itself,
        "sections": [
            {
                "state": state(each, document),
                "section": each.name,
                "backends": backendsUp(each),
                "connections": each.connections,
                "associations": each.associations,
            }
            for each in document.sections
        ],
        "connections": found[:BUSIEST],
    }
    text = paragraphs("\n".join(alerts), itself, connectionsTable(found[:BUSIEST]))
    return Answer(data, text)
