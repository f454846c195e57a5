"""One C{[section]} at work: its listening sockets, its connections, its settings.

A section is handed open sockets and a finished context; it opens nothing that can fail. New
settings concern new connections: those that exist finish on what they started with.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import partial
from typing import Any

from attrs import evolve, frozen
from OpenSSL import SSL
from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList, maybeDeferred, succeed
from twisted.internet.interfaces import IAddress, IListeningPort
from twisted.internet.protocol import Factory

from appliance.backend.backend import Backend, Dialler, resolver
from appliance.backend.policy import byPriority, roundRobin
from appliance.backend.pool import Pool
from appliance.config.model import Failover, Problem, SectionConfig, SocketRole
from appliance.events import BareConnects, Bound, Events, Ready, Reason, Unbound
from appliance.relay.firstbytes import misplaced
from appliance.relay.front import Front
from appliance.relay.join import Join
from appliance.relay.terms import Terms
from appliance.system.sockets import Listener
from appliance.tls.certificate import Certificate
from appliance.tls.context import build
from appliance.tls.creator import Creator
from appliance.tls.files import inspect
from appliance.tls.peer import Facts
from appliance.tls.transport import TLSWireFactory, WireFactory

BARE_CONNECTS_EVERY = 3600.0
"""Seconds between two counts of bare connects."""


@frozen
class Settings:
    """What a section runs on: its configuration, the context built from it, and facts to tell."""

    config: SectionConfig
    context: SSL.Context
    certificate: Certificate | None
    daysLeft: int | None


def settingsFor(
    config: SectionConfig, now: datetime
) -> tuple[Settings | None, tuple[Problem, ...]]:
    """Read the section's files and build its context; C{None} when a problem is fatal.

    C{now} is an aware time, against which certificates are judged.
    """
    material, found = inspect(config.tls, now)
    problems = tuple(evolve(problem, section=config.name) for problem in found)
    if any(problem.fatal for problem in problems):
        return None, problems
    try:
        context = build(config.name, config.where, config.tls, material)
    except ValueError as error:
        return None, (*problems, error.args[0])
    certificate = None if material.pair is None else material.pair.certificate
    left = None if certificate is None else certificate.daysLeft(now)
    return Settings(config, context, certificate, left), problems


class Section(Service):
    """Accepts at C{listeners} and relays to the configured backends.

    C{ids} gives each connection its id, for the whole process.
    """

    def __init__(
        self, reactor: Any, settings: Settings, events: Events, ids: Iterator[str]
    ) -> None:
        self.setName(settings.config.name)
        self.listeners: tuple[Listener, ...] = ()
        self.joins: dict[str, Join] = {}
        self._reactor = reactor
        self._events = events
        self._ids = ids
        self._ports: dict[Listener, IListeningPort] = {}
        self._bare: dict[str, int] = {}
        self._empty: Deferred[None] | None = None
        self.use(settings)

    # --- settings --------------------------------------------------------------------------

    def use(self, settings: Settings) -> None:
        """Serve new connections with C{settings}."""
        self.settings = settings
        config = settings.config
        self._creator = Creator(settings.context, config.tls.sni)
        self._terms = Terms(
            section=config.name,
            dials=config.client,
            busy=config.timeouts.busy,
            idle=config.timeouts.idle,
            close=config.timeouts.close,
            admit=self._admit,
            tls=Facts(config.tls, settings.certificate),
            events=self._events,
            clock=self._reactor,
            back=self._wrap(SocketRole.REMOTE, tls=config.client, isClient=True),
            recognise=misplaced,
        )
        self._pool = self._makePool()
        self._front = self._wrap(SocketRole.LOCAL, tls=not config.client, isClient=False)(
            FrontFactory(self)
        )

    def _admit(self, _join: Join, _transport: Any) -> Deferred[Pool]:
        return succeed(self._pool)

    def _makePool(self) -> Pool:
        config = self.settings.config
        resolve = resolver(self._reactor)
        return Pool(
            config.name,
            [Backend(address, resolve, config.delay) for address in config.connect],
            Dialler(self._reactor, config.timeouts.connect, config.local),
            roundRobin if config.failover is Failover.RR and not config.delay else byPriority,
            self._events,
        )

    def _wrap(self, role: SocketRole, tls: bool, isClient: bool) -> Any:
        options = [o for o in self.settings.config.socketOptions if o.role is role]
        if tls:
            return partial(TLSWireFactory, self._creator, isClient, options=options)
        return partial(WireFactory, options=options)

    # --- listening -------------------------------------------------------------------------

    def listenAt(self, listeners: Iterable[Listener]) -> None:
        """Accept at C{listeners} and nowhere else; those kept never stop accepting."""
        self.listeners = tuple(listeners)
        if self.running:
            self._adopt()

    def privilegedStartService(self) -> None:
        """Take up the sockets, which have listened since before the process went to work."""
        super().privilegedStartService()
        self._adopt()

    def startService(self) -> None:
        """Serve, and tell where."""
        super().startService()
        self._adopt()
        self._count()

    def _adopt(self) -> None:
        for listener in tuple(self._ports):
            if listener not in self.listeners:
                self._ports.pop(listener).stopListening()
        for listener in self.listeners:
            if listener not in self._ports:
                # The port reads our current factory for each connection: settings can change.
                self._ports[listener] = self._reactor.adoptStreamPort(
                    listener.socket.fileno(), listener.family, PortFactory(self)
                )
                descriptor = listener.socket.fileno()
                name = self.settings.config.name
                self._events.publish(Bound(name, listener.address, descriptor))

    def tellReady(self) -> None:
        """Announce in one line what this section serves."""
        config, certificate = self.settings.config, self.settings.certificate
        self._events.publish(
            Ready(
                config.name,
                ", ".join(listener.address for listener in self.listeners),
                ", ".join(map(str, config.connect)),
                "" if certificate is None else certificate.subject,
                self.settings.daysLeft,
            )
        )

    def buildFront(self, addr: IAddress | None) -> Any:
        """The transport and protocol for one accepted connection."""
        return self._front.buildProtocol(addr)

    def stopListening(self) -> Deferred[Any]:
        """Accept no more; fires when the ports are closed."""
        closed = [maybeDeferred(port.stopListening) for port in self._ports.values()]
        self._ports.clear()
        for listener in self.listeners:
            listener.close()
        self.listeners = ()
        return DeferredList(closed)

    # --- connections -----------------------------------------------------------------------

    def join(self, addr: IAddress | None) -> Front:
        """Begin a connection from C{addr}."""
        host, port = getattr(addr, "host", None), getattr(addr, "port", None)
        client = f"{host}:{port}" if host is not None else "unix"
        join = Join(self._terms, next(self._ids), client, self._joinDone)
        self.joins[join.connection] = join
        return join.front

    def _joinDone(self, join: Join) -> None:
        del self.joins[join.connection]
        if join.reason is Reason.PROBE:
            host = join.client.rpartition(":")[0]
            self._bare[host] = self._bare.get(host, 0) + 1
        if not self.joins and self._empty is not None:
            empty, self._empty = self._empty, None
            empty.callback(None)

    def _count(self) -> None:
        """Announce how many bare connects there were, and count anew."""
        if self._bare:
            name, bare = self.settings.config.name, self._bare
            self._events.publish(BareConnects(name, sum(bare.values()), len(bare)))
            self._bare = {}
        if self.running:
            self._counting = self._reactor.callLater(BARE_CONNECTS_EVERY, self._count)

    # --- ending ----------------------------------------------------------------------------

    def stopService(self) -> Deferred[Any]:
        """Stop listening and end every connection; fires when all are gone."""
        wasRunning = self.running
        super().stopService()
        closed = self.stopListening()
        self._events.publish(Unbound(self.settings.config.name))
        if wasRunning:
            self._counting.cancel()
            self._count()
        if not self.joins:
            return closed
        self._empty = Deferred()
        for join in tuple(self.joins.values()):
            join.abort(Reason.STOPPED)
        return DeferredList([closed, self._empty])


class PortFactory(Factory):
    """What a port builds connections with: always the section's current settings."""

    noisy = False

    def __init__(self, section: Section) -> None:
        self._section = section

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """The transport and protocol for one accepted connection."""
        return self._section.buildFront(addr)


class FrontFactory(Factory):
    """Builds the accepted legs of one section."""

    noisy = False

    def __init__(self, section: Section) -> None:
        self._section = section

    def buildProtocol(self, addr: IAddress | None) -> Front:
        """The accepted leg of a new connection."""
        return self._section.join(addr)
