"""An archive that takes all objects and keeps their hashes; it writes them where it is told to."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from bench.loads.steps import serve
from tests.integration.traffic import archive


async def run() -> None:
    """Serve on loopback, on a port of the kernel's choice that is told, until we are ended."""
    async with archive() as (port, kept):

        async def take(step: dict[str, Any]) -> dict[str, Any]:
            if "file" in step:
                found = sorted(kept.received)
                Path(step["file"]).write_text("".join(f"{each}\n" for each in found))
            return {
                "objects": len(kept.received),
                "twice": sum(count > 1 for count in kept.received.values()),
                "released": kept.released,
                "lost": kept.lost,
                "serving": kept.serving,
            }

        await serve(take, {"port": port})


if __name__ == "__main__":
    asyncio.run(run())
