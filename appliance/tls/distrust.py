"""Words for handshakes that failed over a certificate: the peer's, or ours."""

from __future__ import annotations

from appliance.config.model import TLSConfig
from appliance.tls.certificate import Certificate, subjectText
from appliance.tls.kinds import Refusal, RefusalKind
from appliance.tls.mismatch import allowed

# The alerts of RFC 8446 6.2 by which a peer says that it does not like our certificate.
_DISTRUST = (
    "unknown ca",
    "bad certificate",
    "unsupported certificate",
    "certificate revoked",
    "certificate expired",
    "certificate unknown",
    "access denied",
)

_UNTRUSTED = RefusalKind.CERTIFICATE_UNTRUSTED
_INVALID = RefusalKind.CERTIFICATE_INVALID
_ADD_AUTHORITY = "to trust it, add the certificate of its authority to {file}"

# Parts of OpenSSL's and our own verification texts; the first that fits decides.
_VERDICTS = (
    (
        "ocsp verification failed",
        _INVALID,
        "staples an OCSP answer that does not say that its certificate is good",
        "mend that there, or ask a responder instead (OCSPaia = yes), or nobody (OCSPrequire = no)",
    ),
    (
        "certificate has expired",
        RefusalKind.CERTIFICATE_EXPIRED,
        "has a certificate that has expired",
        "renew it at the sender, or check this machine's clock",
    ),
    (
        "not yet valid",
        _INVALID,
        "has a certificate that is not valid yet",
        "check the clocks here and where the certificate was made",
    ),
    (
        "not found in local repository",
        _UNTRUSTED,
        "has a certificate that is not among those in {file}",
        "to accept it, add this very certificate there",
    ),
    (
        "in certificate chain",
        _UNTRUSTED,
        "has a certificate from an authority that this section does not trust",
        _ADD_AUTHORITY,
    ),
    (
        "signed certificate",
        _UNTRUSTED,
        "has a self-signed certificate that this section does not trust",
        "to trust it, add that certificate to {file}",
    ),
    (
        "issuer certificate",
        _UNTRUSTED,
        "has a certificate from an authority that this section does not know",
        _ADD_AUTHORITY,
    ),
    (
        "first certificate",
        _UNTRUSTED,
        "has a certificate from an authority that this section does not know",
        _ADD_AUTHORITY,
    ),
    (
        "hostname mismatch",
        _INVALID,
        "has a certificate for another name than checkHost asks for",
        "correct checkHost, or give it a certificate with that name",
    ),
    (
        "email address mismatch",
        _INVALID,
        "has a certificate for another mail address than checkEmail asks for",
        "correct checkEmail, or give it a certificate with that address",
    ),
    (
        "ip address mismatch",
        _INVALID,
        "has a certificate for another IP address than checkIP asks for",
        "correct checkIP, or give it a certificate with that address",
    ),
    (
        "certificate crl",
        _INVALID,
        "has a certificate from an authority of which this section has no CRL",
        "add the authority's CRL to {revoked}",
    ),
    (
        "crl has expired",
        _INVALID,
        "has a certificate from an authority whose CRL here is overdue",
        "fetch the authority's next CRL into {revoked}",
    ),
    (
        "pre-shared key",
        _UNTRUSTED,
        "shows a certificate instead of using the pre-shared key",
        "give the other side the identity and key, or verify its certificate here",
    ),
    (
        "revoked",
        _INVALID,
        "has a certificate that its authority has revoked",
        "give it a new certificate",
    ),
    (
        "purpose",
        _INVALID,
        "has a certificate that was made for another purpose",
        "give it one whose extended key usage has {usage}",
    ),
    (
        "too weak",
        _INVALID,
        "has a certificate with a weak key or signature",
        "give it one with RSA 2048 bits or more and SHA-256",
    ),
)


def rejected(verifyError: str, tls: TLSConfig) -> Refusal:
    """We do not accept the peer's certificate, for OpenSSL's or our own reason C{verifyError}."""
    words = verifyError.lower()
    for part, kind, found, advice in _VERDICTS:
        if part in words:
            names = {
                "file": trusted(tls),
                "revoked": tls.crlFile or tls.crlPath or "CRLfile",
                "usage": "serverAuth" if tls.client else "clientAuth",
            }
            return Refusal(kind, found.format(**names), advice.format(**names))
    return Refusal(
        RefusalKind.CERTIFICATE_INVALID,
        f"has a certificate that was rejected ({verifyError or 'no reason given'})",
        "check it with 'openssl verify', or give the other side a new one",
    )


def trusted(tls: TLSConfig) -> str:
    """Where those stand whom the section trusts."""
    return tls.caFile or tls.caPath or "CAfile"


def alerted(alert: str, tls: TLSConfig, certificate: Certificate | None) -> Refusal:
    """The peer broke off with an alert, mostly because it does not accept our certificate."""
    own = f"our certificate{f' ({certificate.subject})' if certificate else ''}"
    if alert == "certificate expired":
        return Refusal(
            RefusalKind.PEER_DISTRUSTS_US,
            f"says that {own} has expired",
            f"renew {tls.cert or 'it'}, or check the clock of the other side",
        )
    if alert in _DISTRUST:
        return Refusal(
            RefusalKind.PEER_DISTRUSTS_US,
            f"does not accept {own}",
            f"import {_imported(tls, certificate)} there as trusted, and check that it calls us by "
            f"a name in it{_names(certificate)}",
        )
    if alert in ("certificate required", "no certificate"):
        return Refusal(
            RefusalKind.NO_CERTIFICATE,
            "asks for a certificate, and this section shows none that it likes",
            "give this section the cert and key that the other side expects",
        )
    if alert == "protocol version":
        return Refusal(
            RefusalKind.OLD_VERSION,
            f"refuses the TLS versions that this section allows, {allowed(tls)}",
            "update the other side, or change sslVersionMin and sslVersionMax",
        )
    return Refusal(
        RefusalKind.OTHER,
        f"broke the handshake off with the alert '{alert}'",
        "look at its own log for the same moment, and compare ciphers and certificates",
    )


def _imported(tls: TLSConfig, certificate: Certificate | None) -> str:
    own = certificate.chain[0] if certificate else None
    if own is None or own.issuer == own.subject:
        return tls.cert or "our certificate"
    return f"the authority that issued it, {subjectText(own.issuer)},"


def _names(certificate: Certificate | None) -> str:
    return f": {', '.join(certificate.names)}" if certificate and certificate.names else ""
