"""Real DICOM: dcmtk and pynetdicom, many small objects, one large, many associations."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from bench.measure import cpu
from bench.objects import ROOT, write
from bench.processes import LoadError, Process
from bench.session import Served, Session
from bench.terminators import Ours

PATIENCE = 400.0
"""Seconds that a study may take."""

WAITS = 0.025
"""Seconds for an object from which a program waits for delayed acknowledgements, not for CPU."""


def measure(session: Session) -> None:
    """All programs and none; ours, which observes, also with C{dicom = no} and C{dicom = yes}."""
    if shutil.which("storescu") is None or find_spec("pynetdicom") is None:
        session.note("left out: it needs dcmtk and pynetdicom")
        return
    small = write(session.directory / "small.dcm", 64, 64, 1)
    cine = write(session.directory / "cine.dcm", 1000, 1000, 60 if session.quick else 300)
    with (
        server(session, "storescp") as store,
        server(session, "pynetdicomscp") as pynet,
        session.serving({"dcmtk": store, "pynetdicom": pynet}) as served,
        ours(session, {"dcmtk": store, "pynetdicom": pynet}, "no") as blind,
        ours(session, {"dcmtk": store, "pynetdicom": pynet}, "yes") as gated,
    ):
        ports = {"dcmtk": store, "pynetdicom": pynet}
        served["direct"] = Served("direct", session.host, ports, None)
        everyone = [*((s, "") for s in served.values()), *blind, *gated]
        Studies(session, everyone, small, cine).measure()


@contextmanager
def server(session: Session, load: str) -> Iterator[int]:
    """A DICOM server, and its port."""
    process = session.processes.load(load, session.loadCores, host=session.host)
    try:
        yield process.read()["port"]
    finally:
        session.processes.end(process)


@contextmanager
def ours(
    session: Session, backends: dict[str, int], dicom: str
) -> Iterator[list[tuple[Served, str]]]:
    """Ours with C{dicom}, and what its cells have after their names."""
    programs = [program for program in session.programs if isinstance(program, Ours)]
    options = dict.fromkeys(backends, (f"dicom = {dicom}",))
    with session.serving(backends, programs=programs, options=options) as served:
        yield [(each, f", dicom = {dicom}") for each in served.values()]


class Studies:
    """C{everyone} is each program with what its cells have after their names."""

    def __init__(
        self, session: Session, everyone: list[tuple[Served, str]], small: Path, cine: Path
    ) -> None:
        self._session, self._everyone = session, everyone
        self._small, self._cine = small, cine

    def measure(self) -> None:
        """Each kind of study in turn.

        Who waits 40 ms for every PDU uses hardly any CPU: those run side by side, or the time
        would not suffice. Who does not wait has the machine for itself.
        """
        waiting = self._waiting()
        prompt = [k for k in range(len(self._everyone)) if k not in waiting]
        groups = [[k] for k in prompt] + ([waiting] if waiting else [])
        quick = self._session.quick
        names = ", ".join(dict.fromkeys(self._everyone[k][0].name for k in waiting))
        if waiting:
            self._session.note(f"side by side, as they wait for delayed acknowledgements: {names}")
        for number, _, group in self._session.turns([0], groups, 1 if quick else None, 0.45):
            self.dcmtk("200 objects, dcmtk", group, number, 200)
        # What reading along costs is little beside what one turn differs from the next.
        turns = 1 if quick else 3 * self._session.rounds
        for number, _, one in self._session.turns([0], self._indices(), turns, 0.45):
            self.cine(one, number)
        for number, _, one in self._session.turns([0], self._indices(), None, 0.2):
            self.parallel(one, number, 10 if quick else 50)
        for number, _, group in self._session.turns([0], groups, 1 if quick else None, 0.2):
            self.pynetdicom(group, number, 50 if quick else 200)
        if not quick:
            for number, _, group in self._session.turns([0], groups, 1):
                self.dcmtk("2000 objects, dcmtk", group, number, 2000)

    def _indices(self) -> list[int]:
        return list(range(len(self._everyone)))

    def _waiting(self) -> list[int]:
        found = []
        for k in self._indices():
            took = []
            for count in (1, 21):
                started = time.monotonic()
                self._finish([self._storescu(k, self._small, count)])
                took.append(time.monotonic() - started)
            if (took[1] - took[0]) / 20 > WAITS:
                found.append(k)
        return found

    # --- the studies -----------------------------------------------------------------------

    def dcmtk(self, cell: str, group: Sequence[int], number: int, count: int) -> None:
        """C{count} objects in one association."""
        before = [cpu(self._pids(k)) for k in group]
        started = time.monotonic()
        running = [self._storescu(k, self._small, count) for k in group]
        took = self._finish(running)
        for k, used, seconds in zip(group, before, took, strict=True):
            self._add(cell, k, number, used, seconds - started)

    def cine(self, k: int, number: int) -> None:
        """One large object."""
        size = self._cine.stat().st_size
        before, started = cpu(self._pids(k)), time.monotonic()
        took = self._finish([self._storescu(k, self._cine, 1)])
        perGiB = (cpu(self._pids(k)) - before) / size * (1 << 30)
        cell = f"cine of {round(size / 1e6)} MB, dcmtk"
        values = {} if self._everyone[k][0].name == "direct" else {"cpuPerGiB": perGiB}
        self._add(cell, k, number, before, took[0] - started, **values)

    def parallel(self, k: int, number: int, count: int) -> None:
        """Associations at the same time, of 4 objects each."""
        before, started = cpu(self._pids(k)), time.monotonic()
        took = self._finish([self._storescu(k, self._small, 4) for _ in range(count)])
        self._add(f"{count} associations, dcmtk", k, number, before, max(took) - started)

    def pynetdicom(self, group: Sequence[int], number: int, count: int) -> None:
        """C{count} objects in one association, from pynetdicom to pynetdicom."""
        loads = []
        try:
            for k in group:
                spec = self._everyone[k][0].spec("pynetdicom")
                load = self._session.processes.load(
                    "pynetdicomscu",
                    self._session.loadCores,
                    **spec,
                    path=str(self._small),
                    root=f"{ROOT}.{k}.{number}",
                )
                loads.append(load)
                load.read()
                load.go(count=3)
            before = [cpu(self._pids(k)) for k in group]
            for load in loads:
                load.tell(count=count)
            for k, load, used in zip(group, loads, before, strict=True):
                said = load.read(PATIENCE)
                if said["stored"] != count:
                    raise LoadError(f"{said['stored']} of {count} were stored")
                self._add(f"{count} objects, pynetdicom", k, number, used, said["seconds"])
        except LoadError as error:
            self._session.note(f"pynetdicom, {self._everyone[group[0]][0].name}: {error}")
        finally:
            self._session.processes.end(*loads)

    # --- storescu --------------------------------------------------------------------------

    def _pids(self, k: int) -> list[int]:
        return self._everyone[k][0].pids()

    def _storescu(self, k: int, path: Path, count: int) -> Process:
        served = self._everyone[k][0]
        tls = ("+tla", "-ic") if served.version else ()
        more = ("+II", "--repeat", str(count)) if count > 1 else ()
        argv = ["storescu", *tls, *more, served.host, str(served.ports["dcmtk"]), path]
        return self._session.processes.start("storescu", argv, self._session.loadCores)

    def _finish(self, running: list[Process]) -> list[float]:
        """When each of C{running} ended."""
        ended: dict[int, float] = {}
        until = time.monotonic() + PATIENCE
        while len(ended) < len(running) and time.monotonic() < until:
            for process in running:
                if process.pid not in ended and process.popen.poll() is not None:
                    ended[process.pid] = time.monotonic()
                    if process.popen.returncode:
                        self._session.note(f"storescu failed: {process.tail()[-200:]}")
            time.sleep(0.002)
        self._session.processes.end(*running)
        return [ended.get(process.pid, time.monotonic()) for process in running]

    def _add(
        self, cell: str, k: int, number: int, before: float, seconds: float, **more: float
    ) -> None:
        served, suffix = self._everyone[k]
        used = cpu(served.pids()) - before
        values = {} if served.name == "direct" else {"cpuSeconds": used}
        self._session.add(f"{cell}{suffix}", served.name, number, seconds=seconds, **values, **more)
