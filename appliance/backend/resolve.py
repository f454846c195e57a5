"""Names to addresses: what a backend is called, and where it is."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

from attrs import frozen
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IHostResolution, IResolutionReceiver
from zope.interface import implementer


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
        if not self.done.called:
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
