"""Start the program anew and let that process take over, without a refused or a cut connection.

For a new version of the program, of Python or of OpenSSL, and for what a reload cannot change. The
new process gets the open sockets and every new connection; connections that are open end in the old
one, which is gone after the last of them. When the new one does not come to serve, nothing has
changed: what is wrong is told, and the exit status is 1.
"""

from __future__ import annotations

import argparse

from appliance.cli.asking import addJSON, addSocket, once

SUMMARY = "start the program anew and let that process take over"

PATIENCE = 90.0
"""Seconds that the answer may take; the new process has fewer."""


def addArguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's arguments."""
    addSocket(parser)
    addJSON(parser)


def run(arguments: argparse.Namespace) -> int:
    """Upgrade, print what came of it, and return the exit status."""
    return once("upgrade", arguments, ["upgrade"], PATIENCE)
