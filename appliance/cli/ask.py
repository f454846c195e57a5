"""Give the running appliance any command of the administrator's shell.

'butterfly-tls ask help' lists them. The exit status is the command's: 0 when all is well, 1 when
something was found wrong or failed, 2 when the command was not understood.
"""

from __future__ import annotations

import argparse

from appliance.cli.asking import addJSON, addSocket, once

SUMMARY = "give the running appliance a command of its shell"


def addArguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's arguments."""
    parser.add_argument("words", metavar="WORD", nargs="+", help="the command and its arguments")
    addSocket(parser)
    addJSON(parser)


def run(arguments: argparse.Namespace) -> int:
    """Have it done, print the answer, and return the exit status."""
    return once("ask", arguments, arguments.words)
