"""C{make soak}: thousands of associations at a time, for as long as is asked for, and a storm.

Idle associations by the thousand stand beside some that store objects. For a part of the time more
handshakes a second are offered than can be served, at a port of their own with a limit; guests with
another address come to the same port. The file is read again and the program is upgraded now and
then, if that is asked for. At the end everybody leaves. What was measured each second is kept as
JSON, from which L{bench.soaking} makes a page.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from bench.processes import LoadError, Processes
from bench.scene import Scene, Shape

RESULTS = Path(__file__).parent / "results"

FILES = 65536
"""Open files that each process may have, where that is allowed."""

SPARED = 1000
"""Open files of a process that are for guests and strangers, and for itself."""


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="make soak", description=(__doc__ or "").split("\n\n")[1])
    add = parser.add_argument
    add("--minutes", type=float, default=2.0, help="how long, once all are there (2)")
    add("--idle", type=int, default=10_000, help="associations that say nothing (10000)")
    add("--active", type=int, default=200, help="associations that store objects (200)")
    add("--pause", type=float, default=2.0, help="seconds between two objects of one of these (2)")
    add("--handshakes", type=float, default=1000, help="offered a second in the storm (1000)")
    add("--addresses", type=int, default=4, help="that they come from (4)")
    add("--rate", default="100:200", help="handshakeRate of the port of the storm (100:200)")
    add("--workers", type=int, default=1, help="worker processes (1)")
    add("--reload", type=float, default=0, help="seconds from one reload to the next (0: none)")
    add("--upgrade", type=float, default=0, help="seconds from one upgrade to the next (0: none)")
    add("--name", default="", help="of the results (the time)")
    return parser.parse_args()


def raiseLimit() -> int:
    """Let us and what we start have many files open; how many that are."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Only who may use more resources than others can have more than is allowed already.
    for wanted in (max(hard, FILES), hard):
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
            return wanted
    return hard


def workersFor(connections: int, files: int) -> int:
    """How many processes such a number of connections takes, of which each has so many files."""
    return -(-connections * 2 // (files - SPARED))


def main() -> int:
    """Soak, write the results, and return the exit status: 1 where something was lost."""
    given = arguments()
    workers = max(given.workers, workersFor(given.idle + given.active, raiseLimit()))
    if workers > given.workers:
        print(f"{workers} workers, since no process may have more files open", flush=True)
    # The loads are told apart by their names in the list of processes, and find us.
    os.environ["PYTHONPATH"] = os.pathsep.join(
        filter(None, (str(Path(__file__).parent.parent), os.environ.get("PYTHONPATH")))
    )
    name = given.name or f"{datetime.now(UTC):%Y%m%d-%H%M%S}"
    shape = Shape(
        given.minutes * 60,
        *(given.idle, given.active, given.pause, given.handshakes, given.addresses),
        *(given.rate, workers, given.reload, given.upgrade),
    )
    path = RESULTS / f"soak-{name}.json"
    with tempfile.TemporaryDirectory(prefix="butterfly-tls-soak-") as directory:
        with Processes(Path(directory)) as processes:
            scene = Scene(processes, Path(directory), shape)
            begin = time.monotonic()
            try:
                scene.play()
            except LoadError as error:
                scene.fault(f"{error}")
            finally:
                scene.end()
        scene.result["took"] = time.monotonic() - begin
        path.write_text(json.dumps({"command": " ".join(sys.argv[1:]), **scene.result}) + "\n")
    print(f"results: {path}")
    for fault in scene.faults:
        print(f"fault: {fault}")
    return 1 if scene.faults else 0


if __name__ == "__main__":
    sys.exit(main())
