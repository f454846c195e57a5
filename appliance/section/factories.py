"""What sockets are served with: factories that ask the section for each connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory

from appliance.backend.caller import Caller
from appliance.relay.front import Front
from appliance.relay.join import Join


class PortFactory(Factory):
    """What a port builds connections with: always the section's current settings."""

    noisy = False

    def __init__(self, build: Callable[[IAddress | None], Any]) -> None:
        self._build = build

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """The transport and protocol for one accepted connection."""
        return self._build(addr)


class FrontFactory(Factory):
    """Begins a join for each connection that C{caller} knows the client of."""

    noisy = False

    def __init__(
        self, begin: Callable[[Caller], Join], caller: Callable[[IAddress | None], Caller]
    ) -> None:
        self._begin = begin
        self._caller = caller

    def buildProtocol(self, addr: IAddress | None) -> Front:
        """The accepted leg of a new connection."""
        return self._begin(self._caller(addr)).front
