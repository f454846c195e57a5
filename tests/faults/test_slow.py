"""Peers that are slow: a byte at a time, and those that do not read at all."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from hashlib import sha256
from pathlib import Path

import pytest
from attrs import define, field

from appliance.dicom.pdu import AssociateRQ, PDataTF, ReleaseRP
from appliance.dicom.pdv import PDV
from tests.faults.between import between
from tests.faults.ground import LATE, Modality, ground, healthy, long, serving
from tests.faults.test_network import crowd
from tests.integration.appliance import keyPair
from tests.integration.test_faults import residentKiB
from tests.integration.traffic import CONTEXT, Peer, accepting, archive
from tests.peers import freePort

pytestmark = pytest.mark.real


@pytest.mark.parametrize("leg", [long("client"), long("PACS"), "both"])
def test_byteByByte(tmp_path: Path, leg: str) -> None:
    """A peer whose bytes come and go one at a time gets everything, and so does the other."""
    keyPair(tmp_path)

    async def run() -> None:
        async with AsyncExitStack() as stack:
            enter = stack.enter_async_context
            inner, kept = await enter(archive())
            behind, pacs = await enter(between(inner))
            port = freePort()
            with ground(tmp_path, serving(port, behind)) as here:
                before, client = await enter(between(port))
                pacs.piece = 1 if leg in ("PACS", "both") else 1 << 16
                client.piece = 1 if leg in ("client", "both") else 1 << 16
                await crowd(before, kept, number=1, objects=1)
                await here.settled()
                here.once()

    asyncio.run(run())


# --- who does not read --------------------------------------------------------------------------

CROWD = 8
SIZE = 32 * 1024 * 1024
"""Bytes each way and association: more than all buffers of the kernel together."""

EACH_MAY_COST = 1536
"""KiB of memory for an association that stands still: two queues, and what holds them."""

PDU_SIZE = 60_000


def pieces(data: bytes) -> list[bytes]:
    """C{data} as PDUs of a data set that does not end with them."""
    at = range(0, len(data), PDU_SIZE)
    return [PDataTF((PDV(CONTEXT, False, False, data[k : k + PDU_SIZE]),)).encode() for k in at]


async def hashed(peer: Peer, size: int) -> str:
    """The hash of so many bytes that C{peer} sends in PDUs."""
    found = sha256()
    while size:
        pdu = await peer.receive()
        assert isinstance(pdu, PDataTF), pdu
        for value in pdu.values:
            found.update(value.data)
            size -= len(value.data)
    return found.hexdigest()


@define
class Stalling:
    """A PACS that says or hears a lot, once it C{may}; C{found} are the hashes of what it heard."""

    says: bytes
    hears: int
    may: asyncio.Event = field(factory=asyncio.Event)
    sent: int = 0
    found: list[str] = field(factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one association."""
        peer = Peer(reader, writer)
        request = await peer.receive()
        assert isinstance(request, AssociateRQ)
        await peer.send(accepting(request))
        for piece in pieces(self.says):
            writer.write(piece)
            await writer.drain()
            self.sent += len(piece)
        if self.hears:
            await self.may.wait()
            self.found.append(await hashed(peer, self.hears))
        await peer.receive()
        await peer.send(ReleaseRP())
        await peer.close()

    @classmethod
    @asynccontextmanager
    async def at(cls, says: bytes, hears: int) -> AsyncIterator[tuple[int, Stalling]]:
        """One that listens: its port, and itself."""
        made = cls(says, hears)
        server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
        async with server:
            yield server.sockets[0].getsockname()[1], made


class Talker(Modality):
    """A client that says or hears as much."""

    sent = 0

    async def say(self, data: bytes) -> None:
        """Say C{data}."""
        assert self._peer is not None
        for piece in pieces(data):
            self._peer._writer.write(piece)
            await self._peer._writer.drain()
            self.sent += len(piece)

    async def hear(self, size: int) -> str:
        """The hash of so many bytes."""
        assert self._peer is not None
        return await hashed(self._peer, size)


async def standstill(*who: Stalling | Talker) -> None:
    """Return when nobody has got rid of a byte for a while, which is an absence of events."""
    before = -1
    while (now := sum(each.sent for each in who)) != before:
        before = now
        await asyncio.sleep(1)


def test_clientStalls(tmp_path: Path) -> None:
    """While clients read nothing the memory does not grow with what the PACS sends; all comes."""
    keyPair(tmp_path)
    data = os.urandom(SIZE)

    async def run() -> None:
        port = freePort()
        async with Stalling.at(data, 0) as (behind, pacs), archive() as (other, kept):
            well = freePort()
            text = serving(port, behind) + serving(well, other, name="BESIDE")
            with ground(tmp_path, text) as here:
                await healthy(here, well, kept)
                pid = here.child.process.pid
                before = residentKiB(pid)
                clients = [Talker(port, at) for at in range(CROWD)]
                for each in clients:
                    await each.open()
                await standstill(pacs)
                assert residentKiB(pid) - before < CROWD * EACH_MAY_COST
                assert pacs.sent < CROWD * SIZE
                await healthy(here, well, kept)
                found = await asyncio.gather(*(each.hear(SIZE) for each in clients))
                assert set(found) == {sha256(data).hexdigest()}
                await asyncio.gather(*(each.release() for each in clients))
                await here.settled()
                here.once()

    asyncio.run(asyncio.wait_for(run(), 8 * LATE))


@pytest.mark.faults
def test_PACSStalls(tmp_path: Path) -> None:
    """While a PACS reads nothing the memory does not grow with what clients send; all comes."""
    keyPair(tmp_path)
    data = os.urandom(SIZE)

    async def run() -> None:
        port = freePort()
        async with Stalling.at(b"", SIZE) as (behind, pacs), archive() as (other, kept):
            well = freePort()
            text = serving(port, behind) + serving(well, other, name="BESIDE")
            with ground(tmp_path, text) as here:
                await healthy(here, well, kept)
                pid = here.child.process.pid
                before = residentKiB(pid)
                clients = [Talker(port, at) for at in range(CROWD)]
                for each in clients:
                    await each.open()
                saying = [asyncio.ensure_future(each.say(data)) for each in clients]
                await standstill(*clients)
                assert residentKiB(pid) - before < CROWD * EACH_MAY_COST
                assert not any(each.done() for each in saying)
                await healthy(here, well, kept)
                pacs.may.set()
                await asyncio.gather(*saying)
                await asyncio.gather(*(each.release() for each in clients))
                assert pacs.found == [sha256(data).hexdigest()] * CROWD
                await here.settled()
                here.once()

    asyncio.run(asyncio.wait_for(run(), 8 * LATE))
