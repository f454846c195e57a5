"""C{make bench}: every program in turn under the same load, in one interleaved run."""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import signal
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from bench.processes import Processes
from bench.report import Results
from bench.session import Session
from bench.setting import Terminator, makeKeys
from bench.terminators import ALL, NAMES, Before, Ours

PARTS = {
    "bulk": 220,
    "connections": 110,
    "profile": 60,
    "roundtrip": 85,
    "dicom": 240,
    "memory": 160,
    "sections": 90,
    "cores": 90,
}
"""The parts and the seconds that each may take; together they stay below 20 minutes.

C{dicom} takes three minutes more for its study of 2,000 objects, which cannot be cut short.
"""

RESULTS = Path(__file__).parent / "results"


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(
        prog="make bench", description="Compare TLS terminators under the same load."
    )
    parser.add_argument("--only", default=",".join(PARTS), help=f"of {', '.join(PARTS)}")
    parser.add_argument("--rounds", type=int, default=5, help="how often each has its turn (5)")
    parser.add_argument("--quick", action="store_true", help="fewer and smaller loads")
    parser.add_argument("--programs", default=",".join(NAMES), help=f"of {', '.join(NAMES)}")
    parser.add_argument("--twistd", default="", help="the twistd of ours (.venv/bin/twistd)")
    parser.add_argument("--before", metavar="TREE", help="also measure ours of another tree")
    parser.add_argument("--time", type=float, default=1.0, help="times the time of each part")
    parser.add_argument("--docs", action="store_true", help="fill docs/performance.md")
    parser.add_argument("--keep", action="store_true", help="keep the configurations and logs")
    found = parser.parse_args()
    for given, known in ((found.only, PARTS), (found.programs, NAMES)):
        strays = set(given.split(",")) - set(known)
        if strays:
            parser.error(f"no such thing: {', '.join(sorted(strays))}")
    return found


def installed(wanted: str, twistd: str) -> list[Terminator]:
    """The programs of C{wanted} that are there; says which are not."""
    found: list[Terminator] = []
    for kind in ALL:
        if kind.name in wanted.split(","):
            program = kind(twistd) if kind is Ours else kind()
            if program.path() is None:
                print(f"{kind.name}: left out, {kind.package} is not installed")
            else:
                found.append(program)
    return found


def meta(programs: list[Terminator]) -> dict[str, Any]:
    """Where and with what this is measured."""
    import ssl

    processor = Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*: (.*)", processor)
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "cpu": model[1] if model else platform.machine(),
        "kind": "virtual machine" if "hypervisor" in processor else "machine",
        "cores": len(os.sched_getaffinity(0)),
        "system": f"Linux {platform.release().partition('-')[0]}",
        "versions": [
            *(program.version() for program in programs),
            f"load generator: Python {platform.python_version()}, {ssl.OPENSSL_VERSION}",
        ],
    }


def interrupted(_number: int, _frame: Any) -> None:
    """End as Ctrl-C does."""
    raise KeyboardInterrupt


def measure(session: Session, parts: list[str], seconds: float, command: str) -> dict[str, Any]:
    """Run C{parts}; an interrupt ends the run and keeps what there is."""
    about: dict[str, Any] = {}
    for part in parts:
        session.part, session.budget = part, PARTS[part] * seconds
        began = time.monotonic()
        print(f"{part} …", flush=True)
        try:
            import_module(f"bench.parts.{part}").measure(session)
        except KeyboardInterrupt:
            session.note("interrupted")
            break
        finally:
            rounds = [s.round for s in session.samples if s.part == part]
            about[part] = {
                "command": command.format(part=part),
                "rounds": max(rounds, default=-1) + 1,
                "seconds": round(time.monotonic() - began),
                "notes": session.notes.get(part, []),
            }
    return about


def main() -> int:
    """Measure, show and keep."""
    options = arguments()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupted)
    programs = installed(options.programs, options.twistd)
    if options.before:
        programs.insert(1, Before(options.twistd, os.path.abspath(options.before)))
    about = meta(programs)
    print(
        "\n".join(
            [f"{about['cpu']}, {about['cores']} cores, {about['system']}", *about["versions"]]
        )
    )
    if about["cores"] < 2:
        print("One core only: the load generator gets in the way of what it measures.")
    parts = [part for part in PARTS if part in options.only.split(",")]
    flags = f"--only {{part}} --rounds {options.rounds}" + (" --quick" if options.quick else "")
    command = f'make bench BENCH="{flags}"'
    directory = Path(tempfile.mkdtemp(prefix="butterfly-tls-bench-"))
    try:
        makeKeys(directory)
        with Processes(directory) as processes:
            session = Session(processes, directory, programs, options.rounds, options.quick, 0.0)
            partial = measure(session, parts, options.time, command)
    finally:
        if not options.keep:
            import shutil

            shutil.rmtree(directory, ignore_errors=True)
    document = {"meta": about, "parts": partial, **session.asJSON()}
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{datetime.now(UTC):%Y%m%d-%H%M%S}.json"
    path.write_text(json.dumps(document, indent=1) + "\n")
    results = Results(document)
    print(f"\n{results.text()}\n")
    show(results, path, options.docs)
    return 0


def show(results: Results, path: Path, docs: bool) -> None:
    """Draw the plot beside the numbers, and into the documents if asked to."""
    try:
        from bench.plot import plot
    except ImportError:
        print("no plot: matplotlib is not installed ('make bench' does that)")
    else:
        for made in plot(results, RESULTS, "svg", "png"):
            print(f"plot: {os.path.relpath(made)}")
        if docs:
            from bench.report import DOCUMENT

            plot(results, DOCUMENT.parent, "svg")
    if docs:
        results.fill()
    print(f"results: {os.path.relpath(path)}")


if __name__ == "__main__":
    sys.exit(main())
