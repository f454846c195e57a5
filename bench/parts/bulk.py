"""Bulk both ways over 1, 8 and 64 connections: throughput, and CPU seconds for a GiB."""

from __future__ import annotations

from bench.measure import Meter
from bench.processes import LoadError
from bench.session import Served, Session

GIB = 1 << 30
WARM = 16 << 20


def measure(session: Session) -> None:
    """Both TLS versions, each program alone on one core."""
    versions = ("TLSv1.3",) if session.quick else ("TLSv1.3", "TLSv1.2")
    conns = (1, 8) if session.quick else (1, 8, 64)
    size = (256 << 20) if session.quick else (384 << 20)
    with session.backend() as (backend, port):
        for version in versions:
            with session.serving({"bulk": port}, version=version) as served:
                cells = [(f"TLS {version[4:]}, {n} conn", n) for n in conns]
                turns = session.turns(cells, list(served), share=1 / len(versions))
                for number, (cell, n), name in turns:
                    drive(session, served[name], backend.pid, cell, n, size, number)


def drive(
    session: Session, served: Served, backend: int, cell: str, conns: int, size: int, number: int
) -> None:
    """One program, one direction after the other, on C{conns} new connections."""
    load = session.processes.load("bulk", session.loadCores, **served.spec("bulk"), conns=conns)
    try:
        load.read()
        for up in (True, False):
            load.go(up=up, bytes=WARM)
            meter = Meter(served.pids(), [load.pid, backend])
            meter.start()
            took = load.go(up=up, bytes=size)["seconds"]
            meter.stop()
            session.add(
                f"{cell}, {'up' if up else 'down'}",
                served.name,
                number,
                cpuPerGiB=meter.cpu / size * GIB,
                MiBps=size / took / (1 << 20),
                loadBusy=meter.loadCPU / meter.wall / len(session.loadCores),
                busiestPerGiB=meter.busiest / size * GIB,
            )
    except LoadError as error:
        session.note(f"{served.name}, {cell}: {error}")
    finally:
        session.processes.end(load)
