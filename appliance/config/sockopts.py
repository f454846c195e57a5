"""The C{socket} option: C{a|l|r:NAME=VALUE[:VALUE]} to what C{setsockopt} takes.

Names, levels and shapes of values are in one table; nothing here touches a socket.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from typing import Final

from appliance.config import values
from appliance.config.model import SocketOption, SocketRole
from appliance.config.wording import anyOf, nearest

IP_FREEBIND: Final = 15
"""From ip(7); Python's C{socket} module has no name for it."""

IFNAMSIZ: Final = 16
"""Bytes in the name of a network device, with its closing zero (netdevice(7))."""

_BIGGEST_INT: Final = 2**31 - 1

SYNTAX: Final = "a|l|r:NAME=VALUE[:VALUE]"

yesNo = values.choice({"yes": 1, "no": 0, "1": 1, "0": 0})
integer = values.number(0, _BIGGEST_INT)


def linger(value: str) -> bytes:
    """C{struct linger} from C{on:seconds}."""
    on, colon, wait = value.partition(":")
    try:
        return struct.pack("@ii", yesNo(on), integer(wait) if colon else 0)
    except ValueError:
        raise ValueError("yes or no, a colon and seconds, such as 1:60") from None


def interval(value: str) -> bytes:
    """C{struct timeval} from C{seconds[:microseconds]}."""
    whole, colon, fraction = value.partition(":")
    try:
        return struct.pack("@ll", integer(whole), integer(fraction) if colon else 0)
    except ValueError:
        raise ValueError("seconds, or seconds:microseconds, such as 5:500000") from None


def device(value: str) -> bytes:
    """The name of a network device, closed with a zero byte."""
    name = value.encode() + b"\0"
    if not 1 < len(name) <= IFNAMSIZ:
        raise ValueError(f"the name of a network device, of at most {IFNAMSIZ - 1} bytes")
    return name


SOCKET_OPTIONS: Final[dict[str, tuple[int, int, Callable[[str], int | bytes]]]] = {
    "SO_DEBUG": (socket.SOL_SOCKET, socket.SO_DEBUG, yesNo),
    "SO_DONTROUTE": (socket.SOL_SOCKET, socket.SO_DONTROUTE, yesNo),
    "SO_KEEPALIVE": (socket.SOL_SOCKET, socket.SO_KEEPALIVE, yesNo),
    "SO_LINGER": (socket.SOL_SOCKET, socket.SO_LINGER, linger),
    "SO_OOBINLINE": (socket.SOL_SOCKET, socket.SO_OOBINLINE, yesNo),
    "SO_RCVBUF": (socket.SOL_SOCKET, socket.SO_RCVBUF, integer),
    "SO_SNDBUF": (socket.SOL_SOCKET, socket.SO_SNDBUF, integer),
    "SO_RCVLOWAT": (socket.SOL_SOCKET, socket.SO_RCVLOWAT, integer),
    "SO_SNDLOWAT": (socket.SOL_SOCKET, socket.SO_SNDLOWAT, integer),
    "SO_RCVTIMEO": (socket.SOL_SOCKET, socket.SO_RCVTIMEO, interval),
    "SO_SNDTIMEO": (socket.SOL_SOCKET, socket.SO_SNDTIMEO, interval),
    "SO_REUSEADDR": (socket.SOL_SOCKET, socket.SO_REUSEADDR, yesNo),
    "SO_BINDTODEVICE": (socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device),
    "TCP_KEEPCNT": (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, integer),
    "TCP_KEEPIDLE": (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, integer),
    "TCP_KEEPINTVL": (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, integer),
    "TCP_NODELAY": (socket.IPPROTO_TCP, socket.TCP_NODELAY, yesNo),
    "TCP_USER_TIMEOUT": (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, integer),
    "IP_FREEBIND": (socket.IPPROTO_IP, IP_FREEBIND, yesNo),
    "IP_TOS": (socket.IPPROTO_IP, socket.IP_TOS, integer),
    "IP_TTL": (socket.IPPROTO_IP, socket.IP_TTL, integer),
    "IPV6_V6ONLY": (socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, yesNo),
}


def socketOption(value: str) -> SocketOption:
    """One C{socket} line; the names of socket options are in capitals, as the system has them."""
    roleText, colon, setting = value.partition(":")
    name, equals, text = (part.strip() for part in setting.partition("="))
    roles = {role.value: role for role in SocketRole}
    role = roles.get(roleText.strip())
    if role is None or not colon or not equals:
        raise ValueError(f"{anyOf(roles)} in front, as in l:SO_KEEPALIVE=1")
    if name not in SOCKET_OPTIONS:
        near = nearest(name, SOCKET_OPTIONS, 3) or SOCKET_OPTIONS
        raise ValueError(f"{anyOf(near)} for the name")
    where, optionNumber, parse = SOCKET_OPTIONS[name]
    try:
        return SocketOption(role, name, where, optionNumber, parse(text))
    except ValueError as error:
        raise ValueError(f"for {name} {error}") from None
