"""One soak: the appliance, the archive behind it, those who call, and what is seen each second."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Final

from attrs import asdict, define, field, frozen

from bench import measure
from bench.processes import LoadError, Process, Processes
from bench.setting import makeKeys

TWISTD: Final = (sys.executable, "-c", "from twisted.scripts.twistd import run; run()")

IDLERS: Final = 4
"""Processes that share the idle associations."""

PHASES: Final = (("calm", 0.4), ("storm", 0.3), ("after", 0.3))
"""What there is to see, and for which part of the time."""

OBJECTS: Final = 100
"""How many an active association stores, more or less, before it is released."""

WARM: Final = 40
"""Associations that come and go before anything is looked at."""

PATIENCE: Final = 900.0
"""Seconds that thousands may take to come or to go."""


@frozen
class Shape:
    """How large it is; times are seconds, and C{rate} is the limit of the storm's port."""

    seconds: float
    idle: int
    active: int
    pause: float
    handshakes: float
    addresses: int
    rate: str
    workers: int = 1
    reload: float = 0
    upgrade: float = 0


@define(eq=False)
class Scene:
    """Everything of one soak; C{result} is what was seen, C{faults} what must not be."""

    processes: Processes
    directory: Path
    shape: Shape
    faults: list[str] = field(factory=list)
    result: dict[str, Any] = field(factory=dict)
    archive: Process = field(init=False)
    idlers: list[Process] = field(init=False)
    studies: Process = field(init=False)
    storm: Process = field(init=False)
    pacs: int = field(init=False)
    """The archive's port."""
    ward: int = field(init=False)
    strangers: int = field(init=False)
    _pids: list[int] = field(factory=list)
    _samples: list[dict[str, Any]] = field(factory=list)
    _problems: Counter[str] = field(factory=Counter)
    _begin: float = field(factory=time.monotonic)
    _cpu: float = 0.0
    _reloads: int = 0
    _upgrades: int = 0

    def fault(self, text: str) -> None:
        """Note what must not be."""
        self.faults.append(text)

    # --- the appliance ---------------------------------------------------------------------

    def configure(self, number: int = 0) -> Path:
        """Write the configuration; each C{number} makes another one of it."""
        both = f"cert = ecdsa.pem\nkey = ecdsa.key\nconnect = 127.0.0.1:{self.pacs}"
        text = f"""\
debug = 4
output = appliance.log
control = {self.directory / "control"}
workers = {self.shape.workers}
[WARD]
accept = 127.0.0.1:{self.ward}
TIMEOUTidle = {43200 + number % 2}
{both}
[STRANGERS]
accept = 127.0.0.1:{self.strangers}
handshakeRate = {self.shape.rate}
TIMEOUTbusy = 20
{both}
"""
        path = self.directory / "butterfly-tls.conf"
        path.write_text(text)
        return path

    def start(self) -> None:
        """Start the archive, the appliance and the loads."""
        cores = os.sched_getaffinity(0)
        makeKeys(self.directory)
        self.archive = self.processes.load("archive", cores)
        self.pacs = self.archive.read()["port"]
        self.ward, self.strangers = freePorts(2)
        argv = [*TWISTD, "-n", "--pidfile=", "butterfly-tls", "--config", self.configure()]
        started = self.processes.start("ours", argv, cores, cwd=self.directory)
        self._pids.append(started.pid)
        self._await(started)
        spec = {"host": "127.0.0.1", "version": "TLSv1.3"}
        self.idlers = [
            self.processes.load("idlers", cores, **spec, port=self.ward, first=n * 10_000)
            for n in range(IDLERS)
        ]
        ports = {"port": self.ward, "guests": self.strangers}
        self.studies = self.processes.load(
            "studies", cores, **ports, pause=self.shape.pause, objects=OBJECTS
        )
        self.storm = self.processes.load(
            "storm", cores, **spec, port=self.strangers, addresses=self.shape.addresses
        )
        for each in (*self.idlers, self.studies, self.storm):
            each.read()

    def _await(self, started: Process) -> None:
        until = time.monotonic() + 30
        while self.console("probe").returncode:
            if time.monotonic() > until or started.popen.poll() is not None:
                raise LoadError(f"the appliance does not serve: {started.tail()}")
            time.sleep(0.1)

    def console(self, *words: str) -> subprocess.CompletedProcess[str]:
        """What the appliance answers to a command."""
        argv = [sys.executable, "-m", "appliance.cli", *words, "--socket", "control"]
        return subprocess.run(
            argv, cwd=self.directory, capture_output=True, text=True, timeout=120, check=False
        )

    def reload(self) -> None:
        """Let it read a file that has changed."""
        self._reloads += 1
        self.configure(self._reloads)
        done = self.console("reload")
        if done.returncode:
            self.fault(f"reload: {done.stdout}{done.stderr}")

    def upgrade(self) -> None:
        """Let another process take over."""
        self._upgrades += 1
        done = self.console("upgrade", "--json")
        if done.returncode:
            self.fault(f"upgrade: {done.stdout}{done.stderr}")
        else:
            self._pids.append(int(json.loads(done.stdout)["pid"]))

    def end(self) -> None:
        """End what an upgrade has left, which is no child of ours."""
        for pid in self._pids[1:]:
            with suppress(OSError):
                os.kill(pid, signal.SIGTERM)

    # --- what is seen ----------------------------------------------------------------------

    def tree(self) -> list[int]:
        """The processes of the appliance."""
        return sorted(set(measure.tree(*self._pids)))

    def look(self, phase: str) -> dict[str, Any]:
        """Note how everything is."""
        pids = self.tree()
        cpu, now = measure.cpu(pids), time.monotonic() - self._begin
        before = self._samples[-1] if self._samples else {"at": 0.0}
        studies, storm = self.studies.go(), self.storm.go()
        times, visits = studies["times"], studies["visits"]
        sample = {
            "at": now,
            "phase": phase,
            "MiB": measure.rss(pids) / (1 << 20),
            "descriptors": sum(map(descriptors, pids)),
            "processes": len(pids),
            "cores": max(0.0, cpu - self._cpu) / max(now - before["at"], 1e-3),
            "objects": len(times),
            "p50Ms": 1000 * measure.percentile(times, 50) if times else None,
            "p99Ms": 1000 * measure.percentile(times, 99) if times else None,
            "worstMs": 1000 * max(times) if times else None,
            "visitMs": 1000 * max(visits) if visits else None,
            "visits": len(visits),
            "storm": storm,
            "problems": studies["problems"],
        }
        self._cpu = cpu
        self._problems.update(studies["problems"])
        self._samples.append(sample)
        return sample

    def rest(self, phase: str, seconds: float) -> None:
        """Let so much time pass, looking each second."""
        until = time.monotonic() + seconds
        while (now := time.monotonic()) < until:
            for every, last, do in (
                (self.shape.reload, self._reloads, self.reload),
                (self.shape.upgrade, self._upgrades, self.upgrade),
            ):
                if every and now - self._begin >= every * (last + 1):
                    do()
            sample = self.look(phase)
            print(line(sample), flush=True)
            time.sleep(max(0.0, 1.0 - (time.monotonic() - now)))

    # --- all of it -------------------------------------------------------------------------

    def play(self) -> None:
        """Come, stay, go."""
        self.result.update(
            at=time.strftime("%Y-%m-%d"), shape=asdict(self.shape), samples=self._samples
        )
        self.start()
        # Once, so that all that a connection needs is loaded.
        self.crowd(WARM)
        self.crowd(0)
        first = self.look("empty")
        begin = time.monotonic()
        self.crowd(self.shape.idle)
        self.result["rise"] = time.monotonic() - begin
        self.studies.go(active=self.shape.active)
        for phase, part in PHASES:
            self.storm.go(rate=self.shape.handshakes if phase == "storm" else 0)
            self.rest(phase, self.shape.seconds * part)
        self.leave(first)
        # Once more: what was not given back to the system is to be used again.
        self.crowd(self.shape.idle)
        self.result["again"] = self.look("again")
        self.crowd(0)

    def crowd(self, number: int) -> None:
        """Let there be so many idle associations."""
        for at, each in enumerate(self.idlers):
            each.tell(count=number // IDLERS + (at < number % IDLERS))
        for each in self.idlers:
            said = each.read(PATIENCE)
            if said["failed"]:
                self.fault(f"{said['failed']} idle associations failed: {said['why']}")

    def leave(self, first: dict[str, Any]) -> None:
        """Let everybody go, and see what is left and what was lost."""
        stored, kept = self.directory / "stored", self.directory / "kept"
        said = self.studies.go(PATIENCE, file=str(stored))
        self.crowd(0)
        archive = self.archive.go(PATIENCE, file=str(kept))
        acknowledged = stored.read_text().split()
        missing = len(set(acknowledged) - set(kept.read_text().split()))
        self._problems.update(said["problems"])
        cut = {why: count for why, count in self._problems.items() if not why.startswith("guest")}
        if missing or archive["twice"]:
            self.fault(f"{missing} objects are lost, {archive['twice']} are there twice")
        if cut:
            self.fault(f"associations were cut: {cut}")
        last = self._settled(first)
        self.result.update(
            stored=len(acknowledged),
            missing=missing,
            problems=dict(self._problems),
            archive=archive,
            reloads=self._reloads,
            upgrades=self._upgrades,
            first=first,
            last=last,
            log=tail(self.directory / "appliance.log"),
        )

    def _settled(self, first: dict[str, Any]) -> dict[str, Any]:
        """How everything is once nobody is there; descriptors must be as before."""
        until = time.monotonic() + 60
        while (last := self.look("empty again"))["descriptors"] > first["descriptors"]:
            if time.monotonic() > until:
                self.fault(f"{last['descriptors']} descriptors, {first['descriptors']} before")
                break
            time.sleep(1)
        return last


def freePorts(number: int) -> list[int]:
    """So many ports that nobody listens on, below those that the system gives to callers."""
    with ExitStack() as stack:
        found: list[int] = []
        for port in range(20_100, 32_000):
            probe = stack.enter_context(socket.socket())
            with suppress(OSError):
                probe.bind(("127.0.0.1", port))
                found.append(port)
            if len(found) == number:
                return found
    raise LoadError("no port is free")


def descriptors(pid: int) -> int:
    """How many a process has open."""
    with suppress(OSError):
        return len(os.listdir(f"/proc/{pid}/fd"))
    return 0


def tail(path: Path) -> list[str]:
    """The last lines of a log, without the times."""
    lines = path.read_text(errors="replace").splitlines() if path.exists() else []
    return [each[20:] for each in lines[-20:]]


def line(sample: dict[str, Any]) -> str:
    """C{sample} in a line."""
    p50, p99 = sample["p50Ms"] or 0, sample["p99Ms"] or 0
    storm = sample["storm"]
    return (
        f"{sample['at']:6.0f} s  {sample['phase']:11}  {sample['MiB']:6.0f} MiB  "
        f"{sample['descriptors']:6} descriptors  {sample['cores']:.2f} cores  "
        f"{sample['objects']:4} objects  p50 {p50:6.1f} ms  p99 {p99:6.1f} ms  "
        f"handshakes {storm.get('served', 0)} of {storm.get('offered', 0)}"
    )
