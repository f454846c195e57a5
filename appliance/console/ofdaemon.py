"""The operator of a real appliance: what commands ask for, put into what the daemon offers."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from attrs import frozen

from appliance.config.model import Config, ConfigError, Problem
from appliance.console.desk import Desk
from appliance.console.operator import Connection, Echo, Reloaded, UpgradeError
from appliance.console.service import consoleFor, controlPath, shellProblems
from appliance.daemon import Daemon, starting
from appliance.events import Configured, Event, Events, Refused, Warned
from appliance.health.result import Result, State
from appliance.logs.listener import LogListener
from appliance.section import Section, settingsFor
from appliance.section.checks import Checks
from appliance.section.reading import load
from appliance.status.document import Document
from appliance.status.ledger import Ledger
from appliance.status.wall import WALL
from appliance.system.successor import SuccessionError

TAIL: Final = 1024 * 1024
"""Bytes at the end of the journal that are looked at."""


@frozen
class DaemonOperator:
    """Steers C{daemon}, whose events go to C{events} and whose log is C{log}.

    C{read} gives all that is known of it.
    """

    daemon: Daemon
    events: Events
    log: LogListener
    read: Callable[[], Document]
    reactor: Any

    # --- what is there ---------------------------------------------------------------------

    def status(self) -> Document:
        """See L{Operator.status<appliance.console.operator.Operator.status>}; so for all."""
        return self.read()

    @property
    def level(self) -> int:
        """What is logged of no section."""
        return self.log.level

    def levels(self) -> Mapping[str, int]:
        """What is logged of each section."""
        names = [str(section.name) for section in self.daemon.sections]
        return {name: self.log.levels.get(name, self.log.level) for name in names}

    async def connections(self) -> Sequence[Connection]:
        """The connections of all processes."""
        return [
            Connection(
                each.connection,
                each.section,
                each.client,
                each.backend or "",
                each.seconds,
                each.sentToTLS,
                each.sentToSocket,
            )
            for each in await self.daemon.connectionsNow()
        ]

    def journal(self, count: int) -> Sequence[Mapping[str, Any]] | None:
        """The last entries of the journal, as far as they are near its end."""
        config = self.daemon.config
        path = None if config is None else config.process.journal
        return None if path is None else lastEntries(path, count)

    # --- what is done ----------------------------------------------------------------------

    async def close(self, connection: str) -> bool:
        """End a connection, wherever it is."""
        return self.daemon.closeConnection(connection)

    def drain(self, section: str | None, draining: bool) -> None:
        """Tell new clients to come again later, or serve them again."""
        if draining:
            self.daemon.drain(section)
        else:
            self.daemon.undrain(section)

    def drainBackend(self, section: str, backend: str, draining: bool) -> None:
        """Send nobody new there, or do so again."""
        self.daemon.drainBackend(section, backend, draining)

    def unban(self, client: str | None) -> int:
        """End the ban of C{client}, or all bans."""
        return self.daemon.unban(client)

    def setLevel(self, level: int, section: str | None) -> None:
        """Show log lines up to C{level}."""
        self.daemon.setLevel(level, section)

    def reload(self) -> Reloaded:
        """Read the configuration again, and hear what is announced of it."""
        heard: list[Event] = []
        forget = self.events.subscribe(heard.append)
        try:
            self.daemon.reload()
        finally:
            forget()
        warnings = tuple(each.text for each in heard if isinstance(each, Warned))
        refused = [each for each in heard if isinstance(each, Refused)]
        problems = tuple(text for each in refused for text in each.problems)
        accepted = any(isinstance(each, Configured) for each in heard) and not refused
        return Reloaded(accepted, problems, warnings)

    async def upgrade(self) -> int:
        """Have another process take over."""
        try:
            return await self.daemon.upgrade()
        except SuccessionError as error:
            raise UpgradeError(str(error)) from None

    def check(self) -> Sequence[Problem]:
        """What is wrong with the file as it is now; no socket is opened."""
        config = self.daemon.config
        if config is None:
            return ()
        try:
            fresh = load(config.path, config.overlay)
        except ConfigError as error:
            return error.problems
        found = [*fresh.warnings, *shellProblems(fresh.process.console)]
        for section in fresh.sections:
            found += settingsFor(section, datetime.now(UTC), self.daemon.passphrases)[1]
        return found

    async def echo(self, section: str, backend: str | None) -> Sequence[Echo]:
        """Ask a section's backends, on the way that its clients take."""
        found: list[Echo] = []
        for each in self.daemon.sections:
            if each.name == section:
                found += await self._echo(each, backend)
        return found

    async def _echo(self, section: Section, backend: str | None) -> Sequence[Echo]:
        checks = Checks(self.reactor, section.settings, self.daemon.learnt)
        found: list[Echo] = []
        for asked in checks.asked:
            targets = await asked.backend.targets()
            if not targets and backend in (None, asked.name):
                found.append(Echo(asked.name, UNKNOWN))
            for target in targets:
                if backend in (None, asked.name, str(target)):
                    result = await checks.probe(target, asked.routed).ask()
                    found.append(Echo(str(target), result))
        return found


def attach(
    daemon: Daemon,
    reactor: Any,
    events: Events,
    log: LogListener,
    config: Config,
    environment: Mapping[str, str],
) -> None:
    """Give C{daemon} the console that C{config} asks for, if any. Raises L{ConfigError}."""
    wanted = config.process.console
    if controlPath(wanted, environment) is None and wanted.manhole is None:
        return
    ledger = daemon.ledger
    if ledger is None:
        ledger = Ledger(WALL, daemon.readiness)
        events.subscribe(ledger)
        ledger(starting())
    operator = DaemonOperator(daemon, events, log, ledger.read, reactor)
    names = {"appliance": daemon, "operator": operator, "events": events, "reactor": reactor}
    console = consoleFor(
        reactor, config, Desk(operator, events), environment, names, daemon.addresses.heritage
    )
    console.setServiceParent(daemon)


UNKNOWN: Final = Result(
    State.UNREACHABLE, "the name cannot be resolved", "check it with 'getent hosts'"
)


def lastEntries(path: str, count: int) -> list[Mapping[str, Any]]:
    """The last C{count} lines of the journal at C{path} that can be read. Raises C{OSError}."""
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - TAIL))
        lines = file.read(TAIL).split(b"\n")
    # The first may be the rest of one.
    found = map(_entry, lines if size <= TAIL else lines[1:])
    return [entry for entry in found if entry is not None][-count:]


def _entry(line: bytes) -> Mapping[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None
