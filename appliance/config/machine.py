"""Values that this machine has to know: users, groups, its own addresses, programs.

As in C{values}, each function raises C{ValueError} with a phrase that completes "expected …".
"""

from __future__ import annotations

import grp
import pwd
import socket
from collections.abc import Callable


def user(value: str) -> str:
    """A user of this machine, by name or number."""
    return _known(value, "user", pwd.getpwnam)


def group(value: str) -> str:
    """A group of this machine, by name or number."""
    return _known(value, "group", grp.getgrnam)


def _known(value: str, what: str, find: Callable[[str], object]) -> str:
    try:
        if not (value.isascii() and value.isdecimal()):
            find(value)
    except (KeyError, ValueError):
        raise ValueError(f"the name or number of a {what} of this machine") from None
    return value


def localHost(value: str) -> str:
    """An IP address of this machine, from that or from a name for it."""
    expected = "a host name or an IP address of this machine"
    if not value:
        raise ValueError(expected)
    try:
        found = socket.getaddrinfo(value, None, type=socket.SOCK_STREAM)
    except (OSError, ValueError):
        raise ValueError(expected) from None
    return str(found[0][4][0])


def variable(value: str) -> tuple[str, str]:
    """A variable of the environment: C{NAME=VALUE}."""
    name, equals, content = (part.strip() for part in value.partition("="))
    if not name or not equals or "\0" in value:
        raise ValueError("a name, an equals sign and a value, as in TZ=UTC")
    return name, content


def arguments(value: str) -> tuple[str, ...]:
    """The words of a command line; there is no quoting."""
    words = tuple(value.split())
    if not words:
        raise ValueError("the name of the program and its arguments, with blanks between them")
    return words
