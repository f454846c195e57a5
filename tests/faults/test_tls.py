"""What peers may do to TLS in the middle of an association, by right or not."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from appliance.dicom import uids
from appliance.dicom.items import ProposedContext
from appliance.dicom.pdu import AssociateAC, AssociateRQ, ReleaseRP, ReleaseRQ
from tests.faults.actor import ALERT
from tests.faults.between import Way, between
from tests.faults.ground import LATE, Modality, arrived, ground, healthy, long, serving
from tests.integration.appliance import keyPair
from tests.integration.traffic import CONTEXT, Archive, Peer, RefusedError, archive
from tests.objects import US_IMAGE
from tests.peers import freePort, program

pytestmark = pytest.mark.real


# --- OpenSSL's own client, which does as it is told ---------------------------------------------


class Pen:
    """What a process is told, as a stream writer."""

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None
        self._stdin, self._process = process.stdin, process

    def write(self, data: bytes) -> None:
        """Say C{data}."""
        self._stdin.write(data)

    async def drain(self) -> None:
        """Wait until that is on its way."""
        await self._stdin.drain()

    def close(self) -> None:
        """Say no more."""
        self._stdin.close()

    async def wait_closed(self) -> None:
        """Wait for the end of the process."""
        await self._process.wait()


class Commanded(Modality):
    """A client whose TLS is that of C{openssl s_client}, which has commands of one letter."""

    process: Process

    async def told(self, letter: str, answer: bytes) -> None:
        """Give a command, and wait for its C{answer} on standard error."""
        assert self.process.stdin is not None
        assert self.process.stderr is not None
        # Nothing else must be in what it reads at once.
        self.process.stdin.write(f"{letter}\n".encode())
        await self.process.stdin.drain()
        await asyncio.wait_for(self.process.stderr.readuntil(answer), LATE)


@asynccontextmanager
async def commanded(port: int, version: str) -> AsyncIterator[Commanded]:
    """Such a client of C{port}, which has an association."""
    words = ("s_client", "-brief", f"-{version}", "-connect", f"127.0.0.1:{port}")
    process = await asyncio.create_subprocess_exec(
        program("openssl"), *words, stdin=PIPE, stdout=PIPE, stderr=PIPE
    )
    # So small that all that is said at a time is read at once, and begins with no letter.
    client = Commanded(port, 1, largest=500)
    client.process = process
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        await asyncio.wait_for(process.stderr.readuntil(b"CONNECTION ESTABLISHED"), LATE)
        client._peer = Peer(process.stdout, Pen(process))  # type: ignore[arg-type]
        proposed = ProposedContext(CONTEXT, US_IMAGE, (uids.EXPLICIT_VR_LITTLE_ENDIAN,))
        await client._peer.send(AssociateRQ("ARCHIVE", "OPENSSL", (proposed,)))
        assert isinstance(await client._peer.receive(), AssociateAC)
        yield client
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        process._transport.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("letter", ["k", "K"])
def test_keyUpdate(tmp_path: Path, letter: str) -> None:
    """TLS 1.3: new keys in the middle of an association change nothing; C{K} asks for ours too."""
    keyPair(tmp_path)

    async def run() -> None:
        port = freePort()
        async with archive() as (behind, kept):
            with ground(tmp_path, serving(port, behind)) as here:
                async with commanded(port, "tls1_3") as client:
                    for _ in range(10):
                        await client.told(letter, b"KEYUPDATE")
                        await client.store()
                    await client._peer.send(ReleaseRQ())  # type: ignore[union-attr]
                    assert isinstance(await client.next(), ReleaseRP)
                arrived(kept, client.stored)
                assert len(client.stored) == 10
                await here.settled()
                here.once()

    asyncio.run(run())


@pytest.mark.faults
def test_renegotiation(tmp_path: Path) -> None:
    """TLS 1.2: a client that wants to renegotiate is told no; others do not notice."""
    keyPair(tmp_path)

    async def run() -> None:
        port = freePort()
        async with archive() as (behind, kept):
            with ground(tmp_path, serving(port, behind)) as here:
                beside = Modality(port, 2)
                await beside.open()
                async with commanded(port, "tls1_2") as client:
                    await client.store()
                    await client.told("R", b"no renegotiation")
                    await beside.store()
                await beside.release()
                arrived(kept, [*beside.stored, *client.stored])
                await here.settled()
                here.once()

    asyncio.run(run())


# --- records that are not what they should be ---------------------------------------------------

STRAY = b"\x14\x03\x03\0\x01\x01"
"""A change of cipher specs, which has no place behind a handshake."""

GARBAGE = bytes(range(128, 228))


async def broken(directory: Path, added: bytes) -> None:
    """Let a client's stream be spoilt in the middle of an association, beside another one.

    C{added} is what is put into it; where that is nothing, a bit is altered.
    """
    port = freePort()
    async with archive() as (behind, kept):
        with ground(directory, serving(port, behind)) as here:
            async with between(port) as (before, line):
                beside, client = Modality(port, 1), Modality(before, 2)
                await beside.open()
                await client.open()
                await client.store()
                # The appliance knows the relay's end.
                victim = await here.accepted(2)
                if added:
                    line.add(Way.UP, added)
                else:
                    line.spoil(Way.UP)
                with pytest.raises((RefusedError, OSError)):
                    await asyncio.wait_for(client.store(), LATE)
                assert await here.ended(victim) == "TLS reset"
                await beside.store()
                await beside.release()
                await client.close()
            arrived(kept, [*beside.stored, *client.stored])
            await gone(kept)
            await here.settled()
            here.once()
            await healthy(here, port, kept)


async def gone(kept: Archive) -> None:
    """Return once the PACS has nobody any more: it was told, or it has seen the end."""
    async with asyncio.timeout(LATE):
        while kept.serving:
            await asyncio.sleep(0.02)


SPOILT = {"alert": ALERT, "stray": STRAY, "garbage": GARBAGE, "bit": b""}


@pytest.mark.parametrize("what", ["alert", "bit", long("stray"), long("garbage")])
def test_spoilt(tmp_path: Path, what: str) -> None:
    """What does not belong there ends that connection alone, and the PACS hears of it."""
    keyPair(tmp_path)
    asyncio.run(broken(tmp_path, SPOILT[what]))


@pytest.mark.faults
def test_alert(tmp_path: Path) -> None:
    """So does the alert of a client that could not read what was sent to it."""
    keyPair(tmp_path)

    async def run() -> None:
        port = freePort()
        async with archive() as (behind, kept), between(port) as (before, line):
            with ground(tmp_path, serving(port, behind)) as here:
                async with commanded(before, "tls1_3") as client:
                    await client.store()
                    line.spoil(Way.DOWN)
                    with pytest.raises((RefusedError, OSError)):
                        await asyncio.wait_for(client.store(), LATE)
                    assert await here.ended(await here.accepted(1)) == "TLS reset"
                arrived(kept, client.stored)
                await gone(kept)
                await here.settled()
                here.once()

    asyncio.run(run())
