"""Take over an existing set-up of stunnel: say what becomes of its files, and write ours.

Takes all the files that stunnel serves on this machine together, since one appliance serves them
all. Every difference, every option that does nothing here and all that collides is told with its
place. Nothing is written without --write, no file is ever overwritten, and those of stunnel are
not touched: the way back is to start stunnel again. With --write DIR there are then
butterfly-tls.conf, with which the appliance would start, and overlay.conf, which offers options of
our own. The exit status is 0 when nothing stands in the way, and 1 otherwise.
"""

from __future__ import annotations

import argparse
import glob
import json
import os
import shlex
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

from attrs import frozen

from appliance.cli.writing import writeAll
from appliance.config.build import DISK, build
from appliance.config.files import Given
from appliance.config.migration import OldSection, Plan, plan
from appliance.config.model import Problem
from appliance.config.options import find
from appliance.config.recommended import recommended
from appliance.config.rewriting import rewritten
from appliance.section import settingsFor

SUMMARY = "take over an existing set-up of stunnel"

USUAL: Final = "/etc/stunnel/*.conf"

NAME: Final = "butterfly-tls.conf"
OVERLAY: Final = "overlay.conf"

DIFFERENT: Final = (
    "One process serves all sections, and HUP closes no port that stays.",
    "A reload with a mistake in it changes nothing, and the log says what is wrong.",
    "A stop waits for open associations to end, up to drainTimeout.",
    "A PACS at a port of DICOM's gets a C-ECHO twice a minute; healthCheck = none ends that.",
    "While no PACS can be had, a DICOM sender hears a rejection instead of a reset.",
)
"""What is new to those who know stunnel, whatever their files say."""


def addArguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's arguments."""
    add = parser.add_argument
    add("files", metavar="FILE", nargs="*", help=f"stunnel's files (default: {USUAL})")
    add("--write", metavar="DIR", help="write our files into this directory, which is made")
    add("--json", action="store_true", help="print it all as JSON")


@frozen
class Made:
    """The plan, what our files would be, and all that there is to say."""

    plan: Plan
    problems: tuple[Problem, ...]
    files: tuple[tuple[str, str], ...]

    @property
    def possible(self) -> bool:
        """True when nothing stands in the way."""
        return self.plan.possible and not any(problem.fatal for problem in self.problems)


def run(arguments: argparse.Namespace) -> int:
    """Look at the files, tell, perhaps write, and return the exit status."""
    paths = arguments.files or sorted(glob.glob(USUAL))
    if not paths:
        return _failed(f"there is no {USUAL}; name stunnel's files")
    made = make(paths, os.path.abspath(arguments.write or "."))
    written = False
    why = ""
    if arguments.write and made.possible:
        why = _write(arguments.write, made)
        written = not why
    if arguments.json:
        print(json.dumps(facts(made, written)))
    else:
        for line in told(made):
            print(line)
        for line in _next(made, written, bool(arguments.write)):
            print(line)
    if why:
        return _failed(why)
    return 0 if made.possible else 1


def make(paths: Iterable[str], directory: str) -> Made:
    """All that comes of the files at C{paths} in C{directory}; nothing is written."""
    found = plan(paths, DISK)
    problems = [*found.problems, *_certificates(found)]
    if not found.files:
        return Made(found, _inOrder(found, problems), ())
    path, above = os.path.join(directory, NAME), os.path.join(directory, OVERLAY)
    text, more = rewritten(found, DISK), recommended(found, NAME)
    given = Given(path, text.encode(), Given(above, more.encode(), DISK))
    # What is wrong with the files themselves has been told with its place in them.
    if found.possible:
        problems += [each for each in build(path, given, overlay=above)[1] if each.fatal]
    return Made(found, _inOrder(found, problems), ((path, text), (above, more)))


def _certificates(found: Plan) -> Iterator[Problem]:
    """What is wrong with the files that sections name, such as one that has expired."""
    for file in found.files:
        for section in file.config.sections:
            yield from settingsFor(section, datetime.now(UTC))[1]


