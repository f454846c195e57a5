"""The metrics that say how things are at the moment: read from the status document when asked."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from appliance.events import Health
from appliance.status import table as t
from appliance.status.document import Document, Section
from appliance.status.readiness import readiness
from appliance.status.sections import DAY
from appliance.status.table import Metric

Values = Iterator[tuple[tuple[str, ...], float]]
"""Labels, and the value for them."""


def _perSection(read: Callable[[Section], float]) -> Callable[[Document], Values]:
    return lambda document: (((section.name,), read(section)) for section in document.sections)


def _one(read: Callable[[Document], float]) -> Callable[[Document], Values]:
    return lambda document: iter([((), read(document))])


def _daysLeft(document: Document) -> Values:
    for section in document.sections:
        certificate = section.certificate
        if certificate is not None:
            exact = certificate.notAfter is not None
            left = (certificate.notAfter or 0) - document.at
            yield (section.name,), left / DAY if exact else certificate.daysLeft


def _bans(document: Document) -> Values:
    for section in document.sections:
        yield (section.name,), sum(ban.section == section.name for ban in document.bans)


def _states(document: Document) -> Values:
    for section in document.sections:
        for backend in section.backends:
            for state in Health:
                yield (section.name, backend.name, state.value), backend.health is state


def _draining(document: Document) -> Values:
    for section in document.sections:
        for backend in section.backends:
            yield (section.name, backend.name), backend.draining


def _checks(document: Document) -> Values:
    for section in document.sections:
        for backend in section.backends:
            if backend.check is not None:
                yield (section.name, backend.name), backend.check.seconds


def _steps(document: Document) -> Values:
    for section in document.sections:
        for backend in section.backends:
            for step in () if backend.check is None else backend.check.steps:
                yield (section.name, backend.name, step.name), step.seconds


def _info(document: Document) -> Values:
    yield (document.process.version, document.process.openssl), 1


def _reloaded(document: Document) -> float:
    last = document.process.lastReload
    return last is None or last.accepted


def _reloads(document: Document) -> Values:
    yield ("accepted",), document.process.reloads
    yield ("refused",), document.process.reloadsRefused


GAUGES: Final[Mapping[Metric, Callable[[Document], Values]]] = {
    t.OPEN_CONNECTIONS: _perSection(lambda section: section.connections),
    t.OPEN_ASSOCIATIONS: _perSection(lambda section: section.associations),
    t.DAYS_LEFT: _daysLeft,
    t.BANS: _bans,
    t.STALE: _perSection(lambda section: bool(section.stale)),
    t.BACKEND_STATE: _states,
    t.BACKEND_DRAINING: _draining,
    t.CHECK_SECONDS: _checks,
    t.CHECK_STEP_SECONDS: _steps,
    t.INFO: _info,
    t.READY: _one(lambda document: readiness(document.state, document.sections).ready),
    t.RELOADS: _reloads,
    t.LAST_RELOAD: _one(_reloaded),
    t.WORKERS: _one(lambda document: document.process.workers),
    t.WORKERS_WANTED: _one(lambda document: document.process.workersWanted),
    t.WORKERS_LOST: _one(lambda document: document.process.workersLost),
    t.STALLS: _one(lambda document: document.process.stalls),
    t.DEFECTS: _one(lambda document: document.process.defects),
    t.UNWRITTEN: _one(lambda document: len(document.process.concerns)),
}
"""What to read from the document; counters among them count there."""


def workerValues(workers: Mapping[int, int]) -> Mapping[Metric, Values]:
    """What the system tells of each worker process, by C{workers}' numbers and process ids."""
    told = {number: _stat(pid) for number, pid in workers.items()}
    return {
        t.WORKER_CPU: (((str(n),), stat[0]) for n, stat in told.items() if stat),
        t.WORKER_MEMORY: (((str(n),), stat[1]) for n, stat in told.items() if stat),
    }


def _stat(pid: int) -> tuple[float, float] | None:
    """CPU seconds and bytes of memory (proc_pid_stat(5)); C{None} where nothing is told."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return None
    ticks, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    return (int(fields[11]) + int(fields[12])) / ticks, int(fields[21]) * page
