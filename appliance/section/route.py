"""What a section's settings mean for its connections: who is let in, and where they go.

A route is made whole from one L{Settings} and never changes, but for the sections behind it; new
settings make a new route, and connections that exist keep the old one.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IProtocol, IProtocolFactory

from appliance.backend.backend import Backend
from appliance.backend.board import Board
from appliance.backend.caller import Caller
from appliance.backend.pool import Pool
from appliance.backend.resolve import resolver
from appliance.config.model import Address, Dicom, SectionConfig, SocketRole
from appliance.events import Events, Peer, Redirected, ServerNameAsked
from appliance.relay.firstbytes import misplaced
from appliance.relay.join import Join
from appliance.relay.program import Program
from appliance.relay.proxyline import Hop, header, line, tlsValues
from appliance.relay.terms import Dialable, NotAdmittedError, Terms
from appliance.section.dialling import diallerFor, optionsFor, policyFor
from appliance.section.gatekeeper import Gatekeeper
from appliance.section.settings import Settings, serverName
from appliance.system.wire import Wire
from appliance.tls.answers import Answers
from appliance.tls.checker import Checker, NotGoodError, checks
from appliance.tls.creator import Creator
from appliance.tls.peer import Facts
from appliance.tls.staple import Stapler
from appliance.tls.transport import TLSWire, TLSWireFactory
from appliance.tls.verify import authenticated, chosen


class Route:
    """The way of a section's connections under C{settings}.

    C{program} is what the section starts by itself, where C{exec} takes the place of a client.
    C{behind} are the routes of the sections that share its socket, by name. C{board} knows the
    state of the backends.
    """

    def __init__(
        self, reactor: Any, settings: Settings, events: Events, board: Board | None = None
    ) -> None:
        config = settings.config
        self.settings = settings
        self.behind: Mapping[str, Route] = {}
        self._reactor = reactor
        self._events = events
        self._board = board or Board()
        self._options = optionsFor(config, SocketRole.LOCAL)
        self.creator = Creator(
            settings.context,
            serverName(config),
            tls=config.tls,
            certificate=settings.certificate,
            section=config.name,
        )
        self._gatekeeper = (
            Gatekeeper(config, self._makePool) if config.dicom.mode is Dicom.YES else None
        )
        self.terms = Terms(
            section=config.name,
            dials=config.client,
            busy=config.timeouts.busy,
            idle=config.timeouts.idle,
            close=config.timeouts.close,
            admit=lambda join, transport: Deferred.fromCoroutine(self._admit(join, transport)),
            approve=lambda join, transport: Deferred.fromCoroutine(self._approve(join, transport)),
            tls=Facts(config.tls, settings.certificate),
            events=events,
            clock=reactor,
            back=partial(TLSWireFactory, self.creator, True) if config.client else _asItIs,
            recognise=misplaced,
            serverName=serverName(config),
            preface=preface(config),
            reset=config.reset,
            speaks=config.exec is None and config.dicom.mode is not Dicom.NO,
            gate=self._gatekeeper,
        )
        program = (
            None
            if config.exec is None
            else Program(
                reactor,
                partial(Wire, reactor, options=optionsFor(config, SocketRole.REMOTE)),
                config.name,
                config.exec,
                config.execArgs,
                events,
            )
        )
        self.program = program if config.connect else None
        self._checker = (
            Checker(reactor, config.tls, Answers(reactor, config.tls.ocsp), settings.authorities)
            if checks(config.tls)
            else None
        )
        self._stapler = (
            None
            if settings.staple is None
            else Stapler(reactor, config.name, config.tls, settings.staple, events)
        )
        self._pool = self._makePool(config.connect)
        self._target: Dialable = self._pool if config.connect or program is None else program
        self._redirect = self._makePool(config.redirect) if config.redirect else None

    def _makePool(self, addresses: Iterable[Address]) -> Pool:
        config, clock = self.settings.config, self._reactor
        resolve = resolver(clock)
        return Pool(
            config.name,
            [Backend(address, resolve, clock, config.delay) for address in addresses],
            diallerFor(clock, self.settings, config.timeouts.connect),
            policyFor(config),
            self._events,
            self._board,
        )

    def serve(self, handle: socket.socket, front: IProtocol) -> None:
        """Connect C{front} to the accepted socket C{handle}. Raises C{OSError}."""
        wire = Wire(self._reactor, handle, self._options)
        if not self.settings.config.client:
            front = TLSWire(front, self.creator.serverConnectionForTLS, False, self.creator.chooser)
        wire.carry(front)

    @property
    def pools(self) -> Iterator[Pool]:
        """All that connections may be passed on to, but for a program."""
        routes = () if self._gatekeeper is None else self._gatekeeper.pools.values()
        yield from (self._pool, *routes)
        if self._redirect is not None:
            yield self._redirect

    def begin(self) -> None:
        """Resolve the backends' names ahead of the first client, and fetch what we staple."""
        for pool in self.pools:
            pool.resolve()
        if self._stapler is not None:
            self._stapler.start()

    def end(self) -> None:
        """Do nothing more in the background; connections that exist go on."""
        if self._stapler is not None:
            self._stapler.stop()

    # --- who goes where --------------------------------------------------------------------

    async def _admit(self, join: Join, transport: Any) -> Dialable:
        """Where the client of C{join} goes; C{transport} is its TLS leg, if it has one."""
        if transport is None:
            return self._target
        name = chosen(transport.connection)
        if self.behind and join.peer is not None:
            join.publish(ServerNameAsked, join.peer.serverName, name)
        if name is None:
            return await self._welcome(join, transport)
        there = self.behind.get(name)
        if there is None:
            raise NotAdmittedError("the section that it asked for is gone")
        join.terms = there.terms
        return await there._welcome(join, transport)

    async def _welcome(self, join: Join, transport: Any) -> Dialable:
        try:
            if self.settings.config.tls.forgives and not authenticated(transport.connection):
                raise NotAdmittedError("its certificate is missing or bad")
            await self._approve(join, transport)
        except NotAdmittedError:
            if self._redirect is None:
                raise
        else:
            return self._target
        join.publish(Redirected)
        # Whoever is not trusted is no business of the rules, and of no PACS's either.
        join.terms = evolve(join.terms, preface=None, gate=None)
        return self._redirect

    async def _approve(self, join: Join, transport: Any) -> None:
        """Say no by L{NotAdmittedError} to a peer whose certificate is revoked."""
        if self._checker is None:
            return
        try:
            await self._checker.check(transport.connection, join.publish)
        except NotGoodError as error:
            raise NotAdmittedError(str(error)) from None


def _asItIs(factory: IProtocolFactory) -> IProtocolFactory:
    return factory


def proxyLine(caller: Caller, called: IAddress, _peer: Peer | None) -> bytes:
    """What a backend is told of C{caller} ahead of its data (C{proxyProtocolSend = v1})."""
    return line(_hop(caller, called))


def proxyHeader(verified: bool, caller: Caller, called: IAddress, peer: Peer | None) -> bytes:
    """The same with what TLS knows of the client (C{proxyProtocolSend = v2})."""
    tlvs = () if peer is None else tlsValues(peer, verified)
    return header(evolve(_hop(caller, called), tlvs=tlvs))


def preface(config: SectionConfig) -> Callable[[Caller, IAddress, Peer | None], bytes] | None:
    """What a section says to its backend ahead of the data, if anything."""
    if not config.proxySend:
        return None
    return proxyLine if config.proxySend == 1 else partial(proxyHeader, config.tls.verifies)


def _hop(caller: Caller, called: IAddress) -> Hop:
    where = caller.called or (getattr(called, "host", ""), getattr(called, "port", 0))
    if not caller.host or not where[0]:
        return Hop()
    return Hop((caller.host, caller.port), where)
