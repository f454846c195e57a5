"""Writes C{docs/reference} from the code's own tables; C{make docs} runs it.

The manual in C{docs/man} and C{completions} are written too, by modules of their own. Nothing here
depends on anything but those tables, so that a test can hold the files against them.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from attrs import fields

from appliance import events
from appliance.audit.schema import SCHEMA
from appliance.cli.main import COMMANDS, buildParser, command
from appliance.config.options import GROUPS, TABLE, isOurs
from appliance.config.sockopts import SOCKET_OPTIONS
from appliance.config.sslops import SSL_OPS
from appliance.config.vocabulary import Option, Repeat, Scope, Status
from appliance.console.commands import COMMANDS as SHELL
from appliance.logs import vocabulary
from appliance.logs.schema import logSchema
from appliance.status.answers import ENDPOINTS
from appliance.status.plain import statusSchema
from appliance.status.store import LIMIT, LIMITS
from appliance.status.table import METRICS
from appliance.tap import Options
from docs import completions, manual
from docs.commandline import actionsOf, meaning, spelled, subparsers, synopsis
from tests.differential.differences import DIFFERENCES

REFERENCE = Path(__file__).parent / "reference"
MANUALS = Path(__file__).parent / "man"
COMPLETIONS = Path(__file__).parent.parent / "completions"

MADE = "<!-- Made by docs/generate.py from {source}: change it there and run 'make docs'. -->"


def pages() -> dict[str, str]:
    """The text of each page, by the name of its file."""
    made = {
        "options.md": optionsPage("appliance/config"),
        "log.md": logPage("appliance/logs/lines"),
        "log.schema.json": iter([json.dumps(logSchema(), indent=2)]),
        "commands.md": commandsPage("appliance/cli and appliance/tap.py"),
        "differences.md": differencesPage("tests/differential/differences.py"),
        "journal.schema.json": iter([json.dumps(SCHEMA, indent=2)]),
        "metrics.md": metricsPage("appliance/status/table.py"),
        "endpoints.md": endpointsPage("appliance/status/answers.py"),
        "shell.md": shellPage("appliance/console/commands.py"),
        "status.schema.json": iter([json.dumps(statusSchema(), indent=2)]),
    }
    return {name: "\n".join(lines).rstrip() + "\n" for name, lines in made.items()}


def written() -> dict[Path, dict[str, str]]:
    """All texts, by their directory and the name of their file."""
    return {REFERENCE: pages(), MANUALS: manual.pages(), COMPLETIONS: completions.scripts()}


# --- Markdown ---------------------------------------------------------------------------------


def code(text: str) -> str:
    """C{text} as code within a cell of a table."""
    return f"`{cell(text)}`" if text else ""


def cell(text: str) -> str:
    """C{text} on one line, with nothing in it that would end a cell."""
    return " ".join(text.split()).replace("|", r"\|")


def escaped(text: str) -> str:
    """C{text} as words: what looks like HTML or markup stays what it is."""
    return re.sub(r"([<*`])", r"\\\1", text)


def plain(text: str) -> str:
    """C{text} as words of a cell."""
    return escaped(cell(text))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A table and the empty line after it."""
    for row in (head, ["---"] * len(head), *rows):
        yield f"| {' | '.join(row)} |".replace("|  |", "| |")
    yield ""


def names(of: Sequence[str]) -> str:
    """Names as code, one after the other."""
    return ", ".join(map(code, of))


# --- options ----------------------------------------------------------------------------------

PLACES = {Scope.GLOBAL: "process", Scope.SERVICE: "section", Scope.BOTH: "both"}

OPTIONS_HEAD = """\
# Options

A configuration file has lines of the form `option = value`, gathered under `[section]` headers;
what stands before the first header concerns the process, or is the default for all sections.
Lines that begin with `;` or `#` are comments. Names of options may be written in any case of
letters. File names are looked up from the directory of the configuration file.

[`butterfly-tls check`](commands.md#butterfly-tls-check) says all that is wrong with a file.
"""

OURS = """\
## Our own

stunnel has none of these, and refuses a file that has one. They may stand in the configuration
file, or in an [overlay](../stunnel.md#options-of-our-own):
"""

STATUSES = {
    Status.SUPPORTED: "",
    Status.IGNORED: "A line with one of these gets a warning and changes nothing.",
    Status.REFUSED: "A line with one of these stops the start, as leaving it out would do harm.",
}


