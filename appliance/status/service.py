"""The status as a service: its sockets, its listeners to the events, its web server.

The sockets are opened before the process goes to work; a start that cannot have one says where
in the configuration it was asked for.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from twisted.application.service import Service
from twisted.internet.defer import Deferred

from appliance.config.model import (
    ConfigError,
    Problem,
    Severity,
    StatusConfig,
    UnixAddress,
)
from appliance.events import Event, Events
from appliance.status.answers import Answers
from appliance.status.lag import LagSampler
from appliance.status.ledger import Ledger
from appliance.status.metrics import Metrics
from appliance.status.readiness import Readiness
from appliance.status.site import Site
from appliance.system.acceptor import Acceptor
from appliance.system.sockets import Listener, ListenError, listen, places

Owner = tuple[str | None, str | None]
"""A user and a group, each by name or number; C{None} leaves what the process has."""

MASK: Final = 0o117
"""What is taken from the mode of a unix socket, which leaves 0660."""


class Status(Service):
    """Tells at C{listeners} what C{reactor}'s process is doing, by the events that it hears."""

    def __init__(
        self, reactor: Any, listeners: tuple[Listener, ...], readiness: Readiness | None = None
    ) -> None:
        self.ledger = Ledger(reactor, readiness or Readiness())
        self.metrics = Metrics(self.ledger)
        self.listeners = listeners
        self._reactor = reactor
        read, now = self.ledger.read, reactor.seconds
        self._site = Site(reactor, Answers(read, self.ledger.lag, self.metrics.exposed, now))
        self._sampler = LagSampler(reactor, self._late)
        self._acceptors: tuple[Acceptor, ...] = ()

    def __call__(self, event: Event) -> None:
        """Hear of C{event}."""
        self.metrics(event)
        self.ledger(event)

    def _late(self, now: float, late: float) -> None:
        self.ledger.lag.add(now, late)
        self.metrics.lag(late)

    def startService(self) -> None:
        """Answer from now on."""
        super().startService()
        self._sampler.startService()
        self._acceptors = tuple(
            Acceptor(self._reactor, listener.socket, self._accepted, lambda _: None)
            for listener in self.listeners
        )

    def _accepted(self, handle: socket.socket, client: str) -> None:  # noqa: ARG002
        with handle:
            if self._site.full:
                return
            handle.setblocking(False)
            self._reactor.adoptStreamConnection(handle.fileno(), handle.family, self._site)

    def stopService(self) -> Deferred[None] | None:
        """Answer no more."""
        stopped: Deferred[None] | None = super().stopService()
        self._sampler.stopService()
        for acceptor in self._acceptors:
            acceptor.stopListening()
        self._acceptors = ()
        for listener in self.listeners:
            listener.close()
        self.listeners = ()
        self._site.abortAll()
        return stopped


def statusFor(
    reactor: Any,
    events: Events,
    config: StatusConfig,
    owner: Owner = (None, None),
    readiness: Readiness | None = None,
) -> Status:
    """The status that C{config} asks for, which listens and hears from now on.

    A unix socket is given to C{owner}. C{readiness} is what the process wants, now and later.
    Raises L{ConfigError}.
    """
    status = Status(reactor, _listeners(config, owner), readiness)
    events.subscribe(status)
    return status


def _listeners(config: StatusConfig, owner: Owner) -> tuple[Listener, ...]:
    opened: list[Listener] = []
    try:
        with _masked(isinstance(config.address, UnixAddress)):
            for family, where in places(config.address):
                opened.append(listen(family, where, (), owner))
    except ListenError as error:
        for listener in opened:
            listener.close()
        raise ConfigError((_problem(config, error),)) from None
    return tuple(opened)


@contextmanager
def _masked(needed: bool) -> Iterator[None]:
    """A unix socket is bound with its mode: it is never open to others, not for a moment."""
    before = os.umask(MASK) if needed else None
    try:
        yield
    finally:
        if before is not None:
            os.umask(before)


def _problem(config: StatusConfig, error: ListenError) -> Problem:
    port = str(config.address).rpartition(":")[2]
    advice = {
        2: "make its directory first",
        13: "choose a place where this user may make a socket, or a port above 1023",
        98: f"see who has it: ss -lntxp | grep -w {port}",
        99: "this machine has no such address: see 'ip address'",
    }.get(error.code, "")
    return Problem(
        Severity.ERROR,
        config.where,
        f"cannot listen at {config.address}: {error}",
        "an address or a path that is free",
        advice,
        option="status",
    )
