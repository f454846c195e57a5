"""The lines about who is kept out by a limit, and who is banned."""

from __future__ import annotations

from typing import Final

from appliance import events as e
from appliance.logs.entry import Entry

_AS_ASKED: Final = (e.LimitKind.ADDRESS, e.LimitKind.BAN)
"""Limits that do what somebody has asked for, and call for nobody."""


def _text(event: e.Limited) -> str:
    often = "" if event.count == 1 else f" {event.count:,} times more"
    return (
        f"Service [{event.section}] turned {event.client} away{often}: {event.why}; {event.advice}"
    )


ENTRIES: tuple[Entry, ...] = (
    Entry(
        e.Limited,
        5,
        _text,
        "A client is kept out by its address, or since it is banned. The first time at once, then "
        "every ten seconds how often.",
        lambda event: event.limit in _AS_ASKED,
    ),
    Entry(
        e.Limited,
        3,
        _text,
        "The same for all that come while the process is out of file descriptors.",
        lambda event: event.limit is e.LimitKind.DESCRIPTORS,
    ),
    Entry(
        e.Limited,
        4,
        _text,
        "The same by maxConnections, maxConnectionsPerClient or handshakeRate.",
        lambda event: event.limit not in (*_AS_ASKED, e.LimitKind.DESCRIPTORS),
    ),
    Entry(
        e.Banned,
        4,
        "Service [{e.section}] bans {e.client} for {e.seconds:.0f} s: {e.why}; 'butterfly-tls ask "
        "unban {e.client}' ends that",
        "A client was bad too often (banAfter).",
    ),
    Entry(
        e.Unbanned,
        5,
        "Service [{e.section}] lets {e.client} in again",
        "A ban was ended ahead of its time, by an administrator or by a change of banAfter.",
    ),
)
