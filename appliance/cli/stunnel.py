"""Run as stunnel runs: its command line, its exit statuses, its ways with the terminal and the log.

A service file that starts stunnel starts this once the program's name is changed. The file is
read by stunnel's rules: foreground, syslog, output, pid, setuid, setgid and chroot do what they do
there, two sections may have one name, and a file without sections is for the one connection that
inetd hands over as standard input and output. Unless the file says "foreground = yes" (or quiet),
the process goes into the background once every port is open. Until then a failure is told on
standard error, and the exit status is 1. HUP reads the file again, all or nothing, USR1 opens the
log file again, USR2 lists the connections, and TERM, INT and QUIT stop. Information, such as the
list that -help gives, goes to standard error.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from appliance.cli import stunnelinfo
from appliance.cli.stunnelserver import Start
from appliance.cli.stunnelsource import DescriptorSource, FileSource, Source
from appliance.system.background import openStandard
from appliance.system.process import ProcessError, said
from appliance.system.reactor import install

SUMMARY = "run the appliance by stunnel's command line and rules"

DEFAULT_FILE: Final = "/etc/stunnel/stunnel.conf"

INFORMATION: Final[dict[str, Callable[[], Iterable[str]]]] = {
    "-help": stunnelinfo.helpText,
    "-version": stunnelinfo.defaults,
    "-sockets": stunnelinfo.sockets,
    "-options": stunnelinfo.flags,
}

TODAY: Final = {"-h": "-help", "--help": "-help", "--version": "-version"}
"""What people write who do not know stunnel's command line."""

WINDOWS: Final = (
    *("-install", "-uninstall", "-start", "-stop", "-reload", "-reopen", "-exit", "-quiet"),
)
"""What stunnel takes on Windows alone."""


def addArguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments for the documentation; L{run} reads them by itself."""
    add = parser.add_argument
    add(
        "file",
        metavar="FILE",
        nargs="?",
        help=f"the configuration file, or - for standard input (default: {DEFAULT_FILE})",
    )
    add("-fd", metavar="N", help="read the configuration from the open descriptor N")
    add("-help", action="store_true", help="list what may stand in a configuration file")
    add("-version", action="store_true", help="tell the version, and what holds without a file")
    add("-sockets", action="store_true", help="tell the defaults of socket options")
    add("-options", action="store_true", help="list the flags that the option 'options' takes")


def run(arguments: argparse.Namespace) -> int:
    """Do what the command line says (C{arguments.words}) and return the exit status."""
    words: Sequence[str] = arguments.words
    first = words[0].lower() if words else ""
    tell = INFORMATION.get(TODAY.get(first, first))
    if tell is None:
        openStandard()
        install()
        from twisted.internet import reactor

        return Start(reactor).run(lambda: sourceFor(words, os.getcwd()))
    for line in tell():
        print(line, file=sys.stderr)
    return 0


def sourceFor(words: Sequence[str], directory: str) -> Source:
    """Where the configuration is, by the command line. Raises L{ProcessError}."""
    first = words[0] if words else DEFAULT_FILE
    if first == "-":
        return DescriptorSource(0, directory)
    if first.lower() == "-fd":
        return DescriptorSource(_descriptor(words), directory)
    try:
        return FileSource(os.path.realpath(first, strict=True), directory)
    except OSError as error:
        why = f'Invalid configuration file name "{first}"\nrealpath: {said(error)}'
        if first.lower() in WINDOWS:
            why += f"\n{first} is for Windows; here systemd or an init script does that"
        raise ProcessError(why) from None


def _descriptor(words: Sequence[str]) -> int:
    if len(words) == 1:
        raise ProcessError(f"No file descriptor specified\n{stunnelinfo.USAGE}")
    if not (words[1].isascii() and words[1].isdecimal()):
        raise ProcessError(f"Invalid file descriptor number\n{stunnelinfo.USAGE}")
    return int(words[1])