def optionsPage(source: str) -> Iterator[str]:
    """Every option that may be written."""
    yield from (f"{MADE.format(source=source)}\n", OPTIONS_HEAD)
    yield "Where an option may stand:\n"
    yield from (f"- *{PLACES[scope]}*: {scope.value}" for scope in Scope)
    yield ""
    for heading, group in GROUPS.items():
        yield f"## {heading}\n"
        for status in (status for status in Status if any(o.status is status for o in group)):
            chosen = [option for option in group if option.status is status]
            if status is Status.SUPPORTED:
                head = ["Option", "Where", "Value", "Default", "Meaning"]
                yield from table(head, [[*known(o), supported(o)] for o in chosen])
            else:
                yield f"{STATUSES[status]}\n"
                head = ["Option", "Where", "Value", "Default", "Meaning", f"Why {status.value}"]
                yield from table(head, [[*known(o), plain(o.doc), why(o)] for o in chosen])
    own = sorted((option.name for option in TABLE if isOurs(option)), key=str.lower)
    yield f"{OURS}\n{names(own)}.\n"
    yield f"## Flags for `options`\n\n{names(sorted(n for n in SSL_OPS if SSL_OPS[n]))}.\n"
    idle = names(sorted(name for name, bits in SSL_OPS.items() if not bits))
    yield f"Known and without effect in today's OpenSSL: {idle}.\n"
    yield f"## Names for `socket`\n\n{names(sorted(SOCKET_OPTIONS))}."


def known(option: Option[Any]) -> list[str]:
    """The cells that all options have."""
    place = PLACES[option.scope]
    return [names(option.names), place, code(option.syntax), plain(option.default)]


def supported(option: Option[Any]) -> str:
    """What a supported option means."""
    text = plain(option.doc)
    return text if option.repeat is Repeat.LAST else f"{text} Repeated, {option.repeat.value}."


def why(option: Option[Any]) -> str:
    """Why an option is left out, and what of it passes in silence."""
    text = option.reason[0].upper() + plain(option.reason)[1:] + "."
    spared = [code(value) if value else "an empty value" for value in option.harmless]
    return f"{text} Accepted in silence: {' and '.join(spared)}." if spared else text


# --- log --------------------------------------------------------------------------------------

LOG_HEAD = """\
# Log lines

    2026.11.24 03:01:48 LOG5[1]: Service [DICOM STORE] accepted connection from 127.0.0.1:42890

Date and time are local. The digit after `LOG` is the level. In the brackets stands the number of
the connection, or `main` where a line is not about one connection (`ui` under
[`butterfly-tls stunnel`](../stunnel.md)). In syslog the line begins at `LOG`, and the level is its
priority. Unprintable characters become dots, and no line is longer
than 1024 characters of text. Patient data is never in a line. [The log](../logs.md) tells of other
shapes, of the journal of systemd, and of what is summed up.

| Level | Name | What for |
| --- | --- | --- |
| 0 | emerg | the list of connections that SIGUSR2 asks for |
| 2 | crit | a defect of the appliance |
| 3 | err | something failed |
| 4 | warning | something was refused, or deserves attention |
| 5 | notice | the life of a connection, in short; **the default** |
| 6 | info | the details of TLS, and why a connection ended |
| 7 | debug | for developers |

`debug = LEVEL` shows the lines up to that level, before the first section for the process and in
a section for that one. Where stunnel 5.75 has a line for the same situation, words and level are
the same. A `<name>` stands for a value.
"""


class Shown(str):
    """The name of a value, shown in its place however the value would have been formatted."""

    def __format__(self, spec: str) -> str:
        """C{<name>}, whatever C{spec} is."""
        return "<" + self + ">"

    def __index__(self) -> int:
        """The first moment of all, which is easily told, where a date is made of the value."""
        return 0


def named(kind: type[Any], **values: Any) -> Any:
    """A C{kind} of which all C{values} that are not given are shown by their names."""
    return kind(**{field.name: Shown(field.name) for field in fields(kind)} | values)


