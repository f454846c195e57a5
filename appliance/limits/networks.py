"""IP addresses as bytes, whom they are counted as, and sets of networks to look them up in.

A client is one IPv4 address, or one /64 of IPv6: that is the least that a site is given (RFC 6177,
RFC 7934), and whoever has one can call from each of its addresses.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from ipaddress import IPv6Network, ip_address, ip_network
from typing import Final

_MAPPED: Final = b"\x00" * 10 + b"\xff\xff"
"""What an IPv4 address begins with that is written as one of IPv6 (RFC 4291 2.5.5.2)."""

_SITE: Final = 8
"""Bytes of the /64 that an IPv6 client is counted by."""


def packed(host: str) -> bytes | None:
    """The four or sixteen bytes of an address; C{None} where C{host} is none, as of a unix socket.

    An IPv4 address that IPv6 carries is that of IPv4.
    """
    try:
        if ":" not in host:
            return socket.inet_pton(socket.AF_INET, host)
        address = socket.inet_pton(socket.AF_INET6, host.partition("%")[0])
    except (OSError, ValueError):
        return None
    return address[12:] if address.startswith(_MAPPED) else address


def clientOf(address: bytes) -> bytes:
    """Whom C{address} is counted as: itself, or its /64."""
    return address if len(address) == 4 else address[:_SITE]


def clientText(client: bytes) -> str:
    """A client as people write it: C{192.0.2.7} or C{2001:db8:0:1::/64}."""
    if len(client) == 4:
        return str(ip_address(client))
    return str(IPv6Network((client + bytes(_SITE), _SITE * 8)))


def clientIn(text: str) -> bytes | None:
    """The client that an administrator means by C{text}: an address, or what L{clientText} gives.

    C{None} where it is neither.
    """
    address, _, bits = text.partition("/")
    found = packed(address)
    if found is None or bits not in ("", "32" if len(found) == 4 else "64"):
        return None
    return clientOf(found)


class Networks:
    """A set of networks, each C{ADDRESS/BITS}; an address is in it if one of them has it.

    A look costs as much as there are lengths of prefixes, however many networks there are.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._tables: dict[tuple[int, int], set[int]] = {}
        for text in texts:
            network = ip_network(text)
            size = len(network.network_address.packed)
            shift = size * 8 - network.prefixlen
            prefixes = self._tables.setdefault((size, shift), set())
            prefixes.add(int(network.network_address) >> shift)

    def __contains__(self, address: bytes) -> bool:
        number, length = int.from_bytes(address), len(address)
        return any(
            size == length and number >> shift in prefixes
            for (size, shift), prefixes in self._tables.items()
        )

    def __bool__(self) -> bool:
        return bool(self._tables)
