"""The PROXY protocol, versions 1 and 2, as bytes: who is really at the other end.

Pure: values to bytes and back, after haproxy's C{proxy-protocol.txt}. It trusts nobody, so whoever
reads headers from the network must have decided that the sender may say such things.
"""

from __future__ import annotations

import re
import struct
from ipaddress import IPv4Address, IPv6Address, ip_address

from attrs import define, field, frozen

from appliance.events import Peer

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
"""What every version 2 header begins with (2.2)."""

LONGEST_LINE = 107
"""Bytes of the longest version 1 line, its CRLF included (2.1)."""

LONGEST_BODY = 4096
"""Bytes that we take of version 2 addresses and TLVs; the format would allow 65535."""

LONGEST = 16 + LONGEST_BODY
"""Bytes of the longest header of either version."""

_TCP4, _TCP6 = 0x11, 0x21
_FAMILIES, _TRANSPORTS = range(4), range(3)
_LOCAL, _PROXY = 0x20, 0x21
_FIXED = struct.Struct("!12sBBH")
_PORTS = struct.Struct("!HH")
_TLV = struct.Struct("!BH")
_SSL_FIELDS = struct.Struct("!BI")
_AUTHORITY, _SSL, _SSL_VERSION, _SSL_CN, _SSL_CIPHER = 0x02, 0x20, 0x21, 0x22, 0x23
_CLIENT_SSL, _CLIENT_CERT = 0x01, 0x02
_COMMON_NAME = re.compile(r"(?:^|, )CN=([^,]+)")
_PORT = re.compile(rb"0|[1-9][0-9]{0,4}")


class ProxyLineError(ValueError):
    """The bytes are no PROXY header; C{str} says what is wrong with them."""


@frozen
class Hop:
    """One connection as the sender of the header saw it: from C{source} to C{destination}.

    Both are C{(IP address, port)} and of one family, or both C{None} where the sender cannot say,
    or speaks for itself (as in its health checks). C{tlvs} are version 2's extra values by type.
    """

    source: tuple[str, int] | None = None
    destination: tuple[str, int] | None = None
    tlvs: tuple[tuple[int, bytes], ...] = ()


def line(hop: Hop) -> bytes:
    """The version 1 line (2.1); C{UNKNOWN} where it cannot be said in one family."""
    ends = _ends(hop)
    if ends is None:
        return b"PROXY UNKNOWN\r\n"
    (source, port), (destination, ownPort) = ends
    return f"PROXY TCP{source.version} {source} {destination} {port} {ownPort}\r\n".encode()


def header(hop: Hop) -> bytes:
    """The version 2 header (2.2). Raises L{ProxyLineError} for TLVs that are too long."""
    tlvs = b"".join(_TLV.pack(kind, len(value)) + value for kind, value in hop.tlvs)
    ends = _ends(hop)
    if ends is None:
        command, family, body = (_PROXY if hop.tlvs else _LOCAL), 0, tlvs
    else:
        (source, port), (destination, ownPort) = ends
        command, family = _PROXY, _TCP4 if source.version == 4 else _TCP6
        body = source.packed + destination.packed + _PORTS.pack(port, ownPort) + tlvs
    if len(body) > LONGEST_BODY:
        raise ProxyLineError(f"more than {LONGEST_BODY} bytes of addresses and values")
    return _FIXED.pack(SIGNATURE, command, family, len(body)) + body


def tlsValues(peer: Peer, verified: bool) -> tuple[tuple[int, bytes], ...]:
    """What version 2 can tell of a TLS peer (2.2.2 and 2.2.6): its name for us, and its session.

    C{verified}: a certificate that the peer has shown was checked.
    """
    inner = [(_SSL_VERSION, peer.version.encode()), (_SSL_CIPHER, peer.cipher.encode())]
    common = _COMMON_NAME.search(peer.subject or "")
    if common is not None:
        inner.append((_SSL_CN, common[1].encode()))
    client = _CLIENT_SSL | (_CLIENT_CERT if peer.subject is not None else 0)
    packed = b"".join(_TLV.pack(kind, len(value)) + value for kind, value in inner)
    # The second field is zero for a certificate that was shown and checked, and for nothing else.
    unverified = int(peer.subject is None or not verified)
    ssl = (_SSL, _SSL_FIELDS.pack(client, unverified) + packed)
    name = () if peer.serverName is None else ((_AUTHORITY, peer.serverName.encode()),)
    return (*name, ssl)


_End = tuple[IPv4Address | IPv6Address, int]


def _ends(hop: Hop) -> tuple[_End, _End] | None:
    """Both ends as addresses of one family; an IPv4 address in IPv6's clothes is IPv4."""
    if hop.source is None or hop.destination is None:
        return None
    source, destination = _plain(hop.source[0]), _plain(hop.destination[0])
    if source.version != destination.version:
        return None
    return (source, hop.source[1]), (destination, hop.destination[1])


