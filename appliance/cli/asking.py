"""Asks the running appliance at its control socket: what the commands that do so have in common."""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
from collections.abc import Callable, Sequence
from typing import Final

from appliance.console.answer import FAILED, Answer
from appliance.console.paint import painted
from appliance.console.wire import LONGEST_ANSWER, Request, WireError, dumpRequest, loadAnswer

USUAL: Final = "/run/butterfly-tls/control"

PATIENCE: Final = 60.0
"""Seconds that an answer may take; a C-ECHO to a PACS that is silent takes some."""


class AskError(Exception):
    """The appliance cannot be asked; C{runs} is false where it certainly does not run."""

    def __init__(self, why: str, runs: bool = True) -> None:
        super().__init__(why)
        self.runs = runs


def usualSocket() -> str:
    """Where the socket is unless somebody has said otherwise."""
    directory, _, _ = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")
    return f"{directory}/control" if directory else USUAL


def addSocket(parser: argparse.ArgumentParser) -> None:
    """Declare where the socket is."""
    parser.add_argument(
        "--socket",
        metavar="PATH",
        help="the control socket of the appliance (default: control in $RUNTIME_DIRECTORY, or "
        f"{USUAL})",
    )


def addJSON(parser: argparse.ArgumentParser) -> None:
    """Declare that the answer can be had as JSON."""
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")


class Asking:
    """A connection to the control socket at C{path}. Making it raises L{AskError}."""

    def __init__(self, path: str | None, patience: float = PATIENCE) -> None:
        self.path = path or usualSocket()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(patience)
        try:
            self._socket.connect(self.path)
        except OSError as error:
            self._socket.close()
            raise _unreachable(self.path, error) from None
        self._buffer = b""

    def ask(self, *words: str) -> Answer:
        """Have the command C{words} done. Raises L{AskError}."""
        command, *arguments = words
        try:
            self._socket.sendall(dumpRequest(Request(command, tuple(arguments))))
            return loadAnswer(self._line())
        except TimeoutError:
            raise AskError(f"no answer at {self.path}: the appliance hangs, or is busy") from None
        except (OSError, WireError) as error:
            raise AskError(f"no answer that makes sense at {self.path}: {error}") from None

    def _line(self) -> bytes:
        while b"\n" not in self._buffer:
            data = self._socket.recv(256 * 1024)
            if not data:
                raise WireError("the connection was closed")
            self._buffer += data
            if len(self._buffer) > LONGEST_ANSWER:
                raise WireError("it is too long")
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def close(self) -> None:
        """Ask nothing more."""
        self._socket.close()


def _unreachable(path: str, error: OSError) -> AskError:
    if isinstance(error, FileNotFoundError):
        return AskError(
            f"there is no {path}: the appliance does not run, or its control socket is elsewhere "
            "('control' in its configuration; --socket says where)",
            runs=False,
        )
    if isinstance(error, ConnectionRefusedError):
        why = f"nobody listens at {path}: the appliance has ended; start it again"
        return AskError(why, runs=False)
    if isinstance(error, PermissionError):
        return AskError(
            f"you may not use {path}: be root, or a member of its group ('controlGroup' in the "
            "configuration)"
        )
    return AskError(f"cannot connect to {path}: {error.strerror or error}")


def once(
    name: str, arguments: argparse.Namespace, words: Sequence[str], patience: float = PATIENCE
) -> int:
    """Have C{words} done for the subcommand C{name}, print the answer, and return its status.

    The answer may take C{patience} seconds.
    """

    def work(asking: Asking) -> int:
        answer = asking.ask(*words)
        show(answer, asJSON=getattr(arguments, "json", False))
        return answer.code

    return asked(name, arguments, work, patience)


def asked(
    name: str,
    arguments: argparse.Namespace,
    work: Callable[[Asking], int],
    patience: float = PATIENCE,
) -> int:
    """Do C{work}, which returns the exit status; says why where the appliance cannot be asked."""
    try:
        asking = Asking(arguments.socket, patience)
        try:
            return work(asking)
        finally:
            asking.close()
    except AskError as error:
        print(f"butterfly-tls {name}: {error}", file=sys.stderr)
        return FAILED


def show(answer: Answer, asJSON: bool = False) -> None:
    """Print C{answer}; what went wrong on standard error."""
    if asJSON:
        print(json.dumps(answer.data))
        return
    stream = sys.stdout if answer.ok else sys.stderr
    print(painted(answer.text) if stream.isatty() else answer.text, file=stream)
