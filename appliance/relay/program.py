"""A program of the administrator's as one leg of a connection (C{exec} and C{execArgs}).

It gets one end of a socket pair as its standard input and output, and nothing else of ours: what
it writes to standard error goes where our own goes, never into the stream.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Mapping
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.interfaces import IProtocol, IProtocolFactory
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from appliance.backend.caller import Caller
from appliance.backend.dialler import dialError
from appliance.backend.pool import NoBackendError
from appliance.events import ChildEnded, ChildStarted, DialFailed, Events


@frozen
class Program:
    """The program at C{path}, started with C{arguments} (the first one is its own name).

    C{wire} makes the transport on our end of its standard input and output.
    """

    reactor: Any
    wire: Callable[[socket.socket], Any]
    section: str
    path: str
    arguments: tuple[str, ...]
    events: Events

    def dial(self, factory: IProtocolFactory, caller: Caller) -> Deferred[tuple[str, IProtocol]]:
        """Start it for C{caller} and connect C{factory} to it; gives its path and the protocol.

        Fails with L{NoBackendError} when it cannot be started.
        """
        return maybeDeferred(self._dial, factory, caller)

    def _dial(self, factory: IProtocolFactory, caller: Caller) -> tuple[str, IProtocol]:
        wire = self.wire(self.start(caller))
        protocol = factory.buildProtocol(None)  # type: ignore[arg-type]
        assert protocol is not None  # noqa: S101
        wire.carry(protocol)
        return self.path, protocol

    def start(self, caller: Caller) -> socket.socket:
        """Start it for C{caller}; our end of its standard input and output is returned.

        Raises L{NoBackendError}.
        """
        try:
            # One that is not there would otherwise be missed by the child alone.
            _checkExecutable(self.path)
            ours, theirs = socket.socketpair()
        except OSError as error:
            raise self._failed(caller, error) from None
        with theirs:
            try:
                self.reactor.spawnProcess(
                    _Child(self.section, self.events, caller.connection),
                    self.path,
                    self.arguments or (self.path,),
                    env=environment(os.environ, caller),
                    childFDs={0: theirs.fileno(), 1: theirs.fileno(), 2: 2},
                )
            except OSError as error:
                ours.close()
                raise self._failed(caller, error) from None
        ours.setblocking(False)
        return ours

    def _failed(self, caller: Caller, error: OSError) -> NoBackendError:
        self.events.publish(
            DialFailed(self.section, caller.connection, self.path, dialError(error))
        )
        return NoBackendError()


def _checkExecutable(path: str) -> None:
    """Raise C{OSError} when there is no program at C{path} that we may run."""
    if os.path.isdir(path) or not os.access(path, os.X_OK):
        os.stat(path)
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def environment(own: Mapping[str, str], caller: Caller) -> dict[str, str]:
    """Our C{own} environment and what is known of C{caller}."""
    told = {
        "REMOTE_HOST": caller.host,
        "REMOTE_PORT": str(caller.port) if caller.host else "",
        "SSL_CLIENT_DN": caller.subject,
        "SSL_CLIENT_I_DN": caller.issuer,
    }
    rest = {name: value for name, value in own.items() if name not in told}
    return rest | {name: value for name, value in told.items() if value}


class _Child(ProcessProtocol):
    """Tells of a program's start and its end; Twisted has reaped it by then."""

    def __init__(self, section: str, events: Events, connection: str) -> None:
        self._section = section
        self._events = events
        self._connection = connection
        self._pid = 0

    def connectionMade(self) -> None:
        """The program runs."""
        self._pid = self.transport.pid  # type: ignore[union-attr]
        self._events.publish(ChildStarted(self._section, self._connection, self._pid))

    def processExited(self, reason: Failure) -> None:
        """The program has ended."""
        how = reason.value
        code, signal = 0, None
        if isinstance(how, ProcessDone | ProcessTerminated):
            code, signal = how.exitCode, how.signal
        self._events.publish(ChildEnded(self._section, self._pid, code, signal))
