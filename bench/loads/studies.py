"""Clients that store: C{active} associations that last, and guests who come and go.

What each step is answered with is what has happened since the step before: how long it took to
store an object, how long a guest took from his call to his release, what failed and why.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

from attrs import define, field

from bench.loads.steps import serve
from tests.integration.traffic import RefusedError, Study

GUEST_FROM = "127.0.3.1"
"""Guests have an address of their own, which nobody floods from."""


@define
class Studies:
    """Those of C{spec}: C{port} for those that last, C{guests} the port for guests, C{pause}.

    One that lasts stores some C{objects}, and is another one then.
    """

    spec: dict[str, Any]
    stored: list[str] = field(factory=list)
    times: list[float] = field(factory=list)
    visits: list[float] = field(factory=list)
    problems: Counter[str] = field(factory=Counter)
    over: asyncio.Event = field(factory=asyncio.Event)
    _tasks: list[asyncio.Task[None]] = field(factory=list)

    async def take(self, step: dict[str, Any]) -> dict[str, Any]:
        """Begin with C{active} of them, look, or end and write the hashes to C{file}."""
        if "active" in step:
            begun = [asyncio.create_task(self._last(n)) for n in range(step["active"])]
            self._tasks = [*begun, asyncio.create_task(self._visit())]
        if "file" in step:
            self.over.set()
            await asyncio.gather(*self._tasks)
            Path(step["file"]).write_text("".join(f"{each}\n" for each in self.stored))
        said = {"times": self.times, "visits": self.visits, "problems": dict(self.problems)}
        self.times, self.visits, self.problems = [], [], Counter()
        return {**said, "stored": len(self.stored), "open": sum(not t.done() for t in self._tasks)}

    async def _last(self, number: int) -> None:
        """Store one object after the other, in one association after the other."""
        random = Random(number)  # noqa: S311  # only pauses
        while not self.over.is_set():
            one = Study(self.spec["port"], number, source=f"127.0.4.{number % 200 + 1}")
            try:
                await one.open()
                for _ in range(int(self.spec["objects"] * random.uniform(0.5, 1.5))):
                    if self.over.is_set():
                        break
                    begin = time.monotonic()
                    await one.store()
                    self.times.append(time.monotonic() - begin)
                    await asyncio.sleep(self.spec["pause"] * random.uniform(0.5, 1.5))
                await one.release()
            except (OSError, RefusedError) as error:
                self.problems[f"{type(error).__name__}: {error}"] += 1
                await asyncio.sleep(1)
            self.stored += one.stored

    async def _visit(self) -> None:
        """Come, store one object and go, again and again."""
        while not self.over.is_set():
            one = Study(self.spec["guests"], 0, source=GUEST_FROM)
            begin = time.monotonic()
            try:
                await one.open()
                await one.store()
                await one.release()
                self.visits.append(time.monotonic() - begin)
            except (OSError, RefusedError) as error:
                self.problems[f"guest: {type(error).__name__}: {error}"] += 1
            self.stored += one.stored
            await asyncio.sleep(0.5)


async def run() -> None:
    """Do as the steps say."""
    studies = Studies(json.loads(sys.argv[1]))
    await serve(studies.take, {})


if __name__ == "__main__":
    asyncio.run(run())
