"""One backend: an address of a PACS, and where that is at the moment."""

from __future__ import annotations

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from appliance.backend.resolve import Resolve, Target, isLiteral
from appliance.config.model import Address, UnixAddress

LOCALHOST = "127.0.0.1"
LOCALHOST6 = "::1"

FRESH = 60.0
"""Seconds for which a name's addresses are taken for granted; then they are asked for anew."""

RECENT = 5.0
"""Seconds for which an answer is not doubted even when nothing can be connected."""


@define(eq=False)
class Backend:
    """One C{connect} line; C{name} is what must be resolved, empty where that is nothing.

    A name is resolved when it is first needed, and again in the background once what is known is
    no longer fresh, so that nobody waits for a slow resolver and a PACS that moves needs no
    reload. With C{delay} each connection waits for an answer of its own.
    """

    address: Address
    resolve: Resolve
    clock: IReactorTime
    delay: bool = False
    name: str = field(init=False)
    _fixed: tuple[Target, ...] = field(default=(), init=False)
    _known: tuple[Target, ...] = field(default=(), init=False)
    _answered: float = field(default=float("-inf"), init=False)
    _waiting: list[Deferred[tuple[Target, ...]]] = field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        address, self.name = self.address, ""
        if isinstance(address, UnixAddress):
            self._fixed = (Target(address.path, 0),)
        elif isLiteral(address.host or LOCALHOST):
            self._fixed = (Target(address.host or LOCALHOST, address.port),)
        else:
            self.name = address.host

    async def targets(self) -> tuple[Target, ...]:
        """The addresses to try, in order; the last good ones while the resolver has none."""
        if self._fixed:
            return self._fixed
        if self.delay or not self._known:
            return await self.ask()
        if self.clock.seconds() >= self._answered + FRESH:
            self.ask()
        return self._known

    async def others(self) -> tuple[Target, ...]:
        """Where it may be when it is at none of its C{targets}."""
        if isinstance(self.address, UnixAddress):
            return ()
        if self.name:
            recent = self.clock.seconds() < self._answered + RECENT
            return () if recent else await self.ask()
        return () if self.address.host else (Target(LOCALHOST6, self.address.port),)

    def ask(self) -> Deferred[tuple[Target, ...]]:
        """Resolve the name; all who ask meanwhile wait for the same answer."""
        waiter: Deferred[tuple[Target, ...]] = Deferred()
        self._waiting.append(waiter)
        if len(self._waiting) == 1 and not isinstance(self.address, UnixAddress):
            self.resolve(self.address.host, self.address.port).addBoth(self._hear)
        return waiter

    def _hear(self, found: object) -> None:
        if isinstance(found, tuple) and found:
            self._known = found
        self._answered = self.clock.seconds()
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if not waiter.called:
                waiter.callback(self._known)
