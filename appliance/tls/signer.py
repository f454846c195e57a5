"""Judges who has signed an OCSP answer, and whether they have a say (RFC 6960 4.2.2.2).

Pure. A responder is the issuer of the certificate in question, or one that the issuer has certified
for OCSP. Whether a responder's own certificate was revoked is not asked, as OpenSSL does not.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import HashAlgorithm
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from appliance.tls.certificate import MALFORMED, subjectText

FLAGS = {
    "NOVERIFY": "the answer may be signed by anybody whose certificate comes with it",
    "NOINTERN": "the issuer must have signed the answer itself",
}
"""The values of C{OCSPflag} that change something here, and what. NOCERTS NOCHAIN NOEXPLICIT
NOCASIGN NODELEGATED TRUSTOTHER RESPID_KEY and NOTIME do not, which is never laxer; with the last,
stunnel 5.68, too, refuses answers out of time (measured). NOSIGS and NOCHECKS would let in answers
that nobody with a say has made, so they change nothing either."""

_FORBIDDEN_HASHES = frozenset(("md5", "md4", "md2"))


def notSigned(
    response: ocsp.OCSPResponse, issuer: x509.Certificate, now: datetime, flags: Collection[str]
) -> str | None:
    """Why C{response} about a certificate of C{issuer} has no proper signature, if it has none.

    Raises one of C{MALFORMED} where it cannot be read.
    """
    wrong = "signer certificate not found"
    if _names(response, issuer):
        unsigned = _badSignature(response, issuer)
        if unsigned is None:
            return None
        wrong = unsigned
    for signer in () if "NOINTERN" in flags else response.certificates:
        if not _names(response, signer):
            continue
        strange = None if "NOVERIFY" in flags else _notEntrusted(signer, issuer, now)
        strange = strange or _badSignature(response, signer)
        if strange is None:
            return None
        wrong = strange
    return wrong


def _names(response: ocsp.OCSPResponse, certificate: x509.Certificate) -> bool:
    """True when C{response} says that the owner of C{certificate} has signed it."""
    if response.responder_name is not None:
        return response.responder_name == certificate.subject
    # The SHA-1 of the key, like a subject key identifier of RFC 5280 4.2.1.2 (1).
    return (
        response.responder_key_hash
        == x509.SubjectKeyIdentifier.from_public_key(certificate.public_key()).digest
    )


def _notEntrusted(signer: x509.Certificate, issuer: x509.Certificate, now: datetime) -> str | None:
    """Why C{signer} may not answer for C{issuer}, if it may not."""
    name = subjectText(signer.subject)
    try:
        signer.verify_directly_issued_by(issuer)
    except (InvalidSignature, *MALFORMED):
        return f"its signer {name} was not certified by {subjectText(issuer.subject)}"
    if not signer.not_valid_before_utc <= now <= signer.not_valid_after_utc:
        return f"certificate verify error: its signer {name} is not valid at this time"
    try:
        usage = signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    if ExtendedKeyUsageOID.OCSP_SIGNING not in usage:
        return f"missing ocspsigning usage: {name} is no responder"
    return None


def _badSignature(response: ocsp.OCSPResponse, certificate: x509.Certificate) -> str | None:
    """Why the key of C{certificate} did not sign C{response}, if it did not."""
    key, data = certificate.public_key(), response.tbs_response_bytes
    algorithm = _hash(response)
    try:
        match key:
            case ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey():
                key.verify(response.signature, data)
            case rsa.RSAPublicKey() if algorithm is not None:
                key.verify(response.signature, data, padding.PKCS1v15(), algorithm)
            case ec.EllipticCurvePublicKey() if algorithm is not None:
                key.verify(response.signature, data, ec.ECDSA(algorithm))
            case _:
                return "the answer is signed with an algorithm that is not supported"
    except InvalidSignature:
        return "signature failure"
    return None


def _hash(response: ocsp.OCSPResponse) -> HashAlgorithm | None:
    try:
        algorithm = response.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return None
    return None if algorithm is None or algorithm.name in _FORBIDDEN_HASHES else algorithm
