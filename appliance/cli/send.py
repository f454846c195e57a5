"""Send DICOM objects to a PACS through the appliance (C-STORE), byte for byte as they are.

FILES may be directories. TLS is used unless --plain is given. Without --verbose no file names are
printed: they may hold patient names.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.cli.arguments import hostAndPort, seconds, title
from appliance.cli.extra import needsDemoExtra
from appliance.cli.progress import Progress, inWords

if TYPE_CHECKING:
    from appliance.cli.association import Destination
    from appliance.cli.store import StoredObject

SUMMARY = "send DICOM objects over TLS (C-STORE)"


def addArguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's arguments."""
    add = parser.add_argument
    add("address", metavar="HOST:PORT", type=hostAndPort, help="where to send")
    add("files", metavar="FILES", nargs="+", type=Path, help="files and directories to send")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--tls", action="store_true", default=True, help="use TLS (the default)")
    mode.add_argument("--plain", dest="tls", action="store_false", help="use no TLS")
    add(
        "--calling",
        metavar="AET",
        type=title,
        default="BUTTERFLY",
        help="our AE title (default: BUTTERFLY)",
    )
    add(
        "--called",
        metavar="AET",
        type=title,
        default="ANY-SCP",
        help="the PACS's AE title (default: ANY-SCP)",
    )
    add("--ca", metavar="FILE", help="trust this authority or server certificate, and no other")
    add("--cert", metavar="FILE", help="our own certificate, for a server that asks for one")
    add("--key", metavar="FILE", help="its private key (default: in the --cert file)")
    add("--name", metavar="HOST", default="", help="the name in the certificate (default: HOST)")
    add(
        "--timeout",
        metavar="SECONDS",
        type=seconds,
        default=30.0,
        help="the longest wait for the connection, an answer or any progress (default: 30)",
    )
    add("-v", "--verbose", action="store_true", help="print file names too")


@needsDemoExtra
def run(arguments: argparse.Namespace) -> int:
    """Send the files; 0 only when each object was answered with Success or a warning."""
    from appliance.cli.association import Destination, clientContext

    try:
        tls = clientContext(arguments.ca, arguments.cert, arguments.key) if arguments.tls else None
    except OSError as error:
        return _complain(f"--ca, --cert or --key: {error.strerror or error}; PEM files are needed")
    if tls is not None and arguments.ca is None:
        print("the server's certificate is not verified; --ca FILE verifies it")
    host, port = arguments.address
    destination = Destination(
        host=host,
        port=port,
        called=arguments.called,
        calling=arguments.calling,
        tls=tls,
        name=arguments.name,
        timeout=arguments.timeout,
    )
    try:
        objects, others = gather(arguments.files)
    except OSError as error:
        return _complain(f"{error.filename}: {error.strerror}")
    if others:
        hint = "" if arguments.verbose else " (-v names them)"
        print(f"{len(others)} files left out: they are not DICOM objects{hint}")
        for path in others if arguments.verbose else ():
            print(f"  {path}")
    if not objects:
        return _complain("nothing to send: no DICOM objects found")
    status = send(destination, objects, arguments.verbose)
    return 1 if any(path in arguments.files for path in others) else status


def gather(paths: Sequence[Path]) -> tuple[list[StoredObject], list[Path]]:
    """The objects in and below C{paths}, and the files that are none.

    @raise OSError: A file is missing or cannot be read.
    """
    from appliance.cli.store import files, readObject

    objects, others = [], []
    for path in files(paths):
        stored = readObject(path)
        if stored is None:
            others.append(path)
        else:
            objects.append(stored)
    return objects, others


def send(destination: Destination, objects: Sequence[StoredObject], verbose: bool) -> int:
    """Send C{objects}, with a line for each and a summary, and return the exit status."""
    from appliance.cli.association import AssociationError
    from appliance.cli.store import deliver

    progress = Progress(sum(each.size for each in objects), sys.stdout)
    stored, storedBytes = 0, 0
    failure = ""
    try:
        for number, (each, outcome) in enumerate(deliver(destination, objects, progress), start=1):
            name = f" {each.path}" if verbose else ""
            progress.say(f"[{number}/{len(objects)}]{name} {each}: {outcome.status}")
            if outcome.good:
                stored += 1
                storedBytes += each.size
    except AssociationError as error:
        failure = str(error)
    seconds = progress.elapsed
    progress.say(
        f"{stored} of {len(objects)} objects stored, {len(objects) - stored} failed: "
        f"{inWords(storedBytes)} in {seconds:.1f} s, {storedBytes / seconds / 1e6:.1f} MB/s"
    )
    if failure:
        return _complain(failure)
    return 0 if stored == len(objects) else 1


def _complain(text: str) -> int:
    print(text, file=sys.stderr)
    return 1
