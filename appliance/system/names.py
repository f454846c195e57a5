"""Resolves names, each on a thread of its own.

Twisted resolves on ten threads. As many names that hang would keep all others waiting, and the
process from its end. How many there are at a time is up to those who ask: each backend asks once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from socket import AF_INET, AF_INET6, SOCK_DGRAM, SOCK_STREAM, getaddrinfo
from typing import Any, Final

from attrs import define, frozen
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import (
    IAddress,
    IHostnameResolver,
    IHostResolution,
    IResolutionReceiver,
)
from zope.interface import implementer

from appliance.system.aside import aside

_ADDRESSES: Final[dict[int, Callable[..., IAddress]]] = {
    AF_INET: IPv4Address,
    AF_INET6: IPv6Address,
}
_SOCKETS: Final = {"TCP": SOCK_STREAM, "UDP": SOCK_DGRAM}


@implementer(IHostResolution)
@define(eq=False)
class Resolution:
    """A name that is being resolved; where it is C{cancelled} nobody hears of it any more."""

    name: str
    cancelled: bool = False

    def cancel(self) -> None:
        """Tell nobody: what the system does cannot be called off."""
        self.cancelled = True


@implementer(IHostnameResolver)
@frozen
class Names:
    """The resolver of C{reactor}: asks the system, and waits for it elsewhere."""

    reactor: Any

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[IAddress]] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        """Tell C{resolutionReceiver} of the addresses of C{hostName}."""
        resolution = Resolution(hostName)
        resolutionReceiver.resolutionBegan(resolution)

        def tell(found: list[IAddress]) -> None:
            if resolution.cancelled:
                return
            for address in found:
                if addressTypes is None or isinstance(address, tuple(addressTypes)):
                    resolutionReceiver.addressResolved(address)
            resolutionReceiver.resolutionComplete()

        look = partial(_look, hostName, portNumber, transportSemantics)
        aside(self.reactor, look).addCallback(tell)
        return resolution


def _look(name: str, port: int, semantics: str) -> list[IAddress]:
    """The addresses of C{name}; none where it is not known, or can be no name (RFC 5890)."""
    try:
        found = getaddrinfo(name, port, type=_SOCKETS[semantics])
    except (OSError, UnicodeError):
        return []
    return [_ADDRESSES[each[0]](semantics, *each[4]) for each in found if each[0] in _ADDRESSES]
