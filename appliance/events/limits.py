"""Who is kept out by a limit, and who is banned."""

from __future__ import annotations

from enum import Enum

from attrs import frozen

from appliance.events.base import SectionEvent


class LimitKind(Enum):
    """Which limit keeps a client out."""

    ADDRESS = "address"
    """C{denyFrom}, or not in C{allowFrom}."""
    BAN = "ban"
    """It was bad too often (C{banAfter})."""
    RATE = "rate"
    """More connect than C{handshakeRate} lets through."""
    CONNECTIONS = "connections"
    """The section has as many as C{maxConnections}."""
    CLIENT = "client"
    """The client has as many as C{maxConnectionsPerClient}."""
    DESCRIPTORS = "descriptors"
    """The process has as many as its file descriptors allow."""


@frozen
class Limited(SectionEvent):
    """C{count} connections of C{client} were not served, of which none was told of before.

    C{client} is an address or a /64 of IPv6.
    """

    client: str
    limit: LimitKind
    why: str
    advice: str
    count: int = 1


@frozen
class Banned(SectionEvent):
    """C{client} is not let in for C{seconds}; C{why} is what it did last."""

    client: str
    why: str
    seconds: float


@frozen
class Unbanned(SectionEvent):
    """C{client} is let in again ahead of time."""

    client: str
