"""How the process stops: it lets associations finish, and says so to whoever has to know."""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from appliance.cli.child import Child
from appliance.dicom.pdu import Abort
from tests.integration.appliance import READY, keyPair, section, serving
from tests.integration.test_start import awaitRefusal, listens
from tests.integration.test_workers import TWO
from tests.integration.traffic import Archive, Study, archive
from tests.peers import freePort

pytestmark = pytest.mark.real


def during(
    directory: Path,
    text: str,
    work: Callable[[Child, Study, Archive], Awaitable[None]],
) -> Child:
    """Do C{work} while an association is open; the appliance must end in good order after it."""
    keyPair(directory)
    port = freePort()

    async def run() -> Child:
        async with archive() as (behind, kept):
            with serving(directory, text + section(port, behind, "healthCheck = none")) as child:
                study = Study(port, 1)
                await study.open()
                await study.store()
                await asyncio.wait_for(work(child, study, kept), READY)
                code = await asyncio.to_thread(child.process.wait, READY)
                assert code == 0, "\n".join(child.lines)
                return child

    return asyncio.run(run())


@pytest.mark.parametrize("workers", ["", TWO])
def test_finishes(tmp_path: Path, workers: str) -> None:
    """After SIGTERM nobody is accepted, and an association goes on to its release."""

    async def work(child: Child, study: Study, kept: Archive) -> None:
        child.process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(awaitRefusal, study.port)
        for _ in range(10):
            await study.store()
        await study.release()
        assert set(kept.received) == set(study.stored)
        assert kept.released == 1

    log = "\n".join(during(tmp_path, f"drainTimeout = 60\n{workers}", work).lines)
    # Whoever has tried whether the port is still open may be among them.
    assert re.search(r"Waiting up to 60 s for \d+ connection\(s\)", log)
    assert "ended now" not in log


@pytest.mark.parametrize("workers", ["", TWO])
def test_timeout(tmp_path: Path, workers: str) -> None:
    """An association that does not end in time hears A-ABORT."""

    async def work(child: Child, study: Study, _: Archive) -> None:
        child.process.send_signal(signal.SIGTERM)
        assert isinstance(await study.next(), Abort)
        await study.close()

    child = during(tmp_path, f"drainTimeout = 1\n{workers}", work)
    assert "1 connection(s) did not end by themselves" in "\n".join(child.lines)


def test_twice(tmp_path: Path) -> None:
    """A second signal ends all at once, an association with A-ABORT."""

    async def work(child: Child, study: Study, _: Archive) -> None:
        child.process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(child.waitFor, "Waiting up to 600 s", READY)
        child.process.send_signal(signal.SIGINT)
        assert isinstance(await study.next(), Abort)

    during(tmp_path, "drainTimeout = 600\n", work)


def test_delay(tmp_path: Path) -> None:
    """With drainDelay it is not ready any more but still serves whoever comes."""
    status = freePort()

    def ready() -> int:
        try:
            with urlopen(f"http://127.0.0.1:{status}/readyz", timeout=READY) as answer:
                return int(answer.status)
        except HTTPError as error:
            return error.code

    async def work(child: Child, study: Study, kept: Archive) -> None:
        assert await asyncio.to_thread(ready) == 200
        child.process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(child.waitFor, "Terminated", READY)
        assert await asyncio.to_thread(ready) == 503
        late = Study(study.port, 2)
        await late.open()
        await late.store()
        assert listens(study.port)
        await study.release()
        await late.release()
        assert kept.released == 2
        # Nobody is left to wait for, but the delay is not over.
        child.process.send_signal(signal.SIGTERM)

    during(tmp_path, f"drainTimeout = 60\ndrainDelay = 600\nstatus = 127.0.0.1:{status}\n", work)


def test_reload(tmp_path: Path) -> None:
    """A reload on the way out is refused in words."""

    async def work(child: Child, study: Study, _: Archive) -> None:
        child.process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(child.waitFor, "Waiting up to", READY)
        child.process.send_signal(signal.SIGHUP)
        await asyncio.to_thread(child.waitFor, "this process is about to end", READY)
        await study.release()

    during(tmp_path, "drainTimeout = 60\n", work)
