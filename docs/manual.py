"""Writes the manual, C{butterfly-tls(1)} and C{butterfly-tls.conf(5)}, from the code's tables.

They are what C{docs/reference} says, as C{man} shows it. The version is the package's, and the
date that of its entry in C{debian/changelog}.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from textwrap import wrap
from typing import Any, Final

from appliance import __version__
from appliance.cli.main import COMMANDS, buildParser, command
from appliance.config.options import GROUPS
from appliance.config.vocabulary import Option, Repeat, Scope, Status
from appliance.tap import Options
from docs.commandline import actionsOf, meaning, paragraphs, spelled, subparsers, synopsis, value

CHANGELOG: Final = Path(__file__).parent.parent / "debian" / "changelog"

MADE: Final = ".\\\" Made by docs/generate.py from {source}: change it there and run 'make docs'."


def pages() -> dict[str, str]:
    """The text of each page, by the name of its file."""
    made = {"butterfly-tls.1": commands(), "butterfly-tls.conf.5": configuration()}
    return {name: "\n".join(lines) + "\n" for name, lines in made.items()}


# --- roff -------------------------------------------------------------------------------------


def words(of: str) -> str:
    """Words on one line, with nothing in them that troff would obey."""
    safe = " ".join(of.split()).replace("\\", r"\e")
    # A program is to be found by what a page shows of its options: '-' is a hyphen else.
    safe = re.sub(r"(?<![\w.])-(?=[\w-])|(?<=-)-(?=\w)", r"\\-", safe)
    return guarded(safe)


def guarded(line: str) -> str:
    """C{line}, which troff would obey if it began with one of these."""
    return r"\&" + line if line.startswith((".", "'")) else line


def text(of: str) -> Iterator[str]:
    """Words on lines of the length that troff's own tools ask for."""
    yield from map(guarded, wrap(words(of), 78, break_long_words=False, break_on_hyphens=False))


def literal(of: str) -> str:
    """What is typed as it stands here."""
    return r"\fB" + words(of).replace(r"\-", "-").replace("-", r"\-") + r"\fR"


def title(name: str, section: int, heading: str) -> str:
    """The first line of a page."""
    (line,) = re.findall(r"^ -- .*?  (.*)$", CHANGELOG.read_text("utf-8"), re.M)[:1]
    date = parsedate_to_datetime(line).date()
    return f'.TH {name} {section} {date} "Butterfly-TLS {__version__}" "{heading}"'


def entry(head: str, *texts: str) -> Iterator[str]:
    """One entry of a list."""
    yield ".TP"
    yield head
    for number, each in enumerate(filter(None, texts)):
        if number:
            yield ".br"
        yield from text(each)


def prose(of: str) -> Iterator[str]:
    """Paragraphs."""
    for number, paragraph in enumerate(paragraphs(of)):
        if number:
            yield ".PP"
        yield from text(paragraph)


# --- butterfly-tls(1) -------------------------------------------------------------------------

STATUS: Final = """\
0 when all is well, 1 when something was found wrong or failed, and 2 when the command line was
wrong."""

PLACES: Final = {
    "/etc/butterfly-tls/butterfly-tls.conf": "The configuration, see butterfly-tls.conf(5).",
    "/etc/butterfly-tls/conf.d": "More of it, where the configuration includes that directory.",
    "/run/butterfly-tls/control": "The control socket of the service.",
    "/var/lib/butterfly-tls": "What the service has learnt about backends.",
    "/usr/share/doc/butterfly-tls": "All other documents, README.md first.",
}


