"""Let the running appliance read its configuration again, and tell what came of it.

A bad configuration changes nothing: its problems are listed, and the exit status is 1. Connections
that are open finish on what they began with.
"""

from __future__ import annotations

import argparse

from appliance.cli.asking import addJSON, addSocket, once

SUMMARY = "let the running appliance read its configuration again"


def addArguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's arguments."""
    addSocket(parser)
    addJSON(parser)


def run(arguments: argparse.Namespace) -> int:
    """Reload, print what came of it, and return the exit status."""
    return once("reload", arguments, ["reload"])
