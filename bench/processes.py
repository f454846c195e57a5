"""The processes of a run: pinned to cores, and ended by their own ids whatever happens."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from attrs import define, field

from bench import measure

ROOT = Path(__file__).parent.parent
PATIENCE = 5.0
"""Seconds between asking a process to end and making it."""

_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


class LoadError(Exception):
    """A load or a program did not do its part; the text says what it wrote last."""


@define(eq=False)
class Process:
    """A running program and the file that its output goes to."""

    name: str
    popen: subprocess.Popen[bytes]
    output: Path
    _rest: bytes = field(default=b"", init=False)

    @property
    def pid(self) -> int:
        """Its id."""
        return self.popen.pid

    def tree(self) -> list[int]:
        """Its id and those of its descendants."""
        return measure.tree(self.pid)

    def tail(self) -> str:
        """The last it wrote."""
        with contextlib.suppress(OSError):
            return self.output.read_text(errors="replace")[-2000:].strip()
        return ""

    def _pipe(self, pipe: IO[bytes] | None) -> IO[bytes]:
        if pipe is None:
            raise LoadError(f"{self.name} is no load")
        return pipe

    def _why(self) -> str:
        return (self.tail().splitlines() or ["without a word"])[-1]

    def read(self, seconds: float = 120.0) -> dict[str, Any]:
        """The next line a load says. Raises L{LoadError} when it ends or takes too long."""
        descriptor, until = self._pipe(self.popen.stdout).fileno(), time.monotonic() + seconds
        while b"\n" not in self._rest:
            left = until - time.monotonic()
            if left <= 0 or not select.select([descriptor], [], [], left)[0]:
                raise LoadError(f"{self.name} said nothing for {seconds:g} s")
            got = os.read(descriptor, 1 << 20)
            if not got:
                raise LoadError(f"{self.name} ended: {self._why()}")
            self._rest += got
        line, _, self._rest = self._rest.partition(b"\n")
        said: dict[str, Any] = json.loads(line)
        return said

    def go(self, patience: float = 120.0, **step: Any) -> dict[str, Any]:
        """Let a load take its next step and return what it says of it."""
        self.tell(**step)
        return self.read(patience)

    def tell(self, **step: Any) -> None:
        """Let a load take its next step."""
        pipe = self._pipe(self.popen.stdin)
        try:
            pipe.write(json.dumps(step).encode() + b"\n")
            pipe.flush()
        except BrokenPipeError:
            raise LoadError(f"{self.name} ended: {self._why()}") from None


class Processes:
    """A context in which processes are started; none outlives it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._all: list[Process] = []
        self._number = 0

    def __enter__(self) -> Processes:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # A second Ctrl-C must not leave anything running.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            self.end(*self._all)
        finally:
            signal.signal(signal.SIGINT, before)

    def start(
        self,
        name: str,
        argv: Sequence[str | Path],
        cores: Iterable[int],
        *,
        nice: int = 0,
        pipes: bool = False,
        cwd: Path | None = None,
        stdin: int = subprocess.DEVNULL,
    ) -> Process:
        """Start C{argv} on C{cores}, with as many open files as the system allows."""
        self._number += 1
        output = self.directory / f"{self._number:05d}-{name}.log"
        wanted = set(cores)

        def prepare() -> None:
            _libc.prctl(_PDEATHSIG, signal.SIGKILL)
            os.sched_setaffinity(0, wanted)
            os.nice(nice)
            hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

        with output.open("wb") as log:
            popen = subprocess.Popen(
                [str(each) for each in argv],
                cwd=cwd or ROOT,
                stdin=subprocess.PIPE if pipes else stdin,
                stdout=subprocess.PIPE if pipes else log,
                stderr=log,
                preexec_fn=prepare,
                start_new_session=True,
            )
        process = Process(name, popen, output)
        self._all.append(process)
        return process

    def load(self, name: str, cores: Iterable[int], nice: int = 0, **spec: Any) -> Process:
        """Start the load C{bench.loads.NAME}, which says a line when it is ready."""
        argv = [sys.executable, "-m", f"bench.loads.{name}", json.dumps(spec)]
        return self.start(name, argv, cores, nice=nice, pipes=True)

    def end(self, *processes: Process) -> None:
        """Ask C{processes} to end, then make them and their descendants."""
        doomed = [(p, measure.alive(p.tree())) for p in processes if p in self._all]
        for process, _ in doomed:
            if process.popen.poll() is None:
                process.popen.terminate()
        until = time.monotonic() + PATIENCE
        for process, pids in doomed:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.popen.wait(max(0.0, until - time.monotonic()))
            for pid, born in pids.items():
                while measure.alive([pid]).get(pid) == born:
                    if time.monotonic() > until:
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(pid, signal.SIGKILL)
                    time.sleep(0.001)
            process.popen.wait()
            for pipe in (process.popen.stdin, process.popen.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()
            # Only now: whoever interrupts this ends it again.
            self._all.remove(process)
