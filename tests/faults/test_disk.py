"""A disk that is full: records suffer, associations do not, and what was lost is told."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.ground import LATE, Ground, Modality, arrived, ground, healthy, serving
from tests.integration.appliance import keyPair
from tests.integration.test_records import collecting, kinds
from tests.integration.traffic import Archive, archive
from tests.peers import freePort

pytestmark = pytest.mark.real

STAMP = re.compile(r"\d{4}\.\d\d\.\d\d \d\d:\d\d:\d\d LOG\d\[\S+\]: .")


GAP = re.compile(r"The log file can be written again: \S+, (\d+) line\(s\) are missing")


def needsRoot() -> None:
    """Skip the test where nothing can be mounted."""
    if os.geteuid() != 0:
        pytest.skip("a file system of its own needs root")


class Disk:
    """A small file system that only the process C{pid} sees, and that can be full."""

    def __init__(self, here: Ground, directory: Path) -> None:
        self.path = Path(f"/proc/{here.child.process.pid}/root{directory}")
        self._rest = self.path / "rest"

    def fill(self) -> None:
        """Leave no room."""
        with open(self._rest, "ab", buffering=0) as file:
            for size in (4096, 1):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError:
                    continue

    def free(self) -> None:
        """Make room again."""
        self._rest.unlink()


@contextmanager
def onSmallDisk(directory: Path, text: str) -> Iterator[tuple[Ground, Disk]]:
    """The appliance with a directory C{disk} of a megabyte."""
    needsRoot()
    where = directory / "disk"
    where.mkdir()
    script = 'mount -t tmpfs -o size=1m,mode=700 tmpfs "$0" && mkdir "$0/spool" && exec "$@"'
    before = ("unshare", "--mount", "--propagation", "private", "sh", "-c", script, where)
    with ground(directory, text, before) as here:
        yield here, Disk(here, where)


async def studies(port: int, number: int) -> list[Modality]:
    """So many associations, one after the other."""
    return [await Modality(port, at).study(1) for at in range(number)]


async def overfull(here: Ground, disk: Disk, port: int, kept: Archive, number: int) -> None:
    """C{number} associations while the disk is full, and some before and after: all go well."""
    people = await studies(port, 2)
    disk.fill()
    people += await studies(port, number)
    disk.free()
    people += await studies(port, 2)
    for each in people:
        arrived(kept, each.stored)
    await here.settled()
    here.once()


def test_log(tmp_path: Path) -> None:
    """While the log cannot be written all else goes on; then it goes on too, and tells the gap."""
    keyPair(tmp_path)

    async def run() -> None:
        port = freePort()
        async with archive() as (behind, kept):
            text = "output = disk/log\n" + serving(port, behind)
            with onSmallDisk(tmp_path, text) as (here, disk):
                await overfull(here, disk, port, kept, 40)
                shown = [line for line in here.child.lines if STAMP.match(line)]
                log = (disk.path / "log").read_text().splitlines()
        # One may have been cut short.
        assert sum(not STAMP.match(line) for line in log) <= 1
        closed = sum(": Connection closed" in line for line in log)
        assert 4 <= closed < 44
        (gap,) = [match for match in map(GAP.search, log) if match]
        # The terminal has them all.
        assert len([line for line in log if STAMP.match(line)]) + int(gap[1]) - len(shown) in (1, 2)

    asyncio.run(run())


def test_journal(tmp_path: Path) -> None:
    """Lines of the journal that find no room are counted, and the rest of it is whole."""
    keyPair(tmp_path)

    async def run() -> None:
        port = freePort()
        async with archive() as (behind, kept):
            text = "journal = disk/journal\n" + serving(port, behind)
            with onSmallDisk(tmp_path, text) as (here, disk):
                await overfull(here, disk, port, kept, 20)
                lines = (disk.path / "journal").read_bytes().splitlines()
                told = here.child.waitFor(r"journal can be written again: .* (\d+) line", LATE)
        whole = [line for line in lines if line.endswith(b"}")]
        assert len(lines) - len(whole) <= 1
        assert [json.loads(line)["outcome"] for line in whole] == ["released"] * len(whole)
        assert len(whole) + int(told[1]) == 24

    asyncio.run(run())


@pytest.mark.faults
def test_spool(tmp_path: Path) -> None:
    """Audit messages that find no room wait in memory; all reach the collector once it is back."""
    keyPair(tmp_path)
    port, collector = freePort(), freePort()
    text = f"audit = 127.0.0.1:{collector}\nauditProtocol = tcp\nauditSpool = disk/spool\n"

    async def strangers(number: int) -> None:
        for _ in range(number):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.0\r\n\r\n")
            await reader.read()
            writer.close()

    async def run() -> None:
        async with archive() as (behind, kept):
            with onSmallDisk(tmp_path, text + serving(port, behind)) as (here, disk):
                disk.fill()
                await strangers(3)
                await healthy(here, port, kept)
                here.sound()
                with collecting(collector) as (found, _):
                    messages = await asyncio.to_thread(found.wait, 2)
                    assert kinds(messages)[0] == "110120"
                    assert "110126" in kinds(messages)
                disk.free()

    asyncio.run(run())


@pytest.mark.faults
def test_devFull(tmp_path: Path) -> None:
    """A log that never takes a line costs the log alone."""
    keyPair(tmp_path)

    async def run() -> None:
        port = freePort()
        async with archive() as (behind, kept):
            text = "output = /dev/full\n" + serving(port, behind)
            with ground(tmp_path, text) as here:
                await healthy(here, port, kept)
                await here.settled()
                here.once()

    asyncio.run(run())
