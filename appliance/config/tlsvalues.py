"""Values that only concern TLS: responders, addresses in certificates, keys of tickets.

As in C{values}, each function raises C{ValueError} with a phrase that completes "expected …".
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final

from appliance.config.values import UnfitError
from appliance.config.wording import anyOf

OCSP_FLAGS: Final = ("NOVERIFY", "NOINTERN")
"""What C{OCSPflag} can change in the check of an answer."""

IDLE_OCSP_FLAGS: Final = (
    *("NOCERTS", "NOCHAIN", "NOEXPLICIT", "NOCASIGN", "NODELEGATED", "TRUSTOTHER", "RESPID_KEY"),
    "NOTIME",
)
"""Flags of OpenSSL's that change nothing here, which is never laxer than what they ask for."""

LAX_OCSP_FLAGS: Final = {
    "NOSIGS": "answers that nobody signed would do",
    "NOCHECKS": "answers of anybody with a certificate would do",
}
"""Flags of OpenSSL's that are refused, and why."""

TICKET_KEYS: Final = (16, 32)
"""Bytes in the keys of session tickets."""


def responder(value: str) -> str:
    """The address of an OCSP responder, which is always plain HTTP (RFC 6960 appendix A)."""
    if not re.fullmatch(r"http://(\[[0-9A-Fa-f:.]+\]|[^\s/:?#@\[\]]+)(:[0-9]{1,5})?(/\S*)?", value):
        raise ValueError("an address like http://ocsp.example/, since answers are signed anyway")
    return value


def ocspFlag(value: str) -> str:
    """One of L{OCSP_FLAGS} or L{IDLE_OCSP_FLAGS}."""
    name = value.upper()
    if name in OCSP_FLAGS or name in IDLE_OCSP_FLAGS:
        return name
    if name in LAX_OCSP_FLAGS:
        raise UnfitError(f"{anyOf(OCSP_FLAGS)}, since with {name} {LAX_OCSP_FLAGS[name]}")
    raise ValueError(anyOf(OCSP_FLAGS))


def ipAddress(value: str) -> str:
    """An IP address as certificates name it."""
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise ValueError("an IP address, such as 192.168.1.100") from None


def ticketKey(value: str) -> bytes:
    """A key in hexadecimal, with or without colons."""
    digits = value.replace(":", "")
    if not re.fullmatch("[0-9A-Fa-f]+", digits) or len(digits) not in [2 * n for n in TICKET_KEYS]:
        raise ValueError(f"{anyOf(map(str, TICKET_KEYS))} bytes in hexadecimal")
    return bytes.fromhex(digits)
