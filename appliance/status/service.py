"""The status as a service: its sockets, its listeners to the events, its web server.

The sockets are opened before the process goes to work; a start that cannot have one says where
in the configuration it was asked for.
"""

from __future__ import annotations

from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred

from appliance.config.model import ConfigError, StatusConfig
from appliance.events import Event, Events
from appliance.status.answers import Answers
from appliance.status.lag import LagSampler
from appliance.status.ledger import Ledger
from appliance.status.metrics import Metrics
from appliance.status.readiness import Readiness
from appliance.status.site import Site
from appliance.status.wall import WALL
from appliance.system.doors import Door, Owner, listenAt
from appliance.system.heritage import NOTHING, Heritage
from appliance.system.sockets import Listener


class Status(Service):
    """Tells at C{listeners} what C{reactor}'s process is doing, by the events that it hears."""

    def __init__(
        self, reactor: Any, listeners: tuple[Listener, ...], readiness: Readiness | None = None
    ) -> None:
        self.ledger = Ledger(WALL, readiness or Readiness())
        self.metrics = Metrics(self.ledger)
        self._reactor = reactor
        read, now = self.ledger.read, WALL.seconds
        self._site = Site(reactor, Answers(read, self.ledger.lag, self.metrics.exposed, now))
        self._sampler = LagSampler(reactor, self._late)
        self._door = Door(listeners, self._site, full=lambda: self._site.full)

    @property
    def listeners(self) -> tuple[Listener, ...]:
        """Where it can be asked."""
        return self._door.listeners

    def __call__(self, event: Event) -> None:
        """Hear of C{event}."""
        self.metrics(event)
        self.ledger(event)

    def letGo(self) -> None:
        """Leave the answers to another process, which listens at the same sockets."""
        self._door.letGo()

    def _late(self, _: float, late: float) -> None:
        self.ledger.lag.add(WALL.seconds(), late)
        self.metrics.lag(late)

    def startService(self) -> None:
        """Answer from now on."""
        super().startService()
        self._sampler.startService()
        self._door.open(self._reactor)

    def stopService(self) -> Deferred[None] | None:
        """Answer no more."""
        stopped: Deferred[None] | None = super().stopService()
        self._sampler.stopService()
        self._door.close()
        self._site.abortAll()
        return stopped


def statusFor(
    reactor: Any,
    events: Events,
    config: StatusConfig,
    owner: Owner = (None, None),
    readiness: Readiness | None = None,
    heritage: Heritage = NOTHING,
) -> Status:
    """The status that C{config} asks for, which listens and hears from now on.

    A unix socket is given to C{owner}. C{readiness} is what the process wants, now and later.
    Sockets may be in the C{heritage}. Raises L{ConfigError}.
    """
    listeners, problems = listenAt(config.address, owner, config.where, "status", heritage)
    if problems:
        raise ConfigError(tuple(problems))
    status = Status(reactor, tuple(listeners), readiness)
    events.subscribe(status)
    return status
