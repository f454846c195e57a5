"""One backend: an address of a PACS, how it is resolved and how it is dialled."""

from __future__ import annotations

import os
from collections.abc import Callable
from ipaddress import ip_address

from attrs import define, field, frozen
from twisted.internet import error as neterror
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import (
    TCP4ClientEndpoint,
    TCP6ClientEndpoint,
    UNIXClientEndpoint,
)
from twisted.internet.interfaces import (
    IAddress,
    IHostResolution,
    IResolutionReceiver,
    IStreamClientEndpoint,
)
from zope.interface import implementer

from appliance.config.model import Address, UnixAddress

LOCALHOST = "127.0.0.1"


@frozen
class Target:
    """One concrete address to dial, by IP or path; C{str} gives it for people."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}" if self.port else self.host


Resolve = Callable[[str, int], "Deferred[tuple[Target, ...]]"]
"""C{(name, port) -> targets}; an unknown name gives none."""


@implementer(IResolutionReceiver)
class _Collector:
    """Gathers what the reactor's resolver finds."""

    def __init__(self) -> None:
        self.done: Deferred[tuple[Target, ...]] = Deferred()
        self._found: list[Target] = []

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:
        """The resolver started."""

    def addressResolved(self, address: IAddress) -> None:
        """The resolver found an address."""
        if isinstance(address, IPv4Address | IPv6Address):
            self._found.append(Target(address.host, address.port))

    def resolutionComplete(self) -> None:
        """The resolver knows no more."""
        self.done.callback(tuple(dict.fromkeys(self._found)))


def resolver(reactor: object) -> Resolve:
    """A L{Resolve} on the reactor's own name resolver, which never blocks the reactor."""

    def resolve(name: str, port: int) -> Deferred[tuple[Target, ...]]:
        collector = _Collector()
        reactor.nameResolver.resolveHostName(collector, name, port)  # type: ignore[attr-defined]
        return collector.done

    return resolve


def isLiteral(host: str) -> bool:
    """True when C{host} is an IP address and needs no resolving."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


@define
class Backend:
    """One C{connect} line. Its name is resolved once and again only where C{delay} asks for it."""

    address: Address
    resolve: Resolve
    delay: bool = False
    _known: tuple[Target, ...] = field(default=(), init=False)

    async def targets(self) -> tuple[Target, ...]:
        """The addresses to try, in order; the last good ones while the resolver has none."""
        if isinstance(self.address, UnixAddress):
            return (Target(self.address.path, 0),)
        host = self.address.host or LOCALHOST
        if isLiteral(host):
            return (Target(host, self.address.port),)
        if self.delay or not self._known:
            self._known = await self.resolve(host, self.address.port) or self._known
        return self._known


@frozen
class Dialler:
    """Makes the endpoint for a target; C{local} is the source address, C{None} the kernel's."""

    reactor: object
    timeout: float
    local: str | None = None

    def endpoint(self, target: Target) -> IStreamClientEndpoint:
        """The endpoint that dials C{target}; it gives up after the timeout (seconds)."""
        # Endpoints take whole seconds at least; less would mean no timeout to some of them.
        timeout = max(self.timeout, 0.001)
        if not target.port:
            return UNIXClientEndpoint(self.reactor, target.host, timeout)
        kind = TCP6ClientEndpoint if ":" in target.host else TCP4ClientEndpoint
        source = None if self.local is None else (self.local, 0)
        return kind(self.reactor, target.host, target.port, timeout, source)


def dialError(error: BaseException) -> str | None:
    """C{Connection refused (111)}: the system's words for a failed dial; C{None}: out of time."""
    if isinstance(error, neterror.TimeoutError):
        return None
    number = getattr(error, "osError", None) or getattr(error, "errno", None)
    if isinstance(number, int):
        return f"{os.strerror(number)} ({number})"
    return "connection failed"