# By event, those values that make its words differ; all others are shown by their names.
VARIANTS: dict[type[events.Event], list[dict[str, Any]]] = {
    events.Refused: [{"problems": ("<problem>",)}],
    events.Reading: [{"descriptor": False}, {"descriptor": True}],
    events.ByteOrderMark: [{"found": False}, {"found": True}],
    events.ServerNameAsked: [{}, {"name": None, "to": None}, {"to": None}],
    events.Stopping: [{"signal": Shown(name)} for name in ("SIGTERM", "signal")],
    events.InternalError: [{"traceback": ("<place>",)}],
    events.LoopStalled: [{"seconds": 0.0, "where": ("<place>",)}],
    events.Handshaken: [
        {"dialled": dialled, "peer": named(events.Peer, resumed=how == "resumed", psk=how == "PSK")}
        for dialled in (False, True)
        for how in ("new", "resumed", "PSK")
    ],
    events.CertificateAccepted: [{"depth": 1}, {"depth": 0}],
    events.CertificateRejected: [{}, {"error": "hostname mismatch"}],
    events.HandshakeFailed: [{"dialled": False}, {"dialled": True}],
    events.DialFailed: [{}, {"error": None}],
    events.Ended: [{"leg": leg, "end": end} for leg in events.Leg for end in events.End],
    events.TimedOut: [{"timer": timer} for timer in events.Timer],
    events.ChildEnded: [{"signal": None}, {}],
    events.OCSPAnswered: [{"status": status} for status in ("good", "revoked", "unknown")],
    events.OCSPUnanswered: [{}, {"url": None}],
    events.NoBackend: [{}, {"resolved": False, "skipped": 0}],
    events.Limited: [
        {"limit": limit, "count": count}
        for limit in events.LimitKind
        for count in (1, Shown("count"))
    ],
    events.Ordered: [
        {"roundRobin": robin, "fewest": fewest}
        for robin, fewest in ((True, False), (False, False), (False, True))
    ],
    events.Ready: [{}, {"certificate": ""}],
    events.Closed: [
        {"reason": reason, "dialled": dialled, "peer": named(events.Peer)}
        for reason in events.Reason
        for dialled in (False, True)
    ],
    events.AssociationRequested: [{"contexts": (), "requestor": named(events.Application)}],
    events.AssociationAccepted: [{"contexts": ()}],
    events.AssociationRefused: [{"enforced": True}, {"enforced": False}],
    events.AssociationEnded: [
        {
            "association": named(
                events.Association,
                outcome=outcome,
                tallies=(named(events.Tally, statuses=((0, 0),)),),
            )
        }
        for outcome in events.Outcome
    ],
    events.BackendChanged: [
        {"after": after, "before": events.Health.UP} for after in events.Health
    ],
    events.CommandGiven: [
        {"ok": ok, "changes": changes}
        for ok, changes in ((True, True), (True, False), (False, True))
    ],
    events.BackendDrained: [{"draining": True}, {"draining": False}],
    events.Checked: [{"seconds": 0.0}],
    events.Repeated: [{"level": level} for level in (3, 4, 5)],
    events.JournalFailed: [{"dropping": True}, {"dropping": False}],
    events.AuditAway: [{"keeps": True}, {"keeps": False}],
    events.ConsoleLogin: [{"ok": True}, {"ok": False}],
}


def shown(entry: vocabulary.Entry) -> Iterator[str]:
    """The different words of C{entry}, with names in the place of values."""
    for variant in VARIANTS.get(entry.event, [{}]):
        event = named(entry.event, **variant)
        if entry.when(event):
            # The reason of an end is one of many words, listed elsewhere.
            text = re.sub(r"(?<=ended: )[^,]+", "<reason>", entry.text(event))
            yield text.replace("Jan  1 00:00:00 1970 GMT", "<date>")


def logPage(source: str) -> Iterator[str]:
    """Every line of the log."""
    yield from (f"{MADE.format(source=source)}\n", LOG_HEAD)
    kinds = {
        "Connections": events.ConnectionEvent,
        "Sections": events.SectionEvent,
        "The process": events.Event,
    }
    grouped: dict[str, list[vocabulary.Entry]] = {heading: [] for heading in reversed(kinds)}
    for entry in vocabulary.ENTRIES:
        heading = next(heading for heading, kind in kinds.items() if issubclass(entry.event, kind))
        grouped[heading].append(entry)
    for heading, entries in grouped.items():
        yield f"## {heading}\n"
        rows = [
            [
                str(entry.level),
                "<br>".join(map(code, dict.fromkeys(shown(entry)))),
                plain(entry.doc),
            ]
            for entry in entries
        ]
        yield from table(["Level", "Words", "When"], rows)
    yield "## Reasons\n\nThe `<reason>` for which a connection ended is one of these:\n"
    yield f"{names([reason.value for reason in events.Reason])}."


# --- metrics ----------------------------------------------------------------------------------

METRICS_HEAD = f"""\
# Metrics

`/metrics` of the [status](../monitoring.md) has these, in Prometheus's text format or, for those
who accept it, as OpenMetrics. Beside them are `process_cpu_seconds_total`,
`process_resident_memory_bytes`, `process_virtual_memory_bytes`, `process_start_time_seconds`,
`process_open_fds` and `process_max_fds` of the process that answers.

Labels are names from the configuration, words of ours, and what TLS negotiates; never AE titles or
clients' addresses. A label has at most {LIMIT} values, `section` and `backend` {LIMITS["section"]};
what is more is counted as `other`. A histogram is found as `_bucket`, `_sum` and `_count`.
Counters begin at nought with the process.
"""


def metricsPage(source: str) -> Iterator[str]:
    """Every metric."""
    yield from (f"{MADE.format(source=source)}\n", METRICS_HEAD)
    rows = [
        [
            code(each.series[0].removesuffix("_bucket")),
            each.kind.value,
            names(each.labels),
            plain(each.help),
        ]
        for each in METRICS
    ]
    yield from table(["Metric", "Kind", "Labels", "Meaning"], rows)