def undressed(host: str) -> str:
    """C{host}, an IP address; an IPv4 address in IPv6's clothes is IPv4."""
    return str(_plain(host))


def _plain(host: str) -> IPv4Address | IPv6Address:
    address = ip_address(host.partition("%")[0])
    return getattr(address, "ipv4_mapped", None) or address


@define
class Decoder:
    """Reads one header of either version from bytes that come in pieces."""

    _heard: bytes = field(default=b"", init=False)

    def feed(self, data: bytes) -> tuple[Hop, bytes] | None:
        """Take C{data}: C{None} while more is needed, then the header and what follows it.

        Raises L{ProxyLineError} as soon as it cannot be a header any more.
        """
        self._heard += data
        heard = self._heard
        if heard.startswith(SIGNATURE[: len(heard)]):
            return self._version2()
        if heard[:6] == b"PROXY "[: len(heard)]:
            return self._version1()
        raise ProxyLineError("it begins with something else")

    def _version1(self) -> tuple[Hop, bytes] | None:
        text, found, rest = self._heard[:LONGEST_LINE].partition(b"\r\n")
        if not found and len(self._heard) >= LONGEST_LINE:
            raise ProxyLineError(f"a line of more than {LONGEST_LINE} bytes")
        return (_hopOfLine(text), rest + self._heard[LONGEST_LINE:]) if found else None

    def _version2(self) -> tuple[Hop, bytes] | None:
        if len(self._heard) < _FIXED.size:
            return None
        _, command, family, length = _FIXED.unpack_from(self._heard)
        if command not in (_LOCAL, _PROXY):
            raise ProxyLineError(f"unknown version or command {command:#04x}")
        if family >> 4 not in _FAMILIES or family & 15 not in _TRANSPORTS:
            raise ProxyLineError(f"unknown family or transport {family:#04x}")
        if length > LONGEST_BODY:
            raise ProxyLineError(f"more than {LONGEST_BODY} bytes of addresses and values")
        end = _FIXED.size + length
        if len(self._heard) < end:
            return None
        body = self._heard[_FIXED.size : end]
        hop = Hop() if command == _LOCAL else _hopOfBody(family, body)
        return hop, self._heard[end:]


def _hopOfLine(text: bytes) -> Hop:
    words = text.split(b" ")
    if words[1] == b"UNKNOWN":
        return Hop()
    if len(words) != 6 or words[1] not in (b"TCP4", b"TCP6"):
        raise ProxyLineError("not 'PROXY TCP4|TCP6 source destination port port'")
    version = 4 if words[1] == b"TCP4" else 6
    source, destination = (_address(word, version) for word in words[2:4])
    port, ownPort = map(_portNumber, words[4:])
    return Hop((source, port), (destination, ownPort))


def _address(word: bytes, version: int) -> str:
    try:
        address = ip_address(word.decode("ascii"))
    except ValueError:
        raise ProxyLineError("not an IP address") from None
    if address.version != version or "%" in str(address):
        raise ProxyLineError(f"not an IPv{version} address")
    return str(address)


def _portNumber(word: bytes) -> int:
    if not _PORT.fullmatch(word) or int(word) > 65535:
        raise ProxyLineError("not a port")
    return int(word)


def _hopOfBody(family: int, body: bytes) -> Hop:
    """The hop of a version 2 body; families other than TCP's (UDP, unix) say nothing to us."""
    size = {_TCP4: 4, _TCP6: 16}.get(family)
    if size is None:
        unix, skipped = 0x30 <= family < 0x40, {0x12: 12, 0x22: 36}.get(family, 0)
        return Hop(tlvs=_values(body[216 if unix else skipped :]))
    if len(body) < 2 * size + _PORTS.size:
        raise ProxyLineError("shorter than its addresses")
    port, ownPort = _PORTS.unpack_from(body, 2 * size)
    kind = IPv4Address if size == 4 else IPv6Address
    return Hop(
        (str(kind(body[:size])), port),
        (str(kind(body[size : 2 * size])), ownPort),
        _values(body[2 * size + _PORTS.size :]),
    )


def _values(data: bytes) -> tuple[tuple[int, bytes], ...]:
    found = []
    while data:
        if len(data) < _TLV.size:
            raise ProxyLineError("a value that is cut short")
        kind, length = _TLV.unpack_from(data)
        if len(data) < _TLV.size + length:
            raise ProxyLineError("a value that is cut short")
        found.append((kind, data[_TLV.size : _TLV.size + length]))
        data = data[_TLV.size + length :]
    return tuple(found)
