"""Read the journal: a line for each association, all of them or some, or what they come to.

Patterns may have * for any characters. A time is a date, a date and a time, or how long ago that
was (90m, 12h, 7d). Files that were rotated can be given too, compressed (.gz) or not. The exit
status is 1 when a file cannot be read, or has lines that are damaged; the others are shown.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final

from appliance.audit.journal import now
from appliance.cli.journalreading import DamagedError, Entry, Filter, follow, lines, parse
from appliance.cli.journalsums import Sums, size
from appliance.logs.text import clean

SUMMARY = "read the journal of associations"

_AGO: Final = re.compile(r"(\d{1,6})([mhd])")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}


def moment(text: str) -> datetime:
    """Parse a date, a date and a time, or how long ago; without an offset it is local time."""
    ago = _AGO.fullmatch(text)
    try:
        if ago is not None:
            return now() - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        when = datetime.fromisoformat(text)
        return when if when.tzinfo is not None else when.astimezone()
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a time like 2026-11-24, '2026-11-24 12:00' or 12h"
        ) from None


def addArguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's arguments."""
    add = parser.add_argument
    add("files", metavar="FILE", nargs="+", help="the journal; several are read one by one")
    add("--section", metavar="NAME", help="only of this [section]")
    add("--calling", metavar="AET", help="only from this AE title")
    add("--called", metavar="AET", help="only to this AE title")
    add("--outcome", metavar="WORDS", help="only those that ended so, as in 'aborted*'")
    add("--since", metavar="TIME", type=moment, help="only those that began then or later")
    add("--until", metavar="TIME", type=moment, help="only those that began before that")
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--summary", action="store_true", help="show sums by day and AE title")
    shape.add_argument("--json", action="store_true", help="show the lines as they are")
    add("--follow", action="store_true", help="go on with what is written from now on")


def run(arguments: argparse.Namespace) -> int:
    """Show what is asked for, and return the exit status."""
    if arguments.follow and (arguments.summary or len(arguments.files) > 1):
        what = "--summary" if arguments.summary else "several files"
        print(f"butterfly-tls journal: --follow does not go with {what}", file=sys.stderr)
        return 2
    try:
        return _show(arguments)
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            # Whoever read our output has seen enough.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        why = error.strerror or str(error)
        print(f"butterfly-tls journal: cannot read {error.filename}: {why}", file=sys.stderr)
        return 1


def _show(arguments: argparse.Namespace) -> int:
    damaged: list[str] = []
    (first, *_) = files = arguments.files
    found = follow(first, time.sleep) if arguments.follow else lines(files)
    names = ("section", "calling", "called", "outcome", "since", "until")
    wanted = Filter(**{name: getattr(arguments, name) for name in names})
    chosen = (entry for entry in _entries(found, damaged) if wanted.wants(entry))
    if arguments.summary:
        _sum(chosen)
    else:
        for entry in chosen:
            print(entry.line if arguments.json else row(entry), flush=arguments.follow)
    sys.stdout.flush()
    if damaged:
        print(f"{len(damaged)} line(s) are damaged and were passed over", file=sys.stderr)
    return 1 if damaged else 0


def _entries(found: Iterable[tuple[str, str]], damaged: list[str]) -> Iterator[Entry]:
    for where, line in found:
        try:
            yield parse(line)
        except DamagedError as error:
            damaged.append(where)
            print(f"{where}: warning: passed over, {error}", file=sys.stderr)


def _sum(entries: Iterable[Entry]) -> None:
    sums = Sums()
    for entry in entries:
        sums.add(entry)
    if sums.all.associations:
        print("\n".join(sums.report()))
    else:
        print("No associations.")


def row(entry: Entry) -> str:
    """One association on one line."""
    cells = (
        f"{entry.begin:%Y-%m-%d %H:%M:%S}",
        f"{entry.section:<14}",
        f"{entry.calling:<16}",
        f"> {entry.called:<16}",
        f"{entry.client:<15}",
        f"{entry.seconds:8.1f} s",
        f"{entry.outcome:<22}",
        "; ".join(filter(None, (_work(entry), entry.why))),
    )
    return clean("  ".join(cells)).rstrip()


def _work(entry: Entry) -> str:
    parts = []
    for each in entry.operations:
        failures = "".join(f", {count} of {status}" for status, count in each.failures.items())
        data = f", {size(each.bytes)}" if each.bytes else ""
        parts.append(f"{each.name} {each.requests}{data}{failures}")
    return "; ".join(parts)
