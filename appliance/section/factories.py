"""What an accepted socket is served with: a factory that asks the section for its join."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory

from appliance.backend.caller import Caller
from appliance.relay.front import Front
from appliance.relay.join import Join


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
