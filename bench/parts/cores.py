"""More than one core: from one worker to one for each core.

The load generator shares these cores, so that throughput shows only a part of what more workers
can do. The work done for each CPU second of the busiest process shows what they could do on cores
of their own, as far as the work is spread evenly; it is told where workers are processes.
"""

from __future__ import annotations

from bench.measure import Meter
from bench.processes import LoadError, Process
from bench.session import Served, Session
from bench.setting import Terminator
from bench.terminators import Ours, Stunnel

THREADED = ("stunnel", "haproxy")


def measure(session: Session) -> None:
    """Bulk over 8 connections both ways, and new connections, with 1 worker to all cores."""
    most = len(session.cores)
    steps = sorted({1, most, *(n for n in (2, 4, 8, 16) if n < most)})
    size = (128 << 20) if session.quick else (384 << 20)
    with session.backend() as (backend, port):
        for workers in steps:
            programs = [p for p in session.programs if able(session, p, workers, most)]
            with session.serving(
                {"bulk": port}, threads=workers, cores=session.cores, programs=programs
            ) as served:
                label = f"{workers} worker{'s' * (workers > 1)}"
                cells = [("bulk", size), ("connections", 200)]
                turns = session.turns(cells, list(served), share=1 / len(steps))
                for number, (kind, amount), name in turns:
                    each = bulk if kind == "bulk" else connections
                    try:
                        each(session, served[name], backend, label, amount, number)
                    except LoadError as error:
                        session.note(f"{name}, {kind}, {label}: {error}")


def able(session: Session, program: Terminator, workers: int, most: int) -> bool:
    """True when C{program} can have that many workers; stunnel always has all cores."""
    if isinstance(program, Stunnel):
        return workers == most
    if isinstance(program, Ours) and workers > 1 and not program.has("workers"):
        session.note(f"{program.name} has no option 'workers' yet: one core only")
        return False
    return True


def bulk(
    session: Session, served: Served, backend: Process, label: str, size: int, number: int
) -> None:
    """Up, then down, by a load generator on each core."""
    loads = start(session, served, "bulk", conns=8 // len(session.cores) or 1)
    try:
        for up in (True, False):
            share = size // len(loads)
            together(loads, up=up, bytes=16 << 20)
            meter = Meter(served.pids(), [*(load.pid for load in loads), backend.pid])
            meter.start()
            took = max(said["seconds"] for said in together(loads, up=up, bytes=share))
            meter.stop()
            values = {"cpuPerGiB": meter.cpu / size * (1 << 30), "MiBps": size / took / (1 << 20)}
            if served.name not in THREADED:
                values["capacity"] = size / meter.busiest / (1 << 20)
            values["loadBusy"] = (meter.loadCPU + meter.cpu) / meter.wall / len(session.cores)
            cell = f"bulk, 8 conn, {'up' if up else 'down'}, {label}"
            session.add(cell, served.name, number, **values)
    finally:
        session.processes.end(*loads)


def connections(
    session: Session, served: Served, backend: Process, label: str, count: int, number: int
) -> None:
    """Full handshakes with RSA-2048, by a load generator on each core."""
    loads = start(session, served, "connections")
    try:
        together(loads, resumed=False, count=count, parallel=4)
        meter = Meter(served.pids(), [*(load.pid for load in loads), backend.pid])
        meter.start()
        took = max(said["seconds"] for said in together(loads))
        meter.stop()
        done = count * len(loads)
        values = {"perSecond": done / took}
        if served.name not in THREADED:
            values["capacity"] = done / meter.busiest
        values["loadBusy"] = (meter.loadCPU + meter.cpu) / meter.wall / len(session.cores)
        session.add(f"connections, RSA-2048, {label}", served.name, number, **values)
    finally:
        session.processes.end(*loads)


def start(session: Session, served: Served, load: str, **spec: int) -> list[Process]:
    """A load on each core."""
    loads = [
        session.processes.load(load, [core], **served.spec("bulk"), **spec)
        for core in session.cores
    ]
    for each in loads:
        each.read()
    return loads


def together(loads: list[Process], **step: object) -> list[dict[str, float]]:
    """Let all take a step at once; what they say of it."""
    for load in loads:
        load.tell(**step)
    return [load.read() for load in loads]
