"""The backends of one section: which is tried next, until one answers.

The pool announces each attempt. It knows nothing of TLS, DICOM or the client that waits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import define, field
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectingCancelledError
from twisted.internet.interfaces import IProtocol, IProtocolFactory

from appliance.backend.backend import Backend, Dialler, Target, dialError
from appliance.events import (
    DialFailed,
    Dialled,
    Dialling,
    Events,
    NoBackend,
    ResolveFailed,
)

Policy = Callable[[int, int], tuple[int, ...]]
"""C{(count, turn) -> order}; see L{appliance.backend.policy}."""


class NoBackendError(Exception):
    """No address of any backend could be connected."""


@define
class Pool:
    """Dials the backends of the section C{section} in the order that C{policy} gives."""

    section: str
    backends: Sequence[Backend]
    dialler: Dialler
    policy: Policy
    events: Events
    _turn: int = field(default=0, init=False)

    def dial(
        self, factory: IProtocolFactory, connection: str
    ) -> Deferred[tuple[Target, IProtocol]]:
        """Connect C{factory} to the first backend that answers, for the client C{connection}.

        Fails with L{NoBackendError} when none does. Cancel it to give up.
        """
        return Deferred.fromCoroutine(self._dial(factory, connection))

    async def _dial(self, factory: IProtocolFactory, connection: str) -> tuple[Target, IProtocol]:
        for target in await self._candidates(connection):
            self.events.publish(Dialling(self.section, connection, str(target)))
            try:
                protocol = await self.dialler.endpoint(target).connect(factory)
            except (CancelledError, ConnectingCancelledError):
                raise CancelledError from None
            except Exception as error:
                failure = DialFailed(self.section, connection, str(target), dialError(error))
                self.events.publish(failure)
                continue
            host = protocol.transport.getHost()  # type: ignore[attr-defined]
            local = f"{host.host}:{host.port}" if target.port else str(target)
            self.events.publish(Dialled(self.section, connection, str(target), local))
            return target, protocol
        self.events.publish(NoBackend(self.section, connection))
        raise NoBackendError

    async def _candidates(self, connection: str) -> list[Target]:
        found: list[Target] = []
        for backend in self.backends:
            targets = await backend.targets()
            if not targets:
                name = str(backend.address)
                self.events.publish(ResolveFailed(self.section, connection, name))
            found += targets
        order = self.policy(len(found), self._turn)
        self._turn += 1
        return [found[k] for k in order]
