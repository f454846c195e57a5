"""What C{butterfly-tls stunnel} tells about itself: C{-help -version -sockets -options}.

Made from the tables of options; nothing here reads a file or knows what is running.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterator
from typing import Any, Final

from appliance.config.options import TABLE
from appliance.config.sockopts import SOCKET_OPTIONS, interval, linger
from appliance.config.sslops import SSL_OPS
from appliance.config.vocabulary import Option, Scope, Status
from appliance.daemon import starting
from appliance.logs.vocabulary import lines

USAGE: Final = """\
Usage: butterfly-tls stunnel [FILE | -fd N | -help | -version | -sockets | -options]
    FILE      the configuration file; - is standard input
    -fd N     read the configuration from descriptor N
    -help     what may stand in a configuration file
    -version  what this is, and what holds without a configuration
    -sockets  what the options of sockets are without a configuration
    -options  the flags that "options" takes"""

PROCESS: Final = "Global options:"
SERVICE: Final = "Service-level options:"

OURS: Final = {
    "SO_REUSEADDR": ("yes", "", ""),
    "SO_KEEPALIVE": ("", "yes", "yes"),
    "TCP_NODELAY": ("", "yes", "yes"),
}
"""What we set by ourselves on accepting, local and remote sockets."""


def version() -> Iterator[str]:
    """What this is, and what it runs on."""
    yield from (line.text for line in lines(starting()))


def helpText() -> Iterator[str]:
    """Every option, what it takes and what it is for."""
    yield from (*version(), "", *USAGE.splitlines())
    yield from _options(lambda option: f"{option.syntax}: {_summary(option)}")


def defaults() -> Iterator[str]:
    """What this is, and the value of each option that is not written."""
    yield from version()
    yield from _options(lambda option: option.default)


def sockets() -> Iterator[str]:
    """The options of sockets, with our values and the system's."""
    yield from (*version(), "", "Socket option defaults:")
    yield f"    {'Option Name':<20}|{'Accept':^10}|{'Local':^10}|{'Remote':^10}|OS default"
    yield f"    {'-' * 20}+{'-' * 10}+{'-' * 10}+{'-' * 10}+{'-' * 10}"
    for name in SOCKET_OPTIONS:
        ours = "|".join(f"{value:>10}" if value else "    --    " for value in _ours(name))
        yield f"    {name:<20}|{ours}|{_systems(name):>10}"


def flags() -> Iterator[str]:
    """The flags of the option C{options}."""
    yield from (*version(), "", "Supported TLS options:")
    yield from (f"options = {name}" for name in sorted(SSL_OPS))


def _options(told: Callable[[Option[Any]], str]) -> Iterator[str]:
    for heading, scopes in {
        PROCESS: (Scope.GLOBAL,),
        SERVICE: (Scope.SERVICE, Scope.BOTH),
    }.items():
        yield from ("", heading)
        chosen = [option for option in TABLE if option.scope in scopes]
        for option in sorted(chosen, key=lambda option: option.name.lower()):
            if option.status is Status.SUPPORTED:
                yield f"{option.name:<22} = {told(option)}"
    for status in (Status.IGNORED, Status.REFUSED):
        names = sorted(option.name for option in TABLE if option.status is status)
        yield from ("", f"Known and {status.value}: {', '.join(names)}")


def _summary(option: Option[Any]) -> str:
    """The first sentence about C{option}."""
    first, stop, _ = option.doc.partition(". ")
    return first + stop.strip() if stop else option.doc


def _ours(name: str) -> tuple[str, str, str]:
    return OURS.get(name, ("", "", ""))


def _systems(name: str) -> str:
    """What the system has for the socket option C{name} of a new TCP socket; empty if nothing."""
    level, number, parse = SOCKET_OPTIONS[name]
    family = socket.AF_INET6 if level == socket.IPPROTO_IPV6 else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as fresh:
            if parse in (linger, interval):
                form = "@ii" if parse is linger else "@ll"
                value = fresh.getsockopt(level, number, struct.calcsize(form))
                return ":".join(map(str, struct.unpack(form, value)))
            if number == socket.SO_BINDTODEVICE and level == socket.SOL_SOCKET:
                return fresh.getsockopt(level, number, 16).rstrip(b"\0").decode()
            number = fresh.getsockopt(level, number)
    except OSError:
        return ""
    boolean = parse is SOCKET_OPTIONS["TCP_NODELAY"][2]
    return ("no", "yes")[bool(number)] if boolean else str(number)
