"""The lines about the records that are kept: the journal, the audit trail, who logged in."""

from __future__ import annotations

from appliance import events as e
from appliance.logs.entry import Entry

ENTRIES: tuple[Entry, ...] = (
    Entry(
        e.JournalFailed,
        3,
        "Cannot write the journal: {e.path}: {e.error}; lines are lost until it can be written "
        "again, see to the disk and its permissions",
        "A line could not be written; told once, until it works again.",
        lambda event: event.dropping,
    ),
    Entry(
        e.JournalFailed,
        3,
        "Cannot open the journal again: {e.path}: {e.error}; the old file is still written to",
        "After SIGUSR1, when that fails.",
        lambda event: not event.dropping,
    ),
    Entry(
        e.JournalResumed,
        4,
        "The journal can be written again: {e.path}, {e.lost} line(s) are missing",
        "The end of that.",
    ),
    Entry(
        e.AuditAway,
        3,
        "The audit collector {e.collector} takes no messages: {e.why}; they wait for it",
        "Told once, until it takes them again.",
        lambda event: event.keeps,
    ),
    Entry(
        e.AuditAway,
        3,
        "The audit collector {e.collector} takes no messages: {e.why}; those that are sent are "
        "lost",
        "The same with auditProtocol = udp.",
        lambda event: not event.keeps,
    ),
    Entry(
        e.AuditBack,
        5,
        "The audit collector {e.collector} takes messages again: {e.waiting} had waited, {e.lost} "
        "were lost",
        "The end of that.",
    ),
    Entry(
        e.AuditLost,
        3,
        "More audit messages wait for {e.collector} than auditSpoolSize allows: the oldest are "
        "lost",
        "Told once, until the collector takes messages again.",
    ),
    Entry(
        e.AuditSpoolFailed,
        3,
        "Cannot keep audit messages in {e.path}: {e.error}; they wait in memory, and are lost "
        "when the appliance stops",
        "The directory in auditSpool cannot be written; told once, until it can be.",
    ),
    Entry(
        e.ConsoleLogin,
        5,
        "Console: {e.user} logged in from {e.address}",
        "Somebody logged in.",
        lambda event: event.ok,
    ),
    Entry(
        e.ConsoleLogin,
        4,
        "Console: {e.user} could not log in from {e.address}",
        "Somebody tried to log in, and was not let in.",
        lambda event: not event.ok,
    ),
    Entry(
        e.ConsoleLogout,
        5,
        "Console: {e.user} from {e.address} logged out",
        "Somebody left.",
    ),
)
