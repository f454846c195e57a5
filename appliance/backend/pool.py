"""The backends of one section: which is tried next, until one answers.

The pool announces each attempt. It knows nothing of TLS, DICOM or the client that waits beyond
what L{Caller} says.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable, Sequence

from attrs import define, field
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IProtocol, IProtocolFactory

from appliance.backend.backend import Backend
from appliance.backend.caller import Caller
from appliance.backend.dialler import Dialler, dialError
from appliance.backend.policy import roundRobin
from appliance.backend.resolve import Target
from appliance.events import (
    DialFailed,
    Dialled,
    Dialling,
    Events,
    NoBackend,
    Ordered,
    Persistent,
    ResolveDelayed,
    ResolveFailed,
)

Policy = Callable[[int, int], tuple[int, ...]]
"""C{(count, turn) -> order}; see L{appliance.backend.policy}."""

REMEMBERED = 1000
"""How many clients' last backends are kept in mind."""


class NoBackendError(Exception):
    """No address of any backend could be connected."""


@define
class Pool:
    """Dials the backends of the section C{section} in the order that C{policy} gives.

    C{turn} counts the connections; it starts anywhere, so that many appliances that start at once
    do not all begin with the same backend.
    """

    section: str
    backends: Sequence[Backend]
    dialler: Dialler
    policy: Policy
    events: Events
    turn: int = field(factory=lambda: secrets.randbelow(1 << 16))
    _last: OrderedDict[str, Target] = field(factory=OrderedDict, init=False)

    def resolve(self) -> None:
        """Resolve all names ahead of the first client, and tell of those that are not known."""
        for backend in self.backends:
            if backend.name and not backend.delay:
                backend.ask().addCallback(self._resolved)

    def _resolved(self, found: tuple[Target, ...]) -> None:
        if not found:
            self.events.publish(ResolveDelayed(self.section))

    def dial(self, factory: IProtocolFactory, caller: Caller) -> Deferred[tuple[Target, IProtocol]]:
        """Connect C{factory} to the first backend that answers, for C{caller}.

        Fails with L{NoBackendError} when none does. Cancel it to give up.
        """
        return Deferred.fromCoroutine(self._dial(factory, caller))

    async def _dial(self, factory: IProtocolFactory, caller: Caller) -> tuple[Target, IProtocol]:
        tried: list[Target] = []
        for find in (self._candidates, self._others):
            for target in await find(caller):
                if target not in tried:
                    tried.append(target)
                    protocol = await self._attempt(target, factory, caller)
                    if protocol is not None:
                        self._remember(caller, target)
                        return target, protocol
        self.events.publish(NoBackend(self.section, caller.connection, bool(tried)))
        raise NoBackendError

    async def _attempt(
        self, target: Target, factory: IProtocolFactory, caller: Caller
    ) -> IProtocol | None:
        connection, name = caller.connection, str(target)
        self.events.publish(Dialling(self.section, connection, name))
        try:
            protocol = await self.dialler.connect(target, factory, caller)
        except CancelledError:
            raise
        except Exception as error:
            self.events.publish(DialFailed(self.section, connection, name, dialError(error)))
            return None
        host = protocol.transport.getHost()  # type: ignore[attr-defined]
        local = f"{host.host}:{host.port}" if target.port else name
        self.events.publish(Dialled(self.section, connection, name, local))
        return protocol

    async def _candidates(self, caller: Caller) -> list[Target]:
        """All known addresses, in the order in which they are to be tried."""
        found: list[Target] = []
        for backend in self.backends:
            targets = await backend.targets()
            if not targets:
                failed = ResolveFailed(self.section, caller.connection, backend.name)
                self.events.publish(failed)
            found += targets
        order = self.policy(len(found), self.turn)
        self.turn += 1
        last = self._last.get(caller.host) if caller.resumed else None
        if last is not None and last in found and len(found) > 1:
            self.events.publish(Persistent(self.section, caller.connection, str(last)))
            order = (found.index(last), *order)
        elif len(found) > 1:
            started = Ordered(self.section, caller.connection, self.policy is roundRobin, order[0])
            self.events.publish(started)
        return [found[k] for k in order]

    async def _others(self, _: Caller) -> list[Target]:
        """Where backends may have moved to, asked when all known addresses have failed."""
        return [target for backend in self.backends for target in await backend.others()]

    def _remember(self, caller: Caller, target: Target) -> None:
        # OpenSSL's bindings cannot keep data of ours in a session, so the client's address stands
        # for the session that it may resume.
        if caller.host:
            self._last[caller.host] = target
            self._last.move_to_end(caller.host)
            if len(self._last) > REMEMBERED:
                self._last.popitem(last=False)
