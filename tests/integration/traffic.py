"""Many associations at once, on asyncio and the standard library's TLS: a client and an archive.

Objects are random bytes, known by their hashes, so that one that was lost or altered is noticed.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import cache
from hashlib import sha256
from random import Random

from attrs import define, field

from appliance.dicom import uids
from appliance.dicom.command import C_STORE_RQ, RESPONSE, SUCCESS, Command, echoResponse
from appliance.dicom.framer import Framer
from appliance.dicom.items import AnsweredContext, ContextResult, ProposedContext, UserInformation
from appliance.dicom.pdu import PDU, AssociateAC, AssociateRQ, PDataTF, ReleaseRP, ReleaseRQ
from appliance.dicom.pdv import PDV
from tests.objects import US_IMAGE

CONTEXT = 1
FRAGMENT = 16000
LONGEST = 1024 * 1024


class Peer:
    """One side of an association: PDUs out and in."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._framer = Framer(LONGEST)
        self._come: list[PDU] = []

    async def send(self, *pdus: PDU) -> None:
        """Send C{pdus}."""
        self._writer.write(b"".join(pdu.encode() for pdu in pdus))
        await self._writer.drain()

    async def receive(self) -> PDU | None:
        """The next PDU; C{None} at the end of the connection."""
        while not self._come:
            data = await self._reader.read(65536)
            if not data:
                return None
            self._come.extend(self._framer.feed(data))
        return self._come.pop(0)

    async def close(self) -> None:
        """End the connection."""
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()


def message(command: Command, data: bytes = b"") -> list[PDU]:
    """C{command}, and C{data} behind it, as PDUs."""
    pdus: list[PDU] = [PDataTF((PDV(CONTEXT, True, True, command.encode()),))]
    for at in range(0, len(data), FRAGMENT):
        last = at + FRAGMENT >= len(data)
        pdus.append(PDataTF((PDV(CONTEXT, False, last, data[at : at + FRAGMENT]),)))
    return pdus


# --- the archive ------------------------------------------------------------------------------


@define
class Archive:
    """Counts what it was sent by the hashes of objects, and how associations ended.

    C{serving} is how many connections it has at the moment.
    """

    received: Counter[str] = field(factory=Counter)
    released: int = 0
    lost: int = 0
    serving: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one association."""
        peer = Peer(reader, writer)
        kept: dict[bool, bytes] = {True: b"", False: b""}
        command: Command | None = None
        calling = ""
        self.serving += 1
        try:
            while (pdu := await peer.receive()) is not None:
                if isinstance(pdu, AssociateRQ):
                    calling = pdu.calling
                    await self.ponder(calling, "asked")
                    await peer.send(accepting(pdu))
                elif isinstance(pdu, ReleaseRQ):
                    await self.ponder(calling, "releasing")
                    self.released += 1
                    await peer.send(ReleaseRP())
                    break
                elif isinstance(pdu, PDataTF):
                    for value in pdu.values:
                        kept[value.command] += value.data
                        if not value.last:
                            continue
                        whole, kept[value.command] = kept[value.command], b""
                        if value.command:
                            command = Command.decode(whole)
                            if command.hasDataSet:
                                continue
                        assert command is not None
                        await self.ponder(calling, "waiting")
                        await peer.send(*self._answer(command, whole))
                else:
                    self.lost += 1
                    break
        except OSError:
            self.lost += 1
        except asyncio.CancelledError:
            # All is over, and nobody has said FIN.
            writer.close()
            raise
        self.serving -= 1
        await peer.close()

    async def ponder(self, calling: str, stage: str) -> None:
        """Take time before the client C{calling} is answered; this one takes none."""

    def _answer(self, command: Command, data: bytes) -> list[PDU]:
        number = command.messageID or 0
        if command.field != C_STORE_RQ:
            return message(echoResponse(number))
        self.received[sha256(data).hexdigest()] += 1
        answer = Command(C_STORE_RQ | RESPONSE, US_IMAGE, respondedTo=number, status=SUCCESS)
        return message(answer)


def accepting(request: AssociateRQ) -> AssociateAC:
    """The answer that accepts all that C{request} proposes."""
    contexts = tuple(
        AnsweredContext(each.id, ContextResult.ACCEPTED, each.transferSyntaxes[0])
        for each in request.contexts
    )
    return AssociateAC(request.called, request.calling, contexts, UserInformation(65536))


@asynccontextmanager
async def archive(kept: Archive | None = None, port: int = 0) -> AsyncIterator[tuple[int, Archive]]:
    """An archive on loopback: its port, and what it has."""
    kept = kept or Archive()
    server = await asyncio.start_server(kept.serve, "127.0.0.1", port, backlog=1024)
    async with server:
        yield server.sockets[0].getsockname()[1], kept


# --- the client -------------------------------------------------------------------------------


@cache
def believing() -> ssl.SSLContext:
    """What TLS clients go by that believe every certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class RefusedError(Exception):
    """An association did not go as it should."""


@define
class Study:
    """One association with the appliance at C{port}; C{stored} are the objects acknowledged.

    It calls from C{source}. An object has at most twice C{largest} bytes.
    """

    port: int
    seed: int
    stored: list[str] = field(factory=list)
    largest: int = 20_000
    source: str = "127.0.0.1"
    _peer: Peer | None = None
    _random: Random = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._random = Random(self.seed)  # noqa: S311  # only sizes

    async def connect(self) -> None:
        """Connect, and shake hands."""
        there = asyncio.open_connection(
            "127.0.0.1", self.port, ssl=believing(), local_addr=(self.source, 0)
        )
        self._peer = Peer(*await there)

    async def open(self) -> None:
        """Associate."""
        await self.connect()
        assert self._peer is not None
        proposed = ProposedContext(CONTEXT, US_IMAGE, (uids.EXPLICIT_VR_LITTLE_ENDIAN,))
        await self._peer.send(AssociateRQ("ARCHIVE", f"US{self.seed}", (proposed,)))
        answer = await self._peer.receive()
        if not isinstance(answer, AssociateAC):
            raise RefusedError(f"{answer} instead of an acceptance")

    async def store(self) -> None:
        """Send one object, and hear that it was stored."""
        assert self._peer is not None
        data = os.urandom(2 * self._random.randint(500, self.largest))
        number = len(self.stored) % 65535 + 1
        command = Command(C_STORE_RQ, US_IMAGE, messageID=number, hasDataSet=True)
        await self._peer.send(*message(command, data))
        answer = await self._peer.receive()
        if not isinstance(answer, PDataTF):
            raise RefusedError(f"{answer} instead of a response")
        response = Command.decode(b"".join(value.data for value in answer.values))
        if (response.respondedTo, response.status) != (number, SUCCESS):
            raise RefusedError(f"{response} instead of success")
        self.stored.append(sha256(data).hexdigest())

    async def next(self) -> PDU | None:
        """What the peer says unasked."""
        assert self._peer is not None
        return await self._peer.receive()

    async def release(self) -> None:
        """Release, and hear the answer."""
        assert self._peer is not None
        await self._peer.send(ReleaseRQ())
        answer = await self._peer.receive()
        if not isinstance(answer, ReleaseRP):
            raise RefusedError(f"{answer} instead of a release")
        await self._peer.close()

    async def close(self) -> None:
        """End the connection as it is."""
        assert self._peer is not None
        await self._peer.close()
