"""Reads the facts of a handshake, good or failed, off a TLS leg: who is there, or why not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from attrs import frozen
from cryptography import x509
from cryptography.x509.oid import NameOID
from OpenSSL import SSL

from appliance.config.model import TLSConfig
from appliance.events import (
    CertificateAccepted,
    CertificateRejected,
    ConnectionEvent,
    HandshakeFailed,
    Peer,
)
from appliance.tls.binding import groupName, wasResumed
from appliance.tls.certificate import MALFORMED, Certificate, subjectText
from appliance.tls.context import ciphersInForce
from appliance.tls.refusals import explain
from appliance.tls.transport import TLSWire
from appliance.tls.verify import usedKey, verdicts

GONE = "unexpected eof while reading"
"""OpenSSL's words for a peer that went away in the middle of a handshake."""

_NAMES: Final = (x509.DNSName, x509.RFC822Name, x509.UniformResourceIdentifier, x509.IPAddress)
"""The kinds of alternative names that people know."""


def describe(connection: SSL.Connection) -> Peer:
    """The peer of C{connection}, whose handshake has ended."""
    shown = connection.get_peer_certificate()
    certificate = None if shown is None else shown.to_cryptography()
    psk = usedKey(connection)
    name = connection.get_servername()
    return Peer(
        version=connection.get_protocol_version_name(),
        cipher=connection.get_cipher_name() or "unknown",
        bits=connection.get_cipher_bits() or 0,
        group=groupName(connection),
        serverName=None if name is None else name.decode("ascii", "replace"),
        subject=None if certificate is None else subjectText(certificate.subject),
        resumed=wasResumed(connection) and not psk,
        issuer=None if certificate is None else subjectText(certificate.issuer),
        psk=psk,
        names=() if certificate is None else names(certificate),
    )


def names(certificate: x509.Certificate) -> tuple[str, ...]:
    """What C{certificate} calls its owner: its common names, then its alternative names."""
    common = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    try:
        kind = x509.SubjectAlternativeName
        others = tuple(certificate.extensions.get_extension_for_class(kind).value)
    except (x509.ExtensionNotFound, *MALFORMED):
        others = ()
    found = [str(each.value) for each in common]
    found += [str(each.value) for each in others if isinstance(each, _NAMES)]
    return tuple(dict.fromkeys(found))


def reasons(error: BaseException) -> tuple[str, ...]:
    """OpenSSL's reason texts in C{error}; a lost connection gives the one for that."""
    if isinstance(error, SSL.SysCallError) or not isinstance(error, SSL.Error):
        return (GONE,)
    stack = error.args[0] if error.args else ()
    return tuple(entry[-1] for entry in stack if len(entry) == 3) or (GONE,)


@frozen
class Facts:
    """What the relay asks of the TLS side of one section (C{appliance.relay.terms.Secrets})."""

    tls: TLSConfig
    certificate: Certificate | None = None

    def describe(self, transport: TLSWire) -> Peer:
        """The peer at the other end of C{transport}."""
        return describe(transport.connection)

    def certificates(
        self, transport: TLSWire, section: str, connection: str
    ) -> Iterator[ConnectionEvent]:
        """What was decided about each of the peer's certificates."""
        record = verdicts(transport.connection)
        for judged in record.judgements if record else ():
            if judged.error is None:
                yield CertificateAccepted(section, connection, judged.depth, judged.subject)
            else:
                yield CertificateRejected(
                    section, connection, judged.depth, judged.subject, judged.error
                )

    def failed(
        self,
        transport: TLSWire,
        error: BaseException,
        section: str,
        connection: str,
        remote: str,
    ) -> ConnectionEvent:
        """Why the handshake on C{transport} failed, and what to do about it."""
        record = verdicts(transport.connection)
        texts = reasons(error)
        tls, certificate = self.tls, self.certificate
        if record is not None and record.section is not None:
            tls, certificate = record.tls, record.certificate
        refusal = explain(
            () if texts == (GONE,) else texts,
            transport.firstBytes,
            tls,
            ciphersInForce(tls),
            certificate=certificate,
            verifyError=record.error if record else None,
        )
        return HandshakeFailed(
            section,
            connection,
            remote,
            texts[0],
            refusal.kind.value,
            refusal.found,
            refusal.advice,
            self.tls.client,
        )
