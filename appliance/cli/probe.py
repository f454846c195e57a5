"""Tell a monitoring system in one line how the running appliance is.

For Nagios, Icinga, keepalived, Kubernetes and whoever else understands the plugin's exit statuses:
0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN. What is measured stands behind the bar. A PACS that is down
is no fault of the appliance: with --no-backends it does not count. With --ready nothing counts but
whether new connections are welcome, as /readyz has it, and the status is 0 or another: that is what
keepalived and Kubernetes want to know, to whom any other status is a failure.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from enum import IntEnum
from typing import Any, Final

from attrs import frozen

from appliance.cli.arguments import seconds
from appliance.cli.asking import AskError, Asking, addSocket
from appliance.console.tables import shown
from appliance.status.expiry import EXPIRES_SOON

SUMMARY = "tell a monitoring system how the running appliance is"

PATIENCE: Final = 10.0
"""Seconds that the answer may take."""


PROCESS: Final = "process"
BACKENDS: Final = "backends"
"""What C{--ready} looks at."""


class State(IntEnum):
    """What a plugin says, by its exit status."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


@frozen
class Finding:
    """Something that is not as it should be."""

    state: State
    text: str


def addArguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's arguments."""
    add = parser.add_argument
    add(
        "--section",
        metavar="SECTION",
        action="append",
        default=[],
        help="look at this section alone; may be repeated",
    )
    add(
        "--warning-days",
        metavar="DAYS",
        type=int,
        default=EXPIRES_SOON,
        help="warn when a certificate expires within so many days (default: %(default)s)",
    )
    add(
        "--patience",
        metavar="SECONDS",
        type=seconds,
        default=PATIENCE,
        help="how long the answer may take (default: %(default)g)",
    )
    add("--no-backends", action="store_true", help="leave out how the backends are")
    add(
        "--ready",
        nargs="?",
        const=PROCESS,
        choices=(PROCESS, BACKENDS),
        help="only say whether new connections are welcome, OK or CRITICAL; with 'backends' also "
        "whether each section has one that is not down",
    )
    add(
        "--until-idle",
        action="store_true",
        help="with --ready: what is drained or about to stop is ready while connections are open",
    )
    addSocket(parser)


def run(arguments: argparse.Namespace) -> int:
    """Ask, print the line, and return the state."""
    try:
        asking = Asking(arguments.socket, arguments.patience)
        try:
            answer = asking.ask("status")
        finally:
            asking.close()
    except AskError as error:
        return _say(State.UNKNOWN if error.runs else State.CRITICAL, [str(error)])
    if not answer.ok:
        return _say(State.UNKNOWN, [answer.text])
    data = answer.data
    known = [section["name"] for section in data["sections"]]
    missing = [name for name in arguments.section if name not in known]
    if missing:
        return _say(State.UNKNOWN, [f"there is no section {name!r}" for name in missing])
    wanted = [each for each in data["sections"] if each["name"] in (arguments.section or known)]
    if arguments.ready is not None:
        open_ = sum(section["connections"] for section in wanted)
        lets = arguments.until_idle and open_ > 0
        found = list(unready(data, wanted, arguments.ready == BACKENDS, lets))
    else:
        found = list(findings(data, wanted, arguments.warning_days, not arguments.no_backends))
    found.sort(key=lambda finding: -finding.state)
    measured = measures(wanted, arguments.warning_days)
    if not found:
        return _say(State.OK, ["all is well", *summary(wanted)], measured)
    return _say(found[0].state, [finding.text for finding in found], measured)


def _say(state: State, phrases: Sequence[str], measured: Sequence[str] = ()) -> int:
    text = shown("; ".join(phrases)).replace("|", "/")
    print(f"{state.name}: {text}" + (f" | {' '.join(measured)}" if measured else ""))
    sys.stdout.flush()
    return state


# --- what is found -----------------------------------------------------------------------------


