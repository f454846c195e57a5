"""An endpoint that dials a host by its name: each of its addresses in turn, until one answers.

For what is no backend of a section, and so needs no pool.
"""

from __future__ import annotations

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.error import UnknownHostError
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from zope.interface import implementer

from appliance.backend.caller import Caller
from appliance.backend.dialler import Dialler, OutOfTimeError
from appliance.backend.resolve import Resolve, Target, isLiteral


@implementer(IStreamClientEndpoint)
@frozen
class Named:
    """The host C{name}, which may be an IP address, at C{port}."""

    dialler: Dialler
    resolve: Resolve
    name: str
    port: int

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """Connect a protocol of C{protocolFactory}; fails with what was wrong at the last address.

        That is C{UnknownHostError} where there is no address at all.
        """
        return Deferred.fromCoroutine(self._connect(protocolFactory))

    async def _connect(self, factory: IProtocolFactory) -> IProtocol:
        targets: tuple[Target, ...] = (Target(self.name, self.port),)
        if not isLiteral(self.name):
            targets = await self.resolve(self.name, self.port)
        error: Exception = UnknownHostError(f"{self.name} is not known")
        for target in targets:
            try:
                return await self.dialler.connect(target, factory, Caller(""))
            except (OSError, OutOfTimeError) as problem:
                error = problem
        raise error
