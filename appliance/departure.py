"""How the process leaves its work: it stops in order, or another process takes it over.

What there is to end, and how, is the appliance's own affair; here it is only told when.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from twisted.internet.defer import Deferred

from appliance.config.model import GlobalConfig
from appliance.ending import Ending
from appliance.events import (
    DrainExpired,
    Draining,
    Events,
    HandedOver,
    HandOverFailed,
    Stopping,
)
from appliance.system.heritage import Will
from appliance.system.successor import Holder, SuccessionError, Successor


class Leaver(Protocol):
    """What leaves its work."""

    @property
    def process(self) -> GlobalConfig:
        """What the configuration says of the process."""

    @property
    def connections(self) -> int:
        """How many there are."""

    @property
    def holders(self) -> Iterable[Holder]:
        """What has sockets that another process can have."""

    def stopAccepting(self) -> Deferred[None]:
        """Accept nobody any more; fires when all connections have ended by themselves."""

    def letGo(self) -> Deferred[None]:
        """The same, where another process listens at the same sockets."""

    def will(self) -> Will:
        """What another process in our place has to know beside the configuration."""

    def lend(self) -> Deferred[None]:
        """Leave what only one process can have; fires when another can have it."""

    def takeBack(self) -> None:
        """Go on as before."""


class Departure:
    """The departure of C{leaver}: C{events} is told of it, and C{reactor} is stopped at its end."""

    def __init__(self, reactor: Any, events: Events, leaver: Leaver) -> None:
        self.successor: Successor | None = None
        """What can take over from this process, if anything can."""
        self._reactor = reactor
        self._events = events
        self._leaver = leaver
        self._ending = Ending(reactor, self._over)
        self._upgrading = False
        self._handedOver = False

    @property
    def begun(self) -> bool:
        """True when the process is about to end, or may be."""
        return self._upgrading or self._ending.begun

    def signal(self, name: str) -> None:
        """Hear the signal C{name}: end in order, or at once when it is the second."""
        leaver, ending = self._leaver, self._ending
        if ending.begun and not self._handedOver:
            ending.hurry()
            return
        self._events.publish(Stopping(name, leaver.connections))
        if self._handedOver:
            self._handedOver = False
            ending.limit(leaver.process.drainTimeout)
        else:
            ending.begin(self._deafen, leaver.process.drainDelay, leaver.process.drainTimeout)

    def _deafen(self) -> Deferred[None]:
        idle = self._leaver.stopAccepting()
        timeout = self._leaver.process.drainTimeout
        self._events.publish(Draining(self._leaver.connections, timeout))
        return idle

    def _over(self, idle: bool) -> None:
        if not idle:
            self._events.publish(DrainExpired(self._leaver.connections))
        if self._reactor.running:
            self._reactor.stop()

    async def upgrade(self) -> int:
        """Have a process that is started anew take over; gives its number once it serves.

        It gets every new connection; those that there are end here by themselves. Raises
        L{SuccessionError}, and all is as before.
        """
        if self.successor is None:
            raise SuccessionError("this process cannot be upgraded: stop it and start it again")
        if self.begun:
            raise SuccessionError("another upgrade, or the end of the process, is under way")
        leaver = self._leaver
        self._upgrading = True
        try:
            await leaver.lend()
            sockets = [each.socket for holder in leaver.holders for each in holder.listeners]
            pid = await self.successor.start(sockets, leaver.will())
        except SuccessionError as error:
            leaver.takeBack()
            self._events.publish(HandOverFailed(str(error)))
            raise
        finally:
            self._upgrading = False
        self._handedOver = True
        self._events.publish(HandedOver(pid, leaver.connections))
        self._ending.begin(leaver.letGo, 0, None)
        return pid