def commands() -> Iterator[str]:
    """The page of the program."""
    parser = buildParser()
    parsers = subparsers(parser)
    yield MADE.format(source="appliance/cli and appliance/tap.py")
    yield title("BUTTERFLY\\-TLS", 1, "User commands")
    yield ".SH NAME"
    yield "butterfly\\-tls \\- receives DICOM over TLS for a PACS that speaks no TLS"
    yield ".SH SYNOPSIS"
    yield r"\fBbutterfly\-tls\fR \fICOMMAND\fR [\fIARGUMENT\fR ...]"
    yield ".br"
    yield r"\fBtwistd\fR \-n \-\-pidfile= \fBbutterfly\-tls\fR [\fB\-\-config\fR \fIFILE\fR]"
    yield ".SH DESCRIPTION"
    yield from prose(
        f"{Options.longdesc}\n\nAs a service, systemd starts it: butterfly-tls.service."
    )
    yield ".PP"
    yield "These commands go with it. \\fB\\-\\-help\\fR after each tells what is written here."
    yield ".SH COMMANDS"
    for name in COMMANDS:
        yield from entry(literal(name), f"{command(name).SUMMARY}.")
    for name in COMMANDS:
        yield from section(parsers[name])
    yield '.SS "twistd butterfly\\-tls"'
    for long, short, default, what in Options.optParameters:
        yield from entry(literal(f"-{short}, --{long}"), what, default and f"Default: {default}")
    yield ".SH EXIT STATUS"
    yield from text(STATUS)
    yield ".SH FILES"
    for place, what in PLACES.items():
        yield from entry(rf"\fI{words(place)}\fR", what)
    yield ".SH SEE ALSO"
    yield ".BR butterfly\\-tls.conf (5),"
    yield ".BR systemctl (1),"
    yield ".BR journalctl (1)"


def section(parser: argparse.ArgumentParser) -> Iterator[str]:
    """One command: how it is called, what it does, what it takes."""
    yield f".SS {words(parser.prog)}"
    yield literal(synopsis(parser))
    yield ".PP"
    yield from prose(parser.description or "")
    for action in actionsOf(parser):
        head = ", ".join(filter(None, spelled(action))) or value(action)
        yield from entry(literal(head), meaning(action))


# --- butterfly-tls.conf(5) --------------------------------------------------------------------

LAYOUT: Final = """\
The file has lines of the form "option = value", gathered under "[section]" headers. What stands
before the first header concerns the process, or is the default for all sections. Lines that begin
with ; or # are comments. Names of options may be written in any case of letters. File names are
looked up from the directory of the configuration file.

Each section is a TLS server in front of a PACS, or with "client = yes" a TLS client.

butterfly-tls check FILE says all that is wrong with a file, and "systemctl reload butterfly-tls"
takes up what has changed. A bad file changes nothing."""

EXAMPLE: Final = """\
[DICOM STORE]
accept = 2761
connect = 192.168.1.100:104
cert = Butterfly_SCP_Cert.pem
key = Butterfly_SCP_key.pem"""

STATUSES: Final = {
    Status.IGNORED: "Ignored: ",
    Status.REFUSED: "The start is refused: ",
}


def configuration() -> Iterator[str]:
    """The page of the configuration file."""
    yield MADE.format(source="appliance/config")
    yield title("BUTTERFLY\\-TLS.CONF", 5, "File formats")
    yield ".SH NAME"
    yield "butterfly\\-tls.conf \\- what Butterfly\\-TLS serves, and how"
    yield ".SH SYNOPSIS"
    yield r"\fI/etc/butterfly\-tls/butterfly\-tls.conf\fR"
    yield ".SH DESCRIPTION"
    yield from prose(LAYOUT)
    yield ".SH EXAMPLE"
    yield ".EX"
    yield EXAMPLE
    yield ".EE"
    yield ".SH OPTIONS"
    for heading, group in GROUPS.items():
        yield f'.SS "{words(heading)}"'
        for option in group:
            yield from explained(option)
    yield ".SH SEE ALSO"
    yield ".BR butterfly\\-tls (1)"


def explained(option: Option[Any]) -> Iterator[str]:
    """One option: how it is written, what it means, what holds without it."""
    head = rf"{', '.join(map(literal, option.names))} = {words(option.syntax)}"
    if option.status is not Status.SUPPORTED:
        yield from entry(head, option.doc, f"{STATUSES[option.status]}{option.reason}.")
        return
    repeated = "" if option.repeat is Repeat.LAST else f" Repeated, {option.repeat.value}."
    yield from entry(head, f"{option.doc}{repeated}", ". ".join(facts(option)) + ".")


def facts(option: Option[Any]) -> Iterable[str]:
    """Where C{option} may stand and what holds without it, each without a stop."""
    if option.scope is not Scope.SERVICE:
        yield f"Place: {option.scope.value}"
    yield f"Default: {option.default}"
