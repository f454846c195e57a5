"""A certificate and its private key as values, and the words people use about them.

Nothing here reads a file: see L{appliance.tls.files}.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from attrs import field, frozen
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256

PrivateKey = (
    rsa.RSAPrivateKey
    | ec.EllipticCurvePrivateKey
    | ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
)

MALFORMED = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
"""What C{cryptography} raises while it takes a certificate apart."""

# OpenSSL's short names; other attributes keep their dotted number.
_SHORT_NAMES = {
    "2.5.4.3": "CN",
    "2.5.4.4": "SN",
    "2.5.4.5": "serialNumber",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.9": "street",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "2.5.4.12": "title",
    "2.5.4.42": "GN",
    "2.5.4.97": "organizationIdentifier",
    "1.2.840.113549.1.9.1": "emailAddress",
    "0.9.2342.19200300.100.1.1": "UID",
    "0.9.2342.19200300.100.1.25": "DC",
}


@frozen
class Certificate:
    """A certificate as people talk about it, with the chain that is sent along.

    C{chain} is the own certificate, then the file's further ones in their order; the other fields
    are about the own one. The dates are aware, in UTC; C{fingerprint} is that of SHA-256,
    C{signatureHash} is a name like C{sha256}, empty where the algorithm has no separate hash.
    """

    chain: tuple[x509.Certificate, ...]
    subject: str
    names: tuple[str, ...]
    notBefore: datetime
    notAfter: datetime
    serial: int
    keyType: str
    keyBits: int
    signatureHash: str
    fingerprint: str

    @classmethod
    def of(cls, chain: Sequence[x509.Certificate]) -> Certificate:
        """Describe C{chain}, which is not empty; raises one of C{MALFORMED} when it cannot."""
        own = chain[0]
        keyType, keyBits = keyKind(own.public_key())
        return cls(
            chain=tuple(chain),
            subject=subjectText(own.subject),
            names=_names(own),
            notBefore=own.not_valid_before_utc,
            notAfter=own.not_valid_after_utc,
            serial=own.serial_number,
            keyType=keyType,
            keyBits=keyBits,
            signatureHash=_signatureHash(own),
            fingerprint=own.fingerprint(SHA256()).hex(":").upper(),
        )

    @property
    def keyText(self) -> str:
        """The kind of key in words: C{RSA 2048 bits}."""
        return f"{self.keyType} {self.keyBits} bits"

    def daysLeft(self, now: datetime) -> int:
        """Whole days until it expires; negative once it has."""
        return (self.notAfter - now).days


@frozen
class KeyPair:
    """A certificate and the private key that belongs to it; two with one certificate are equal."""

    certificate: Certificate
    key: PrivateKey = field(eq=False)


def matches(certificate: Certificate, key: PrivateKey) -> bool:
    """True when C{key} is the private half of the key in C{certificate}."""
    return certificate.chain[0].public_key() == key.public_key()


def subjectText(name: x509.Name) -> str:
    """C{name} as stunnel logs it: C{C=PL, O=Stunnel Developers, CN=CA}, in the order it is stored.

    This is OpenSSL's C{XN_FLAG_ONELINE} without blanks around C{=} and with UTF-8 kept.
    """
    return ", ".join(" + ".join(map(_attributeText, part)) for part in name.rdns)


def _attributeText(attribute: x509.NameAttribute[str | bytes]) -> str:
    number = attribute.oid.dotted_string
    value = attribute.value
    text = f"#{value.hex().upper()}" if isinstance(value, bytes) else _escaped(value)
    return f"{_SHORT_NAMES.get(number, number)}={text}"


def _escaped(value: str) -> str:
    escaped = re.sub(r'["\\]', r"\\\g<0>", value)
    escaped = "".join(c if c.isprintable() else f"\\{ord(c):02X}" for c in escaped)
    return f'"{escaped}"' if re.search(r'[,+"<>;]|^[# ]| $', value) else escaped


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    """What C{certificate} is for: its alternative names, without any its common name."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        common = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        return tuple(str(attribute.value) for attribute in common)
    addresses = map(str, found.get_values_for_type(x509.IPAddress))
    return (*found.get_values_for_type(x509.DNSName), *addresses)


def _signatureHash(certificate: x509.Certificate) -> str:
    algorithm = certificate.signature_hash_algorithm
    return "" if algorithm is None else algorithm.name


def keyKind(key: object) -> tuple[str, int]:
    """The type and size in bits of a public or private key; raises L{ValueError}."""
    match key:
        case rsa.RSAPublicKey() | rsa.RSAPrivateKey():
            return "RSA", key.key_size
        case ec.EllipticCurvePublicKey() | ec.EllipticCurvePrivateKey():
            return "ECDSA", key.key_size
        case ed25519.Ed25519PublicKey() | ed25519.Ed25519PrivateKey():
            return "Ed25519", 256
        case ed448.Ed448PublicKey() | ed448.Ed448PrivateKey():
            return "Ed448", 456
    raise ValueError("its key is of a kind that TLS does not use")
