"""What events tell of the process as a whole: its workers, its reloads, what it cannot write."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import define, field

from appliance import __version__
from appliance import events as e
from appliance.status import document as d
from appliance.status.readiness import Readiness
from appliance.status.wall import Clock

MOST_PROBLEMS: Final = 3
"""Problems of a refused reload that are kept, each so long at the most."""
LONGEST_PROBLEM: Final = 300


@define(eq=False)
class ProcessLedger:
    """The process as its events tell it; C{readiness} is set by what it says of its own state."""

    clock: Clock
    readiness: Readiness
    workersWanted: int = 0
    openssl: str = ""
    stalls: int = 0
    defects: int = 0
    reloads: int = 0
    reloadsRefused: int = 0
    workersLost: int = 0
    workers: dict[int, int] = field(factory=dict)
    """Process ids of the workers, by their numbers."""
    _started: float = field(init=False)
    _lastReload: d.Reload | None = None
    _concerns: dict[str, str] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self._started = self.clock.seconds()

    @property
    def hears(self) -> Mapping[type[e.Event], Callable[[Any], None]]:
        """What is to be called for which event."""
        return {
            e.Starting: self._starting,
            e.Accepting: self._accepting,
            e.Stopping: self._stopping,
            e.Configured: self._configured,
            e.Refused: self._refused,
            e.WorkerStarted: self._workerStarted,
            e.WorkerLost: self._workerLost,
            e.LoopStalled: self._stalled,
            e.InternalError: self._failed,
            e.LogLost: lambda event: self._concern("log", f"The log file {event.path} is lost"),
            e.LogReopened: lambda _: self._relief("log"),
            e.JournalFailed: self._journalFailed,
            e.JournalResumed: lambda _: self._relief("journal"),
            e.AuditAway: self._auditAway,
            e.AuditBack: lambda _: self._relief("audit"),
            e.AuditSpoolFailed: self._spoolFailed,
        }

    def _starting(self, event: e.Starting) -> None:
        self.openssl = event.openssl

    def _accepting(self, _: e.Accepting) -> None:
        self.readiness.accepting = True

    def _stopping(self, _: e.Stopping) -> None:
        self.readiness.stopping = True

    def _configured(self, _: e.Configured) -> None:
        # What is accepted before all serves is the start.
        if self.readiness.accepting:
            self.reloads += 1
            self._lastReload = d.Reload(self.clock.seconds(), True)

    def _refused(self, event: e.Refused) -> None:
        if event.reload:
            self.reloadsRefused += 1
            problems = tuple(text[:LONGEST_PROBLEM] for text in event.problems[:MOST_PROBLEMS])
            self._lastReload = d.Reload(self.clock.seconds(), False, problems)

    def _workerStarted(self, event: e.WorkerStarted) -> None:
        self.workers[event.number] = event.pid
        self.workersWanted = max(self.workersWanted, len(self.workers))

    def _workerLost(self, event: e.WorkerLost) -> None:
        self.workers.pop(event.number, None)
        self.workersLost += 1

    def _stalled(self, _: e.LoopStalled) -> None:
        self.stalls += 1

    def _failed(self, _: e.InternalError) -> None:
        self.defects += 1

    # --- what is kept for the record -------------------------------------------------------

    def _concern(self, what: str, text: str) -> None:
        self._concerns[what] = text

    def _relief(self, what: str) -> None:
        self._concerns.pop(what, None)

    def _journalFailed(self, event: e.JournalFailed) -> None:
        if event.dropping:
            self._concern("journal", f"The journal {event.path} takes no lines: {event.error}")

    def _auditAway(self, event: e.AuditAway) -> None:
        self._concern("audit", f"The audit collector {event.collector} is away: {event.why}")

    def _spoolFailed(self, event: e.AuditSpoolFailed) -> None:
        self._concern("spool", f"Audit messages cannot be kept in {event.path}: {event.error}")

    # --- what is told ----------------------------------------------------------------------

    def read(self, lag: float) -> d.Process:
        """All of it; C{lag} is how late the loop was, in seconds."""
        return d.Process(
            version=__version__,
            openssl=self.openssl,
            started=self._started,
            workers=len(self.workers),
            workersWanted=self.workersWanted,
            workersLost=self.workersLost,
            lag=lag,
            stalls=self.stalls,
            defects=self.defects,
            reloads=self.reloads,
            reloadsRefused=self.reloadsRefused,
            lastReload=self._lastReload,
            concerns=tuple(self._concerns.values()),
        )
