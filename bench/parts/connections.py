"""New connections, RSA and ECDSA, full and resumed: CPU of each, latency, rate."""

from __future__ import annotations

from bench.measure import Meter, percentile
from bench.processes import LoadError
from bench.session import Served, Session


def measure(session: Session) -> None:
    """Each kind of key in both TLS versions; full handshakes, then resumed ones."""
    kinds = [("TLSv1.3", "rsa"), ("TLSv1.3", "ecdsa"), ("TLSv1.2", "rsa"), ("TLSv1.2", "ecdsa")]
    if session.quick:
        del kinds[2:]
    count = 100 if session.quick else 200
    with session.backend() as (backend, port):
        for version, kind in kinds:
            label = f"TLS {version[4:]}, {'RSA-2048' if kind == 'rsa' else 'ECDSA P-256'}"
            with session.serving({"echo": port}, version=version, kind=kind) as served:
                cells = [(f"{label}, full", False), (f"{label}, resumed", True)]
                turns = session.turns(cells, list(served), share=1 / len(kinds))
                for number, (cell, resumed), name in turns:
                    drive(session, served[name], backend.pid, cell, resumed, count, number)


def drive(
    session: Session,
    served: Served,
    backend: int,
    cell: str,
    resumed: bool,
    count: int,
    number: int,
) -> None:
    """One program: C{count} connections one at a time, then as many four at a time."""
    load = session.processes.load("connections", session.loadCores, **served.spec("echo"))
    step = {"resumed": resumed, "count": count}
    try:
        load.read()
        load.go(**step | {"parallel": 1, "count": 10})
        load.go()
        load.go(**step, parallel=1)
        alone, crowd = Meter(served.pids(), []), Meter(served.pids(), [load.pid, backend])
        alone.start()
        one = load.go()
        alone.stop()
        load.go(**step, parallel=4)
        crowd.start()
        four = load.go()
        crowd.stop()
    except LoadError as error:
        session.note(f"{served.name}, {cell}: {error}")
        return
    finally:
        session.processes.end(load)
    again = one["resumed"] + four["resumed"]
    if resumed and again < 2 * count:
        session.note(f"{served.name}, {cell}: {again} of {2 * count} were resumed")
    if resumed and not again:
        return
    session.add(
        cell,
        served.name,
        number,
        cpuMs=(alone.cpu + crowd.cpu) / count / 2 * 1e3,
        p50Ms=percentile(one["times"], 50) * 1e3,
        p99Ms=percentile(one["times"], 99) * 1e3,
        perSecond=count / four["seconds"],
        loadBusy=crowd.loadCPU / crowd.wall / len(session.loadCores),
    )
