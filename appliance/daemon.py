"""The appliance as a process: reads its configuration, writes its log, hears signals.

What C{twistd butterfly-tls} and C{butterfly-tls stunnel} have in common. Neither a command line
nor the global reactor is known here.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from getpass import getpass
from typing import Any, Final

from OpenSSL import SSL
from twisted.internet.defer import Deferred, DeferredList, maybeDeferred

from appliance import __version__
from appliance.backend.board import ALL
from appliance.config.model import Config, ConfigError, GlobalConfig, Problem
from appliance.departure import Departure
from appliance.events import Accepting, BackendChanged, Events, Refused, Starting, Warned
from appliance.health.hook import Hook
from appliance.logs.journald import Journald
from appliance.logs.listener import LogListener
from appliance.logs.shapes import SHAPES
from appliance.logs.sinks import File, Sink, Syslog, terminal
from appliance.recording import Owner, Records, recordsFor
from appliance.section.rereading import rereadProblems
from appliance.service import Appliance
from appliance.status.ledger import Ledger
from appliance.status.readiness import Readiness
from appliance.system.descriptors import raiseLimit
from appliance.system.heritage import Will
from appliance.system.process import ProcessError, leaveNoDump
from appliance.system.signals import install
from appliance.system.successor import Holder
from appliance.system.workers import Crew


class Daemon(Appliance):
    """The appliance with the configuration that C{read} gives, now and at each reload.

    C{read} announces what it reads and raises L{ConfigError}. C{words} is how a problem is told.
    """

    joinsGroups = True
    """True where C{setuid} brings all groups of that user, as with twistd."""

    def __init__(
        self,
        reactor: Any,
        events: Events,
        read: Callable[[], Config],
        log: LogListener,
        crew: Crew | None = None,
        words: Callable[[Problem], str] = str,
    ) -> None:
        super().__init__(reactor, events, crew=crew)
        self._read = read
        self._log = log
        self._words = words
        self._records = Records()
        self.readiness = Readiness()
        self.ledger: Ledger | None = None
        self.departure = Departure(reactor, events, self)
        self._hook = Hook(reactor, events)
        events.subscribe(self._hook, (BackendChanged,))

    def begin(self, config: Config) -> None:
        """Make everything ready with the first configuration. Raises L{ConfigError}."""
        raiseLimit()
        leaveNoDump()
        if sys.stdin is not None and sys.stdin.isatty():
            self.passphrases.ask(getpass)
        self.apply(config)
        for problem in rereadProblems(config, member=self.joinsGroups):
            self._events.publish(Warned(str(problem)))
        self._tellStatus(config.process)
        # Later nobody may be there, and a question would stop all work.
        self.passphrases.silence()

    def _tellStatus(self, process: GlobalConfig) -> None:
        if process.status is not None:
            # Only here: most do without it, and it takes memory and time to load.
            from appliance.status.service import statusFor

            status = statusFor(
                self._reactor,
                self._events,
                process.status,
                ownerOf(process),
                self.readiness,
                self.addresses.heritage,
            )
            status(starting())
            self.ledger = status.ledger
            status.setServiceParent(self)

    def record(self, config: Config, owner: Owner = (None, None)) -> None:
        """Keep the records that C{config} asks for, in files of C{owner}'s, until the end.

        Raises L{ConfigError} or L{ProcessError}.
        """
        self._records = recordsFor(self._reactor, config, self._events, owner)
        self._records.setServiceParent(self)

    def adopt(self, config: Config) -> None:
        """Let the log, the environment and the hooks be as C{config} says."""
        os.environ.update(config.process.environment)
        self._hook.programs = {
            each.name: each.health.hook for each in config.sections if each.health.hook is not None
        }
        self._log.writeAs(SHAPES[config.process.logFormat])
        self._log.level = config.process.debug
        self._log.levels = {section.name: section.debug for section in config.sections}

    def startService(self) -> None:
        """Serve, and hear signals."""
        if self.config is not None:
            self.learnt.keepIn(stateDirectory(self.config.process, os.environ))
        super().startService()
        self._hearSignals()
        self._reactor.callWhenRunning(self._running)

    def _hearSignals(self) -> None:
        stops = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
        install(
            self._reactor,
            {
                signal.SIGHUP: self.reload,
                signal.SIGUSR1: self.reopen,
                signal.SIGUSR2: self.tellActive,
                **{number: partial(self.departure.signal, number.name) for number in stops},
            },
        )

    def _running(self) -> None:
        # Again, since Twisted sets handlers of its own when the reactor starts.
        self._hearSignals()
        self.serving()

    def serving(self) -> None:
        """The reactor runs, and with it everything."""
        self._inherit()
        self.tellReady()
        self._events.publish(Accepting())
        self.addresses.heritage.serving(os.getpid())

    def reload(self) -> None:
        """Read the configuration again; a bad one changes nothing and is told."""
        if self.departure.begun:
            self._events.publish(Refused((LEAVING,), reload=True))
            return
        before = self.config
        try:
            config = self._read()
            self.apply(config)
        except ConfigError as error:
            tellRefused(self._events, error, self._words, reload=True)
            return
        self.adopt(config)
        if before is not None:
            for text in onlyAtTheStart(before.process, config.process):
                self._events.publish(Warned(text))
        self.tellReady()

    def reopen(self) -> None:
        """Open the files again that are written to, after they were moved away."""
        self._records.reopen()
        self._log.reopen()

    def drain(self, name: str | None = None, draining: bool = True) -> None:
        """The same, known to whoever asks whether we are ready. Raises C{KeyError}."""
        super().drain(name, draining)
        drained = {str(section.name) for section in self.sections if section.draining}
        self.readiness.drained = drained
        self.readiness.draining = len(drained) == len(list(self.sections))

    def setLevel(self, level: int, section: str | None = None) -> None:
        """Show log lines up to C{level}, of C{section} or of all, until the next reload."""
        if section is None:
            self._log.level = level
            self._log.levels = dict.fromkeys(self._log.levels, level)
        else:
            self._log.levels = {**self._log.levels, section: level}
        if self._crew is not None:
            self._crew.show(max(self._log.level, *self._log.levels.values()))

    # --- leaving, and what comes after ------------------------------------------------------

    async def upgrade(self) -> int:
        """Have a process that is started anew take over, see L{Departure.upgrade}."""
        return await self.departure.upgrade()

    @property
    def process(self) -> GlobalConfig:
        """What the configuration says of the process."""
        return GlobalConfig() if self.config is None else self.config.process

    @property
    def holders(self) -> Iterator[Holder]:
        """What has listening sockets, of whatever kind."""
        return (service for service in self if isinstance(service, Holder))

    def letGo(self) -> Deferred[None]:
        """The same, for all that listens."""
        left: list[Deferred[Any]] = [maybeDeferred(holder.letGo) for holder in self.holders]
        return DeferredList([*left, super().letGo()]).addCallback(lambda _: None)

    def will(self) -> Will:
        """What another process in our place has to know beside the configuration."""
        drained = tuple(
            (str(section.name), target)
            for section in self.sections
            for target in section.watch.board.drains
        )
        # We take some more connections before the other serves.
        number = (self.number // ROUND + 1) * ROUND
        return Will(dict(self.passphrases.typed), drained, number)

    def lend(self) -> Deferred[None]:
        """Leave to another process what only one can have; fires when it can have it."""
        return self._records.lend()

    def takeBack(self) -> None:
        """Go on as before."""
        try:
            self._records.takeBack()
        except (ConfigError, ProcessError) as error:
            self._events.publish(Warned(f"no audit messages are sent any more: {error}"))

    def _inherit(self) -> None:
        """Take up what a predecessor has left, beside the sockets that are in use already."""
        for address in self.addresses.heritage.leave():
            self._events.publish(Warned(UNUSED.format(address)))
        will = self.addresses.heritage.will or Will()
        self.number = will.number
        names = {str(section.name) for section in self.sections}
        for name, target in will.drained:
            if name in names and target == ALL:
                self.drain(name)
            elif name in names:
                self.drainBackend(name, target, draining=True)


ROUND: Final = 10_000
"""Connections are numbered on from a multiple of this, so that each number is there once."""

LEAVING: Final = "this process is about to end, and another may be about to take its place"

UNUSED: Final = (
    "the socket at {} was handed to this process, but nothing in the configuration listens there: "
    "it was closed"
)

_FIXED = {
    "appendLog": "log",
    "chroot": "chroot",
    "facility": "the facility of debug",
    "journal": "journal",
    "output": "output",
    "pid": "pid",
    "service": "service",
    "setgid": "setgid",
    "setuid": "setuid",
    "stateDirectory": "stateDirectory",
    "status": "status",
    "syslog": "syslog",
    "workers": "workers",
}
"""What concerns the process and is settled when it starts, by the options' names."""


