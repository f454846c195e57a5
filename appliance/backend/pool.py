"""The backends of one section: which is tried next, until one answers.

The pool announces each attempt, and asks the section's board whom to leave out. It knows nothing
of TLS, DICOM or the client that waits beyond what L{Caller} says.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final, NoReturn

from attrs import define, field
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IProtocol, IProtocolFactory

from appliance.backend.backend import Backend
from appliance.backend.board import Board
from appliance.backend.caller import Caller
from appliance.backend.dialler import Dialler, OutOfTimeError, dialError
from appliance.backend.policy import leastConnections, roundRobin
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

Policy = Callable[[Sequence[int], int], tuple[int, ...]]
"""C{(loads, turn) -> order}; see L{appliance.backend.policy}."""

REMEMBERED: Final = 1000
"""How many clients' last backends are kept in mind."""

LONGEST: Final = 60.0
"""Seconds that all attempts for one client may take together, unless one alone may take longer."""


class NoBackendError(Exception):
    """No address of any backend could be connected."""


@define
class Pool:
    """Dials the backends of the section C{section} in the order that C{policy} gives.

    C{board} knows which of them are down or drained. C{turn} counts the connections; it starts
    anywhere, so that many appliances that start at once do not all begin with the same backend.
    """

    section: str
    backends: Sequence[Backend]
    dialler: Dialler
    policy: Policy
    events: Events
    board: Board = field(factory=Board)
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

        Fails with L{NoBackendError} when none does, or none in time. Cancel it to give up.
        """
        return Deferred.fromCoroutine(self._dial(factory, caller))

    async def _dial(self, factory: IProtocolFactory, caller: Caller) -> tuple[Target, IProtocol]:
        now = self.dialler.reactor.seconds
        end = now() + max(LONGEST, self.dialler.timeout)
        known: set[Target] = set()
        tried: set[Target] = set()
        for find in (self._candidates, self._others):
            found, ordered = await find(caller)
            known.update(found)
            for target in ordered:
                if target not in tried and now() < end:
                    tried.add(target)
                    protocol = await self._attempt(target, factory, caller, end - now())
                    if protocol is not None:
                        self._remember(caller, target)
                        return target, protocol
        skipped = len(known - tried) if now() < end else 0
        self.events.publish(NoBackend(self.section, caller.connection, bool(known), skipped))
        raise NoBackendError

    async def _attempt(
        self, target: Target, factory: IProtocolFactory, caller: Caller, left: float
    ) -> IProtocol | None:
        connection, name = caller.connection, str(target)
        self.events.publish(Dialling(self.section, connection, name))
        try:
            dialling = self.dialler.connect(target, factory, caller)
            if left < self.dialler.longest:
                limited: Deferred[IProtocol] = Deferred.fromCoroutine(dialling)
                protocol = await limited.addTimeout(left, self.dialler.reactor, _outOfTime)
            else:
                protocol = await dialling
        except CancelledError:
            raise
        except Exception as error:
            self.events.publish(DialFailed(self.section, connection, name, dialError(error)))
            return None
        host = protocol.transport.getHost()  # type: ignore[attr-defined]
        local = f"{host.host}:{host.port}" if target.port else name
        self.events.publish(Dialled(self.section, connection, name, local))
        return protocol

    async def _candidates(self, caller: Caller) -> tuple[list[Target], list[Target]]:
        """All known addresses, and those to try in their order."""
        found: list[Target] = []
        for backend in self.backends:
            targets = await backend.targets()
            if not targets:
                failed = ResolveFailed(self.section, caller.connection, backend.name)
                self.events.publish(failed)
            found += targets
        able = self.board.able(found)
        ordered = able if len(able) == 1 else self._inOrder(able)
        self.turn += 1
        last = self._last.get(caller.host) if caller.resumed else None
        if last is not None and last in able and len(found) > 1 and not self.board.isDown(last):
            self.events.publish(Persistent(self.section, caller.connection, str(last)))
            ordered.insert(0, last)
        elif len(found) > 1 and ordered:
            self._tellOrder(caller, found.index(ordered[0]))
        return found, ordered

    def _inOrder(self, able: list[Target]) -> list[Target]:
        order = self.policy([self.board.load(str(target)) for target in able], self.turn)
        return self.board.upFirst(able[k] for k in order)

    def _tellOrder(self, caller: Caller, entry: int) -> None:
        robin, fewest = self.policy is roundRobin, self.policy is leastConnections
        self.events.publish(Ordered(self.section, caller.connection, robin, entry, fewest))

    async def _others(self, _: Caller) -> tuple[list[Target], list[Target]]:
        """Where backends may have moved to, asked when all known addresses have failed."""
        found = [target for backend in self.backends for target in await backend.others()]
        return found, self.board.upFirst(self.board.able(found))

    def _remember(self, caller: Caller, target: Target) -> None:
        # OpenSSL's bindings cannot keep data of ours in a session, so the client's address stands
        # for the session that it may resume.
        if caller.host:
            self._last[caller.host] = target
            self._last.move_to_end(caller.host)
            if len(self._last) > REMEMBERED:
                self._last.popitem(last=False)


def _outOfTime(*_: object) -> NoReturn:
    raise OutOfTimeError
