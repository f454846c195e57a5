"""Turns a failed TLS handshake into words that a PACS administrator can act on.

Pure: reads no file and logs nothing. The words about certificates are in
L{appliance.tls.distrust}, those about versions and ciphers in L{appliance.tls.mismatch}.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from appliance.config.model import TLSConfig
from appliance.tls.certificate import Certificate
from appliance.tls.distrust import alerted, rejected, trusted
from appliance.tls.hello import ClientHello, parse
from appliance.tls.kinds import Refusal, RefusalKind
from appliance.tls.mismatch import allowed, isOtherVersion, otherCiphers, otherVersion

__all__ = ["Refusal", "RefusalKind", "explain"]

_RECORD_TYPES = range(20, 24)  # RFC 8446 5.1
_HTTP = re.compile(rb"(GET|HEAD|POST|PUT|DELETE|OPTIONS|CONNECT|TRACE|PATCH|PRI) |HTTP/")
# Versions 1 and 2 (proxy-protocol.txt 2.1 and 2.2).
_PROXY_HEADER = re.compile(rb"PROXY |\r\n\r\n\0\r\nQUIT\n")
# A server that hears TLS where it expects DICOM: A-ASSOCIATE-RJ or A-ABORT (PS3.8 9.3.4, 9.3.8).
_DICOM_ANSWER = re.compile(rb"[\x03\x07]\x00\x00\x00\x00\x04")
# The same alert is "sslv3 alert", "ssl/tls alert" or "tls alert", as OpenSSL's release has it.
_ALERT = re.compile(r"(?:sslv3|ssl/tls|tls|tlsv1|tlsv13) alert (.+)")
# Words in the reasons by which OpenSSL says that nothing is common to both sides.
_CIPHER_REASONS = ("shared cipher", "signature", "sigalg", "key share", "group")


def explain(
    reasons: Sequence[str],
    firstBytes: bytes,
    tls: TLSConfig,
    ciphers: str,
    *,
    certificate: Certificate | None = None,
    verifyError: str | None = None,
) -> Refusal:
    """Say why a handshake failed.

    C{reasons} are OpenSSL's reason texts, none when the connection was merely lost;
    C{firstBytes} is what the peer sent first, C{ciphers} the list in force, C{certificate} the
    section's own and C{verifyError} why the peer's was rejected, where these are known.
    """
    reason = next(iter(reasons), "").lower()
    alert = _ALERT.fullmatch(reason)
    if not firstBytes:
        return _silent(tls)
    if firstBytes[0] not in _RECORD_TYPES or firstBytes[1:2] not in (b"", b"\x03"):
        return _foreign(firstBytes, tls)
    if verifyError is not None or "certificate verify failed" in reason:
        return rejected(verifyError or "", tls)
    if "did not return a certificate" in reason:
        return Refusal(
            RefusalKind.NO_CERTIFICATE,
            "shows no certificate, and this section asks for one",
            f"give the sender a certificate that {trusted(tls)} accepts",
        )
    if alert is not None:
        return alerted(alert[1], tls, certificate)
    hello = parse(firstBytes)
    if not reason or "eof" in reason:
        return _gone(hello)
    if hello is not None and isOtherVersion(hello, tls):
        return otherVersion(hello, tls, ciphers, certificate)
    if hello is not None and any(word in reason for word in _CIPHER_REASONS):
        return otherCiphers(hello, tls, ciphers, certificate)
    return _unexplained(reason, tls)


def _silent(tls: TLSConfig) -> Refusal:
    if tls.client:
        return Refusal(
            RefusalKind.GONE,
            "closes the connection without a word",
            "check that a TLS server listens there and lets this machine in",
        )
    return Refusal(
        RefusalKind.PROBE,
        "came and went without a byte, as load balancers and port scanners do",
        "nothing, unless it is a modality that should have sent something",
    )


def _foreign(data: bytes, tls: TLSConfig) -> Refusal:
    """The first bytes are not TLS: say what they are instead."""
    if _DICOM_ANSWER.match(data) or _isAssociateRequest(data):
        return Refusal(
            RefusalKind.PLAIN_DICOM,
            "speaks DICOM without TLS on a TLS port",
            "connect to the port where it speaks TLS, or switch TLS on there"
            if tls.client
            else "switch TLS on at the sender, or point it at the PACS's own port",
        )
    if _HTTP.match(data):
        return Refusal(
            RefusalKind.HTTP,
            "speaks HTTP on a port for DICOM over TLS",
            "point the web browser or monitoring elsewhere; the status page has its own port",
        )
    if _PROXY_HEADER.match(data):
        return Refusal(
            RefusalKind.PROXY_HEADER,
            "sends a PROXY header, and none is expected",
            "write proxyProtocolAccept = yes for this section, or have the load balancer send none",
        )
    if data[0] & 0x80 and data[2:3] == b"\x01":
        return Refusal(
            RefusalKind.OLD_VERSION,
            "greets in the manner of SSLv2, as Java 6 does",
            "switch the SSLv2 greeting ('SSLv2Hello') off at the sender, or update it",
        )
    return Refusal(
        RefusalKind.NOT_TLS,
        "speaks neither TLS nor DICOM",
        "check which program this is, and that it uses the right port",
    )


def _isAssociateRequest(data: bytes) -> bool:
    """True for the begin of an A-ASSOCIATE-RQ: type, length and version (PS3.8 9.3.2)."""
    plausible = 68 <= int.from_bytes(data[2:6], "big") <= 1 << 20
    return data[:2] == b"\x01\x00" and plausible and data[6:8] in (b"", b"\x00", b"\x00\x01")


def _gone(hello: ClientHello | None) -> Refusal:
    if hello is None:
        return Refusal(
            RefusalKind.GONE,
            "left before its TLS greeting was complete",
            "look at the network between, and at its own log",
        )
    return Refusal(
        RefusalKind.GONE,
        "left in the middle of the TLS handshake",
        "look at its own log, it may not accept our certificate",
    )


def _unexplained(reason: str, tls: TLSConfig) -> Refusal:
    """OpenSSL's reason is all there is: the client's greeting is not known, or fits."""
    if "protocol" in reason or "version" in reason:
        return Refusal(
            RefusalKind.OLD_VERSION,
            f"speaks none of the TLS versions that this section allows, {allowed(tls)}",
            "update the other side, or see sslVersionMin, sslVersionMax and options here",
        )
    if "shared cipher" in reason:
        return Refusal(
            RefusalKind.NO_SHARED_CIPHER,
            "offers no cipher suite that this section allows",
            "update the other side, or add one of its suites to 'ciphers'",
        )
    return Refusal(
        RefusalKind.OTHER,
        f"fails in the handshake with what OpenSSL calls '{reason}'",
        "look at the other side's own log for the same moment",
    )
