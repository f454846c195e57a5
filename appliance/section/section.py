"""One C{[section]} at work: its listening sockets, its connections, its settings.

A section is handed open sockets and a finished context; it opens nothing that can fail. New
settings concern new connections: those that exist finish on what they started with.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterable, Iterator
from typing import Any, Final

from attrs import evolve
from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList

from appliance.backend.board import ALL
from appliance.backend.caller import Caller
from appliance.events import (
    AcceptFailed,
    Announced,
    BackendDrained,
    Bound,
    Closed,
    Events,
    Ready,
    Reason,
    Unbound,
)
from appliance.health.learnt import Learnt
from appliance.relay.join import Join
from appliance.section.away import TurnedAway
from appliance.section.balancers import Balancers
from appliance.section.bare import BareCount
from appliance.section.census import Census
from appliance.section.identity import identities
from appliance.section.limits import Limits, Refusal
from appliance.section.own import Own
from appliance.section.route import Route
from appliance.section.settings import Settings, destinations, destinationsText
from appliance.section.watch import Watch
from appliance.system.acceptor import Acceptor, dismiss
from appliance.system.sockets import Listener
from appliance.system.vigil import Vigil
from appliance.system.workers import Crew
from appliance.tls.names import Names, Rule

CROWDED_WITHIN: Final = 10.0
"""Seconds that the handshake may take of a client that is only told that there is no place."""


class Section(Service):
    """Accepts at C{listeners} and relays to the configured backends.

    C{ids} gives each connection its number, for the whole process. With C{crew} what is accepted
    is handed on to workers. A section that is not C{alone} is one of several with its name, in as
    many processes, and leaves to another what must be done once only, such as to watch the
    backends. C{learnt} knows AE titles of backends. The C{census} counts those of all sections.
    """

    settings: Settings
    route: Route
    _ids: Iterator[str]

    def __init__(
        self,
        reactor: Any,
        settings: Settings,
        events: Events,
        ids: Iterator[str],
        crew: Crew | None = None,
        alone: bool = True,
        learnt: Learnt | None = None,
        census: Census | None = None,
    ) -> None:
        self.setName(settings.config.name)
        self.watch = Watch(reactor, settings.config.name, events, crew, alone, learnt)
        self.listeners: tuple[Listener, ...] = ()
        self.joins: dict[str, Join] = {}
        self._reactor = reactor
        self._events = events
        self._numbers = ids
        self._crew = crew
        self._alone = alone
        self._acceptors: dict[Listener, Acceptor] = {}
        self._leaving = False
        self._bare = BareCount(reactor, settings.config.name, events)
        self._census = Census(lambda: sys.maxsize) if census is None else census
        self.limits = Limits(reactor, settings.config, events, self._census.full)
        self._away = TurnedAway(reactor, settings.config.name, events)
        self._vigil = Vigil(lambda: self.joins or self._balancers)
        self._own = Own(reactor, events, self._take, lambda: next(self._ids))
        self._balancers = Balancers(
            reactor, settings.config, events, self._bare, self._announced, self._vigil.look
        )
        self.use(settings)

    # --- settings --------------------------------------------------------------------------

    def use(self, settings: Settings) -> None:
        """Serve new connections with C{settings}."""
        if self.running:
            self.route.end()
            if settings.staple is not None:
                settings.staple.inherit(self.settings.staple)
        self.settings = settings
        self.route = Route(self._reactor, settings, self._events, self.watch.board)
        self.watch.use(settings)
        self._balancers.use(settings.config)
        self.limits.use(settings.config)
        self._ids = identities(settings.config.logId, self._numbers)
        if self.running:
            self._begins()

    def serveFor(self, sections: Iterable[Section]) -> None:
        """Share our sockets with C{sections}, for those who ask for their server names.

        They are the sections whose C{sni} names us, in the order of the configuration. To be
        called after each L{use} of them or of us.
        """
        sections = tuple(sections)
        self.route.behind = {each.settings.config.name: each.route for each in sections}
        rules = tuple(
            Rule(each.settings.config.slave.pattern, each.route.creator)
            for each in sections
            if each.settings.config.slave is not None
        )
        self.route.creator.names = Names(rules) if rules else None

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
        self._bare.start()
        self._begins()
        self.watch.start()

    def _begins(self) -> None:
        """Do what a section does before anybody has called."""
        self.route.begin()
        if self._alone:
            self._own.use(self.route)

    def _adopt(self) -> None:
        for listener in tuple(self._acceptors):
            if listener not in self.listeners:
                self._acceptors.pop(listener).last()
        for listener in self.listeners:
            if listener not in self._acceptors:
                self._acceptors[listener] = Acceptor(
                    self._reactor, listener.socket, self.accept, self._acceptFailed
                )
                descriptor = listener.socket.fileno()
                name = self.settings.config.name
                self._events.publish(Bound(name, listener.address, descriptor))

    def _acceptFailed(self, why: str) -> None:
        self._events.publish(AcceptFailed(self.settings.config.name, why))

    def tellReady(self) -> None:
        """Announce in one line what this section serves."""
        config, certificate = self.settings.config, self.settings.certificate
        where = ", ".join(listener.address for listener in self.listeners)
        if config.slave is not None:
            where = f"{config.slave.pattern} behind [{config.slave.primary}]"
        self._events.publish(
            Ready(
                config.name,
                where or f"{config.exec}",
                destinationsText(config),
                "" if certificate is None else certificate.subject,
                self.settings.daysLeft,
                None if certificate is None else certificate.notAfter.timestamp(),
                tuple(map(str, destinations(config))),
            )
        )

    def stopListening(self) -> None:
        """Accept no more."""
        for acceptor in self._acceptors.values():
            acceptor.last()
        self._acceptors.clear()
        for listener in self.listeners:
            listener.close()
        self.listeners = ()

    def stopAccepting(self) -> None:
        """Accept no more, and begin nothing by ourselves; connections go on."""
        self.stopListening()
        self._own.stop()

    def letGo(self) -> None:
        """The same, where another process accepts at our sockets and watches the backends."""
        for listener in self.listeners:
            self._acceptors.pop(listener).stopListening()
            listener.letGo()
        self.listeners = ()
        self._own.stop()
        self.watch.stop()

    def setDraining(self, target: str, draining: bool) -> None:
        """Send no new connection to C{target} (C{"address:port"}), or do so again."""
        if self.watch.board.standing(target).draining is not draining:
            self.watch.drain(target, draining)
            name = self.settings.config.name
            self._events.publish(BackendDrained(name, target, draining))

    @property
    def draining(self) -> bool:
        """True when new clients are told to come again later."""
        return self.watch.board.drained

    def drain(self, draining: bool) -> None:
        """Tell new clients, in DICOM if they speak it, to come again later, or serve them again.

        Connections that exist go on.
        """
        if self.draining is not draining:
            self.watch.drain(ALL, draining)

    # --- connections -----------------------------------------------------------------------

    def accept(self, handle: socket.socket, client: str | None = None) -> None:
        """Serve whoever was accepted as C{handle}, once it is known who that is.

        C{client} is who has connected, C{None} where the socket itself can tell. Whom a limit
        keeps out is told so where it can be, else the socket is closed.
        """
        client = client or _peer(handle)
        balanced = self._balancers.announce(client)
        host = None if balanced else _endpoint(client)[0]
        refusal = self.limits.admit(host)
        if refusal is not None and self._turnAway(handle, refusal, client):
            return
        connection = next(self._ids)
        self._census.enter(connection, self.limits)
        self.limits.enter(connection, host, refusal is not None)
        if balanced:
            self._balancers.hear(handle, connection, client)
        else:
            self._admit(handle, connection, client)

    def _announced(
        self, handle: socket.socket, connection: str, client: str, announced: Announced | None
    ) -> None:
        """Serve C{client}, for whom a load balancer has connected, or who is one itself."""
        if announced is not None:
            refusal = self.limits.recognise(connection, _endpoint(client)[0])
            if refusal is not None and self._turnAway(handle, refusal, client):
                config, via = self.settings.config, announced.via
                facts = (Reason.LIMIT, 0, 0, announced.seconds, config.client)
                self._events.publish(Closed(config.name, connection, client, *facts, via=via))
                return
        self._admit(handle, connection, client, announced)

    def _turnAway(self, handle: socket.socket, refusal: Refusal, client: str) -> bool:
        """Keep C{client} out, and tell of it; false where it is let in to be told itself."""
        if not refusal.answered:
            dismiss(handle)
        self._away.add(refusal, _endpoint(client)[0])
        return not refusal.answered

    def _admit(
        self,
        handle: socket.socket,
        connection: str,
        client: str,
        announced: Announced | None = None,
    ) -> None:
        name, crowded = self.settings.config.name, self.limits.answers(connection)
        try:
            if self._crew is None:
                self.take(handle, connection, client, announced, crowded)
            elif not self._crew.give(handle, connection, name, client, announced, crowded):
                self._census.left(connection)
        except BaseException:
            self._census.left(connection)
            raise

    def take(
        self,
        handle: socket.socket,
        connection: str | None = None,
        client: str | None = None,
        announced: Announced | None = None,
        crowded: bool = False,
    ) -> Join | None:
        """Serve the connection that was accepted as C{handle}, which is ours from now on.

        C{connection} is its id, C{None} for one of ours; C{client} is who is there, C{None} where
        the socket itself can tell, and C{announced} what a load balancer said of it. Where it is
        C{crowded} the client is only told so. The result is C{None} when it is gone already.
        """
        if connection is None:
            connection = next(self._ids)
        caller = _caller(connection, client or _peer(handle), announced)
        return self._take(handle, caller, crowded)

    def _take(self, handle: socket.socket, caller: Caller, crowded: bool = False) -> Join | None:
        terms = self.route.terms
        if crowded:
            terms = evolve(terms, busy=min(terms.busy, CROWDED_WITHIN), crowded=True)
        join = Join(terms, caller, self._joinDone)
        self.joins[caller.connection] = join
        try:
            self.route.serve(handle, join.front)
        except BaseException as error:
            handle.close()
            del self.joins[caller.connection]
            if not isinstance(error, OSError):
                raise
            # Whoever gave it to us counts on an end.
            name, dials = self.settings.config.name, self.settings.config.client
            gone = Closed(name, caller.connection, "unknown", Reason.PROBE, 0, 0, 0.0, dials)
            self._events.publish(gone)
            return None
        return join

    def _joinDone(self, join: Join) -> None:
        del self.joins[join.connection]
        if join.reason is Reason.PROBE:
            self._bare.saw(join.caller.host)
        self._own.ended(join)
        self._vigil.look()

    def whenIdle(self) -> Deferred[None]:
        """Fires when there is no connection; at once when there is none now."""
        return self._vigil.wait()

    # --- ending ----------------------------------------------------------------------------

    def leave(self) -> None:
        """Let the connections that there are end by themselves when the section is stopped."""
        self._leaving = True

    def abortAll(self) -> None:
        """End every connection."""
        for join in tuple(self.joins.values()):
            join.abort(Reason.STOPPED)

    def stopService(self) -> Deferred[Any]:
        """Stop listening and end every connection; fires when all are gone.

        One that was told to L{leave} waits for them instead.
        """
        super().stopService()
        self.stopListening()
        self._events.publish(Unbound(self.settings.config.name))
        self._bare.stop()
        self._away.stop()
        self._own.stop()
        self._balancers.stop()
        self.route.end()
        watched = self.watch.stop()
        if not self._leaving:
            self.abortAll()
        return DeferredList([self.whenIdle(), watched])


def _caller(connection: str, client: str, announced: Announced | None) -> Caller:
    """The client of a connection, from its C{"address:port"}."""
    host, port = _endpoint(client)
    if announced is None:
        return Caller(connection, host, port)
    return Caller(
        connection,
        host,
        port,
        via=announced.via,
        called=_endpoint(announced.called),
        waited=announced.seconds,
    )


def _endpoint(text: str) -> tuple[str, int]:
    """An address and a port, or nothing and 0 for what has none."""
    host, _, port = text.rpartition(":")
    return (host, int(port)) if host else ("", 0)


def _peer(handle: socket.socket) -> str:
    """Who is at the other end of C{handle}: C{"address:port"}, or C{"unix"} where it has none."""
    try:
        where = handle.getpeername()
    except OSError:
        # Gone already, as is found out soon.
        return "unix"
    if not isinstance(where, tuple):
        return "unix"
    # An IPv6 socket that takes IPv4 clients too, as inetd's may be.
    return f"{where[0].removeprefix('::ffff:')}:{where[1]}"
