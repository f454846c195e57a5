"""Networks that lose, delay and part: associations survive what TCP survives, the rest ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.faults import network
from tests.faults.between import between
from tests.faults.ground import LATE, Ground, Modality, arrived, ground, healthy, serving
from tests.integration.appliance import keyPair
from tests.integration.traffic import Archive, RefusedError, archive
from tests.peers import freePort

pytestmark = pytest.mark.real

Work = Callable[[Ground, int, int, Archive], Awaitable[None]]
"""What is done with the appliance, its port, the archive's port and what the archive has."""


def inNetwork(directory: Path, work: Work, *more: str) -> None:
    """Do C{work} in a network of our own; at the end all must be as before."""
    keyPair(directory)
    with network.isolated():
        asyncio.run(through(directory, work, *more))


async def through(directory: Path, work: Work, *more: str) -> None:
    """The same where we are."""
    port = freePort()
    async with archive() as (behind, kept):
        with ground(directory, serving(port, behind, *more)) as here:
            await work(here, port, behind, kept)
            await here.settled()
            here.once()
            await healthy(here, port, kept)


async def crowd(port: int, kept: Archive, number: int = 3, objects: int = 4) -> None:
    """So many associations at a time, each of which loses nothing."""
    people = [Modality(port, at) for at in range(number)]
    done = await asyncio.wait_for(asyncio.gather(*(p.study(objects) for p in people)), 4 * LATE)
    for each in done:
        assert len(each.stored) == objects
        arrived(kept, each.stored)
    assert kept.released == number


# --- what TCP survives --------------------------------------------------------------------------

IMPAIRED = {
    "loss": ("loss", "5%"),
    "delay": ("delay", "100ms", "20ms"),
    "duplicates": ("duplicate", "5%"),
    "order": ("delay", "10ms", "reorder", "25%"),
    "corruption": ("corrupt", "2%"),
}


@pytest.mark.faults
@pytest.mark.parametrize("what", IMPAIRED)
def test_netem(tmp_path: Path, what: str) -> None:
    """With packets that are lost, late, doubled, out of order or broken, nothing is lost."""

    async def work(here: Ground, port: int, behind: int, kept: Archive) -> None:
        network.netem(*IMPAIRED[what])
        await crowd(port, kept)
        network.tc("pfifo")

    inNetwork(tmp_path, work)


@pytest.mark.faults
def test_loss(tmp_path: Path) -> None:
    """Where one packet in twenty is dropped, on both legs, nothing is lost."""

    async def work(here: Ground, port: int, behind: int, kept: Archive) -> None:
        network.lose(5)
        await crowd(port, kept)

    inNetwork(tmp_path, work)


@pytest.mark.faults
def test_rate(tmp_path: Path) -> None:
    """Over a line of two megabits a second nothing is lost."""

    async def work(here: Ground, port: int, behind: int, kept: Archive) -> None:
        assert network.tc("tbf", "rate", "2mbit", "burst", "70k", "latency", "400ms")
        await crowd(port, kept)

    inNetwork(tmp_path, work)


@pytest.mark.faults
def test_delay(tmp_path: Path) -> None:
    """A tenth of a second each way, on both legs, costs time and nothing else."""
    keyPair(tmp_path)

    async def run() -> None:
        async with AsyncExitStack() as stack:
            inner, kept = await stack.enter_async_context(archive())
            behind, slowPACS = await stack.enter_async_context(between(inner))
            port = freePort()
            with ground(tmp_path, serving(port, behind)) as here:
                before, slowClient = await stack.enter_async_context(between(port))
                slowPACS.delay = slowClient.delay = 0.1
                await crowd(before, kept)
                await here.settled()
                here.once()

    asyncio.run(run())


# --- partitions ---------------------------------------------------------------------------------

IDLE = "TIMEOUTidle = 4"


async def cut(one: Modality) -> None:
    """Assert that C{one}, which waits for an answer, hears of an end."""
    with pytest.raises((RefusedError, OSError)):
        await asyncio.wait_for(one.store(), LATE)


def test_silentClient(tmp_path: Path) -> None:
    """A client that is gone without a FIN is found by TIMEOUTidle; the PACS hears A-ABORT."""

    async def work(here: Ground, port: int, behind: int, kept: Archive) -> None:
        one = Modality(port, 1)
        await one.open()
        await one.store()
        with network.parted(port):
            assert await here.ended(one.address) == "idle"
        await one.close()
        assert kept.lost == 1
        arrived(kept, one.stored)

    inNetwork(tmp_path, work, IDLE)


@pytest.mark.faults
def test_silentPACS(tmp_path: Path) -> None:
    """So is a PACS that is gone in the middle of a transfer, and the client is told."""

    async def work(here: Ground, port: int, behind: int, kept: Archive) -> None:
        one = Modality(port, 1)
        await one.open()
        await one.store()
        with network.parted(behind):
            await cut(one)
            assert await here.ended(one.address) == "idle"
        await one.close()
        arrived(kept, one.stored)

    inNetwork(tmp_path, work, IDLE)


@pytest.mark.faults
def test_healed(tmp_path: Path) -> None:
    """A partition that is over before any limit costs nothing, on either leg."""

    async def work(here: Ground, port: int, behind: int, kept: Archive) -> None:
        one = Modality(port, 1)
        await one.open()
        for where in (port, behind):
            with network.parted(where):
                storing = asyncio.ensure_future(one.store())
                await asyncio.sleep(2)
                assert not storing.done()
            await asyncio.wait_for(storing, LATE)
        await one.release()
        arrived(kept, one.stored)
        assert await here.ended(one.address) == "completed"

    inNetwork(tmp_path, work)


@pytest.mark.faults
def test_kernelGivesUp(tmp_path: Path) -> None:
    """Where the kernel gives a PACS up that acknowledges nothing, that is a reset like another."""

    async def work(here: Ground, port: int, behind: int, kept: Archive) -> None:
        network.setting("net/ipv4/tcp_retries2", 3)
        one = Modality(port, 1)
        await one.open()
        with network.parted(behind):
            await cut(one)
            assert await here.ended(one.address) == "socket reset"
        await one.close()

    inNetwork(tmp_path, work)


@pytest.mark.faults
def test_keepalive(tmp_path: Path) -> None:
    """Where the administrator asks for keep-alive, a silent client is found before it is idle."""
    asked = ("TCP_KEEPIDLE=1", "TCP_KEEPINTVL=1", "TCP_KEEPCNT=2")

    async def work(here: Ground, port: int, behind: int, kept: Archive) -> None:
        one = Modality(port, 1)
        await one.open()
        with network.parted(port):
            assert await here.ended(one.address) == "TLS reset"
        await one.close()

    inNetwork(tmp_path, work, *(f"socket = a:{each}" for each in asked))


@pytest.mark.faults
def test_unreachable(tmp_path: Path) -> None:
    """A PACS whose kernel says nothing: after TIMEOUTconnect the client hears to come again."""

    async def work(here: Ground, port: int, behind: int, kept: Archive) -> None:
        one = Modality(port, 1)
        with network.parted(behind), pytest.raises(RefusedError, match="AssociateRJ"):
            await asyncio.wait_for(one.open(), LATE)
        assert await here.ended(one.address) == "no backend"
        await one.close()

    inNetwork(tmp_path, work, "TIMEOUTconnect = 2")
