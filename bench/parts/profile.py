"""Where the CPU time of a new connection goes: the kernel, OpenSSL, Python, the program's own.

Linux's C{perf} looks at each program some two thousand times a second while it serves full
handshakes, and tells in which file of code it finds it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from bench.measure import Meter
from bench.processes import LoadError
from bench.session import Served, Session

OFTEN = 1999
"""Looks a second: no multiple of anything that happens regularly."""

KINDS = (
    ("kernel", r"^\[(?!vdso)"),
    ("OpenSSL", r"^lib(ssl|crypto)|^_rust"),
    ("Python", r"^(lib)?python|.*cpython-"),
)
"""By the names of files. cryptography brings its own OpenSSL, which is in its C{_rust}."""

OTHER = "the program itself, libc"


def measure(session: Session) -> None:
    """Full handshakes with RSA-2048 and ECDSA P-256, TLS 1.3."""
    perf = shutil.which("perf")
    if perf is None:
        session.note("perf is not installed (linux-perf)")
        return
    count = 200 if session.quick else 500
    with session.backend() as (_, port):
        for kind, label in (("rsa", "RSA-2048"), ("ecdsa", "ECDSA P-256")):
            with session.serving({"echo": port}, kind=kind) as served:
                for number, cell, name in session.turns([label], list(served), share=0.5):
                    try:
                        drive(session, perf, served[name], cell, count, number)
                    except LoadError as error:
                        session.note(f"{name}, {cell}: {error}")


def drive(session: Session, perf: str, served: Served, cell: str, count: int, number: int) -> None:
    """One program: C{count} connections one at a time under the eyes of C{perf}."""
    load = session.processes.load("connections", session.loadCores, **served.spec("echo"))
    data, pids = served.directory / "perf.data", served.pids()
    try:
        load.read()
        load.go(resumed=False, count=20, parallel=1)
        load.go()
        load.go(resumed=False, count=count, parallel=1)
        # Only its shares count, so that it does not matter when it begins to look.
        argv = [perf, "record", "-e", "cpu-clock", "-F", OFTEN, "-o", data, "-p"]
        argv.append(",".join(map(str, pids)))
        watching = session.processes.start("perf", list(map(str, argv)), session.loadCores)
        meter = Meter(pids, [])
        meter.start()
        load.go()
        meter.stop()
        session.processes.end(watching)
    finally:
        session.processes.end(load)
    each = meter.cpu / count * 1e3
    for kind, share in shares(report(perf, data)).items():
        if share:
            session.add(f"{cell}: {kind}", served.name, number, cpuMs=each * share)
    session.add(f"{cell}: all", served.name, number, cpuMs=each)


def report(perf: str, data: Path) -> str:
    """Lines of C{count,file}, of which C{count} is how often a program was found in C{file}."""
    argv = [perf, "report", "-i", str(data), "-q", "--stdio", "--sort", "dso"]
    argv += ["-F", "sample,dso", "-t", ","]
    found = subprocess.run(argv, capture_output=True, text=True, check=False)
    if found.returncode:
        raise LoadError(f"perf: {found.stderr.strip().splitlines()[-1]}")
    return found.stdout


def shares(text: str) -> dict[str, float]:
    """The share of each kind in what L{report} gives."""
    counts = dict.fromkeys((*(kind for kind, _ in KINDS), OTHER), 0)
    for line in text.splitlines():
        number, _, name = line.strip().partition(",")
        if number.strip().isdecimal():
            kind = next((kind for kind, files in KINDS if re.match(files, name.strip())), OTHER)
            counts[kind] += int(number)
    if not sum(counts.values()):
        raise LoadError("perf has seen nothing")
    return {kind: count / sum(counts.values()) for kind, count in counts.items()}
