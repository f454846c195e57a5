"""What several commands take on their command lines, parsed for argparse."""

from __future__ import annotations

import argparse


def addOverlay(parser: argparse.ArgumentParser) -> None:
    """Declare C{--overlay}, for commands that read a configuration."""
    parser.add_argument(
        "--overlay",
        metavar="FILE",
        help="a file with options of our own, laid over the configuration file",
    )


def hostAndPort(text: str) -> tuple[str, int]:
    """Parse C{HOST:PORT}, where an IPv6 address stands in brackets."""
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return host, int(port)


def title(text: str) -> str:
    """Parse an AE title: 1 to 16 characters of ASCII, no backslash (PS3.5 6.2)."""
    if not 1 <= len(text.strip()) <= 16 or not text.isascii() or "\\" in text:
        raise argparse.ArgumentTypeError(f"{text!r} is no AE title (1 to 16 characters)")
    return text.strip()


def seconds(text: str) -> float:
    """Parse a positive number of seconds, below an hour."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds below an hour")
    return number
