"""What the process says about audit messages: to the model, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator

from appliance.config import auditoptions as audit
from appliance.config.model import AuditConfig, Problem
from appliance.config.settings import Settings


def auditConfig(settings: Settings) -> AuditConfig | None:
    """Where audit messages go, if anywhere."""
    address = settings.last(audit.AUDIT)
    if address is None:
        return None
    return AuditConfig(
        address.host,
        address.port,
        where=settings.place(audit.AUDIT).where,
        caWhere=settings.place(audit.CA_FILE).where,
        certWhere=settings.place(audit.CERT).where,
        keyWhere=settings.place(audit.KEY if settings.wrote(audit.KEY) else audit.CERT).where,
        **settings.arguments(
            protocol=audit.PROTOCOL,
            caFile=audit.CA_FILE,
            cert=audit.CERT,
            key=audit.KEY,
            spool=audit.SPOOL,
            spoolSize=audit.SPOOL_SIZE,
            source=audit.SOURCE,
        ),
    )


def checkAudit(settings: Settings) -> Iterator[Problem]:
    """All that there is to say about the options of audit messages together."""
    if not settings.wrote(audit.AUDIT):
        for option in audit.AUDIT_OPTIONS:
            if settings.wrote(option):
                yield settings.place(option).warning(
                    "does nothing, since no audit messages are sent",
                    "audit as well",
                    'add a line like "audit = audit.example:6514", or remove this one',
                )
    elif not settings.misread(audit.PROTOCOL):
        yield from _together(settings, settings.last(audit.PROTOCOL) or audit.UDP)


def _together(settings: Settings, protocol: str) -> Iterator[Problem]:
    if protocol == audit.TLS:
        yield from _secured(settings)
    else:
        for option in (audit.CA_FILE, audit.CERT, audit.KEY):
            if settings.wrote(option):
                yield settings.place(option).warning(
                    f"does nothing, since audit messages go by {protocol}, in the clear",
                    "auditProtocol = tls",
                    "write that, or remove the line",
                )
    if protocol == audit.UDP and settings.wrote(audit.SPOOL):
        yield settings.place(audit.SPOOL).warning(
            "keeps none of what UDP loses, since nothing tells of it",
            "auditProtocol = tcp or tls",
            "write that where the collector has it, or remove the line",
        )


def _secured(settings: Settings) -> Iterator[Problem]:
    if not settings.wrote(audit.CA_FILE):
        yield settings.place(audit.PROTOCOL).error(
            "nothing says whom to trust as the collector",
            "auditCAfile as well",
            'add a line like "auditCAfile = audit-ca.pem"',
        )
    if settings.wrote(audit.KEY) and not settings.wrote(audit.CERT):
        yield settings.place(audit.KEY).error(
            "is the key of no certificate",
            "auditCert as well",
            'add a line like "auditCert = audit.pem", or remove this one',
        )
