"""Processes that are killed or stopped, and signals by the hundred, while studies go through."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from tests.faults.ground import LATE, Ground, Modality, arrived, ground, healthy, long, serving
from tests.faults.test_scarce import insisting, serves
from tests.integration.appliance import configure, keyPair
from tests.integration.test_workers import TWO, awaitEnd, workers
from tests.integration.traffic import Archive, archive
from tests.peers import freePort

pytestmark = pytest.mark.real

LASTING = 10


async def started(here: Ground, number: int = 2) -> list[int]:
    """The workers, once so many were started."""
    await here.until(lambda: len(workers(here.child)) >= number, f"the start of worker {number}")
    return workers(here.child)


async def crowd(port: int) -> list[Modality]:
    """Associations that last, spread over the workers."""
    lasting = [Modality(port, at) for at in range(LASTING)]
    for each in lasting:
        await each.open()
        await each.store()
    return lasting


async def dismiss(lasting: list[Modality], kept: Archive) -> int:
    """End them all; nothing that was acknowledged may be missing. How many could still store."""
    spared = [each for each in lasting if await serves(each)]
    for each in lasting:
        if each in spared:
            await each.release()
        else:
            await each.drop()
        arrived(kept, each.stored)
    return len(spared)


@pytest.mark.faults
def test_killedWorker(tmp_path: Path) -> None:
    """A worker that is killed takes its own, another takes its place, and the others go on."""
    keyPair(tmp_path)

    async def run() -> None:
        port = freePort()
        async with archive() as (behind, kept):
            with ground(tmp_path, TWO + serving(port, behind)) as here:
                first, _ = await started(here)
                lasting = await crowd(port)
                insist = [asyncio.ensure_future(insisting(port, at)) for at in range(20)]
                os.kill(first, signal.SIGKILL)
                await started(here, 3)
                for each, _ in await asyncio.wait_for(asyncio.gather(*insist), 2 * LATE):
                    arrived(kept, each.stored)
                assert await dismiss(lasting, kept) == LASTING // 2
                await here.alone()
                here.once()
                here.sound()
                await healthy(here, port, kept)

    asyncio.run(run())


@pytest.mark.faults
def test_stoppedWorker(tmp_path: Path) -> None:
    """While a worker stands still its connections do; the others go on; then all do."""
    keyPair(tmp_path)

    async def run() -> None:
        port = freePort()
        async with archive() as (behind, kept):
            with ground(tmp_path, TWO + serving(port, behind)) as here:
                first, _ = await started(here)
                lasting = await crowd(port)
                os.kill(first, signal.SIGSTOP)
                storing = [asyncio.ensure_future(serves(each)) for each in lasting]
                async with asyncio.timeout(LATE):
                    while sum(each.done() for each in storing) < LASTING // 2:
                        await asyncio.sleep(0.02)
                os.kill(first, signal.SIGCONT)
                assert all(await asyncio.wait_for(asyncio.gather(*storing), LATE))
                assert await dismiss(lasting, kept) == LASTING
                await here.alone()
                here.once()
                here.sound()
                await healthy(here, port, kept)

    asyncio.run(run())


@pytest.mark.faults
def test_killedSupervisor(tmp_path: Path) -> None:
    """When the supervisor is killed its workers go too, and the port is free for the next."""
    keyPair(tmp_path)

    async def run() -> None:
        port = freePort()
        async with archive() as (behind, kept):
            text = TWO + serving(port, behind)
            with ground(tmp_path, text) as here:
                pids = await started(here)
                lasting = await crowd(port)
                here.child.process.kill()
                for pid in pids:
                    await asyncio.to_thread(awaitEnd, pid)
                assert await dismiss(lasting, kept) == 0
            with ground(tmp_path, text) as here:
                await started(here)
                await healthy(here, port, kept)

    asyncio.run(run())


@pytest.mark.faults
def test_stoppedProcess(tmp_path: Path) -> None:
    """A process that was stopped for a while goes on where it was."""
    keyPair(tmp_path)

    async def run() -> None:
        port = freePort()
        async with archive() as (behind, kept):
            with ground(tmp_path, serving(port, behind)) as here:
                lasting = await crowd(port)
                here.child.process.send_signal(signal.SIGSTOP)
                storing = [asyncio.ensure_future(serves(each)) for each in lasting]
                late = asyncio.ensure_future(Modality(port, 99).study())
                await asyncio.sleep(2)
                assert not any(each.done() for each in (*storing, late))
                here.child.process.send_signal(signal.SIGCONT)
                assert all(await asyncio.wait_for(asyncio.gather(*storing), LATE))
                arrived(kept, (await asyncio.wait_for(late, LATE)).stored)
                assert await dismiss(lasting, kept) == LASTING
                await here.settled()
                here.once()

    asyncio.run(run())


# --- storms -------------------------------------------------------------------------------------

STORM = 300
"""Signals that are sent as fast as they can be; the kernel keeps one of each at a time."""


async def busy(port: int, over: asyncio.Event) -> Modality:
    """An association that stores until it is over."""
    one = Modality(port, 1)
    await one.open()
    while not over.is_set():
        await one.store()
        await asyncio.sleep(0.01)
    await one.release()
    return one


WORKERS = [pytest.param("", id="alone"), long(TWO, "workers")]


@pytest.mark.parametrize("workers", WORKERS)
def test_reloads(tmp_path: Path, workers: str) -> None:
    """Hundreds of reloads, each of a file that has changed, cut nobody and lose nothing."""
    keyPair(tmp_path)

    async def run() -> None:
        port = freePort()
        async with archive() as (behind, kept):

            def text(number: int) -> str:
                return workers + serving(port, behind, f"TIMEOUTidle = {1000 + number}")

            with ground(tmp_path, text(0)) as here:
                if workers:
                    await started(here)
                over = asyncio.Event()
                people = [asyncio.ensure_future(busy(port, over)) for _ in range(5)]
                for number in range(1, STORM + 1):
                    configure(tmp_path, f"debug = 7\n{text(number)}")
                    here.child.process.send_signal(signal.SIGHUP)
                    await asyncio.sleep(0)
                    if number % 50 == 0:
                        people.append(asyncio.ensure_future(Modality(port, 2).study(2)))
                over.set()
                for each in await asyncio.wait_for(asyncio.gather(*people), LATE):
                    arrived(kept, each.stored)
                assert kept.lost == 0
                assert here.told("Configuration successful") > 2
                await here.settled()
                here.once()
                await healthy(here, port, kept)

    asyncio.run(run())


@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize("name", ["SIGUSR1", long("SIGUSR2")])
def test_otherSignals(tmp_path: Path, name: str, workers: str) -> None:
    """Hundreds of calls to open the log again, or to list connections, do no harm either."""
    keyPair(tmp_path)

    async def run() -> None:
        port = freePort()
        async with archive() as (behind, kept):
            text = f"output = log\njournal = journal\n{workers}{serving(port, behind)}"
            with ground(tmp_path, text) as here:
                if workers:
                    await started(here)
                over = asyncio.Event()
                people = [asyncio.ensure_future(busy(port, over)) for _ in range(5)]
                for _ in range(STORM):
                    here.child.process.send_signal(signal.Signals[name])
                    await asyncio.sleep(0.002)
                over.set()
                for each in await asyncio.wait_for(asyncio.gather(*people), LATE):
                    arrived(kept, each.stored)
                assert kept.lost == 0
                words = "Log file reopened" if name == "SIGUSR1" else "active connection"
                assert here.told(words) > 2
                await here.settled()
                here.once()
                await healthy(here, port, kept)

    asyncio.run(run())
