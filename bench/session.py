"""One run of the benchmark: its programs, cores, ports and samples, and whose turn it is."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from attrs import asdict, define, field, frozen

from bench import measure
from bench.loads import wire
from bench.processes import LoadError, Process, Processes
from bench.setting import Route, Setting, Terminator

READY = 30.0
"""Seconds that a program may take to serve."""


@frozen
class Sample:
    """What was measured of one program in one round; C{values} are named with their units."""

    part: str
    cell: str
    program: str
    round: int
    values: dict[str, float]


@define
class Served:
    """A program at work; C{ports} by the names of its routes."""

    name: str
    host: str
    ports: dict[str, int]
    version: str | None
    processes: tuple[Process, ...] = ()
    directory: Path = Path()
    reload: str = "SIGHUP"

    def pids(self) -> list[int]:
        """All its processes."""
        return measure.tree(*(process.pid for process in self.processes))

    def spec(self, route: str) -> dict[str, Any]:
        """What a load must know to connect."""
        return {"host": self.host, "port": self.ports[route], "version": self.version}


@define(eq=False, slots=False)
class Session:
    """The state of a run; C{budget} is the time in seconds that a part may take."""

    processes: Processes
    directory: Path
    programs: Sequence[Terminator]
    rounds: int
    quick: bool
    budget: float
    samples: list[Sample] = field(factory=list)
    notes: dict[str, list[str]] = field(factory=dict)
    took: dict[str, float] = field(factory=dict)
    part: str = ""
    _ports: Iterator[int] = field(factory=lambda: count(20001))
    _number: Iterator[int] = field(factory=count)

    def __attrs_post_init__(self) -> None:
        cores = sorted(os.sched_getaffinity(0))
        self.cores = cores
        self.terminatorCores = cores[:1]
        self.loadCores = cores[1:] or cores
        # An address of our own: runs side by side do not meet.
        pid = os.getpid()
        self.host = f"127.{83 + (pid >> 16) % 100}.{pid >> 8 & 255}.{pid & 255 or 1}"

    # --- samples ---------------------------------------------------------------------------

    def add(self, cell: str, program: str, round_: int, **values: float) -> None:
        """Keep what was measured."""
        self.samples.append(Sample(self.part, cell, program, round_, values))

    def note(self, text: str) -> None:
        """Keep and show a line about what was left out, or why."""
        text = text.replace(f"{self.directory}/", "")
        if text not in self.notes.setdefault(self.part, []):
            self.notes[self.part].append(text)
            print(f"  note: {text}", flush=True)

    def asJSON(self) -> dict[str, Any]:
        """All that was measured."""
        return {"samples": [asdict(s) for s in self.samples], "notes": self.notes}

    def turns(
        self,
        cells: Sequence[Any],
        programs: Sequence[Any],
        rounds: int | None = None,
        share: float = 1.0,
    ) -> Iterator[tuple[int, Any, Any]]:
        """C{(round, cell, program)}: in each cell all programs in turn, in another order each time.

        Ends before a round that would not fit into C{share} of the part's budget any more.
        """
        started = time.monotonic()
        wanted = rounds or self.rounds
        for number in range(wanted):
            for place, cell in enumerate(cells):
                shift = (number + place) % max(1, len(programs))
                order = (*programs[shift:], *programs[:shift])
                # Backwards every other time, so that nobody always comes behind the same one.
                for name in order if number % 2 == 0 else reversed(order):
                    yield number, cell, name
            spent = time.monotonic() - started
            self.progress(f"round {number + 1} of {wanted}, {spent:.0f} s")
            if spent / (number + 1) * (number + 2) > self.budget * share and number + 1 < wanted:
                self.note(f"{number + 1} of {wanted} rounds fitted into the time")
                return

    def progress(self, text: str) -> None:
        """Say how far it is."""
        print(f"  {self.part}: {text}", file=sys.stderr, flush=True)

    # --- servers ---------------------------------------------------------------------------

    def port(self) -> int:
        """A port of our address that nobody has."""
        while True:
            number = next(self._ports)
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((self.host, number))
                except OSError:
                    continue
            return number

    @contextmanager
    def backend(self, nice: int = 0) -> Iterator[tuple[Process, int]]:
        """The plain server, and its port."""
        process = self.processes.load("backend", self.loadCores, nice, host=self.host)
        try:
            yield process, process.read()["port"]
        finally:
            self.processes.end(process)

    @contextmanager
    def serving(
        self,
        backends: dict[str, int],
        *,
        version: str = "TLSv1.3",
        kind: str = "rsa",
        threads: int = 1,
        cores: Sequence[int] | None = None,
        programs: Sequence[Terminator] | None = None,
        options: dict[str, tuple[str, ...]] | None = None,
    ) -> Iterator[dict[str, Served]]:
        """All programs, once each serves C{backends}: ports of plain servers by a name.

        C{options} are lines for the sections of our own, by those names.
        """
        found: dict[str, Served] = {}
        try:
            for program in self.programs if programs is None else programs:
                ports = {name: self.port() for name in backends}
                extra = options or {}
                routes = tuple(
                    Route(name, ports[name], backend, extra.get(name, ()))
                    for name, backend in backends.items()
                )
                setting = Setting(self.host, version, kind, routes, threads)
                try:
                    found[program.name] = self.start(program, setting, cores)
                    self.awaitServing(found[program.name])
                except LoadError as error:
                    print(error, file=sys.stderr)
                    self.note(f"{program.name} did not start: {str(error).splitlines()[-1]}")
                    served = found.pop(program.name, None)
                    self.processes.end(*(served.processes if served else ()))
            yield found
        finally:
            self.processes.end(*(p for served in found.values() for p in served.processes))

    def start(
        self, program: Terminator, setting: Setting, cores: Sequence[int] | None = None
    ) -> Served:
        """Start C{program}; it need not serve yet."""
        directory = self.directory / f"{next(self._number):04d}-{program.name}"
        directory.mkdir()
        for source, target in ((".pem", setting.certificate), (".key", setting.key)):
            shutil.copy(self.directory / f"{setting.kind}{source}", directory / target)
        processes = tuple(
            self.processes.start(program.name, argv, cores or self.terminatorCores, cwd=directory)
            for argv in program.configure(setting, directory)
        )
        ports = {route.name: route.port for route in setting.routes}
        return Served(
            program.name, self.host, ports, setting.version, processes, directory, program.reload
        )

    def awaitServing(self, served: Served, ports: Sequence[int] | None = None) -> float:
        """The time when a handshake with the last of C{ports} has succeeded."""
        wanted = list(served.ports.values()) if ports is None else ports
        until = time.monotonic() + READY
        for port in wanted[-3:]:
            while not handshake(served.host, port, served.version or "TLSv1.3"):
                for process in served.processes:
                    if process.popen.poll() is not None:
                        raise LoadError(process.tail() or "it ended")
                if time.monotonic() > until:
                    raise LoadError(f"not ready after {READY:g} s: {served.processes[0].tail()}")
                time.sleep(0.002)
        return time.monotonic()


def handshake(host: str, port: int, version: str) -> bytes:
    """The certificate that is shown at C{host}:C{port}; empty when there is none."""
    try:
        with socket.create_connection((host, port), timeout=5) as raw:
            tls = wire.context(version).wrap_socket(raw)
            with tls:
                return tls.getpeercert(binary_form=True) or b""
    except (OSError, ssl.SSLError):
        return b""
