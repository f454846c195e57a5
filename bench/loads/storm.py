"""Handshakes at a rate, whoever answers: a new connection each, which is closed when it has shaken.

The rate is kept whatever becomes of them; what cannot be offered in time is told as such.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import time
from collections import Counter
from typing import Any

from bench.loads.steps import serve
from bench.loads.wire import context

PATIENCE = 10.0
"""Seconds that a client waits for its handshake."""

MOST = 4000
"""Connections at a time; more are not offered."""


class Storm:
    """C{spec}: where to, and from how many C{addresses}."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self._spec = spec
        self._tls = context(spec["version"])
        self._rate = 0.0
        self._task: asyncio.Task[None] | None = None
        self._open: set[asyncio.Task[None]] = set()
        self._outcomes: Counter[str] = Counter()

    async def take(self, step: dict[str, Any]) -> dict[str, Any]:
        """Offer C{rate} a second from now on, if that is given; what came of it so far."""
        if "rate" in step:
            self._rate = step["rate"]
            if self._rate and self._task is None:
                self._task = asyncio.create_task(self._offer())
        said, self._outcomes = dict(self._outcomes), Counter()
        return said

    async def _offer(self) -> None:
        number, due = 0, time.monotonic()
        while True:
            if not self._rate:
                await asyncio.sleep(0.1)
                due = time.monotonic()
                continue
            due += 1 / self._rate
            wait = due - time.monotonic()
            # Several at a time, since a sleep takes a millisecond at the least.
            if wait > 0.005:
                await asyncio.sleep(wait)
            elif wait < -1:
                self._outcomes["not offered"] += int(-wait * self._rate)
                due = time.monotonic()
            if len(self._open) >= MOST:
                self._outcomes["not offered"] += 1
                continue
            number += 1
            task = asyncio.create_task(self._one(number))
            self._open.add(task)
            task.add_done_callback(self._open.discard)

    async def _one(self, number: int) -> None:
        source = f"127.0.2.{number % self._spec['addresses'] + 1}"
        self._outcomes["offered"] += 1
        try:
            async with asyncio.timeout(PATIENCE):
                _, writer = await asyncio.open_connection(
                    *(self._spec["host"], self._spec["port"]),
                    ssl=self._tls,
                    local_addr=(source, 0),
                )
            self._outcomes["served"] += 1
            writer.transport.abort()
        except TimeoutError:
            self._outcomes["timed out"] += 1
        except (OSError, ssl.SSLError):
            self._outcomes["turned away"] += 1


async def run() -> None:
    """Do as the steps say."""
    await serve(Storm(json.loads(sys.argv[1])).take, {})


if __name__ == "__main__":
    asyncio.run(run())
