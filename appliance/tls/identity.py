"""Whom a certificate is for: names, mail addresses and IP addresses (RFC 6125, RFC 5280 4.2.1.6).

Pure: all that is asked for comes as an argument, and nothing is raised.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any, TypeVar

import service_identity.cryptography
from cryptography import x509
from cryptography.x509.oid import NameOID
from service_identity import CertificateError, VerificationError
from service_identity.hazmat import (
    DNS_ID,
    CertificatePattern,
    DNSPattern,
    verify_service_identity,
)

T = TypeVar("T")


def matchesHost(certificate: x509.Certificate, hosts: Iterable[str]) -> bool:
    """True when the certificate is valid for one of C{hosts} (option C{checkHost}, RFC 6125).

    A certificate without any DNS name in its SAN is matched by its common name, as stunnel does.
    """
    try:
        patterns: list[CertificatePattern] = list(
            service_identity.cryptography.extract_patterns(certificate)
        )
        if not _alternatives(certificate, x509.DNSName):
            patterns += [
                DNSPattern.from_bytes(name.encode("idna"))
                for name in _subject(certificate, NameOID.COMMON_NAME)
            ]
    except (CertificateError, UnicodeError, ValueError):
        return False
    return any(_matches(patterns, host) for host in hosts)


def _matches(patterns: list[CertificatePattern], host: str) -> bool:
    try:
        verify_service_identity(patterns, [DNS_ID(host)], [])
    except (VerificationError, UnicodeError, ValueError):
        return False
    return True


def matchesEmail(certificate: x509.Certificate, addresses: Iterable[str]) -> bool:
    """True when the certificate is for one of the mail C{addresses} (option C{checkEmail}).

    Without a mail address in the SAN, one in the subject will do. Only the part behind the C{@} is
    free of case (RFC 5280 7.5).
    """
    try:
        own = _alternatives(certificate, x509.RFC822Name) or _subject(
            certificate, NameOID.EMAIL_ADDRESS
        )
    except ValueError:
        return False
    return not {_mailbox(address) for address in addresses}.isdisjoint(map(_mailbox, own))


def _mailbox(address: str) -> str:
    local, at, domain = address.rpartition("@")
    return f"{local}{at}{domain.lower()}"


def matchesIP(certificate: x509.Certificate, addresses: Iterable[str]) -> bool:
    """True when the certificate's SAN has one of the IP C{addresses} (option C{checkIP})."""
    try:
        own = frozenset(_alternatives(certificate, x509.IPAddress))
        return any(ip_address(address) in own for address in addresses)
    except ValueError:
        return False


def _alternatives(certificate: x509.Certificate, kind: Any) -> list[Any]:
    """The certificate's alternative names of C{kind}."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return list(names.get_values_for_type(kind))


def _subject(certificate: x509.Certificate, kind: x509.ObjectIdentifier) -> list[str]:
    return [str(name.value) for name in certificate.subject.get_attributes_for_oid(kind)]