def onlyAtTheStart(before: GlobalConfig, after: GlobalConfig) -> Iterator[str]:
    """A sentence for each option that a reload has found changed and cannot follow."""
    for name, option in _FIXED.items():
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            yield f"{option} has changed from {old} to {new}: that counts at the next start only"
    if before.audit != after.audit:
        yield (
            "audit, or one of the options that go with it, has changed: that counts at the next "
            "start only"
        )
    if before.console != after.console:
        yield (
            f"the console has changed from {before.console} to {after.console}: that counts at the "
            "next start only"
        )


def stateDirectory(process: GlobalConfig, environment: Mapping[str, str]) -> str | None:
    """Where state is kept: as C{process} says, else as systemd does (C{systemd.exec(5)})."""
    first, _, _ = environment.get("STATE_DIRECTORY", "").partition(":")
    return process.stateDirectory or first or None


def ownerOf(process: GlobalConfig) -> tuple[str | None, str | None]:
    """Whom the process becomes, by name or number."""
    return process.setuid, process.setgid


def tellRefused(
    events: Events, error: ConfigError, words: Callable[[Problem], str], reload: bool = False
) -> None:
    """Announce that the configuration cannot be used, each problem in C{words}."""
    for problem in error.problems:
        if not problem.fatal:
            events.publish(Warned(str(problem)))
    events.publish(Refused(tuple(words(p) for p in error.problems if p.fatal), reload))