# --- addresses of the status ------------------------------------------------------------------

ENDPOINTS_HEAD = """\
# Addresses of the status

What `status = PORT` answers over HTTP, to GET and HEAD. [Monitoring](../monitoring.md) tells what
it is good for.
"""


def endpointsPage(source: str) -> Iterator[str]:
    """Every address."""
    yield from (f"{MADE.format(source=source)}\n", ENDPOINTS_HEAD)
    rows = [[code(each.path), each.audience, plain(each.summary)] for each in ENDPOINTS]
    yield from table(["Address", "For whom", "What"], rows)


# --- differences ------------------------------------------------------------------------------

DIFFERENCES_HEAD = """\
# Differences from stunnel

A test gives some hundred configuration files to Debian's stunnel 5.68 and to the appliance, good
ones and bad ones, and holds them to the same verdict: to start, or to refuse. These are all the
differences that are meant. [Options](options.md) says of each option what becomes of it.
"""


def differencesPage(source: str) -> Iterator[str]:
    """Where we start and stunnel does not, and the other way round."""
    yield from (f"{MADE.format(source=source)}\n", DIFFERENCES_HEAD)
    for heading, accepted in {"Taken here alone": True, "Taken by stunnel alone": False}.items():
        yield f"## {heading}\n"
        chosen = [one for one in DIFFERENCES if one.accepted is accepted]
        rows = [[cell(one.what[0].upper() + one.what[1:]), cell(one.why)] for one in chosen]
        yield from table(["Configuration", "Why"], rows)


# --- the shell --------------------------------------------------------------------------------

SHELL_HEAD = """\
# Commands of the shell

What an administrator can say to the running appliance: at the prompt of the
[shell](../shell.md), in one line by `ssh`, at the control socket, and with
[`butterfly-tls ask`](commands.md#butterfly-tls-ask). `--json` anywhere in a line gives the answer
as a program reads it. A section's name needs no quotes for its blanks, and may be written in any
case of letters.

The exit status is 0 when all is well, 1 when something was found wrong or failed, and 2 when the
command was not understood.
"""


def shellPage(source: str) -> Iterator[str]:
    """Every command of the console."""
    yield from (f"{MADE.format(source=source)}\n", SHELL_HEAD)
    for heading, changing in {"Looking": False, "Changing": True}.items():
        yield f"## {heading}\n"
        chosen = [each for each in SHELL if each.changes is changing]
        rows = [[code(each.usage), plain(each.summary)] for each in chosen]
        yield from table(["Command", "What it does"], rows)


# --- commands ---------------------------------------------------------------------------------

COMMANDS_HEAD = """\
# Commands

- [`twistd butterfly-tls`](#twistd-butterfly-tls) is the appliance.
- `butterfly-tls` is what goes with it:
"""

STATUS_TEXT = """\
The exit status of `butterfly-tls` is 0 when all is well, 1 when something was found wrong or
failed, and 2 when the command line was wrong. `butterfly-tls --version` tells the version, and
`--help` after a command tells what is written here.
"""


def commandsPage(source: str) -> Iterator[str]:
    """Every command and its arguments."""
    parsers = subparsers(buildParser())
    yield from (f"{MADE.format(source=source)}\n", COMMANDS_HEAD.rstrip())
    yield from (f"  - [`{n}`](#butterfly-tls-{n}): {command(n).SUMMARY}" for n in COMMANDS)
    yield f"\n{STATUS_TEXT}"
    for name in COMMANDS:
        yield from commandSection(name, parsers[name])
    yield "## twistd butterfly-tls\n"
    yield "    twistd [OPTION OF TWISTD ...] butterfly-tls [--config FILE] [--overlay FILE]\n"
    yield f"{escaped(Options.longdesc)}\n"
    rows = [
        [names([f"-{short}", f"--{long}"]), plain(text), code(default or "")]
        for long, short, default, text in Options.optParameters
    ]
    yield from table(["Option", "Meaning", "Default"], rows)


def commandSection(name: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    """One command: how it is called, what it does, what it takes.

    The help text of argparse itself depends on the terminal and on the release of Python.
    """
    actions = actionsOf(parser)
    yield f"## butterfly-tls {name}\n"
    yield f"    {synopsis(parser)}\n"
    yield f"{escaped(parser.description or '').strip()}\n"
    rows = [[names(spelled(a)), plain(meaning(a))] for a in actions]
    yield from table(["Argument", "Meaning"], rows)


def main() -> None:
    """Write the pages, the manual and what shells complete."""
    for home, made in written().items():
        home.mkdir(exist_ok=True)
        for name, text in made.items():
            (home / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
