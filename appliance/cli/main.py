"""The C{butterfly-tls} command: finds the subcommand, runs it, returns its exit status.

Exit statuses: 0 all is well, 1 something was found wrong or failed, 2 the command line was wrong.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Protocol, cast

from appliance import __version__


class Command(Protocol):
    """What a subcommand's module offers."""

    SUMMARY: str

    @staticmethod
    def addArguments(parser: argparse.ArgumentParser) -> None:
        """Declare the subcommand's arguments."""

    @staticmethod
    def run(arguments: argparse.Namespace) -> int:
        """Do the work and return the exit status."""


COMMANDS = (
    *("check", "cert", "echo", "send", "pacs", "demo", "journal"),
    *("status", "top", "reload", "upgrade", "drain", "close", "ask", "probe", "hostkey"),
    *("stunnel", "migrate"),
)

PLUGINS = {"probe": 3}
"""Commands of which monitoring takes an exit status of 2 for something else, and what they say."""

FOREIGN = ("stunnel",)
"""Commands with another program's command line, which they read by themselves."""


def command(name: str) -> Command:
    """The module of the subcommand C{name}."""
    return cast(Command, import_module(f"appliance.cli.{name}"))


def buildParser(names: Sequence[str] = COMMANDS) -> argparse.ArgumentParser:
    """The whole command line as one parser; the reference documentation is made from it too.

    With some of the C{names} alone the modules of the others are not loaded.
    """
    parser = argparse.ArgumentParser(
        prog="butterfly-tls",
        description="Tools around the DICOM-TLS appliance 'twistd butterfly-tls'.",
    )
    parser.add_argument("--version", action="version", version=f"butterfly-tls {__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in names:
        module = command(name)
        subparser = subparsers.add_parser(
            name,
            help=module.SUMMARY,
            description=module.__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.addArguments(subparser)
        subparser.set_defaults(run=module.run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line C{argv} (default: the process's own) and return the exit status."""
    argv = sys.argv[1:] if argv is None else argv
    if argv and argv[0] in FOREIGN:
        arguments = argparse.Namespace(words=argv[1:], run=command(argv[0]).run)
    else:
        try:
            # What monitoring calls every few seconds must not load all the rest.
            wanted = argv[:1] if argv and argv[0] in COMMANDS else COMMANDS
            arguments = buildParser(wanted).parse_args(argv)
        except SystemExit as end:
            if end.code and argv and argv[0] in PLUGINS:
                raise SystemExit(PLUGINS[argv[0]]) from None
            raise
    try:
        return cast(int, arguments.run(arguments))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
