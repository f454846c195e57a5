"""A TCP relay between two ends, which does to the bytes on their way what networks may do.

It can deliver late, or a byte at a time, or nothing any more; it can alter a bit, and put in bytes
that nobody has sent.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from enum import Enum

from attrs import define, field


class Way(Enum):
    """Which way bytes go."""

    UP = "from who has called"
    DOWN = "to who has called"


@define
class Between:
    """What is done to the bytes. C{delay} is seconds, C{piece} is bytes."""

    target: int
    delay: float = 0.0
    piece: int = 1 << 16
    passing: asyncio.Event = field(factory=asyncio.Event)
    _spoilt: set[Way] = field(factory=set)
    _added: dict[Way, bytes] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.passing.set()

    def spoil(self, way: Way) -> None:
        """Alter a bit in the middle of what comes next that way."""
        self._spoilt.add(way)

    def add(self, way: Way, data: bytes) -> None:
        """Put C{data} before what comes next that way."""
        self._added[way] = data

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Stand between a caller and the target."""
        there, thither = await asyncio.open_connection("127.0.0.1", self.target)
        for each in (writer, thither):
            handle = each.get_extra_info("socket")
            handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            await asyncio.gather(
                self._move(reader, thither, Way.UP), self._move(there, writer, Way.DOWN)
            )
        finally:
            # Also where the test is over and nobody has said FIN.
            for each in (writer, thither):
                each.close()

    async def _move(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: Way
    ) -> None:
        with suppress(OSError):
            try:
                while data := await reader.read(1 << 16):
                    if self.delay:
                        await asyncio.sleep(self.delay)
                    await self._write(writer, self._treated(data, way))
                await self.passing.wait()
                writer.write_eof()
            except ConnectionResetError:
                await self.passing.wait()
                writer.transport.abort()

    async def _write(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        for at in range(0, len(data), self.piece):
            await self.passing.wait()
            writer.write(data[at : at + self.piece])
            await writer.drain()
            if self.piece == 1:
                # So that each goes by itself.
                await asyncio.sleep(0)

    def _treated(self, data: bytes, way: Way) -> bytes:
        if way in self._spoilt:
            self._spoilt.discard(way)
            middle = len(data) // 2
            data = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
        return self._added.pop(way, b"") + data


@asynccontextmanager
async def between(target: int) -> AsyncIterator[tuple[int, Between]]:
    """Such a relay before C{target}: its port, and what it does."""
    made = Between(target)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0, backlog=1024)
    async with server:
        yield server.sockets[0].getsockname()[1], made
