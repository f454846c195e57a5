"""What a tree of processes uses: CPU and memory, read from the kernel. It starts nothing."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from attrs import define, field

TICK = os.sysconf("SC_CLK_TCK")


def _stat(pid: int) -> list[str]:
    """The fields of C{/proc/PID/stat} from the state on, i.e. from the third (proc(5))."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()


def tree(*roots: int) -> list[int]:
    """C{roots} and all that descends from them, as far as it is alive."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                children.setdefault(int(_stat(int(entry))[1]), []).append(int(entry))
            except (OSError, IndexError):
                continue
    found = [pid for pid in roots if os.path.exists(f"/proc/{pid}")]
    for pid in found:
        found.extend(children.get(pid, ()))
    return found


def alive(pids: Iterable[int]) -> dict[int, str]:
    """When each of C{pids} that runs still was born, since an id alone may be used again."""
    found = {}
    for pid in pids:
        try:
            fields = _stat(pid)
        except OSError:
            continue
        if fields[0] not in "XZ":
            found[pid] = fields[19]
    return found


def cpu(pids: Iterable[int]) -> float:
    """CPU seconds of C{pids}, their ended threads and the children they have waited for.

    The kernel's process clock is C{utime + stime} of C{/proc/PID/stat} without the rounding to
    ticks of 10 ms; see C{clock_getcpuclockid(3)} for how its number is made.
    """
    total = 0.0
    for pid in pids:
        try:
            total += time.clock_gettime((~pid << 3) | 2)
            user, system = _stat(pid)[13:15]
        except OSError:
            continue
        total += (int(user) + int(system)) / TICK
    return total


def rss(pids: Iterable[int]) -> int:
    """Resident bytes of C{pids}; what they share counts for each."""
    total = 0
    for pid in pids:
        try:
            pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        except OSError:
            continue
        total += pages * os.sysconf("SC_PAGE_SIZE")
    return total


@define
class Meter:
    """CPU and time between C{start} and C{stop}, of the terminator and of the load generator."""

    terminator: Sequence[int]
    load: Sequence[int]
    cpu: float = 0.0
    busiest: float = 0.0
    loadCPU: float = 0.0
    wall: float = 0.0
    _begin: tuple[list[float], list[float], float] = field(default=([], [], 0.0), init=False)

    def start(self) -> None:
        """Note where the clocks stand."""
        self._begin = (
            [cpu([pid]) for pid in self.terminator],
            [cpu([pid]) for pid in self.load],
            time.monotonic(),
        )

    def stop(self) -> None:
        """Take the differences."""
        wall = time.monotonic()
        spent = [cpu([p]) - at for p, at in zip(self.terminator, self._begin[0], strict=True)]
        self.cpu, self.busiest = sum(spent), max(spent, default=0.0)
        loads = [cpu([p]) - at for p, at in zip(self.load, self._begin[1], strict=True)]
        self.loadCPU, self.wall = sum(loads), wall - self._begin[2]


def percentile(values: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile of C{values}, which need not be sorted."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100).__int__() - 1)]
