"""An appliance of which nothing is real, and a desk before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import define, evolve, field
from twisted.internet.defer import Deferred

from appliance.config.model import NOWHERE, Problem, Severity
from appliance.console.desk import Desk
from appliance.console.operator import Connection, Echo, Reloaded, UpgradeError
from appliance.events import Event, Events, Health
from appliance.health.result import Result, State
from appliance.status import document as d
from appliance.status.verdict import judged

DAY = 86400.0
NOW = 20000 * DAY
STORE, WORKLIST = "DICOM STORE", "DICOM DMWL"


def backend(name: str, health: Health, why: str = "", advice: str = "") -> d.Backend:
    """A backend that was checked eight seconds ago."""
    check = d.Check("echo", NOW - 8, health is Health.UP, "it answered", 0.0123)
    return d.Backend(name, health, why, advice, NOW - 3600, check)


def section(name: str, *backends: d.Backend, days: int | None = 44) -> d.Section:
    """A section with two connections, one of which has an association."""
    certificate = None if days is None else d.Certificate("CN=pacs", days, NOW + days * DAY)
    return d.Section(
        name=name,
        serving=True,
        draining=False,
        addresses="127.0.0.1:2761",
        targets="192.168.1.100:104",
        connections=2,
        connectionsTotal=17,
        ended={"done": 15},
        bytesToBackend=5_000_000,
        bytesToClient=7000,
        associations=1,
        outcomes={"released": 12},
        operations=(),
        backends=backends,
        certificate=certificate,
    )


def document(*sections: d.Section) -> d.Document:
    """The state of an appliance with C{sections}, which has run for two hours."""
    return judged(
        d.Document(
            version=d.VERSION,
            at=NOW,
            state=d.State.SERVING,
            level=d.Level.WELL,
            troubles=(),
            process=d.Process(
                version="0.1.0",
                openssl="OpenSSL 3.5.4",
                started=NOW - 7200,
                workers=2,
                workersWanted=2,
                workersLost=0,
                lag=0.0,
                stalls=0,
                defects=0,
                reloads=1,
                reloadsRefused=0,
                lastReload=None,
                concerns=(),
            ),
            sections=sections,
            associations=(
                d.OpenAssociation(
                    STORE, "CT01", "PACS", "10.0.0.5:40001", "192.168.1.100:104", True, NOW - 12
                ),
            ),
            handshakes=(),
            handshakeFailures={},
            refusals=(),
            minutes=(),
        )
    )


@define(eq=False)
class FakeOperator:
    """Answers as it was told to, and keeps what it was asked to do in C{done}."""

    told: d.Document = field(
        factory=lambda: document(
            section(STORE, backend("192.168.1.100:104", Health.UP)),
            section(WORKLIST, backend("192.168.1.100:105", Health.UNKNOWN), days=None),
        )
    )
    entries: list[dict[str, Any]] | None = None
    successor: int | UpgradeError = 4711
    reloaded: Reloaded = field(factory=lambda: Reloaded(accepted=True))
    problems: tuple[Problem, ...] = ()
    answers: tuple[Echo, ...] = (Echo("192.168.1.100:104", Result(State.ALIVE, "it answered")),)
    done: list[tuple[Any, ...]] = field(factory=list)
    level: int = 5
    breaks: bool = False
    open: tuple[Connection, ...] = (
        Connection("7", STORE, "10.0.0.5:40001", "192.168.1.100:104", 12.0, 4000, 1_000_000),
        Connection("9", WORKLIST, "10.0.0.6:40002", "", 0.2, 0, 0),
    )
    unreadable: OSError | None = None
    slow: Deferred[None] | None = None
    _levels: dict[str, int] = field(factory=lambda: {STORE: 5, WORKLIST: 5})

    def status(self) -> d.Document:
        if self.breaks:
            raise ZeroDivisionError("a defect")
        return self.told

    def levels(self) -> Mapping[str, int]:
        return dict(self._levels)

    async def connections(self) -> Sequence[Connection]:
        return self.open

    async def close(self, connection: str) -> bool:
        self.done.append(("close", connection))
        if self.slow is not None:
            await self.slow
        return connection == "7"

    def drain(self, section: str | None, draining: bool) -> None:
        self.done.append(("drain", section, draining))
        sections = tuple(
            evolve(each, draining=draining) if section in (None, each.name) else each
            for each in self.told.sections
        )
        self.told = judged(evolve(self.told, sections=sections))

    def drainBackend(self, section: str, backend: str, draining: bool) -> None:
        self.done.append(("drainBackend", section, backend, draining))

    def reload(self) -> Reloaded:
        self.done.append(("reload",))
        return self.reloaded

    def unban(self, client: str | None) -> int:
        self.done.append(("unban", client))
        return sum(client in (None, ban.client) for ban in self.told.bans)

    async def upgrade(self) -> int:
        self.done.append(("upgrade",))
        if isinstance(self.successor, UpgradeError):
            raise self.successor
        return self.successor

    def check(self) -> Sequence[Problem]:
        return self.problems

    async def echo(self, section: str, backend: str | None) -> Sequence[Echo]:
        self.done.append(("echo", section, backend))
        return [each for each in self.answers if backend in (None, each.name)]

    def setLevel(self, level: int, section: str | None) -> None:
        self.done.append(("level", level, section))
        for name in [section] if section is not None else list(self._levels):
            self._levels[name] = level
        if section is None:
            self.level = level

    def journal(self, count: int) -> Sequence[Mapping[str, Any]] | None:
        if self.unreadable is not None:
            raise self.unreadable
        return None if self.entries is None else self.entries[-count:]


def problem(severity: Severity = Severity.ERROR) -> Problem:
    """Something wrong with a configuration."""
    return Problem(severity, NOWHERE, "there is no such option", option="accpet")


def deskFor(operator: FakeOperator) -> tuple[Desk, list[Event]]:
    """A desk before C{operator}, and what is announced there."""
    heard: list[Event] = []
    events = Events()
    events.subscribe(heard.append)
    return Desk(operator, events), heard
