"""What single decisions of the data path are worth: ours as it is, and with each made otherwise.

C{python -m bench.ideas [--rounds N] [--docs]}: all variants take turns in one run. A variant is a
few lines that change a name of ours before the program starts. Nothing here is a choice for users.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

from attrs import evolve, frozen

from bench.objects import write
from bench.parts import bulk, connections, memory
from bench.parts.dicom import Studies, server
from bench.processes import LoadError, Processes
from bench.report import DOCUMENT, Results, markdown, refilled
from bench.session import Served, Session
from bench.setting import Setting, Terminator, makeKeys
from bench.terminators import Ours

AS_IT_IS = "as it is"


@frozen
class Idea:
    """One decision made otherwise: C{prelude} is run first, C{extra} is added to each section."""

    name: str
    prelude: str = ""
    extra: tuple[str, ...] = ()


_BUFFERS = """
import appliance.system.wire as wire, appliance.tls.transport as transport
wire.INBOX = memoryview(bytearray({size}))
transport.PLAIN = transport.Scratch({size})
transport.CIPHER = transport.Scratch({size})
"""

_RECEIVED = """
import appliance.tls.transport as transport
from OpenSSL import SSL
Outcome = transport.Outcome
def decrypt(connection, scratch):
    filled = 0
    try:
        while scratch.size - filled >= 16384:
            data = connection.recv(16384)
            scratch.view[filled:filled + len(data)] = data
            filled += len(data)
    except SSL.WantReadError:
        return filled, Outcome.WANT
    except SSL.ZeroReturnError:
        return filled, Outcome.END
    except SSL.Error as problem:
        return filled, problem
    return filled, Outcome.FULL
transport.decrypt = decrypt
"""

_QUEUED = """
import appliance.system.outlet as outlet
def write(self, data):
    if self._finishing or self.lost or self._broken:
        return
    self._queue.append(bytes(data))
    self._queued += len(data)
    if not self._writing:
        self._writing = True
        self._reactor.addWriter(self)
    if self._queued > outlet.HIGH_WATER and self._producer and not self._producerPaused:
        self._producerPaused = True
        self._producer.pauseProducing()
outlet.Outlet.write = write
"""

_KEPT = """
import appliance.tls.transport as transport
from OpenSSL import SSL
def tune(connection):
    SSL._lib.SSL_clear_mode(connection._ssl, SSL._lib.SSL_MODE_ENABLE_PARTIAL_WRITE)
transport.tune = tune
"""

IDEAS = (
    Idea(AS_IT_IS),
    Idea("buffers of 64 KiB, not 256", _BUFFERS.format(size=64 << 10)),
    Idea("buffers of 1 MiB", _BUFFERS.format(size=1 << 20)),
    Idea("a bytes object for each record that is read", _RECEIVED),
    Idea("all that is sent waits for the reactor", _QUEUED),
    Idea("record buffers are kept (no SSL_MODE_RELEASE_BUFFERS)", _KEPT),
    Idea("no TCP_QUICKACK", "import socket; socket.TCP_QUICKACK = socket.TCP_NODELAY"),
    Idea("Nagle's algorithm", "import socket; socket.TCP_NODELAY = socket.TCP_QUICKACK"),
    Idea("no session tickets", extra=("options = NO_TICKET",)),
    Idea("no garbage collection", "import gc; gc.disable()"),
)

COLUMNS = (
    ("bulk, up", "cpuPerGiB", "up, CPU s/GiB", 3),
    ("bulk, down", "cpuPerGiB", "down, CPU s/GiB", 3),
    ("full", "cpuMs", "connection, CPU ms", 3),
    ("300 idle", "KiBEach", "idle, KiB", 1),
    ("study", "seconds", "50 objects, s", 2),
)
"""Cell, value, heading, digits."""

RUN = "from twisted.scripts.twistd import run; run()"


def variant(idea: Idea) -> Terminator:
    """Ours with C{idea}."""

    class Variant(Ours):
        name = idea.name

        def configure(self, setting: Setting, directory: Path) -> list[list[str]]:
            routes = tuple(evolve(route, extra=idea.extra) for route in setting.routes)
            (command,) = super().configure(evolve(setting, routes=routes), directory)
            at = command.index("-n")
            python = [sys.executable, "-c", f"{idea.prelude}\n{RUN}"]
            return [[*command[: at - 1], *python, *command[at:]]]

    return Variant()


def measure(session: Session, programs: list[Terminator]) -> None:
    """All C{programs} in turn, in another order each round."""
    small = write(session.directory / "small.dcm", 64, 64, 1)
    names = [program.name for program in programs]
    with session.backend() as (backend, port), server(session, "storescp") as store:
        routes = {"bulk": port, "echo": port, "dcmtk": store}
        with session.serving(routes, programs=programs) as served:
            for number, _, name in session.turns([0], names):
                each = served[name]
                bulk.drive(session, each, backend.pid, "bulk", 1, 256 << 20, number)
                connections.drive(session, each, backend.pid, "full", False, 150, number)
                study(session, each, small, number)
        for number, _, program in session.turns([0], programs, 1):
            with session.serving({"idle": port}, programs=[program]) as served:
                memory.drive(session, served[program.name], "idle", (300,), number)


def study(session: Session, served: Served, small: Path, number: int) -> None:
    """50 small objects in one association."""
    try:
        Studies(session, [(served, "")], small, small).dcmtk("study", [0], number, 50)
    except LoadError as error:
        session.note(f"{served.name}: {error}")


def table(results: Results) -> list[list[str]]:
    """A row for each idea; in brackets the ratio to L{AS_IT_IS}."""
    rows = [["", *(heading for _, _, heading, _ in COLUMNS)]]
    for idea in IDEAS:
        row = [idea.name]
        for cell, value, _, digits in COLUMNS:
            number = results.median("ideas", cell, idea.name, value)
            ratio = results.ratio(value, ("ideas", cell, idea.name), ("ideas", cell, AS_IT_IS))
            text = "-" if number is None else f"{number:.{digits}f}"
            if ratio is not None and idea.name != AS_IT_IS:
                text += f" ({ratio:.2f}x)"
            row.append(text)
        rows.append(row)
    return rows


def main() -> int:
    """Measure and show."""
    parser = argparse.ArgumentParser(prog="python -m bench.ideas", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often each has its turn (5)")
    parser.add_argument("--docs", action="store_true", help="fill docs/performance.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="butterfly-tls-bench-") as name:
        directory = Path(name)
        makeKeys(directory)
        programs = [variant(idea) for idea in IDEAS]
        with Processes(directory) as processes:
            session = Session(processes, directory, programs, options.rounds, False, 900.0)
            session.part = "ideas"
            measure(session, programs)
    made: dict[str, Any] = session.asJSON()
    results = Results({"meta": {}, "parts": {}, **made})
    rounds = 1 + max(sample.round for sample in session.samples)
    command = f"`python -m bench.ideas --rounds {options.rounds}`"
    text = f"{command}\nmedian of {rounds} rounds:\n\n{markdown(table(results))}"
    print(text)
    if options.docs:
        DOCUMENT.write_text(refilled(DOCUMENT.read_text(encoding="utf-8"), {"ideas": text}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
