"""The group ffdhe2048 of RFC 7919, for the retired profiles of DICOM that still ask for DHE."""

from __future__ import annotations

import base64
from functools import cache
from typing import Final

from appliance.config.model import TLSConfig
from appliance.config.profiles import PROFILES
from appliance.tls.concerns import securityLevel

_BITS: Final = 2048
_HIGHEST_LEVEL: Final = 2
_GENERATOR: Final = b"\2"
_LONG: Final = 0x82
"""What stands in DER before a length of two bytes."""


def serves(tls: TLSConfig) -> bool:
    """True when a server offers DHE by its profile; from level 3 on OpenSSL refuses the group."""
    ciphers = () if tls.profile is None else PROFILES[tls.profile].ciphers
    finite = any(suite.startswith("DHE-") for suite in ciphers)
    return finite and not tls.client and securityLevel(tls) <= _HIGHEST_LEVEL


def prime() -> int:
    """The modulus, whose middle is that of Euler's number (RFC 7919 appendix A.1)."""
    middle = _euler(_BITS - 130) + 560316
    return (1 << _BITS) - (1 << _BITS - 64) + (middle << 64) - 1


@cache
def parameters() -> bytes:
    """Modulus and generator as PEM (PKCS #3)."""
    body = _integer(b"\0" + prime().to_bytes(_BITS // 8, "big")) + _integer(_GENERATOR)
    der = _tagged(0x30, body)
    text = base64.encodebytes(der).decode("ascii")
    return f"-----BEGIN DH PARAMETERS-----\n{text}-----END DH PARAMETERS-----\n".encode()


def _euler(bits: int) -> int:
    """Euler's number, times 2 to the power of C{bits}, rounded down."""
    spare = 64
    total = term = 1 << bits + spare
    divisor = 1
    while term:
        term //= divisor
        total += term
        divisor += 1
    return total >> spare


def _integer(value: bytes) -> bytes:
    return _tagged(0x02, value)


def _tagged(tag: int, value: bytes) -> bytes:
    size = len(value)
    length = bytes([size]) if size < 128 else bytes([_LONG, *size.to_bytes(2, "big")])
    return bytes([tag]) + length + value
