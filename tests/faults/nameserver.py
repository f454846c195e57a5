"""A name server that answers, or does not, or lies; and a place where it is the only one.

Names end in C{.test} (RFC 6761). What comes before that says what becomes of a question.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from attrs import define, field

A, AAAA = 1, 28

PORT: Final = 53

_HEADER = struct.Struct(">6H")

FOUND, NO_SUCH_NAME, FAILED = 0x8180, 0x8183, 0x8182
"""Flags of an answer: it is one, recursion was asked for and had, and how it went (RFC 1035)."""


@define
class Nameserver(asyncio.DatagramProtocol):
    """Knows C{addresses} by their names; C{asked} is what was asked for.

    C{slow...} hears nothing, C{fails} of a failure, C{junk} no answer at all, and C{lies} one to
    another question.
    """

    addresses: dict[str, str]
    asked: list[str] = field(factory=list)
    _transport: Any = None

    def connection_made(self, transport: Any) -> None:
        """It listens."""
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """A question."""
        number = _HEADER.unpack_from(data)[0]
        labels, at = [], _HEADER.size
        while data[at]:
            labels.append(data[at + 1 : at + 1 + data[at]].decode())
            at += 1 + data[at]
        kind = struct.unpack_from(">H", data, at + 1)[0]
        question = data[_HEADER.size : at + 5]
        name = labels[0]
        self.asked.append(name)
        answer = self._answer(name, kind, number, question)
        if answer:
            self._transport.sendto(answer, addr)

    def _answer(self, name: str, kind: int, number: int, question: bytes) -> bytes:
        if name.startswith("slow"):
            return b""
        if name == "junk":
            return b"\xff" * 40
        if name == "fails":
            return _HEADER.pack(number, FAILED, 1, 0, 0, 0) + question
        if name not in self.addresses:
            return _HEADER.pack(number, NO_SUCH_NAME, 1, 0, 0, 0) + question
        if name == "lies":
            # To another question.
            number ^= 0x5555
        if kind != A:
            return _HEADER.pack(number, FOUND, 1, 0, 0, 0) + question
        address = bytes(map(int, self.addresses[name].split(".")))
        record = b"\xc0\x0c" + struct.pack(">2HIH", A, 1, 1, 4) + address
        return _HEADER.pack(number, FOUND, 1, 1, 0, 0) + question + record


@asynccontextmanager
async def nameserver(**addresses: str) -> AsyncIterator[Nameserver]:
    """One at the usual port of loopback, in a network of our own."""
    made = Nameserver(addresses)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: made, local_addr=("127.0.0.1", PORT))
    try:
        yield made
    finally:
        transport.close()


def asking(directory: Path, seconds: int = 3) -> tuple[str, ...]:
    """The words before a command that let it ask this name server alone, twice, so many seconds."""
    conf = directory / "resolv.conf"
    conf.write_text(f"nameserver 127.0.0.1\noptions timeout:{seconds} attempts:2\n")
    script = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
    return ("unshare", "--mount", "--propagation", "private", "sh", "-c", script, str(conf))