def findings(
    data: Mapping[str, Any], sections: Sequence[Mapping[str, Any]], days: int, backends: bool
) -> Iterator[Finding]:
    """All that is not as it should be, from the C{data} of an answer to C{status}."""
    yield from _process(data)
    for section in sections:
        name = section["name"]
        if not section["serving"]:
            yield Finding(State.CRITICAL, f"[{name}] does not listen")
        elif section["draining"]:
            yield Finding(State.WARNING, f"[{name}] is draining: new clients are sent away")
        yield from _certificate(section, days)
        if section.get("stale"):
            text = f"[{name}] goes on with the files from before: {section['stale']}"
            yield Finding(State.WARNING, text)
        if backends:
            yield from _backends(section)


def unready(
    data: Mapping[str, Any], sections: Sequence[Mapping[str, Any]], backends: bool, leaving: bool
) -> Iterator[Finding]:
    """Why new connections are not welcome, as L{appliance.status.readiness} judges it.

    Whoever lets what is C{leaving} have its time takes it for ready.
    """
    state = data["state"]
    if state != "serving" and not (leaving and state != "starting"):
        yield Finding(State.CRITICAL, f"it is {state}")
    for section in sections:
        name, certificate = section["name"], section["certificate"]
        known = [each["health"] for each in section["backends"]]
        if not section["serving"]:
            yield Finding(State.CRITICAL, f"[{name}] does not listen")
        elif section["draining"] and not leaving:
            yield Finding(State.CRITICAL, f"[{name}] is draining")
        if certificate is not None and certificate["daysLeft"] < 0:
            yield Finding(State.CRITICAL, f"[{name}] shows an expired certificate")
        if backends and known and all(health == "down" for health in known):
            yield Finding(State.CRITICAL, f"[{name}] has no PACS")


def _process(data: Mapping[str, Any]) -> Iterator[Finding]:
    state, it = data["state"], data["process"]
    if state != "serving":
        yield Finding(State.CRITICAL if state == "stopping" else State.WARNING, f"it is {state}")
    missing = it["workersWanted"] - it["workers"]
    if missing > 0:
        text = f"{missing} of {it['workersWanted']} workers do not run"
        yield Finding(State.CRITICAL if it["workers"] == 0 else State.WARNING, text)
    if it["lastReload"] is not None and not it["lastReload"]["accepted"]:
        yield Finding(State.WARNING, "the last reload was refused")
    for concern in it["concerns"]:
        yield Finding(State.WARNING, concern)


def _certificate(section: Mapping[str, Any], days: int) -> Iterator[Finding]:
    if section["certificate"] is None:
        return
    left = section["certificate"]["daysLeft"]
    if left < 0:
        yield Finding(State.CRITICAL, f"[{section['name']}] shows an expired certificate")
    elif left < days:
        text = f"[{section['name']}] shows a certificate that expires in {left} days"
        yield Finding(State.WARNING, text)


def _backends(section: Mapping[str, Any]) -> Iterator[Finding]:
    name, known = section["name"], section["backends"]
    down = [each for each in known if each["health"] == "down"]
    if down and len(down) == len(known):
        names = " and ".join(each["name"] for each in down)
        yield Finding(State.CRITICAL, f"[{name}] has no PACS: {names} is down, {down[0]['why']}")
        return
    for each in known:
        if each["health"] in ("down", "degraded"):
            text = f"[{name}] {each['name']} is {each['health']}: {each['why']}"
            yield Finding(State.WARNING, text)


def summary(sections: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What there is, in words."""
    backends = [each for section in sections for each in section["backends"]]
    up = sum(each["health"] == "up" for each in backends)
    yield f"{len(sections)} section(s), {up} of {len(backends)} backends known to be up"


def measures(sections: Sequence[Mapping[str, Any]], days: int) -> list[str]:
    """What is measured, as plugins write it: C{name=value;warning;critical;least}."""
    backends = [each for section in sections for each in section["backends"]]
    left = [each["certificate"]["daysLeft"] for each in sections if each["certificate"]]
    facts = [
        f"connections={sum(each['connections'] for each in sections)};;;0",
        f"associations={sum(each['associations'] for each in sections)};;;0",
        f"backends_up={sum(each['health'] == 'up' for each in backends)};;;0",
        f"backends_down={sum(each['health'] == 'down' for each in backends)};;;0",
    ]
    return [*facts, *([f"certificate_days={min(left)};{days};0"] if left else [])]
