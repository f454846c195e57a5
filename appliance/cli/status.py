"""Show how the running appliance is, what is wrong first.

It asks at the control socket. The exit status is 0 when the appliance could be asked, whatever it
said; butterfly-tls probe is for monitoring.
"""

from __future__ import annotations

import argparse
import time

from appliance.cli.asking import Asking, addJSON, addSocket, asked, show

SUMMARY = "show how the running appliance is"

EVERY = 2.0
"""Seconds from one view to the next."""


def addArguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's arguments."""
    addSocket(parser)
    addJSON(parser)
    parser.add_argument(
        "--watch",
        action="store_true",
        help=f"show it again every {EVERY:g} seconds, until Control-C",
    )


def run(arguments: argparse.Namespace) -> int:
    """Show it, once or again and again, and return the exit status."""
    return asked("status", arguments, lambda asking: _show(asking, arguments))


def _show(asking: Asking, arguments: argparse.Namespace) -> int:
    while True:
        answer = asking.ask("status")
        if arguments.watch and not arguments.json:
            # To the top of the screen, which is empty then.
            print("\x1b[H\x1b[2J", end="")
        show(answer, arguments.json)
        if not arguments.watch:
            return answer.code
        time.sleep(EVERY)
