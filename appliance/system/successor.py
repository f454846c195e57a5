"""Has another process of this program take over, started anew by the same command line.

It inherits the listening sockets, so that nobody is refused in between, and says when it serves.
What becomes of this process is not decided here.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Protocol, runtime_checkable

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import Factory, ProcessProtocol, connectionDone
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

from appliance.system.heritage import FIRST, LONGEST, VARIABLES, WORD, Will
from appliance.system.sockets import Listener

PLUGIN: Final = "butterfly-tls"
"""What stands on twistd's command line between its options and ours."""

NO_PID_FILE: Final = "--pidfile="

PATIENCE: Final = 60.0
"""Seconds that the other process may take until it serves."""

_NUMBERED: Final = 'export LISTEN_PID=$$; exec "$@"'
"""What a shell does so that LISTEN_PID is the number of the process that it becomes."""

_NOT_PASSED_ON: Final = (*VARIABLES, "WATCHDOG_PID")


@runtime_checkable
class Holder(Protocol):
    """What has open sockets and can leave them to another process."""

    @property
    def listeners(self) -> Iterable[Listener]:
        """The sockets."""

    def letGo(self) -> object:
        """Accept no more there; the other process does.

        A C{Deferred} fires when nobody is left who has come in there.
        """


class SuccessionError(Exception):
    """No other process could take over; C{str} says why."""


def commandAgain(argv: Sequence[str]) -> list[str]:
    """The command line C{argv} again, for a process that leaves our pid file alone for now.

    Raises L{SuccessionError}.
    """
    try:
        at = argv.index(PLUGIN)
    except ValueError:
        raise SuccessionError(
            f"this process was not started by 'twistd {PLUGIN}': stop it and start it again"
        ) from None
    before = [each for each in argv[1:at] if each != NO_PID_FILE]
    return [sys.executable, *before, NO_PID_FILE, *argv[at:]]


class Successor:
    """Starts the command line C{argv} again, with C{environment}, as what comes after us."""

    def __init__(self, reactor: Any, argv: Sequence[str], environment: Mapping[str, str]) -> None:
        self._reactor = reactor
        self._argv = argv
        self._environment = environment

    def start(self, sockets: Iterable[socket.socket], will: Will) -> Deferred[int]:
        """Leave C{sockets} and the C{will}; fires with the number of the process once it serves.

        Raises, or fails with, L{SuccessionError}, and the other process is gone or going.
        """
        command = commandAgain(self._argv)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        waiting = _Waiting(self._reactor, will)
        descriptors = [each.fileno() for each in sockets]
        last = FIRST + len(descriptors)
        environment = {
            **{k: v for k, v in self._environment.items() if k not in _NOT_PASSED_ON},
            "LISTEN_FDS": str(len(descriptors)),
            # Where their names are missing, Twisted takes none of them (systemd.socket(5)).
            "LISTEN_FDNAMES": ":".join([PLUGIN] * len(descriptors)),
            WORD: str(last),
        }
        with open(os.devnull, "rb") as nothing, theirs, ours:
            ours.setblocking(False)
            kept = dict(enumerate(descriptors, FIRST))
            process = self._reactor.spawnProcess(
                ProcessProtocol(),
                "/bin/sh",
                ["/bin/sh", "-c", _NUMBERED, PLUGIN, *command],
                env=environment,
                childFDs={0: nothing.fileno(), 1: 1, 2: 2, **kept, last: theirs.fileno()},
            )
            factory = Factory.forProtocol(lambda: waiting.word)
            self._reactor.adoptStreamConnection(ours.fileno(), socket.AF_UNIX, factory)
        return waiting.on(process)


class _Waiting:
    """Waits for what the other process says, and ends it where that is no good."""

    def __init__(self, reactor: Any, will: Will) -> None:
        self.word = _Word(self, will)
        self._reactor = reactor
        self._done: Deferred[int] = Deferred()
        self._limit: IDelayedCall | None = None
        self._process: Any = None
        self._why = "the new process ended before it served; its log says why"
        self._pid: int | None = None

    def on(self, process: Any) -> Deferred[int]:
        """Wait for what C{process} says."""
        self._process = process
        self._limit = self._reactor.callLater(PATIENCE, self._late)
        return self._done

    def _late(self) -> None:
        self.fails(f"the new process did not serve within {PATIENCE:g} s and was ended")

    def serves(self, pid: int) -> None:
        """The process C{pid} serves."""
        self._pid = pid
        self.word.transport.abortConnection()

    def fails(self, why: str) -> None:
        """It will not."""
        self._why = why
        self.word.transport.abortConnection()

    def over(self) -> None:
        """It has no more to say."""
        if self._limit is not None and self._limit.active():
            self._limit.cancel()
        if self._pid is not None:
            self._done.callback(self._pid)
            return
        with contextlib.suppress(ProcessExitedAlready):
            self._process.signalProcess("KILL")
        self._done.errback(SuccessionError(self._why))


class _Word(LineOnlyReceiver):
    """The socket on which the other process hears the will, and says one thing."""

    delimiter = b"\n"
    MAX_LENGTH = LONGEST
    transport: Any

    def __init__(self, waiting: _Waiting, will: Will) -> None:
        self._waiting = waiting
        self._will = will

    def connectionMade(self) -> None:
        """It listens, or will soon."""
        self.transport.write(self._will.dump())

    def lineReceived(self, line: bytes) -> None:
        """It serves, or says why it does not."""
        try:
            facts = json.loads(line)
        except ValueError:
            facts = {}
        if isinstance(facts, dict) and isinstance(facts.get("serving"), int):
            self._waiting.serves(facts["serving"])
        elif isinstance(facts, dict):
            self._waiting.fails(str(facts.get("failed", "the new process made no sense")))

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: ARG002
        """It is gone, or has said all."""
        self._waiting.over()
