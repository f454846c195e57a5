"""How the time to start and to reload grows with the number of sections.

A program has started when the last section shakes hands, and has reloaded when it shows the
certificate that was put in the place of the first before the signal.
"""

from __future__ import annotations

import os
import shutil
import signal
import ssl
import time

from bench.measure import cpu, rss
from bench.processes import LoadError
from bench.session import READY, Served, Session, handshake
from bench.setting import Route, Setting, Terminator

QUIET = 0.002
"""CPU seconds within 0.2 s below which a program does nothing."""


def measure(session: Session) -> None:
    """1, 100 and 1,000 sections; each has its port, all have one certificate file."""
    counts = (1, 100) if session.quick else (1, 100, 1000)
    cells = [(f"{n} section{'s' * (n > 1)}", n) for n in counts]
    with session.backend() as (_backend, port):
        with session.serving({"warm-up": port}):
            pass
        for number, (cell, count), program in session.turns(cells, session.programs):
            routes = tuple(Route(f"s{k}", session.port(), port) for k in range(count))
            setting = Setting(session.host, "TLSv1.3", "ecdsa", routes)
            drive(session, program, setting, cell, number)


def drive(session: Session, program: Terminator, setting: Setting, cell: str, number: int) -> None:
    """Start and reload one program."""
    served = None
    try:
        began = time.monotonic()
        served = session.start(program, setting)
        startMs = (session.awaitServing(served) - began) * 1e3
        settle(served)
        values = {"startCPUMs": cpu(served.pids()) * 1e3, "MiB": rss(served.pids()) / (1 << 20)}
        try:
            values["reloadMs"] = reload(session, served, setting) * 1e3
        except LoadError as error:
            session.note(f"{program.name}, {cell}, reload: {error}")
        session.add(cell, program.name, number, startMs=startMs, **values)
    except LoadError as error:
        session.note(f"{program.name}, {cell}: {str(error).splitlines()[-1]}")
    finally:
        if served is not None:
            session.processes.end(*served.processes)


def settle(served: Served) -> None:
    """Wait until the start is wholly over: a signal too early is lost on some."""
    until = time.monotonic() + READY
    before, after = -1.0, cpu(served.pids())
    while after - before > QUIET and time.monotonic() < until:
        time.sleep(0.2)
        before, after = after, cpu(served.pids())


def reload(session: Session, served: Served, setting: Setting) -> float:
    """Exchange the certificate, signal, and return the seconds until the last port shows it."""
    fresh = session.directory / f"{setting.kind}2.pem"
    for suffix, name in ((".pem", setting.certificate), (".key", setting.key)):
        shutil.copy(session.directory / f"{setting.kind}2{suffix}", served.directory / name)
    both = served.directory / "both.pem"
    if both.exists():
        parts = (setting.key, setting.certificate)
        both.write_text("".join((served.directory / part).read_text() for part in parts))
    wanted = ssl.PEM_cert_to_DER_cert(fresh.read_text())
    began = time.monotonic()
    for process in served.processes:
        os.kill(process.pid, signal.Signals[served.reload])
    port = list(served.ports.values())[-1]
    while handshake(served.host, port, setting.version) != wanted:
        if time.monotonic() - began > READY:
            raise LoadError(f"the new certificate was not shown within {READY:g} s")
        time.sleep(0.002)
    return time.monotonic() - began
