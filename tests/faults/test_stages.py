"""A client or a PACS that is killed, stopped, reset, half-closed at every stage of an association.

All stages are tried at once, each by a process of its own, and an association goes on beside them.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field

from tests.faults.actor import CLIENT, PACS, Files, act
from tests.faults.ground import LATE, Ground, Modality, arrived, ground, healthy, long, serving
from tests.integration.appliance import keyPair
from tests.integration.traffic import Archive, RefusedError, archive
from tests.peers import freePort

pytestmark = pytest.mark.real


# --- actors -------------------------------------------------------------------------------------

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.faults.actor"])


@define
class Actor:
    """A process of L{tests.faults.actor} and what it has said."""

    stage: str
    process: ForkServerProcess
    pipe: Any
    said: dict[str, Any] = field(factory=dict)

    async def hear(self, word: str) -> Any:
        """What it says behind C{word}, past or to come."""
        async with asyncio.timeout(LATE):
            while word not in self.said:
                if self.pipe.poll():
                    self.said.update([self.pipe.recv()])
                else:
                    await asyncio.sleep(0.02)
        return self.said[word]

    def end(self) -> None:
        """Let it end, however it is."""
        self.process.kill()
        self.process.join()
        self.pipe.close()


def actor(who: str, port: int, stage: str, files: Files | None = None) -> Actor:
    """Start one; a PACS with C{files} speaks TLS."""
    ours, theirs = FORKS.Pipe()
    process = FORKS.Process(target=act, args=(theirs, who, port, stage, files), daemon=True)
    process.start()
    theirs.close()
    return Actor(stage, process, ours)


TOLD = {
    "reset": "reset",
    "half-closed": "fin",
    "close_notify": "notify",
    "closed": "close",
    "alert": "alert",
}


async def strike(one: Actor, fate: str) -> None:
    """Let C{fate} happen to it."""
    pid = one.process.pid
    assert pid is not None
    if fate == "killed":
        os.kill(pid, signal.SIGKILL)
        await asyncio.to_thread(one.process.join)
    elif fate == "stopped":
        os.kill(pid, signal.SIGSTOP)
    else:
        one.pipe.send(TOLD[fate])
        await one.hear("done")


class Reluctant(Archive):
    """An archive that does not answer a client at the stage that its title names, until it may."""

    def __init__(self) -> None:
        super().__init__()
        self.held: set[str] = set()
        self.may = asyncio.Event()

    async def ponder(self, calling: str, stage: str) -> None:
        """Wait where it is asked to."""
        if calling.lower() == stage:
            self.held.add(stage)
            await self.may.wait()

    async def holds(self, stage: str) -> None:
        """Return once the client of C{stage} waits for us, if it is one that does."""
        while stage in ("asked", "waiting", "releasing") and stage not in self.held:
            await asyncio.sleep(0.02)

    async def alone(self) -> None:
        """Return once nobody is there any more."""
        async with asyncio.timeout(LATE):
            while self.serving:
                await asyncio.sleep(0.02)


SHORT = ("TIMEOUTbusy = 8", "TIMEOUTidle = 8", "TIMEOUTclose = 8")
"""For those who say nothing any more: all stages are reached sooner than that."""

LONGER = ("stopped", "reset", "half-closed", "closed")
FATES = ["killed", *map(long, LONGER)]


def sections(number: int, behind: list[int], fate: str) -> tuple[str, list[int]]:
    """So many sections, and one for an association that goes on beside; and their ports."""
    ports = [freePort() for _ in range(number + 1)]
    more = SHORT if fate == "stopped" else ()
    text = "".join(
        serving(port, behind[at], *more, name=f"S{at}") for at, port in enumerate(ports[:-1])
    )
    return text + serving(ports[-1], behind[-1], name="BESIDE"), ports


# --- clients ------------------------------------------------------------------------------------


def clientEnds(fate: str, stage: str) -> set[str]:
    """Why the connection of such a client may have ended; empty: a bare connect's end."""
    if stage == "connected":
        return {""}
    if stage in ("greeting", "handshake"):
        return {"handshake timeout" if fate == "stopped" else "handshake"}
    match fate:
        case "stopped":
            # The PACS answers the release, and closes.
            return {"close timeout" if stage == "releasing" else "idle"}
        case "reset":
            return {"TLS reset"}
        case "half-closed" | "close_notify":
            return {"completed"}
    # The kernel resets where something was not read, and says FIN where all was.
    return {"completed", "TLS reset"}


async def clients(here: Ground, ports: list[int], kept: Reluctant, fate: str) -> dict[str, str]:
    """Let C{fate} happen to a client at each stage; why each connection ended, by its stage."""
    beside = Modality(ports[1], 99)
    await beside.open()
    # Before the handshake has ended there is nothing to notify by.
    stages = CLIENT[3:] if fate == "close_notify" else CLIENT
    actors = [actor("client", ports[0], stage) for stage in stages]
    try:
        calling = {one.stage: int(await one.hear("from")) for one in actors}
        for one in actors:
            await one.hear("at")
            await kept.holds(one.stage)
        await beside.store()
        for one in actors:
            await strike(one, fate)
        for _ in range(3):
            await beside.store()
        kept.may.set()
        found = {stage: await here.ended(port) for stage, port in calling.items()}
    finally:
        for one in actors:
            one.end()
    await beside.store()
    await beside.release()
    arrived(kept, beside.stored)
    await kept.alone()
    return found


