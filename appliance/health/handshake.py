"""Why TLS failed, in plain words, from OpenSSL's error queue.

OpenSSL names an alert by its description (RFC 8446 6.2) behind a prefix that differs between its
versions (C{sslv3 alert}, C{ssl/tls alert}), so the table looks for fragments.
"""

from __future__ import annotations

from typing import Final

from OpenSSL import SSL

from appliance.health.explain import SEE_LOG
from appliance.health.result import Result, State
from appliance.health.spelling import ARGUMENTS, Spelling

_NOT_TLS: Final = ("its answer is not TLS", "{s.tryPlain}")
_NO_VERSION: Final = (
    "no TLS version in common",
    "the peer may speak nothing above TLS 1.1: update it, or switch on TLS 1.2 there",
)
_NO_CIPHER: Final = (
    "no cipher suite in common",
    "check the peer's cipher list and TLS profile (PS3.15 B.12)",
)
_WEAK: Final = (
    "the peer's certificate or key is too weak",
    "renew it: RSA of 2048 bits or more, SHA-256",
)
_OUR_CERTIFICATE: Final = "check our certificate ({s.cert}, {s.key}) and which ones the peer trusts"

# By what the reason has in it: what was found, and advice over the spelling C{s}.
_REASONS: Final = {
    "certificate verify failed": (
        "the peer's certificate is not trusted",
        "check the authority ({s.authority}) and the name ({s.name})",
    ),
    "wrong version number": _NOT_TLS,
    "packet length too long": _NOT_TLS,
    "record layer failure": _NOT_TLS,
    "unknown protocol": _NOT_TLS,
    "http request": _NOT_TLS,
    "alert protocol version": _NO_VERSION,
    "unsupported protocol": _NO_VERSION,
    "no protocols available": _NO_VERSION,
    "no shared cipher": _NO_CIPHER,
    "alert insufficient security": _NO_CIPHER,
    "alert handshake failure": (
        "the peer refused the handshake",
        "it may want a certificate of ours ({s.cert}, {s.key}), or share no cipher suite with us",
    ),
    "certificate required": (
        "the peer wants a certificate of ours",
        "give one that it trusts ({s.cert}, {s.key})",
    ),
    "alert unknown ca": ("the peer does not trust the issuer of our certificate", _OUR_CERTIFICATE),
    "alert certificate expired": ("our certificate has expired", "renew it"),
    "alert certificate revoked": ("our certificate was revoked", "get a new one"),
    "alert bad certificate": (
        "the peer refused our certificate, or the lack of one",
        _OUR_CERTIFICATE,
    ),
    "alert certificate unknown": ("the peer refused our certificate", _OUR_CERTIFICATE),
    "alert unsupported certificate": ("the peer refused our certificate", _OUR_CERTIFICATE),
    "alert access denied": ("the peer refused our certificate", _OUR_CERTIFICATE),
    "unrecognized name": (
        "the peer has no certificate for that host name",
        "check the name ({s.name})",
    ),
    "key too small": _WEAK,
    "md too weak": _WEAK,
}


def broken(error: SSL.Error, spelling: Spelling = ARGUMENTS) -> Result:
    """TLS ended with C{error}, in the handshake or, with TLS 1.3, just after it."""
    queue = error.args[0] if error.args and isinstance(error.args[0], list) else []
    reason = queue[-1][2].lower() if queue else ""
    for fragment, (found, advice) in _REASONS.items():
        if fragment in reason:
            return Result(State.TLS_FAILURE, found, advice.format(s=spelling))
    return Result(State.TLS_FAILURE, f"TLS failed ({reason or 'no reason known'})", SEE_LOG)
