"""Small messages: the round trip alone, and while another connection transfers in bulk.

The bulk load runs at a lower priority than the messages, so that what they wait for is the
terminator and not the load generator.
"""

from __future__ import annotations

from bench.measure import percentile
from bench.processes import LoadError, Process
from bench.session import Served, Session

NICE = 15
BULK = 64 << 30
"""More than can be moved within a measurement: the load is ended when that is over."""


def measure(session: Session) -> None:
    """Alone, under bulk up and under bulk down; and without any program between."""
    seconds = 0.6 if session.quick else 1.2
    with (
        session.backend() as (_echo, echoPort),
        session.backend(NICE) as (_bulk, bulkPort),
        session.serving({"echo": echoPort, "bulk": bulkPort}) as served,
    ):
        ports = {"echo": echoPort, "bulk": bulkPort}
        served["direct"] = Served("direct", session.host, ports, None)
        cells = [("alone", None), ("under bulk up", True), ("under bulk down", False)]
        for number, (cell, up), name in session.turns(cells, list(served)):
            drive(session, served[name], cell, up, seconds, number)


def drive(
    session: Session, served: Served, cell: str, up: bool | None, seconds: float, number: int
) -> None:
    """One program."""
    started: list[Process] = []
    try:
        messages = session.processes.load("roundtrip", session.loadCores, **served.spec("echo"))
        started.append(messages)
        messages.read()
        if up is not None:
            bulk = session.processes.load(
                "bulk", session.loadCores, NICE, **served.spec("bulk"), conns=1
            )
            started.append(bulk)
            bulk.read()
            bulk.go(up=up, bytes=16 << 20)
            bulk.tell(up=up, bytes=BULK)
        messages.go(count=200, seconds=0.2)
        times = messages.go(count=20000, seconds=seconds)["times"]
    except LoadError as error:
        session.note(f"{served.name}, {cell}: {error}")
        return
    finally:
        session.processes.end(*started)
    session.add(
        cell,
        served.name,
        number,
        p50Us=percentile(times, 50) * 1e6,
        p99Us=percentile(times, 99) * 1e6,
        count=len(times),
    )
