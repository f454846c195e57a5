"""The options of the process that say what is kept for the record: journal, audit, state."""

from __future__ import annotations

from typing import Any

from appliance.config import values
from appliance.config.model import InetAddress
from appliance.config.vocabulary import Option, PathKind, Scope

UDP, TCP, TLS = "udp", "tcp", "tls"
"""The ways of audit messages to their collector."""

SMALLEST_SPOOL = 64 * 1024
"""Bytes; a message has one or two thousand."""


def collector(value: str) -> InetAddress:
    """Where audit messages go: a host, which may not be left out, and a port."""
    address = values.address(value)
    if not isinstance(address, InetAddress) or not address.host:
        raise ValueError("the host and the port of a collector, such as audit.example:6514")
    return address


STATE_DIRECTORY = Option(
    "stateDirectory",
    Scope.GLOBAL,
    "DIRECTORY",
    "what systemd gives (STATE_DIRECTORY), or none: then nothing is kept",
    "Where the appliance keeps what it has learnt, such as the AE titles of PACS.",
    values.fileName,
    path=PathKind.DIRECTORY,
)
JOURNAL = Option(
    "journal",
    Scope.GLOBAL,
    "FILE",
    "no journal",
    "A file that gets a line of JSON for each association: who, what, how it ended. It is opened "
    "again when told to, so that it can be rotated. It counts at the start, not at a reload.",
    values.fileName,
    path=PathKind.CREATED,
)
AUDIT = Option(
    "audit",
    Scope.GLOBAL,
    "HOST:PORT",
    "no audit messages",
    "The collector of audit messages (IHE ATNA, an audit record repository): starts and stops, "
    "peers that were not let in, changed configurations. This and the options below count at the "
    "start, not at a reload.",
    collector,
)
PROTOCOL = Option(
    "auditProtocol",
    Scope.GLOBAL,
    "udp, tcp or tls",
    "udp",
    "How audit messages get there. With tcp and tls they wait while the collector is away; udp "
    "loses them. tls needs auditCAfile.",
    values.choice({protocol: protocol for protocol in (UDP, TCP, TLS)}),
)
CA_FILE = Option(
    "auditCAfile",
    Scope.GLOBAL,
    "FILE",
    "none",
    "The authorities, or the certificate itself, that the collector's certificate is checked "
    "against; it must be for the host in audit.",
    values.fileName,
    path=PathKind.FILE,
)
CERT = Option(
    "auditCert",
    Scope.GLOBAL,
    "FILE",
    "no certificate",
    "Our own certificate for the collector, with its chain, where it asks for one.",
    values.fileName,
    path=PathKind.FILE,
)
KEY = Option(
    "auditKey",
    Scope.GLOBAL,
    "FILE",
    "the file in auditCert",
    "The private key of auditCert, without a passphrase.",
    values.fileName,
    path=PathKind.FILE,
)
SPOOL = Option(
    "auditSpool",
    Scope.GLOBAL,
    "DIRECTORY",
    "messages wait in memory, and are lost when the appliance stops",
    "The directory in which messages wait that the collector has not taken. No other appliance "
    "may use it, and the user in setuid must be able to write there.",
    values.fileName,
    path=PathKind.DIRECTORY,
)
SPOOL_SIZE = Option(
    "auditSpoolSize",
    Scope.GLOBAL,
    "BYTES",
    "16777216",
    "How much may wait, in the directory or in memory. The oldest messages give way, and the log "
    "tells so.",
    values.number(SMALLEST_SPOOL, 2_000_000_000, "bytes"),
)
SOURCE = Option(
    "auditSource",
    Scope.GLOBAL,
    "ID",
    "butterfly-tls",
    "What audit messages name as their source (AuditSourceID), to tell appliances apart.",
    values.text("an id"),
)

AUDIT_OPTIONS: tuple[Option[Any], ...] = (
    *(PROTOCOL, CA_FILE, CERT, KEY, SPOOL, SPOOL_SIZE, SOURCE),
)
"""Those that say nothing without C{audit}."""

OPTIONS: tuple[Option[Any], ...] = (STATE_DIRECTORY, JOURNAL, AUDIT, *AUDIT_OPTIONS)
