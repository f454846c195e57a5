"""Steps for loads that run on asyncio: a line of JSON in, a line out, while all else goes on."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

Take = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


async def lines() -> AsyncIterator[dict[str, Any]]:
    """The steps that come in, up to the end of the standard input."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        yield json.loads(line)


def say(said: dict[str, Any]) -> None:
    """Say that a step is done."""
    print(json.dumps(said), flush=True)


async def serve(take: Take, first: dict[str, Any]) -> None:
    """Be ready with the words C{first}, then do with each step what C{take} does."""
    say(first)
    async for step in lines():
        say(await take(step))
