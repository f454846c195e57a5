"""Show the appliance at work, with everything it needs made on the spot.

Makes a key pair, writes the configuration of Butterfly's guide, starts a small PACS and the
appliance, sends a synthetic ultrasound study over TLS, queries the worklist, and checks that each
object arrived byte for byte. Only the local host is used.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from appliance.cli.extra import needsDemoExtra

SUMMARY = "show the appliance at work, end to end, on this host"


def addArguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's arguments."""
    parser.add_argument("--dir", type=Path, help="make the demo's fresh directory in this one")
    parser.add_argument("--keep", action="store_true", help="leave the demo's directory in place")


@needsDemoExtra
def run(arguments: argparse.Namespace) -> int:
    """Play the whole scenario; 0 when all of it went well."""
    from appliance.cli.scenario import ScenarioError, play

    # As with Ctrl-C, so that what was started is ended.
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, signal.default_int_handler)
    try:
        directory = Path(tempfile.mkdtemp(prefix="butterfly-tls-demo-", dir=arguments.dir))
    except OSError as error:
        print(f"{error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    print(f"working in {directory}")
    try:
        return 0 if play(directory) else 1
    except ScenarioError as error:
        print(f"the demo failed: {error}", file=sys.stderr)
        return 1
    finally:
        if arguments.keep:
            print(f"everything is left in {directory}")
        else:
            shutil.rmtree(directory)