@pytest.mark.parametrize("fate", [*FATES, long("close_notify")])
def test_client(tmp_path: Path, fate: str) -> None:
    """The PACS hears of it, the connection ends once, and nothing is left of it."""
    keyPair(tmp_path)
    behind = freePort()
    text, ports = sections(1, [behind, behind], fate)

    async def run() -> None:
        kept = Reluctant()
        async with archive(kept, behind):
            with ground(tmp_path, text) as here:
                found = await clients(here, ports, kept, fate)
                await here.settled()
                here.once()
                await healthy(here, ports[0], kept)
        for stage, reason in found.items():
            assert reason in clientEnds(fate, stage), stage

    asyncio.run(run())


# --- PACS ---------------------------------------------------------------------------------------


ABORTED = ("associated", "middle", "waiting", "releasing")
"""Stages at which the client stands between two PDUs of an association that was accepted."""


def pacsEnds(fate: str, stage: str) -> set[str]:
    """Why the connection to such a PACS may have ended."""
    return {"idle"} if fate == "stopped" else {"socket reset", "cut short"}


async def pacs(
    here: Ground,
    ports: list[int],
    actors: list[Actor],
    fate: str,
    kind: type[Modality] = Modality,
) -> dict[str, str]:
    """Let C{fate} happen to a PACS at each stage; why each connection ended, by its stage.

    The clients are of that C{kind}.
    """
    beside = kind(ports[-1], 99)
    await beside.open()
    studies = [kind(port, at) for at, port in enumerate(ports[:-1])]
    for one in actors:
        await one.hear("listens")
    tasks = [asyncio.ensure_future(each.study(1)) for each in studies]
    for one in actors:
        await one.hear("at")
    await beside.store()
    for one in actors:
        await strike(one, fate)
    for _ in range(3):
        await beside.store()
    outcomes = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), LATE)
    for one, outcome in zip(actors, outcomes, strict=True):
        # Between two PDUs it hears an A-ABORT, and never that all is well.
        assert isinstance(outcome, RefusedError | OSError), (one.stage, outcome)
        assert ("Abort(" in str(outcome)) is (one.stage in ABORTED), (one.stage, outcome)
    found = {
        one.stage: await here.ended(each.address) for one, each in zip(actors, studies, strict=True)
    }
    await beside.store()
    await beside.release()
    return found


@pytest.mark.parametrize("fate", FATES)
def test_PACS(tmp_path: Path, fate: str) -> None:
    """The client hears of it, the connection ends once, and nothing is left of it."""
    keyPair(tmp_path)
    stages = [stage for stage in PACS if (fate, stage) != ("half-closed", "listening")]
    behind = [freePort() for _ in range(len(stages) + 1)]
    text, ports = sections(len(stages), behind, fate)

    async def run() -> None:
        actors = [actor("pacs", *each) for each in zip(behind, stages, strict=False)]
        try:
            async with archive(port=behind[-1]) as (_, kept):
                with ground(tmp_path, text) as here:
                    found = await pacs(here, ports, actors, fate)
                    await here.settled()
                    here.once()
                    await healthy(here, ports[-1], kept)
            for stage, reason in found.items():
                assert reason in pacsEnds(fate, stage), stage
        finally:
            for one in actors:
                one.end()

    asyncio.run(run())


# --- both, going on -----------------------------------------------------------------------------


async def wake(actors: list[Actor]) -> None:
    """Let those go on who were stopped, up to the end of their associations."""
    for one in actors:
        assert one.process.pid is not None
        os.kill(one.process.pid, signal.SIGCONT)
        one.pipe.send("go")
    for one in actors:
        await one.hear("released")


@pytest.mark.faults
def test_clientGoesOn(tmp_path: Path) -> None:
    """One that was stopped for a while at any stage ends as though nothing had been."""
    keyPair(tmp_path)
    behind = freePort()
    text, ports = sections(1, [behind, behind], "continued")

    async def run() -> None:
        kept = Reluctant()
        async with archive(kept, behind):
            with ground(tmp_path, text) as here:
                actors = [actor("client", ports[0], stage) for stage in CLIENT]
                try:
                    for one in actors:
                        await one.hear("at")
                        await kept.holds(one.stage)
                        await strike(one, "stopped")
                    await healthy(here, ports[1], kept)
                    kept.may.set()
                    await wake(actors)
                    arrived(kept, [one.said["stored"] for one in actors])
                    reasons = {await here.ended(one.said["from"]) for one in actors}
                finally:
                    for one in actors:
                        one.end()
                assert reasons == {"completed"}
                await here.settled()
                here.once()

    asyncio.run(run())


@pytest.mark.faults
def test_PACSGoesOn(tmp_path: Path) -> None:
    """One that was stopped for a while at any stage has the whole object in the end."""
    keyPair(tmp_path)
    behind = [freePort() for _ in range(len(PACS) + 1)]
    text, ports = sections(len(PACS), behind, "continued")

    async def run() -> None:
        actors = [actor("pacs", *each) for each in zip(behind, PACS, strict=False)]
        try:
            async with archive(port=behind[-1]) as (_, kept):
                with ground(tmp_path, text) as here:
                    for one in actors:
                        await one.hear("listens")
                    studies = [Modality(port, at) for at, port in enumerate(ports[:-1])]
                    tasks = [asyncio.ensure_future(each.study(1)) for each in studies]
                    for one in actors:
                        await one.hear("at")
                        await strike(one, "stopped")
                    await healthy(here, ports[-1], kept)
                    await wake(actors)
                    await asyncio.wait_for(asyncio.gather(*tasks), LATE)
                    await here.settled()
                    here.once()
            stored = [each.stored for each in studies]
            assert stored == [[one.said["received"]] for one in actors]
        finally:
            for one in actors:
                one.end()

    asyncio.run(run())
