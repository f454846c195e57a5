"""C{client = yes}: a PACS that speaks TLS goes at every stage, and the client in the clear is told.

As in L{tests.faults.test_stages} all stages are tried at once, beside an association that goes on.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from attrs import define

from appliance.tls.certificate import KeyPair
from tests import material as m
from tests.faults import network
from tests.faults.actor import SECURE, Files
from tests.faults.ground import LATE, UNWATCHED, Modality, arrived, ground, long
from tests.faults.test_stages import SHORT, actor, pacs, strike, wake
from tests.integration.traffic import Archive, Peer, RefusedError
from tests.peers import freePort

pytestmark = pytest.mark.real


@define
class Plain(Modality):
    """A modality that knows no TLS."""

    async def connect(self) -> None:
        """Connect."""
        self._peer = Peer(*await asyncio.open_connection("127.0.0.1", self.port))
        _, self.address = self._peer._writer.get_extra_info("sockname") or ("", 0)


PINNED = ("verifyPeer = yes", "CAfile = PACS_Cert.pem")


def outward(
    port: int, behind: int, *more: str, name: str = "OUT", trust: tuple[str, ...] = PINNED
) -> str:
    """A section that takes DICOM in the clear to a server that it trusts by the lines C{trust}."""
    ends = (f"accept = 127.0.0.1:{port}", f"connect = 127.0.0.1:{behind}")
    return "\n".join((f"[{name}]", "client = yes", *ends, *trust, UNWATCHED, *more)) + "\n"


def files(directory: Path) -> Files:
    """A certificate and its key for all who are a PACS."""
    return written(directory, "PACS", m.server())


def written(directory: Path, name: str, pair: KeyPair) -> Files:
    """Write C{pair} into C{directory}."""
    cert, key = m.write(directory, name, pair)
    return str(cert), str(key)


@asynccontextmanager
async def securely(kept: Archive, port: int, files: Files) -> AsyncIterator[None]:
    """An archive at C{port} that speaks TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    server = await asyncio.start_server(kept.serve, "127.0.0.1", port, ssl=context)
    async with server:
        yield


async def healthy(port: int, kept: Archive) -> None:
    """Assert that a study goes through at C{port} to the archive that has C{kept}."""
    one = await asyncio.wait_for(Plain(port, 7).study(3), LATE)
    arrived(kept, one.stored)


def sections(behind: list[int], fate: str) -> tuple[str, list[int]]:
    """A section for each PACS, the last for an association that goes on beside; their ports."""
    ports = [freePort() for _ in behind]
    more = SHORT if fate == "stopped" else ()
    text = "".join(
        outward(port, to, *(() if port == ports[-1] else more), name=f"S{at}")
        for at, (port, to) in enumerate(zip(ports, behind, strict=True))
    )
    return text, ports


UNSHAKEN = ("listening", "accepted", "greeted", "handshake")
"""Stages at which there is no TLS yet."""


def ends(fate: str, stage: str) -> set[str]:
    """Why the connection to such a PACS may have ended."""
    if stage in UNSHAKEN:
        return {"handshake timeout" if fate == "stopped" else "handshake"}
    match fate:
        case "stopped":
            return {"idle"}
        case "reset" | "alert":
            return {"TLS reset"}
        case "half-closed" | "close_notify":
            return {"cut short"}
    # The kernel resets where something was not read, and says FIN where all was.
    return {"cut short", "TLS reset"}


STAGES = {
    # Who has not accepted has nothing to close a half of, or to send by.
    "half-closed": SECURE[1:],
    "close_notify": SECURE[4:],
    # In the middle of a flight it would be taken for the rest of that.
    "alert": tuple(stage for stage in SECURE[1:] if stage != "handshake"),
}
"""At which stages what can happen, where it cannot at all."""

LONGER = ("stopped", "reset", "half-closed", "closed", "close_notify", "alert")


@pytest.mark.parametrize("fate", ["killed", *map(long, LONGER)])
def test_server(tmp_path: Path, fate: str) -> None:
    """The client is told, nothing is left, others go on; another PACS in its place is served."""
    pair = files(tmp_path)
    stages = STAGES.get(fate, SECURE)
    behind = [freePort() for _ in range(len(stages) + 1)]
    text, ports = sections(behind, fate)

    async def run() -> None:
        actors = [actor("pacs", *each, pair) for each in zip(behind, stages, strict=False)]
        kept = Archive()
        try:
            async with securely(kept, behind[-1], pair):
                with ground(tmp_path, text) as here:
                    found = await pacs(here, ports, actors, fate, Plain)
                    await here.settled()
                    here.once()
                    for one in actors:
                        one.end()
                    async with securely(kept, behind[0], pair):
                        await healthy(ports[0], kept)
        finally:
            for one in actors:
                one.end()
        for stage, reason in found.items():
            assert reason in ends(fate, stage), stage

    asyncio.run(run())


@pytest.mark.faults
def test_goesOn(tmp_path: Path) -> None:
    """One that was stopped for a while at any stage has the whole object in the end."""
    pair = files(tmp_path)
    behind = [freePort() for _ in range(len(SECURE) + 1)]
    text, ports = sections(behind, "continued")

    async def run() -> None:
        actors = [actor("pacs", *each, pair) for each in zip(behind, SECURE, strict=False)]
        kept = Archive()
        try:
            async with securely(kept, behind[-1], pair):
                with ground(tmp_path, text) as here:
                    for one in actors:
                        await one.hear("listens")
                    studies = [Plain(port, at) for at, port in enumerate(ports[:-1])]
                    tasks = [asyncio.ensure_future(each.study(1)) for each in studies]
                    for one in actors:
                        await one.hear("at")
                        await strike(one, "stopped")
                    await healthy(ports[-1], kept)
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


# --- what else a server can be --------------------------------------------------------------------


def test_expired(tmp_path: Path) -> None:
    """An expired certificate costs the client its connection; a new one of the PACS is enough."""
    m.writeAuthority(tmp_path, "CA", m.ca())
    old, new = (m.client("pacs", expired=expired) for expired in (True, False))
    trusting = ("verifyChain = yes", "CAfile = CA.pem")
    port, behind = freePort(), freePort()

    async def run() -> None:
        kept = Archive()
        with ground(tmp_path, outward(port, behind, trust=trusting)) as here:
            async with securely(kept, behind, written(tmp_path, "old", old)):
                one = Plain(port, 1)
                with pytest.raises(ConnectionResetError):
                    await asyncio.wait_for(one.study(), LATE)
                assert await here.ended(one.address) == "handshake"
                await one.close()
            assert here.told("certificate has expired")
            assert not kept.received
            await here.settled()
            async with securely(kept, behind, written(tmp_path, "new", new)):
                await healthy(port, kept)
                await here.settled()
            here.once()

    asyncio.run(run())


@pytest.mark.faults
def test_silent(tmp_path: Path) -> None:
    """A partition in the middle of an association, half-open on our side, ends by TIMEOUTidle."""
    pair = files(tmp_path)
    port, behind = freePort(), freePort()

    async def run() -> None:
        kept = Archive()
        async with securely(kept, behind, pair):
            with ground(tmp_path, outward(port, behind, "TIMEOUTidle = 4")) as here:
                one = Plain(port, 1)
                await one.open()
                await one.store()
                with network.parted(behind):
                    with pytest.raises((RefusedError, OSError)):
                        await asyncio.wait_for(one.store(), LATE)
                    assert await here.ended(one.address) == "idle"
                await one.close()
                arrived(kept, one.stored)
                await here.settled()
                here.once()
                await healthy(port, kept)

    with network.isolated():
        asyncio.run(run())
