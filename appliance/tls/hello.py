"""Reads a TLS ClientHello from the first bytes of a connection: what the peer says it can do.

Pure and total: any bytes are an acceptable argument, and nothing is ever raised. RFC 8446 4.1.2,
RFC 5246 7.4.1.2; values of GREASE (RFC 8701) are left out.
"""

from __future__ import annotations

import ssl
from functools import cache

from attrs import define, frozen

_HANDSHAKE = 22
_CLIENT_HELLO = 1
_SERVER_NAME = 0
_SUPPORTED_GROUPS = 10
_SIGNATURE_ALGORITHMS = 13
_SUPPORTED_VERSIONS = 43
# Signals that sit among the cipher suites: RFC 5746 3.3 and RFC 7507 2.
_SIGNALS = (0x00FF, 0x5600)

# Suites that today's OpenSSL has dropped and old modalities still offer.
_DROPPED = {
    0x0003: "EXP-RC4-MD5",
    0x0004: "RC4-MD5",
    0x0005: "RC4-SHA",
    0x0006: "EXP-RC2-CBC-MD5",
    0x0007: "IDEA-CBC-SHA",
    0x0008: "EXP-DES-CBC-SHA",
    0x0009: "DES-CBC-SHA",
    0x000A: "DES-CBC3-SHA",
    0x0012: "DHE-DSS-DES-CBC-SHA",
    0x0013: "DHE-DSS-DES-CBC3-SHA",
    0x0014: "EXP-DHE-RSA-DES-CBC-SHA",
    0x0015: "DHE-RSA-DES-CBC-SHA",
    0x0016: "DHE-RSA-DES-CBC3-SHA",
    0x0018: "ADH-RC4-MD5",
    0x001B: "ADH-DES-CBC3-SHA",
    0xC007: "ECDHE-ECDSA-RC4-SHA",
    0xC008: "ECDHE-ECDSA-DES-CBC3-SHA",
    0xC011: "ECDHE-RSA-RC4-SHA",
    0xC012: "ECDHE-RSA-DES-CBC3-SHA",
    0x1304: "TLS_AES_128_CCM_SHA256",
    0x1305: "TLS_AES_128_CCM_8_SHA256",
}


@frozen
class ClientHello:
    """What a client offers, as the numbers of IANA's TLS registries, in its order.

    C{versions} is the extension C{supported_versions}; without it, the one legacy version. There
    is always one.
    """

    recordVersion: int
    legacyVersion: int
    versions: tuple[int, ...]
    cipherSuites: tuple[int, ...]
    serverName: str | None = None
    groups: tuple[int, ...] = ()
    signatureAlgorithms: tuple[int, ...] = ()

    @property
    def newest(self) -> int:
        """The newest version offered."""
        return max(self.versions)


def parse(data: bytes) -> ClientHello | None:
    """The hello at the start of C{data}; C{None} while it is incomplete, or if it is none."""
    try:
        return _hello(data)
    except ValueError:
        return None


def suiteName(suite: int) -> str:
    """OpenSSL's name of a cipher suite, or its number."""
    return _suiteNames().get(suite, f"0x{suite:04X}")


@cache
def _suiteNames() -> dict[int, str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:COMPLEMENTOFALL:eNULL:@SECLEVEL=0")
    # OpenSSL keeps a suite's number in the lower half of its own id.
    return _DROPPED | {cipher["id"] & 0xFFFF: cipher["name"] for cipher in context.get_ciphers()}


@define
class _Reader:
    """Takes numbers and vectors (RFC 8446 3.4) off the front of some bytes."""

    data: bytes
    position: int = 0

    def __bool__(self) -> bool:
        return self.position < len(self.data)

    def take(self, count: int) -> bytes:
        end = self.position + count
        if end > len(self.data):
            raise ValueError("the bytes end before what they announce")
        taken = self.data[self.position : end]
        self.position = end
        return taken

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def vector(self, size: int) -> _Reader:
        return _Reader(self.take(self.number(size)))

    def values(self) -> tuple[int, ...]:
        """All the rest as 16-bit numbers, without GREASE."""
        rest = self.take(len(self.data) - self.position)
        pairs = zip(rest[::2], rest[1::2], strict=False)
        return tuple(
            high << 8 | low for high, low in pairs if not (high == low and low & 0x0F == 0x0A)
        )


def _message(data: bytes) -> tuple[int, _Reader]:
    """The first record's version, and the body of the hello out of as many records as it takes."""
    records = _Reader(data)
    recordVersion = int.from_bytes(data[1:3], "big")
    message = b""
    while len(message) < 4 or len(message) < 4 + int.from_bytes(message[1:4], "big"):
        if records.number(1) != _HANDSHAKE or records.number(2) >> 8 != 3:
            raise ValueError("no TLS handshake record")
        message += records.vector(2).data
    body = _Reader(message)
    if body.number(1) != _CLIENT_HELLO:
        raise ValueError("no ClientHello")
    return recordVersion, body.vector(3)


def _hello(data: bytes) -> ClientHello:
    recordVersion, body = _message(data)
    legacyVersion = body.number(2)
    body.take(32)  # random
    body.vector(1)  # session id
    suites = tuple(suite for suite in body.vector(2).values() if suite not in _SIGNALS)
    body.vector(1)  # compression methods
    extensions: dict[int, _Reader] = {}
    rest = body.vector(2) if body else _Reader(b"")
    while rest:
        kind = rest.number(2)
        extensions[kind] = rest.vector(2)
    extension = extensions.get(_SUPPORTED_VERSIONS)
    versions = extension.vector(1).values() if extension else ()
    return ClientHello(
        recordVersion=recordVersion,
        legacyVersion=legacyVersion,
        versions=versions or (legacyVersion,),
        cipherSuites=suites,
        serverName=_serverName(extensions.get(_SERVER_NAME)),
        groups=_list(extensions.get(_SUPPORTED_GROUPS)),
        signatureAlgorithms=_list(extensions.get(_SIGNATURE_ALGORITHMS)),
    )


def _list(extension: _Reader | None) -> tuple[int, ...]:
    return extension.vector(2).values() if extension else ()


def _serverName(extension: _Reader | None) -> str | None:
    """The host name of RFC 6066 3; C{None} for one that is not fit to be printed."""
    if not extension:
        return None
    entry = extension.vector(2)
    entry.take(1)  # the only type there is, host_name
    name = entry.vector(2).data.decode("ascii", "replace")
    return name if name.isprintable() and name.isascii() else None
