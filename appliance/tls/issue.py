"""Makes private keys and certificates: for C{butterfly-tls cert}, the demo and the tests.

Nothing here writes a file or reads a clock. Every certificate is one for TLS, X.509 version 3
as in RFC 5280, signed with SHA-256.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import Enum
from ipaddress import ip_address

from attrs import frozen
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from appliance.tls.certificate import Certificate, KeyPair, PrivateKey

RSA_BITS = 3072
"""128 bits of security, what BSI TR-02102-2 asks for and what NIST SP 800-57 wants after 2030.

It costs 0.45 ms of CPU more per handshake than 2048 bits, and an association carries a study.
"""

DAYS = 820
"""How long a certificate is valid: Apple's systems accept 825 days at most, self-made ones too."""

BACKDATED = timedelta(days=1)
"""A new certificate is valid since yesterday, for peers whose clock is behind."""

_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = re.compile(rf"(\*\.)?{_LABEL}(\.{_LABEL})*")


class KeyType(Enum):
    """The kinds of key that DICOM peers know."""

    RSA = "rsa"
    ECDSA = "ecdsa"


def newKey(kind: KeyType = KeyType.RSA, bits: int = RSA_BITS) -> PrivateKey:
    """A new private key: RSA of C{bits}, or ECDSA on the curve P-256."""
    if kind is KeyType.ECDSA:
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def alternativeName(text: str) -> x509.GeneralName:
    """C{text} as an IP address or DNS name of a certificate; raises L{ValueError} for neither."""
    try:
        return x509.IPAddress(ip_address(text))
    except ValueError:
        if len(text) > 253 or _HOST.fullmatch(text) is None:
            raise ValueError(f"{text!r} is neither a host name nor an IP address") from None
        return x509.DNSName(text)


def selfSigned(
    key: PrivateKey,
    commonName: str,
    names: Iterable[str] = (),
    *,
    now: datetime,
    days: int = DAYS,
) -> KeyPair:
    """A certificate that C{key} vouches for itself, for a server or a client.

    C{names} are DNS names and IP addresses; C{now} is aware. Raises L{ValueError} for a common
    name that is empty or longer than 64 characters, and for a bad one of C{names}.
    """
    return _Draft(key, commonName, tuple(names), now, days).signed(None)


def issued(
    by: KeyPair,
    key: PrivateKey,
    commonName: str,
    names: Iterable[str] = (),
    *,
    now: datetime,
    days: int = DAYS,
) -> KeyPair:
    """A certificate for C{key}, for a server or a client, that the authority C{by} signs."""
    return _Draft(key, commonName, tuple(names), now, days).signed(by)


def authority(
    key: PrivateKey,
    commonName: str,
    *,
    now: datetime,
    days: int = 3650,
    by: KeyPair | None = None,
) -> KeyPair:
    """An authority that can sign others: a root, or below C{by} an intermediate one."""
    return _Draft(key, commonName, (), now, days, authority=True).signed(by)


@frozen
class _Draft:
    """A certificate before it is signed."""

    key: PrivateKey
    commonName: str
    names: Sequence[str]
    now: datetime
    days: int
    authority: bool = False

    def signed(self, by: KeyPair | None) -> KeyPair:
        """The finished pair, signed by C{by} or by its own key."""
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.commonName)])
        builder = x509.CertificateBuilder(
            subject_name=subject,
            issuer_name=by.certificate.chain[0].subject if by else subject,
            public_key=self.key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=self.now - BACKDATED,
            not_valid_after=self.now + timedelta(days=self.days),
        )
        for extension, critical in self._extensions(by):
            builder = builder.add_extension(extension, critical)
        signer = by.key if by else self.key
        edwards = isinstance(signer, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey)
        certificate = builder.sign(signer, None if edwards else SHA256())
        # A root is known to whoever trusts it, so it is not sent along (RFC 8446 4.4.2).
        above = [c for c in by.certificate.chain if c.subject != c.issuer] if by else []
        return KeyPair(Certificate.of([certificate, *above]), self.key)

    def _extensions(self, by: KeyPair | None) -> Iterable[tuple[x509.ExtensionType, bool]]:
        yield x509.BasicConstraints(ca=self.authority, path_length=None), True
        yield (
            x509.KeyUsage(
                digital_signature=not self.authority,
                content_commitment=False,
                # RSA key exchange, all that some old modalities have.
                key_encipherment=isinstance(self.key, rsa.RSAPrivateKey) and not self.authority,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=self.authority,
                crl_sign=self.authority,
                encipher_only=False,
                decipher_only=False,
            ),
            True,
        )
        yield x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), False
        if by is not None:
            signer = by.key.public_key()
            yield x509.AuthorityKeyIdentifier.from_issuer_public_key(signer), False
        if not self.authority:
            both = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
            yield x509.ExtendedKeyUsage(both), False
        if self.names:
            yield x509.SubjectAlternativeName(map(alternativeName, self.names)), False


def keyPEM(key: PrivateKey) -> bytes:
    """C{key} as PEM, PKCS#8, without a passphrase."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def certificatePEM(certificate: Certificate) -> bytes:
    """C{certificate} with its chain, as PEM."""
    return b"".join(part.public_bytes(Encoding.PEM) for part in certificate.chain)
