"""Memory: idle connections by the thousand, and backends that do not read."""

from __future__ import annotations

import resource
import time

from bench.measure import rss
from bench.processes import LoadError
from bench.session import Served, Session

MiB = 1 << 20


def measure(session: Session) -> None:
    """Each program started anew: a few connections, many, very many; then stalled ones."""
    # stunnel allows itself 125 connections for each 256 files.
    most = min(10000, resource.getrlimit(resource.RLIMIT_NOFILE)[1] * 125 // 256 - 65)
    steps = (1000,) if session.quick else (250, 1000, 3000, most)
    if most < 10000 and not session.quick:
        session.note(f"{most} connections instead of 10000: no more open files are allowed")
    rounds = 1 if session.quick else session.rounds
    with session.backend() as (_backend, port):
        for number, (cell, many), program in session.turns(
            [("stalled", (100,)), ("idle", steps)], session.programs, rounds
        ):
            # Memory hardly varies, and opening so many takes long: the most only once.
            wanted = many if number == 0 else [n for n in many if n <= 1000]
            with session.serving({"idle": port}, kind="ecdsa", programs=[program]) as served:
                if program.name in served:
                    drive(session, served[program.name], cell, wanted, number)


def drive(
    session: Session, served: Served, cell: str, counts: tuple[int, ...], number: int
) -> None:
    """One program, with C{counts} connections after each other."""
    stalled = cell == "stalled"
    load = session.processes.load(
        "idle", session.loadCores, **served.spec("idle"), kind="h" if stalled else "i"
    )
    try:
        load.read()
        load.go(count=10, stall=False)
        base = rss(served.pids())
        for count in counts:
            said = load.go(count=count + 10, stall=stalled)
            time.sleep(0.2)
            held = said["count"] - 10
            if said["why"]:
                session.note(f"{served.name}: {held} of {count} connections, {said['why']}")
            if held <= 0:
                return
            grown = rss(served.pids()) - base
            session.add(
                f"{count} {cell}",
                served.name,
                number,
                KiBEach=grown / held / 1024,
                baseMiB=base / MiB,
                totalMiB=(base + grown) / MiB,
                count=held,
            )
            if said["why"]:
                return
    except LoadError as error:
        session.note(f"{served.name}, {cell}: {error}")
    finally:
        session.processes.end(load)
