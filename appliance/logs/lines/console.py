"""The lines about administrators: what they entered, and who was kept out."""

from __future__ import annotations

from appliance import events as e
from appliance.logs.entry import Entry

ENTRIES: tuple[Entry, ...] = (
    Entry(
        e.CommandGiven,
        5,
        "Console: {e.who} entered by {e.face}: {e.line}",
        "Somebody gave a command that may change something.",
        lambda event: event.ok and event.changes,
    ),
    Entry(
        e.CommandGiven,
        7,
        "Console: {e.who} looked by {e.face}: {e.line}",
        "Somebody gave a command that only looks; monitoring does so all the time.",
        lambda event: event.ok and not event.changes,
    ),
    Entry(
        e.CommandGiven,
        5,
        "Console: {e.who} entered by {e.face}, and it failed: {e.line}",
        "A command could not be done, or found something wrong.",
        lambda event: not event.ok,
    ),
    Entry(
        e.ConsoleRefused,
        4,
        "Console: refused {e.address} by {e.face}: {e.why}",
        "Somebody was kept from the shell or from the control socket.",
    ),
)
