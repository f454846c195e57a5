"""Where to listen and where to connect, and the options of sockets."""

from __future__ import annotations

from enum import Enum

from attrs import frozen


@frozen
class InetAddress:
    """C{host:port}; an empty host means every address (accept) or the local host (connect)."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}" if self.host else str(self.port)


@frozen
class UnixAddress:
    """A unix socket, by absolute path."""

    path: str

    def __str__(self) -> str:
        return self.path


Address = InetAddress | UnixAddress


class SocketRole(Enum):
    """Which socket a C{socket} option is for: accepting, local (accepted) or remote (dialled)."""

    ACCEPT = "a"
    LOCAL = "l"
    REMOTE = "r"


@frozen
class SocketOption:
    """One C{socket = a|l|r:NAME=VALUE} line, ready for C{setsockopt(level, number, value)}."""

    role: SocketRole
    name: str
    level: int
    number: int
    value: int | bytes
