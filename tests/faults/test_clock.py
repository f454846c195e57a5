"""A clock that is set, and certificates whose time is over while the process runs."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from attrs import define

from appliance.tls.issue import selfSigned
from tests import material as m
from tests.faults.ground import LATE, Ground, Modality, arrived, ground, healthy, long, serving
from tests.integration.appliance import keyPair
from tests.integration.test_workers import TWO
from tests.integration.traffic import archive
from tests.peers import freePort, program

pytestmark = pytest.mark.real

DAY: Final = 86400

LIBRARIES: Final = (Path("/usr/lib"), Path("/usr/local/lib"))


def library() -> str:
    """Libfaketime's; the test is skipped where it is not installed."""
    program("faketime")
    found = [each for top in LIBRARIES for each in top.rglob("faketime/libfaketimeMT.so.1")]
    assert found, "faketime is installed without its library"
    return str(found[0])


@define
class Clock:
    """The clock of a process, which can be set; its monotonic one goes on as it is."""

    path: Path

    def set(self, seconds: int) -> None:
        """Let it be so many seconds ahead, or behind where that is negative."""
        fresh = self.path.with_suffix(".new")
        fresh.write_text(f"{seconds:+d}\n")
        fresh.replace(self.path)

    @property
    def environment(self) -> dict[str, str]:
        """What the process is to be started with."""
        return {
            "LD_PRELOAD": library(),
            "FAKETIME_TIMESTAMP_FILE": str(self.path),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_RESET": "1",
        }


def clockFor(directory: Path) -> Clock:
    """One that is right so far."""
    made = Clock(directory / "clock")
    made.set(0)
    return made


async def told(here: Ground, date: str) -> None:
    """Return once the log has a line of this date, so that the clock is seen to be set."""
    await here.until(lambda: any(line.startswith(date) for line in here.child.lines), date)


STEPS = {"forth": DAY, "back": -DAY}


@pytest.mark.parametrize("workers", [pytest.param("", id="alone"), long(TWO, "workers")])
@pytest.mark.parametrize("step", ["forth", long("back")])
def test_steps(tmp_path: Path, step: str, workers: str) -> None:
    """A clock that is set a day forth or back ends nothing early, and nothing late."""
    keyPair(tmp_path)
    clock = clockFor(tmp_path)

    async def run() -> None:
        port, short = freePort(), freePort()
        async with archive() as (behind, kept):
            text = workers + serving(port, behind, "TIMEOUTidle = 600")
            text += serving(short, behind, "TIMEOUTidle = 2", "TIMEOUTbusy = 2", name="SHORT")
            with ground(tmp_path, text, **clock.environment) as here:
                one, idle = Modality(port, 1), Modality(short, 2)
                await one.open()
                await one.store()
                await idle.open()
                mute = await asyncio.open_connection("127.0.0.1", short)
                clock.set(STEPS[step])
                # Those who say nothing are found as soon as ever.
                assert await here.ended(idle.address) == "idle"
                with pytest.raises(ConnectionResetError):
                    await asyncio.wait_for(mute[0].read(), LATE)
                mute[1].close()
                await idle.drop()
                await one.store()
                await told(here, f"{datetime.now() + timedelta(seconds=STEPS[step]):%Y.%m.%d}")
                clock.set(0)
                await one.store()
                await one.release()
                arrived(kept, one.stored)
                assert await here.ended(one.address) == "completed"
                await here.settled()
                here.once()
                await healthy(here, port, kept)

    asyncio.run(run())


@pytest.mark.faults
def test_expiry(tmp_path: Path) -> None:
    """When our certificate expires we go on as we are, and monitoring is told."""
    pair = selfSigned(m.key("server"), "localhost", ("localhost",), now=m.now(), days=30)
    m.write(tmp_path, "Butterfly_SCP", pair)
    clock = clockFor(tmp_path)
    port, status = freePort(), freePort()

    def ready() -> tuple[int, str]:
        try:
            with urlopen(f"http://127.0.0.1:{status}/readyz", timeout=LATE) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.read().decode()

    async def run() -> None:
        async with archive() as (behind, kept):
            text = f"status = 127.0.0.1:{status}\n" + serving(port, behind)
            with ground(tmp_path, text, **clock.environment) as here:
                one = Modality(port, 1)
                await one.open()
                assert (await asyncio.to_thread(ready))[0] == 200
                clock.set(31 * DAY)
                code, words = await asyncio.to_thread(ready)
                assert code == 503
                assert "certificate" in words
                await one.store()
                await one.release()
                arrived(kept, one.stored)
                await healthy(here, port, kept)
                await here.settled()
                here.once()

    asyncio.run(run())
