"""Let a section of the running appliance tell new clients to come again later, or serve them again.

Those who speak DICOM hear it as a transient rejection. With a backend after the section's name it
is that one alone which gets nobody new. Connections that are open go on. It is forgotten at a
restart.
"""

from __future__ import annotations

import argparse

from appliance.cli.asking import addJSON, addSocket, once

SUMMARY = "let a section tell new clients to come again later"


def addArguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's arguments."""
    add = parser.add_argument
    words = "the section's name, and perhaps one of its backends; or 'all'"
    add("section", metavar="SECTION", nargs="+", help=words)
    add("--undo", action="store_true", help="let it serve new clients again")
    addSocket(parser)
    addJSON(parser)


def run(arguments: argparse.Namespace) -> int:
    """Drain, print what came of it, and return the exit status."""
    return once("drain", arguments, ["undrain" if arguments.undo else "drain", *arguments.section])
