"""A small PACS to try the appliance with: takes any object, answers echoes and worklist queries.

It is no archive for patients. Objects are kept in --out exactly as they were sent, or counted and
dropped without it. The worklist holds synthetic ultrasound examinations of today, scheduled for
the AE title BUTTERFLY.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from appliance.cli.arguments import title
from appliance.cli.extra import needsDemoExtra

SUMMARY = "run a small PACS to try the appliance with"

ENDS = (signal.SIGTERM, signal.SIGINT)


def addArguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's arguments."""
    add = parser.add_argument
    add(
        "--port",
        type=int,
        default=11112,
        help="port to listen on; 0 takes a free one (default: 11112)",
    )
    add("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    add("--aet", metavar="AET", type=title, default="PACS", help="its AE title (default: PACS)")
    add("--out", metavar="DIR", type=Path, help="keep the objects in this directory")
    add("--worklist", metavar="N", type=int, default=3, help="entries of the worklist (default: 3)")
    add("--require-called-aet", action="store_true", help="reject calls to other AE titles")


@needsDemoExtra
def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT."""
    from appliance.cli.archive import Archive

    # Blocked here, and so in the server's threads too, they wait for sigwait below.
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)
    archive = Archive(arguments.aet, arguments.out, arguments.worklist, _tell)
    try:
        if arguments.out is not None:
            arguments.out.mkdir(parents=True, exist_ok=True)
        server = archive.listen(arguments.host, arguments.port, strict=arguments.require_called_aet)
    except (OSError, OverflowError) as error:
        place = f"{arguments.host}:{arguments.port}"
        print(f"{place}: {error}; choose another --port, --host or --out", file=sys.stderr)
        return 1
    host, port = server.socket.getsockname()[:2]
    _tell(f"listening on {host}:{port}")
    signal.sigwait(ENDS)
    server.ae.shutdown()
    _tell(archive.summary())
    return 0


def _tell(line: str) -> None:
    print(line, flush=True)
