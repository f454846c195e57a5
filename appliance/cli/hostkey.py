"""Make the key by which administrators know the appliance when they log in with SSH.

It is for the option manholeHostKey. A key that is there already stays, and is shown: who has
connected before would be warned of another one. The fingerprint is what the ssh command asks about
at the first login.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
from contextlib import suppress

SUMMARY = "make the key that the administrator's shell is known by"

_REPORT = """\
{path} {what}
    fingerprint  {fingerprint}
    known_hosts  {host} {line}
    option       manholeHostKey = {path}"""


def addArguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's arguments."""
    parser.add_argument("file", metavar="FILE", help="where it is, or is to be")


def run(arguments: argparse.Namespace) -> int:
    """Make the key, or show the one that is there; returns the exit status."""
    # Only here: the other commands do without, and it takes time to load.
    from appliance.console.ssh.keys import KeyFileError, fingerprint, makeHostKey, readHostKey

    path = os.path.abspath(arguments.file)
    try:
        made = _create(path, makeHostKey())
        public = readHostKey(path).public()
    except OSError as error:
        return _failed(f"cannot write {path}: {error.strerror}")
    except KeyFileError as error:
        return _failed(str(error))
    report = _REPORT.format(
        path=path,
        what="was made" if made else "is there already, and stays",
        fingerprint=fingerprint(public.blob()),
        host=socket.gethostname(),
        line=public.toString("OPENSSH").decode("ascii"),
    )
    print(report)
    return 0


def _create(path: str, content: bytes) -> bool:
    """Make a file that only its owner can read; false where there is something."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    try:
        with open(descriptor, "wb") as file:
            os.fchmod(descriptor, 0o600)  # whatever the umask is
            file.write(content)
    except OSError:
        with suppress(OSError):
            os.unlink(path)
        raise
    return True


def _failed(why: str) -> int:
    print(f"butterfly-tls hostkey: {why}", file=sys.stderr)
    return 1
