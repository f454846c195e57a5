"""The journal's lines as a JSON Schema (draft 2020-12), which the documentation shows too."""

from __future__ import annotations

from typing import Any, Final

from appliance.audit.record import VERSION, WORKER_LOST
from appliance.events import Outcome


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    """An object that has all C{properties}; later versions of ours may add some."""
    return {"type": "object", "required": list(properties), "properties": properties}


def _orNull(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


def _text(description: str, **more: Any) -> dict[str, Any]:
    return {"type": "string", "description": description, **more}


def _count(description: str) -> dict[str, Any]:
    return {"type": "integer", "minimum": 0, "description": description}


def _flag(description: str) -> dict[str, Any]:
    return {"type": "boolean", "description": description}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _moment(description: str) -> dict[str, Any]:
    pattern = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d$"
    return _text(description, format="date-time", pattern=pattern)


_SECONDS: Final = {"type": "number", "minimum": 0, "description": "How long it took."}
_UID: Final = _text("A UID.")
_APPLICATION: Final = _object(
    **{"class": _text("Implementation class UID.")},
    version=_text("Implementation version name."),
    maximumLength=_count("Bytes of a PDU that it takes; 0: any."),
)

SCHEMA: Final[dict[str, Any]] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "A line of the journal of Butterfly-TLS: one association",
    **_object(
        v={"const": VERSION, "description": "The version of this format."},
        begin=_moment("When the association was requested."),
        end=_moment("When it was over."),
        seconds=_SECONDS,
        section=_text("The [section] of the configuration."),
        connection=_text("What stands in the brackets of the connection's log lines."),
        client=_object(
            address=_orNull(_text("Where the client called from.")),
            port=_orNull(_count("From which port.")),
        ),
        via=_orNull(
            _object(
                address=_orNull(_text("The load balancer that has announced the client.")),
                port=_orNull(_count("From which port it connected to us.")),
            )
        ),
        certificate=_orNull(_text("The subject of the TLS peer's certificate, if it showed one.")),
        tls=_orNull(
            _object(
                version=_text("Such as TLSv1.3."),
                cipher=_text("The cipher suite, as OpenSSL calls it."),
                group=_text("The group of the key exchange, or unknown."),
                resumed=_flag("Whether an earlier session was taken up."),
                psk=_flag("Whether it rests on a pre-shared key."),
                dialled=_flag("Whether the TLS peer is the server (client = yes)."),
            )
        ),
        backend=_orNull(_text("The PACS that was connected.")),
        calling=_text("The client's AE title."),
        called=_text("The AE title that it asked for."),
        requestor=_APPLICATION,
        acceptor=_orNull(_APPLICATION),
        contexts=_object(
            proposed=_count("Presentation contexts that the client proposed."),
            accepted=_count("Those that the PACS accepted."),
            list=_list(_object(sopClass=_UID, transferSyntax=_UID)),
        ),
        operations=_list(
            _object(
                operation=_text("Such as C-STORE."),
                sopClass=_UID,
                name=_text("The name of the SOP class, or its UID."),
                requests=_count("How many were asked for."),
                statuses={
                    "type": "object",
                    "description": "Final answers by their status.",
                    "patternProperties": {"^[0-9A-F]{4}H$": _count("How many.")},
                    "additionalProperties": False,
                },
                bytes=_count("The data sets' sizes, both ways."),
                seconds=_SECONDS,
            )
        ),
        outcome={
            "enum": [*(outcome.value for outcome in Outcome), WORKER_LOST],
            "description": "How it ended.",
        },
        why=_text("The same in words, where there are any."),
    ),
}
