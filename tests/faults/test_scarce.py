"""Too few descriptors, too little memory: some are turned away, nobody is cut, and it passes."""

from __future__ import annotations

import asyncio
import re
import resource
from pathlib import Path

import pytest

from tests.faults.ground import LATE, Modality, arrived, ground, healthy, serving
from tests.integration.appliance import descriptors, keyPair
from tests.integration.test_workers import TWO, workers
from tests.integration.traffic import RefusedError, archive
from tests.peers import freePort

pytestmark = pytest.mark.real

CROWD = 40

MEMORY = 8 * 1024 * 1024
"""Bytes that a process may have beside what it has."""


async def insisting(port: int, number: int) -> tuple[Modality, int]:
    """A study that goes through in the end, and how often it was turned away before."""
    for refusals in range(1000):
        one = Modality(port, number)
        try:
            return await one.study(2), refusals
        except (RefusedError, OSError):
            await one.drop()
            await asyncio.sleep(0.2)
    raise AssertionError("it is never served")


async def pressed(port: int, number: int = CROWD) -> tuple[list[Modality], int]:
    """So many at a time who insist; they, and how often one was turned away."""
    tries = (insisting(port, at) for at in range(number))
    done = await asyncio.wait_for(asyncio.gather(*tries), 4 * LATE)
    return [each for each, _ in done], sum(refusals for _, refusals in done)


def test_descriptors(tmp_path: Path) -> None:
    """Without descriptors nobody new is served for a moment; who is there does not notice."""
    keyPair(tmp_path)

    async def run() -> None:
        port = freePort()
        async with archive() as (behind, kept):
            with ground(tmp_path, serving(port, behind)) as here:
                beside = Modality(port, 99)
                await beside.open()
                pid = here.child.process.pid
                few = descriptors(pid) + 21
                whole = resource.prlimit(pid, resource.RLIMIT_NOFILE)
                resource.prlimit(pid, resource.RLIMIT_NOFILE, (few, whole[1]))
                lasting = [Modality(port, at) for at in range(14)]
                opened = [asyncio.ensure_future(each.open()) for each in lasting]
                await asyncio.to_thread(here.child.waitFor, r"Too many open files \(24\)", LATE)
                await beside.store()
                resource.prlimit(pid, resource.RLIMIT_NOFILE, whole)
                outcomes = await asyncio.gather(*opened, return_exceptions=True)
                for each, outcome in zip(lasting, outcomes, strict=True):
                    assert outcome is None or isinstance(outcome, RefusedError | OSError)
                    if outcome is None:
                        await each.store()
                        await each.release()
                    else:
                        await each.drop()
                await beside.store()
                await beside.release()
                for each in (beside, *lasting):
                    arrived(kept, each.stored)
                await here.settled()
                here.once()
                await healthy(here, port, kept)

    asyncio.run(run())


@pytest.mark.faults
def test_fewFromTheStart(tmp_path: Path) -> None:
    """With a low limit at the start, so many are served, and the rest hear to come again."""
    keyPair(tmp_path)

    async def run() -> None:
        port = freePort()
        async with archive() as (behind, kept):
            limit = ("prlimit", "--nofile=64:64")
            with ground(tmp_path, serving(port, behind), limit) as here:
                people, refusals = await pressed(port)
                assert refusals
                for each in people:
                    arrived(kept, each.stored)
                await here.settled()
                here.once()
                log = "\n".join(here.child.lines)
                assert "Too many open files" not in log

    asyncio.run(run())


def sizeKiB(pid: int) -> int:
    """The address space of a process."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmSize:\s+(\d+) kB", text)[1])  # type: ignore[index]


@pytest.mark.faults
def test_memory(tmp_path: Path) -> None:
    """A worker without memory may be lost, with those whom it serves; all others are served."""
    keyPair(tmp_path)

    async def run() -> None:
        port = freePort()
        async with archive() as (behind, kept):
            with ground(tmp_path, TWO + serving(port, behind)) as here:
                await here.until(lambda: len(workers(here.child)) == 2, "the start of workers")
                poor, _ = workers(here.child)
                lasting = [Modality(port, at) for at in range(10)]
                for each in lasting:
                    await each.open()
                room = sizeKiB(poor) * 1024 + MEMORY
                resource.prlimit(poor, resource.RLIMIT_AS, (room, room))
                people, refusals = await pressed(port, 400)
                assert refusals
                # They were given in turn, so that half of them are elsewhere.
                spared = [each for each in lasting if await serves(each)]
                assert len(spared) >= 5
                for each in lasting:
                    if each in spared:
                        await each.release()
                    else:
                        await each.drop()
                for each in (*lasting, *people):
                    arrived(kept, each.stored)
                await here.alone()
                here.once()
                await healthy(here, port, kept)

    asyncio.run(run())


async def serves(one: Modality) -> bool:
    """True when C{one} can store."""
    try:
        await one.store()
    except (RefusedError, OSError):
        return False
    return True