def _inOrder(found: Plan, problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """C{problems}, each once, file by file and line by line."""
    paths = [path for file in found.files for path in file.config.files]
    order = {path: number for number, path in enumerate(paths)}

    def place(problem: Problem) -> tuple[int, str, int]:
        path = problem.where.path
        return order.get(path, len(order)), path, problem.where.line

    return tuple(sorted(dict.fromkeys(problems), key=place))


# --- writing -----------------------------------------------------------------------------------


def _write(directory: str, made: Made) -> str:
    """Write the files into C{directory}; why that could not be done, if so."""
    secret = any(
        (option := find(setting.name)) is not None and option.secret
        for file in made.plan.files
        for part in (file.first, *(section.settings for section in file.sections))
        for setting in part
    )
    try:
        os.makedirs(directory, exist_ok=True)
        mode = 0o600 if secret else 0o644
        writeAll((path, text.encode(), mode) for path, text in made.files)
    except FileExistsError as error:
        return f"{error.filename} exists already; move it away, or give another --write"
    except OSError as error:
        return f"cannot write {error.filename or directory}: {error.strerror}"
    return ""


def _failed(why: str) -> int:
    print(f"butterfly-tls migrate: {why}; nothing was written", file=sys.stderr)
    return 1


# --- telling -----------------------------------------------------------------------------------


def told(made: Made) -> Iterator[str]:
    """The plan for people."""
    for file in made.plan.files:
        yield file.path
        for section in file.sections:
            yield f"  {_row(section)}"
    for heading, fatal in {"Settle first:": True, "To know:": False}.items():
        chosen = [each for each in made.problems if each.fatal is fatal]
        if chosen:
            yield f"\n{heading}"
            yield from map(str, chosen)
    yield "\nWhat is different from stunnel, whatever the files say:"
    yield from (f"- {each}" for each in DIFFERENT)


def _row(section: OldSection) -> str:
    config = section.config
    ends = (config.accept, config.connect or config.redirect)
    listens, leads = (", ".join(map(str, each)) for each in ends)
    if config.slave is not None:
        listens = f"names {config.slave.pattern} of [{config.slave.primary}]"
    new = "" if section.name == config.name else f", becomes [{section.name}]"
    return f"[{config.name}] {listens} for {leads or config.exec or 'its routes'}{new}"


def _next(made: Made, written: bool, wanted: bool) -> Iterator[str]:
    errors = sum(problem.fatal for problem in made.problems)
    yield ""
    if not made.plan.files and not errors:
        yield "There is no section to take over."
    elif not made.possible:
        yield f"{errors} thing(s) to settle first. Nothing was written."
    elif written:
        path, overlay = (shlex.quote(path) for path, _ in made.files)
        yield f"{path} and {overlay} were written; stunnel's files are as they were. Next:"
        yield f"  butterfly-tls check {path} --overlay {overlay}"
        yield "  then stop stunnel, which has the ports, and start"
        yield f"  twistd -n --pidfile= butterfly-tls --config {path} --overlay {overlay}"
        yield "or, as the service of the Debian package, with these lines by"
        yield "'systemctl edit butterfly-tls':"
        yield "  [Service]"
        yield f"  Environment={' '.join(_assigned(made))}"
        yield "The way back: stop that, and start stunnel again."
    elif not wanted:
        yield "Nothing stands in the way. --write DIR writes our files; nothing was written yet."


def _assigned(made: Made) -> Iterator[str]:
    """Our files as the unit of the service takes them, quoted for systemd (systemd.exec(5))."""
    for name, (path, _) in zip(("CONFIG", "OVERLAY"), made.files, strict=True):
        yield shlex.quote(f"{name}={path}").replace("%", "%%")


def facts(made: Made, written: bool) -> dict[str, Any]:
    """The same for programs."""
    return {
        "possible": made.possible,
        "files": [
            {
                "path": file.path,
                "sections": [
                    {
                        "name": section.config.name,
                        "becomes": section.name,
                        "accept": list(map(str, section.config.accept)),
                        "connect": list(map(str, section.config.connect)),
                    }
                    for section in file.sections
                ],
            }
            for file in made.plan.files
        ],
        "problems": [
            {
                "severity": each.severity.value,
                "file": each.where.path,
                "line": each.where.line,
                "section": each.section,
                "option": each.option,
                "text": str(each),
            }
            for each in made.problems
        ],
        "written": [path for path, _ in made.files] if written else [],
        "texts": {os.path.basename(path): text for path, text in made.files},
    }
