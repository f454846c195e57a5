"""Judges a peer's certificate chain as a section asks: chain, listed peers, names.

The judge runs inside OpenSSL's callback, so it never does network or file I/O; what it decided
stays on the connection, for the log.
"""

from __future__ import annotations

from collections.abc import Iterable

import service_identity.cryptography
from attrs import define, field, frozen
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtensionOID, NameOID
from OpenSSL import SSL, crypto
from service_identity import CertificateError, VerificationError
from service_identity.hazmat import (
    DNS_ID,
    CertificatePattern,
    DNSPattern,
    verify_service_identity,
)

from appliance.config.model import TLSConfig
from appliance.tls.binding import verifyErrorText
from appliance.tls.certificate import subjectText

OK = 0
UNABLE_TO_GET_ISSUER_LOCALLY = 20
UNABLE_TO_VERIFY_LEAF = 21
CERT_UNTRUSTED = 27
CERT_REJECTED = 28
HOSTNAME_MISMATCH = 62
"""X509 verification errors by OpenSSL's numbers (X509_V_ERR_*)."""

NOT_LISTED = "certificate not found in local repository"


@frozen
class Judgement:
    """What was decided about one certificate of a chain; C{error} C{None} means accepted."""

    depth: int
    subject: str
    error: str | None = None


@define
class Verdicts:
    """All judgements of one connection's handshake, in the order they were made."""

    judgements: list[Judgement] = field(factory=list)

    @property
    def error(self) -> str | None:
        """Why the chain was rejected, if it was."""
        return next((j.error for j in self.judgements if j.error is not None), None)


def verdicts(connection: SSL.Connection) -> Verdicts | None:
    """What was decided about the peer of C{connection}."""
    data = connection.get_app_data()
    return data if isinstance(data, Verdicts) else None


def publicKey(certificate: x509.Certificate) -> bytes:
    """The certificate's public key as DER (SubjectPublicKeyInfo, RFC 5280 4.1)."""
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def matchesHost(certificate: x509.Certificate, hosts: Iterable[str]) -> bool:
    """True when the certificate is valid for one of C{hosts} (option C{checkHost}, RFC 6125).

    A certificate without any DNS name in its SAN is matched by its common name, as stunnel does.
    """
    try:
        patterns: list[CertificatePattern] = list(
            service_identity.cryptography.extract_patterns(certificate)
        )
        if not _hasDNSName(certificate):
            patterns += [
                DNSPattern.from_bytes(str(name.value).encode("idna"))
                for name in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
            ]
    except (CertificateError, UnicodeError, ValueError):
        return False
    return any(_matches(patterns, host) for host in hosts)


def _hasDNSName(certificate: x509.Certificate) -> bool:
    try:
        names = certificate.extensions.get_extension_for_oid(
            ExtensionOID.SUBJECT_ALTERNATIVE_NAME
        ).value
    except x509.ExtensionNotFound:
        return False
    return isinstance(names, x509.SubjectAlternativeName) and bool(
        names.get_values_for_type(x509.DNSName)
    )


def _matches(patterns: list[CertificatePattern], host: str) -> bool:
    try:
        verify_service_identity(patterns, [DNS_ID(host)], [])
    except (VerificationError, UnicodeError, ValueError):
        return False
    return True


class Judge:
    """The verifier of one section's context; see L{appliance.tls.binding.setVerifier}."""

    def __init__(self, tls: TLSConfig, authorities: Iterable[x509.Certificate]) -> None:
        self._tls = tls
        self._listed = {(a.subject, publicKey(a)) for a in authorities} if tls.verifyPeer else set()

    def __call__(
        self, connection: SSL.Connection, certificate: crypto.X509, error: int, depth: int
    ) -> int:
        """Return 0 to accept the certificate at C{depth} (0 is the peer's own)."""
        try:
            verdict, text = self._judge(certificate.to_cryptography(), error, depth)
            subject = subjectText(certificate.to_cryptography().subject)
        except ValueError:
            verdict, text, subject = CERT_REJECTED, "certificate cannot be parsed", "?"
        record = verdicts(connection)
        if record is not None:
            record.judgements.append(Judgement(depth, subject, None if verdict == OK else text))
        return verdict

    def _judge(self, certificate: x509.Certificate, error: int, depth: int) -> tuple[int, str]:
        tls = self._tls
        if not tls.verifies:
            return OK, ""
        if tls.verifyPeer:
            forgiven = depth > 0 or error in (
                UNABLE_TO_GET_ISSUER_LOCALLY,
                UNABLE_TO_VERIFY_LEAF,
                CERT_UNTRUSTED,
            )
            if error != OK and (tls.verifyChain or not forgiven):
                return error, self._text(certificate, error, depth)
            if depth == 0 and (certificate.subject, publicKey(certificate)) not in self._listed:
                return CERT_REJECTED, NOT_LISTED
        elif error != OK:
            return error, self._text(certificate, error, depth)
        if depth == 0 and tls.checkHost and not matchesHost(certificate, tls.checkHost):
            return HOSTNAME_MISMATCH, "hostname mismatch"
        return OK, ""

    def _text(self, certificate: x509.Certificate, error: int, depth: int) -> str:
        text = verifyErrorText(error)
        listed = (certificate.subject, publicKey(certificate)) in self._listed
        return (
            f"{NOT_LISTED}: {text}" if self._tls.verifyPeer and depth == 0 and not listed else text
        )
