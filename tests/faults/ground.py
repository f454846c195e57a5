"""The ground that faults are tried on: the appliance as a process, and the account it gives.

An account is what must be the same before and after: the descriptors of the process, its timers,
the objects that a connection is made of. The log says how each connection ended.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

import pytest
from _pytest.mark.structures import ParameterSet
from attrs import define, field

from appliance.cli.child import Child, running
from tests.faults import witness
from tests.integration.appliance import READY, configure, descriptors, section
from tests.integration.traffic import Archive, Study

T = TypeVar("T")

COMMAND: Final = (sys.executable, "-m", "tests.faults.witness", "-n", "--pidfile=")

LATE: Final = 30.0
"""Seconds after which what must happen by itself has not happened."""

UNWATCHED: Final = "healthCheck = none"

_ACCEPTED = re.compile(r"LOG7\[(\S+)\]: Service \[.*\] accepted \(FD=\d+\) from \S+:(\d+)$")
_CLOSED = re.compile(
    r"LOG\d\[(\S+)\]: Connection (?:closed|reset|closed/reset|reset/closed): "
    r"(\d+) byte\(s\) sent to TLS, (\d+) byte"
)
_ENDED = re.compile(r"LOG5\[(\S+)\]: Service \[.*\] connection from \S+ ended: ([^,]+)")


@define
class Ground:
    """The appliance with its C{directory}; C{before} is its account when nobody was there yet."""

    child: Child
    directory: Path
    before: str = field(default="", init=False)

    # --- what it says ----------------------------------------------------------------------

    def account(self) -> str:
        """What the process has now."""
        number = len(witness.said(self.child.lines))
        self.child.process.send_signal(witness.ASK)
        self.child.waitFor(rf"^witness {number + 1}: ", READY)
        found = descriptors(self.child.process.pid)
        return f"descriptors={found} {witness.said(self.child.lines)[-1]}"

    def begin(self) -> None:
        """Take the account that there must be again."""
        self.before = self.account()

    async def settled(self) -> None:
        """Return when all is as it was in the beginning; nothing must have broken meanwhile."""
        await self.alone()
        until = time.monotonic() + LATE
        while (now := await asyncio.to_thread(self.account)) != self.before:
            assert time.monotonic() < until, f"before: {self.before}\nnow:    {now}\n{self.tail()}"
            await asyncio.sleep(1)
        self.sound()

    def sound(self) -> None:
        """Assert that the log tells of no defect."""
        log = "\n".join(self.child.lines)
        for words in ("Internal error", "Traceback", "Unhandled", "a defect"):
            assert words not in log, log[log.index(words) :][:3000]

    def told(self, words: str) -> int:
        """How many lines of the log have C{words} so far."""
        return sum(words in line for line in self.child.lines)

    def tail(self) -> str:
        """The end of the log."""
        return "\n".join([each for each in self.child.lines if not witness.said([each])][-40:])

    # --- how connections ended ---------------------------------------------------------------

    async def until(self, find: Callable[[], T], what: str) -> T:
        """What C{find} finds, once it finds something; C{what} tells people what that should be."""
        limit = time.monotonic() + LATE
        while not (found := find()):
            assert time.monotonic() < limit, f"{what} does not happen\n{self.tail()}"
            await asyncio.sleep(0.02)
        return found

    def _accepted(self) -> list[tuple[str, int]]:
        matches = map(_ACCEPTED.search, self.child.lines)
        return [(match[1], int(match[2])) for match in matches if match]

    async def accepted(self, number: int) -> int:
        """The port that the connection of this number came from, counted from 1."""
        await self.until(lambda: len(self._accepted()) >= number, f"connection {number}")
        return self._accepted()[number - 1][1]

    async def numbered(self, port: int) -> str:
        """The number in the log of the last connection that came from C{port}."""
        found = await self.until(
            lambda: [name for name, of in self._accepted() if of == port], f"a call from {port}"
        )
        return found[-1]

    def closings(self, number: str) -> list[tuple[int, int]]:
        """What each closing line of a connection says: bytes to the client, bytes to the PACS."""
        matches = map(_CLOSED.search, self.child.lines)
        return [(int(m[2]), int(m[3])) for m in matches if m and m[1] == number]

    def reason(self, number: str) -> str:
        """Why the connection ended; empty for a bare connect, of which no line tells."""
        found = [m[2] for m in map(_ENDED.search, self.child.lines) if m and m[1] == number]
        assert len(found) <= 1, found
        return found[0] if found else ""

    async def ended(self, port: int) -> str:
        """Why the connection from C{port} ended, once it has; it must end exactly once."""
        number = await self.numbered(port)
        await self.until(
            lambda: self.closings(number) and (self.bare(number) or self.reason(number)),
            f"the end of {number}",
        )
        assert len(self.closings(number)) == 1, self.tail()
        return self.reason(number)

    def bare(self, number: str) -> bool:
        """True where the connection has come and gone without a byte, of which one line tells."""
        return any(f"LOG7[{number}]: Connection reset: 0 byte" in line for line in self.child.lines)

    async def alone(self) -> None:
        """Return once every connection that was accepted has ended."""
        await self.until(
            lambda: all(self.closings(name) for name, _ in self._accepted()), "the end of all"
        )

    def once(self) -> None:
        """Assert that every connection that was accepted has ended exactly once."""
        wrong = {name: len(self.closings(name)) for name, _ in self._accepted()}
        assert all(count == 1 for count in wrong.values()), wrong


@contextmanager
def ground(
    directory: Path,
    text: str,
    before: Sequence[str | Path] = (),
    begin: bool = True,
    **environ: str,
) -> Iterator[Ground]:
    """The appliance with the configuration C{text}, started by the words C{before} if any."""
    path = configure(directory, f"debug = 7\n{text}")
    command = [*map(str, before), *COMMAND, "butterfly-tls", "--config", str(path)]
    if environ:
        command = ["env", *(f"{name}={value}" for name, value in environ.items()), *command]
    with running("the appliance", command, directory) as child:
        child.waitFor(r"Accepting new connections", READY)
        made = Ground(child, directory)
        if begin:
            made.begin()
        yield made


def long(value: str, name: str | None = None) -> ParameterSet:
    """A parameter of a test that C{make faults} tries, and C{make test} does not."""
    return pytest.param(value, marks=pytest.mark.faults, id=name or value)


def serving(port: int, behind: int, *more: str, name: str = "STORE") -> str:
    """A section that nobody looks after."""
    return section(port, behind, UNWATCHED, *more, name=name)


# --- people -------------------------------------------------------------------------------------


@define
class Modality(Study):
    """A client that knows the port that it calls from, its C{address}."""

    address: int = field(default=0, init=False)

    async def connect(self) -> None:
        """Connect, and shake hands."""
        await super().connect()
        assert self._peer is not None
        # There is none where the end has come already.
        _, self.address = self._peer._writer.get_extra_info("sockname") or ("", 0)

    async def drop(self) -> None:
        """Be gone, connected or not."""
        if self._peer is not None:
            await self.close()

    async def study(self, number: int = 3) -> Modality:
        """Open, store so many objects and release; gives itself."""
        await self.open()
        for _ in range(number):
            await self.store()
        await self.release()
        return self


async def healthy(ground: Ground, port: int, kept: Archive, number: int = 3) -> None:
    """Assert that a study goes through at C{port} to the archive that has C{kept}."""
    one = await asyncio.wait_for(Modality(port, 7).study(number), LATE)
    assert len(one.stored) == number
    arrived(kept, one.stored)


def arrived(kept: Archive, stored: Sequence[str]) -> None:
    """Assert that all that was acknowledged is there, exactly once."""
    missing = [each for each in stored if kept.received[each] != 1]
    assert not missing, f"{len(missing)} of {len(stored)} acknowledged objects are lost"
