"""Name servers that say nothing or lie: those pay who need the name, and nobody else."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.faults import network
from tests.faults.ground import LATE, Ground, Modality, ground, healthy, long, serving
from tests.faults.nameserver import Nameserver, asking, nameserver
from tests.integration.appliance import keyPair
from tests.integration.traffic import Archive, RefusedError, archive
from tests.peers import freePort

pytestmark = pytest.mark.real

HANGING = 24
"""Names that hang at a time: more than the threads that Twisted's resolver has."""


def named(accept: int, host: str, behind: int, *more: str) -> str:
    """A section that connects to C{host}."""
    text = serving(accept, behind, *more, name=host)
    return text.replace(f"connect = 127.0.0.1:{behind}", f"connect = {host}.test:{behind}")


Work = Callable[[Ground, dict[str, int], Archive, Nameserver], Awaitable[None]]


def askingNames(directory: Path, names: list[str], work: Work, *more: str) -> None:
    """Do C{work} with a section for each of C{names}, by their ports, and one, C{""}, without.

    It is done twice: when no name was resolved yet, and once more.
    """
    keyPair(directory)
    ports = {name: freePort() for name in ("", *names)}

    async def run() -> None:
        async with (
            archive() as (behind, kept),
            nameserver(good="127.0.0.1", dead="127.0.0.2", lies="127.0.0.1") as server,
        ):
            text = serving(ports[""], behind, *more)
            text += "".join(named(ports[name], name, behind, *more) for name in names)
            with ground(directory, text, asking(directory), begin=False) as here:
                await work(here, ports, kept, server)
                await resolved(here)
                here.begin()
                await work(here, ports, kept, server)
                await resolved(here)
                await here.settled()
                here.once()
                await healthy(here, ports[""], kept)

    with network.isolated():
        asyncio.run(run())


async def resolved(here: Ground) -> None:
    """Return once nobody is there, and no name is resolved, which takes a thread of its own."""
    await here.alone()
    tasks = f"/proc/{here.child.process.pid}/task"
    await here.until(lambda: len(os.listdir(tasks)) == 1, "the end of all threads")


async def refused(port: int) -> Modality:
    """A client that is told to come again later."""
    one = Modality(port, 1)
    with pytest.raises(RefusedError, match="AssociateRJ"):
        await asyncio.wait_for(one.open(), 4 * LATE)
    await one.close()
    return one


@pytest.mark.faults
def test_hangs(tmp_path: Path) -> None:
    """While many names hang, sections with other names and with addresses serve as ever."""
    slow = [f"slow{at}" for at in range(HANGING)]

    async def work(here: Ground, ports: dict[str, int], kept: Archive, server: Nameserver) -> None:
        waiting = [asyncio.ensure_future(refused(ports[name])) for name in slow]
        async with asyncio.timeout(LATE):
            while not set(slow) & set(server.asked):
                await asyncio.sleep(0.02)
        await healthy(here, ports[""], kept)
        await healthy(here, ports["good"], kept)
        assert not any(each.done() for each in waiting)
        for each in await asyncio.gather(*waiting):
            assert await here.ended(each.address) == "no backend"

    askingNames(tmp_path, [*slow, "good"], work)


SLOWLY = ("junk", "lies")
"""What the system's resolver does not believe, and asks again."""


@pytest.mark.parametrize(
    "name",
    [
        *("none", "a..b"),
        long("fails"),
        *map(long, SLOWLY),
    ],
)
def test_lies(tmp_path: Path, name: str) -> None:
    """A name that has no address, for whatever reason, is one without a backend."""

    async def work(here: Ground, ports: dict[str, int], kept: Archive, server: Nameserver) -> None:
        one = await refused(ports[name])
        assert await here.ended(one.address) == "no backend"
        await healthy(here, ports["good"], kept)

    askingNames(tmp_path, [name, "good"], work)


async def served(port: int) -> bool:
    """True when a study goes through."""
    one = Modality(port, 1)
    try:
        await one.study(1)
    except RefusedError:
        await one.close()
        return False
    return True


@pytest.mark.faults
def test_wrongAddress(tmp_path: Path) -> None:
    """Where nobody listens at its address, a name is asked for again, until that is right."""

    async def work(here: Ground, ports: dict[str, int], kept: Archive, server: Nameserver) -> None:
        if server.addresses["dead"] == "127.0.0.2":
            await refused(ports["dead"])
            server.addresses["dead"] = "127.0.0.1"
        async with asyncio.timeout(LATE):
            while not await served(ports["dead"]):
                # What was told just now is not doubted for a few seconds.
                await asyncio.sleep(1)

    askingNames(tmp_path, ["dead"], work)


@pytest.mark.faults
def test_stop(tmp_path: Path) -> None:
    """A name that hangs does not keep the process from its end."""
    keyPair(tmp_path)

    async def run() -> None:
        async with nameserver() as server:
            where = asking(tmp_path, seconds=30)
            with ground(tmp_path, named(freePort(), "slow", 1), where, begin=False) as here:
                await here.until(lambda: "slow" in server.asked, "a question")
                here.child.process.terminate()
                assert await asyncio.to_thread(here.child.process.wait, LATE / 2) == 0

    with network.isolated():
        asyncio.run(run())
