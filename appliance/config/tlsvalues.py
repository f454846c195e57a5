"""Values that only concern TLS: responders, addresses in certificates, keys of tickets.

As in C{values}, each function raises C{ValueError} with a phrase that completes "expected …".
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final

from appliance.config.values import UnfitError
from appliance.config.wording import anyOf

OCSP_FLAGS: Final = ("NOVERIFY", "NOCHAIN", "NODELEGATED", "NOTIME")
"""What C{OCSPflag} can leave out of the check of an answer."""

OTHER_OCSP_FLAGS: Final = {
    "NOSIGS": "answers that nobody signed would do",
    "NOCHECKS": "answers of anybody with a certificate would do",
    "TRUSTOTHER": "there are no other certificates to trust",
    "NOCERTS": "the certificate of the one who signs comes with the answer",
    "NOINTERN": "the certificate of the one who signs comes with the answer",
    "NOEXPLICIT": "no certificate is trusted for OCSP by a mark of its own",
    "NOCASIGN": "the CA itself may always sign",
    "RESPID_KEY": "it is for those who give answers",
}
"""The other flags of OpenSSL's, and why each has no meaning here or too much of it."""

TICKET_KEYS: Final = (16, 32)
"""Bytes in the keys of session tickets."""


def responder(value: str) -> str:
    """The address of an OCSP responder, which is always plain HTTP (RFC 6960 appendix A)."""
    if not re.fullmatch(r"http://(\[[0-9A-Fa-f:.]+\]|[^\s/:?#@\[\]]+)(:[0-9]{1,5})?(/\S*)?", value):
        raise ValueError("an address like http://ocsp.example/, since answers are signed anyway")
    return value


def ocspFlag(value: str) -> str:
    """One of L{OCSP_FLAGS}."""
    name = value.upper()
    if name in OCSP_FLAGS:
        return name
    if name in OTHER_OCSP_FLAGS:
        raise UnfitError(f"{anyOf(OCSP_FLAGS)}; {name} is refused, since {OTHER_OCSP_FLAGS[name]}")
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
