"""End one connection of the running appliance at once.

Its ID is what stands in the brackets of its log lines; 'butterfly-tls ask associations' lists all.
"""

from __future__ import annotations

import argparse

from appliance.cli.asking import addJSON, addSocket, once

SUMMARY = "end one connection"


def addArguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's arguments."""
    parser.add_argument("id", metavar="ID", help="which connection")
    addSocket(parser)
    addJSON(parser)


def run(arguments: argparse.Namespace) -> int:
    """End it, print what came of it, and return the exit status."""
    return once("close", arguments, ["close", arguments.id])