def starting() -> Starting:
    """What this is, and what it runs on."""
    platform = f"{sys.platform}, Python {sys.version.split()[0]}"
    openssl = SSL.OpenSSL_version(SSL.OPENSSL_VERSION).decode()
    return Starting(__version__, platform, openssl)


def crewFor(reactor: Any, process: GlobalConfig, events: Events) -> Crew | None:
    """The workers that C{process} wants, if more than this one process. Raises L{ProcessError}."""
    workers = process.workers or len(os.sched_getaffinity(0))
    if workers == 1:
        return None
    if process.chroot is not None:
        raise ProcessError(
            "workers: with chroot there is no Python to start them with; drop one of the two"
        )
    return Crew(reactor, workers, events)


def sinksFor(
    process: GlobalConfig,
    foreground: bool,
    output: str | None,
    syslog: bool | None,
    owner: tuple[int | None, int | None] = (None, None),
    journal: str | None = None,
) -> tuple[Sink, ...]:
    """Where the log goes: to the terminal in the C{foreground}, to the file C{output}, to syslog.

    C{syslog} C{None} is for when there is nowhere else. The socket C{journal}, if there is one, is
    systemd's, which reads terminal and syslog anyway: it stands in for both. The file gets
    C{owner}, see L{File}. Raises C{OSError}.
    """
    files: list[Sink] = []
    if output is not None:
        files.append(File(output, process.appendLog, *owner))
    system: list[Sink] = [terminal()] if foreground else []
    if syslog or (syslog is None and not files and not system):
        system.append(Syslog(process.service, process.facility))
    if journal is not None and system:
        system = [Journald(journal, process.service, process.facility, system[0])]
    sinks = (*system, *files)
    for sink in sinks:
        sink.shape = SHAPES[process.logFormat]
    return sinks
