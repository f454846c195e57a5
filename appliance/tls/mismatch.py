"""Words for handshakes that failed since versions, ciphers, groups or keys do not fit together."""

from __future__ import annotations

from appliance.config.model import TLSConfig, TLSVersion
from appliance.tls import admission
from appliance.tls.certificate import Certificate
from appliance.tls.concerns import securityLevel
from appliance.tls.hello import ClientHello, suiteName
from appliance.tls.kinds import Refusal, RefusalKind

_NAMED = 4
"""So many of the offered suites are named; it is one line of a log."""


def allowed(tls: TLSConfig) -> str:
    """The versions that a section allows, in words."""
    if tls.minimum == tls.maximum:
        return tls.minimum.text
    return f"{tls.minimum.text} to {tls.maximum.text}"


def _versionText(version: int) -> str:
    return TLSVersion(version).text if version in list(TLSVersion) else f"version 0x{version:04X}"


def isOtherVersion(hello: ClientHello, tls: TLSConfig) -> bool:
    """True when no version is common to both, or only one that the security level forbids."""
    version = admission.version(hello, tls)
    forbidden = version < TLSVersion.TLSv1_2 and securityLevel(tls) > 0
    return forbidden or not tls.minimum <= version <= tls.maximum


def otherVersion(
    hello: ClientHello, tls: TLSConfig, ciphers: str, certificate: Certificate | None
) -> Refusal:
    """The peer's TLS versions are not ours, nearly always because they are too old."""
    version = admission.version(hello, tls)
    keyType = certificate.keyType if certificate else None
    lines = admission.lines(hello, tls, ciphers, keyType)
    if version > tls.maximum:
        found = f"offers {_versionText(version)} at least, and this section allows {allowed(tls)}"
        advice = f"write {_quoted(lines)} in this section" if lines else "update OpenSSL here"
    else:
        found = f"offers {_versionText(version)} at most, and this section allows {allowed(tls)}"
        if version >= tls.minimum:
            found += f" only below its security level {securityLevel(tls)}"
        advice = "update the sender"
        if lines:
            advice += (
                f"; to admit it all the same write {_quoted(lines)} in this section, "
                "which lets an attacker on the network weaken the encryption"
            )
    return Refusal(RefusalKind.OLD_VERSION, found, advice)


def otherCiphers(
    hello: ClientHello, tls: TLSConfig, ciphers: str, certificate: Certificate | None
) -> Refusal:
    """The peer offers no suite, group or signature algorithm that goes with this section."""
    keyType = certificate.keyType if certificate else None
    lines = admission.lines(hello, tls, ciphers, keyType)
    kinds = admission.keyTypes(hello, tls)
    if certificate and kinds == {"ECDSA" if keyType == "RSA" else "RSA"}:
        (other,) = kinds
        found = f"accepts {other} certificates only, and this section's is {certificate.keyText}"
        advice = f"give it an {other} one, 'butterfly-tls cert --type {other.lower()}' makes it"
    elif lines is None:
        found = f"offers only cipher suites that cannot be used here, {_suites(hello)}"
        advice = "update the sender"
    elif lines:
        found = f"offers only cipher suites that this section does not allow, {_suites(hello)}"
        advice = f"update the sender, or admit it with {_quoted(lines)} in this section"
        if any(line.endswith(("=0", "= 0")) for line in lines):
            advice += ", which gives up encryption for it"
    else:
        found = "offers no key exchange group or signature algorithm that this section can use"
        advice = (
            f"add one of its groups to 'curves = {tls.curves}'"
            if tls.curves
            else "update the sender, which should offer P-256 and SHA-256"
        )
    return Refusal(RefusalKind.NO_SHARED_CIPHER, found, advice)


def _quoted(lines: tuple[str, ...]) -> str:
    *most, last = (f"'{line}'" for line in lines)
    return f"{', '.join(most)} and {last}" if most else last


def _suites(hello: ClientHello) -> str:
    names = ", ".join(map(suiteName, hello.cipherSuites[:_NAMED]))
    more = len(hello.cipherSuites) - _NAMED
    return f"{names} and {more} more" if more > 0 else names or "none"
