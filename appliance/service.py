"""The whole appliance as one service: a section per C{[name]}, brought to a configuration by diff.

L{Appliance.apply} is all or nothing. Everything that can fails (certificates, contexts, sockets)
is tried first; only when nothing is wrong do the running sections change. It reads no
configuration file and writes no log.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from attrs import frozen
from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, DeferredList, succeed

from appliance.backend.board import Summary
from appliance.config.model import (
    Config,
    ConfigError,
    Problem,
    SectionConfig,
    Severity,
    SocketOption,
    Where,
)
from appliance.events import (
    Active,
    ActiveListed,
    ActiveListing,
    Announced,
    CertificateLoaded,
    Closed,
    Configured,
    ConnectionEvent,
    Events,
    Initializing,
    KeyLoaded,
    KeyMatched,
    Leg,
    Reason,
    Warned,
)
from appliance.health.learnt import Learnt
from appliance.limits.networks import clientIn
from appliance.section import Section, Settings, limits, settingsFor, watch
from appliance.section.addresses import Addresses, Found
from appliance.section.census import Census
from appliance.section.renewal import Renewal
from appliance.section.settings import destinations
from appliance.system.descriptors import capacity, needed
from appliance.system.sockets import Listener, refused
from appliance.system.workers import Count, Crew
from appliance.tls.passphrase import Passphrases

HEARD: Final = (*limits.HEARD, *watch.HEARD)
"""The events that sections learn from."""


@frozen
class Prepared:
    """A configuration made ready: nothing of it can fail any more."""

    config: Config
    settings: tuple[Settings, ...]
    places: tuple[Found, ...]


class Appliance(MultiService):
    """All sections. C{reactor} is what they run on, C{events} is told all that happens.

    A worker's sections do not listen (C{listens} false) and live on what L{take} gives them. With
    a C{crew} the sections listen and hand on what they accept.
    """

    def __init__(
        self, reactor: Any, events: Events, listens: bool = True, crew: Crew | None = None
    ) -> None:
        super().__init__()
        self.config: Config | None = None
        self.passphrases = Passphrases()
        self.learnt = Learnt(events)
        self.addresses = Addresses(events)
        self._reactor = reactor
        self._events = events
        self._listens = listens
        self._crew = crew
        self.number = 0
        """What the next connection will be called."""
        self._ids = self._numbers()
        self._byName: Mapping[str, Section] = {}
        self._leaving: list[Section] = []
        self._eachMayHave = capacity(0)
        self.census = Census(self._capacity)
        self.renewal = Renewal(
            reactor, events, lambda: self.sections, self.passphrases, self.refresh, listens
        )
        self.renewal.setServiceParent(self)
        events.subscribe(self._hear, HEARD)

    def _capacity(self) -> int:
        """How many connections this process, or all its workers together, may have."""
        return self._eachMayHave * (1 if self._crew is None else self._crew.size)

    def _numbers(self) -> Iterator[str]:
        while True:
            self.number += 1
            yield str(self.number - 1)

    @property
    def sections(self) -> Iterator[Section]:
        """The sections that serve, in the order of the configuration."""
        return (service for service in self if isinstance(service, Section))

    # --- configuration ---------------------------------------------------------------------

    def apply(self, config: Config) -> None:
        """Bring the appliance to C{config}: add, change and remove sections as it says.

        Raises L{ConfigError} with every problem, and changes nothing, when any part cannot be
        had. Sockets of addresses that stay are kept open throughout.
        """
        prepared = self._prepare(config)
        self._commit(prepared)
        self._events.publish(Configured())

    def _prepare(self, config: Config) -> Prepared:
        problems: list[Problem] = []
        settings = tuple(self._settings(section, problems) for section in config.sections)
        places: tuple[Found, ...] = ({},) * len(config.sections)
        # Sockets last: a start that a certificate stops must not have bound anything.
        if self._listens and not any(problem.fatal for problem in problems):
            places = self.addresses.open(config.sections, problems)
            problems += self._tooFew(config)
        if any(problem.fatal for problem in problems):
            self.addresses.giveBack()
            raise ConfigError((*config.warnings, *problems))
        for problem in (*config.warnings, *problems):
            self._events.publish(Warned(str(problem)))
        return Prepared(config, tuple(s for s in settings if s is not None), places)

    def _settings(self, config: SectionConfig, problems: list[Problem]) -> Settings | None:
        name = config.name
        self._events.publish(Initializing(name))
        settings, found = settingsFor(config, datetime.now(UTC), self.passphrases)
        problems += found
        problems += [_optionProblem(config, *each) for each in refused(config.socketOptions)]
        if settings is not None and settings.certificate is not None:
            tls = config.tls
            self._events.publish(CertificateLoaded(name, str(tls.cert)))
            self._events.publish(KeyLoaded(name, str(tls.key or tls.cert)))
            self._events.publish(KeyMatched(name))
        return settings

    def _tooFew(self, config: Config) -> Iterator[Problem]:
        """A warning where limits are higher than what the descriptors of the process allow."""
        asked = sum(each.limits.connections or 0 for each in config.sections if each.accept)
        workers = 1 if self._crew is None else self._crew.count
        fixed = _fixed(config)
        have = capacity(fixed) * workers
        if asked > have:
            yield Problem(
                Severity.WARNING,
                Where(config.path),
                f"the sections may have {asked} connections together, and the file descriptors of "
                f"the process are enough for {have}",
                advice=f"let each process have {needed(-(-asked // workers), fixed)} (LimitNOFILE "
                "of systemd, ulimit -Hn), or lower maxConnections",
            )

    def _commit(self, prepared: Prepared) -> None:
        names = {settings.config.name for settings in prepared.settings}
        kept = [listener for found in prepared.places for listener in found.values()]
        for text in self.addresses.retune(prepared.config.sections, prepared.places):
            self._events.publish(Warned(text))
        running = {str(section.name): section for section in self.sections}
        for section in running.values():
            if section.name not in names:
                self._dismiss(section, kept)
        for settings, found in zip(prepared.settings, prepared.places, strict=True):
            known = running.get(settings.config.name)
            if known is None:
                added = Section(
                    self._reactor,
                    settings,
                    self._events,
                    self._ids,
                    crew=self._crew,
                    alone=self._listens,
                    learnt=self.learnt,
                    census=self.census,
                )
                added.listenAt(found.values())
                added.setServiceParent(self)
            else:
                known.use(settings)
        # At the end, so that hardly anybody can come to a socket between its last turn and its end.
        for settings, found in zip(prepared.settings, prepared.places, strict=True):
            if settings.config.name in running:
                running[settings.config.name].listenAt(found.values())
        self.addresses.settle(prepared.config.sections, prepared.places)
        self._byName = {str(section.name): section for section in self.sections}
        self._share()
        self.config = prepared.config
        self._eachMayHave = capacity(_fixed(prepared.config))
        self.renewal.jailed = prepared.config.process.chroot is not None
        if self._crew is not None:
            self._crew.configure(prepared.config, self.passphrases.typed)

    def _share(self) -> None:
        """Let those who ask for the name of another section find that."""
        serving = tuple(self.sections)
        for section in serving:
            slaves = ((each.settings.config.slave, each) for each in serving)
            section.serveFor(
                each for slave, each in slaves if slave and slave.primary == section.name
            )

    def refresh(self, fresh: Iterable[Settings]) -> None:
        """Serve new connections by C{fresh} settings, since files of their sections have changed.

        All else goes on as it is: other sections, connections and sockets.
        """
        for settings in fresh:
            self._byName[settings.config.name].use(settings)
        self._share()
        if self._crew is not None:
            self._crew.renew()

    def _dismiss(self, section: Section, kept: list[Listener]) -> None:
        """Let a section go: it stops accepting at once, and its connections end by themselves."""
        section.listeners = tuple(x for x in section.listeners if x not in kept)
        section.leave()
        self._leaving.append(section)
        # Who is still there when the appliance stops is ended with the rest.
        section.disownServiceParent()
        section.whenIdle().addCallback(lambda _: self._leaving.remove(section))

    # --- backends --------------------------------------------------------------------------

    def _hear(self, event: ConnectionEvent) -> None:
        """Let a section hear what happens to its connections, wherever that is."""
        self.census.hear(event)
        section = self._byName.get(event.section)
        if section is not None:
            section.watch.hear(event)

    def stand(self, section: str, summary: Summary) -> None:
        """Take up how the backends of C{section} stand, which another process watches."""
        if section in self._byName:
            self._byName[section].watch.board.replace(summary)

    # --- workers ---------------------------------------------------------------------------

    def startService(self) -> None:
        """Serve; workers start with the reactor."""
        super().startService()
        if self._crew is not None:
            self._reactor.callWhenRunning(self._crew.start)

    def stopService(self) -> Deferred[Any]:
        """Stop listening and end every connection; fires when all are gone."""
        for section in self._leaving:
            section.abortAll()
        gone = [section.whenIdle() for section in self._leaving]
        stopped = DeferredList([super().stopService(), *gone])
        return stopped if self._crew is None else DeferredList([stopped, self._crew.stop()])

    # --- leaving ---------------------------------------------------------------------------

    def stopAccepting(self) -> Deferred[None]:
        """Accept nobody any more; fires when all connections have ended by themselves."""
        self.renewal.stopService()
        for section in self.sections:
            section.stopAccepting()
        return self.whenIdle()

    def letGo(self) -> Deferred[None]:
        """The same, where another process listens at the same sockets."""
        self.renewal.stopService()
        for section in self.sections:
            section.letGo()
        if self._crew is not None:
            self._crew.retire()
        self.learnt.keepIn(None)
        return self.whenIdle()

    def whenIdle(self) -> Deferred[None]:
        """Fires when there is no connection."""
        idle = DeferredList([each.whenIdle() for each in (*self.sections, *self._leaving)])
        # Whom a load balancer has yet to announce comes to the workers only then.
        crew = self._crew
        return idle.addCallback(lambda _: None if crew is None else crew.whenIdle())

    def take(
        self,
        handle: socket.socket,
        section: str,
        connection: str,
        client: str,
        announced: Announced | None = None,
        crowded: bool = False,
    ) -> None:
        """Serve an accepted socket in C{section}; one that is gone since then closes it.

        C{announced} is what a load balancer said of the client. Where it is C{crowded} that is
        only told so.
        """
        for each in self.sections:
            if each.name == section:
                each.take(handle, connection, client, announced, crowded)
                return
        handle.close()
        # Whoever counts it has to hear of an end.
        facts = (0, 0, 0.0, False)
        self._events.publish(Closed(section, connection, client, Reason.STOPPED, *facts))

    # --- what an administrator asks for ----------------------------------------------------

    @property
    def connections(self) -> int:
        """How many connections there are."""
        own = sum(len(section.joins) for section in (*self.sections, *self._leaving))
        return own if self._crew is None else own + self._crew.connections

    def tellReady(self) -> None:
        """Announce what each section serves."""
        for section in self.sections:
            section.tellReady()

    def tellActive(self) -> None:
        """Announce each connection (what stunnel does on SIGUSR2)."""
        self.connectionsNow().addCallback(self._tellCounts)

    def connectionsNow(self) -> Deferred[tuple[Count, ...]]:
        """What is to be known of each connection, of all processes."""
        return succeed(self.counts()) if self._crew is None else self._crew.counts()

    def closeConnection(self, connection: str) -> bool:
        """End C{connection}, in DICOM where it can be; false when there is none of that name."""
        for section in (*self.sections, *self._leaving):
            join = section.joins.get(connection)
            if join is not None:
                join.abort(Reason.STOPPED)
                return True
        return self._crew is not None and self._crew.close(connection)

    def drain(self, name: str | None = None, draining: bool = True) -> None:
        """Have the section C{name}, or all, tell new clients to come again later.

        @raise KeyError: if there is no such section.
        """
        for section in self.sections if name is None else (self._byName[name],):
            section.drain(draining)

    def drainBackend(self, name: str, target: str, draining: bool) -> None:
        """Have the section C{name} send nobody new to C{target}, or do so again.

        @raise KeyError: if there is no such section.
        """
        self._byName[name].setDraining(target, draining)

    def undrain(self, name: str | None = None) -> None:
        """Serve new clients again. Raises C{KeyError}, see L{drain}."""
        self.drain(name, draining=False)

    def unban(self, client: str | None = None) -> int:
        """End the ban of C{client}, an address, or all bans; gives how many there were."""
        known = None if client is None else clientIn(client)
        if client is not None and known is None:
            return 0
        return sum(section.limits.unban(known) for section in self.sections)

    def counts(self) -> tuple[Count, ...]:
        """What each connection of this process has moved so far."""
        return tuple(
            Count(
                str(section.name),
                join.moved[Leg.TLS],
                join.moved[Leg.SOCKET],
                join.connection,
                join.client,
                join.backend,
                join.age,
            )
            for section in (*self.sections, *self._leaving)
            for join in section.joins.values()
        )

    def _tellCounts(self, counts: tuple[Count, ...]) -> None:
        self._events.publish(ActiveListing())
        for number, each in enumerate(counts, 1):
            self._events.publish(Active(each.section, number, each.sentToTLS, each.sentToSocket))
        self._events.publish(ActiveListed(len(counts)))


def _fixed(config: Config) -> int:
    """Descriptors for what C{config} names: sockets of both families, and checks of backends."""
    return sum(2 * len(each.accept) + len(destinations(each)) for each in config.sections)


def _optionProblem(config: SectionConfig, option: SocketOption, error: str) -> Problem:
    return Problem(
        Severity.ERROR,
        config.where,
        f"the system refuses {option.role.value}:{option.name}={option.value!r}: {error}",
        advice="see socket(7) and tcp(7) for the values that it takes",
        section=config.name,
        option="socket",
    )
