"""The control socket: a line of JSON comes in, its answer goes out, as often as the caller likes.

Who may connect is a matter of the socket's file; who it was is asked of the kernel, and announced
with all that was entered. Nobody can make it hold more than a line, or wait for ever.
"""

from __future__ import annotations

import socket
import struct
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IHalfCloseableProtocol
from twisted.internet.protocol import Factory, connectionDone
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

from appliance.console.answer import MISUSED, Answer
from appliance.console.desk import Desk
from appliance.console.guests import Guests
from appliance.console.wire import LONGEST_REQUEST, WireError, dumpAnswer, loadRequest
from appliance.events import ConsoleRefused

FACE: Final = "control"

IDLE: Final = 60.0
"""Seconds that a caller may be silent, or take to read its answer."""

MOST: Final = 32
"""Callers at a time."""

_CREDENTIALS: Final = struct.Struct("3i")
"""What SO_PEERCRED gives: process, user and group (unix(7))."""


def caller(handle: Any) -> str:
    """Who is at the other end of the unix socket C{handle}, as the kernel has it."""
    try:
        found = handle.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    except OSError:
        return "unknown"
    process, user, _ = _CREDENTIALS.unpack(found)
    # Only the number: to look up a name may mean to ask another machine, and to wait for it.
    return f"{'root' if user == 0 else f'uid {user}'} (pid {process})"


@implementer(IHalfCloseableProtocol)
class ControlProtocol(LineReceiver):
    """One caller, whose requests are answered one after the other."""

    delimiter = b"\n"
    MAX_LENGTH = LONGEST_REQUEST
    factory: ControlFactory

    def __init__(self) -> None:
        self._who = "unknown"
        self._idle: IDelayedCall | None = None
        self._busy = False
        self._over = False

    def connectionMade(self) -> None:
        """Let the caller in, if there is room."""
        self._who = caller(self.transport.socket)  # type: ignore[union-attr]
        if not self.factory.admit(self):
            self._end(Answer(None, f"error: {MOST} others are here; try again later", MISUSED))
            return
        self._await()

    def lineReceived(self, line: bytes) -> None:
        """Do what is asked for; meanwhile nothing more is read."""
        try:
            request = loadRequest(line)
        except WireError as error:
            self._refuse(str(error))
            return
        self._busy = True
        self.pauseProducing()
        words = (request.command, *request.arguments)
        answering = Deferred.fromCoroutine(self.factory.desk.take(self._who, FACE, words))
        answering.addCallback(self._answered)

    def _answered(self, answer: Answer) -> None:
        self._busy = False
        if self._over:
            self._end(answer)
            return
        self._send(answer)
        self._await()
        self.resumeProducing()

    def lineLengthExceeded(self, line: bytes) -> None:  # noqa: ARG002
        """What has no end is no request."""
        self._refuse(f"a request has at most {LONGEST_REQUEST} bytes")

    def _refuse(self, why: str) -> None:
        self.factory.desk.events.publish(ConsoleRefused(FACE, self._who, why))
        self._end(Answer(None, f"error: {why}", MISUSED))

    def _send(self, answer: Answer) -> None:
        if self.transport is not None:
            self.transport.write(dumpAnswer(answer))

    def _end(self, answer: Answer) -> None:
        self._send(answer)
        if self.transport is not None:
            self.transport.loseConnection()
        self._await()

    # --- time ------------------------------------------------------------------------------

    def _await(self) -> None:
        self._stopWaiting()
        self._idle = self.factory.reactor.callLater(IDLE, self._late)

    def _late(self) -> None:
        self._idle = None
        if self._busy:
            self._await()
        else:
            # One that reads nothing would not let go of the connection either.
            self.abort()

    def abort(self) -> None:
        """Let the caller go at once."""
        if self.transport is not None:
            self.transport.abortConnection()  # type: ignore[attr-defined]

    def _stopWaiting(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    # --- the end ---------------------------------------------------------------------------

    def readConnectionLost(self) -> None:
        """The caller has asked all that it wants; what it waits for it still gets."""
        self._over = True
        if not self._busy and self.transport is not None:
            self.transport.loseConnection()

    def writeConnectionLost(self) -> None:
        """Nobody reads the answers."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: ARG002
        """The caller is gone."""
        self._stopWaiting()
        self.transport = None
        self.factory.leave(self)


class ControlFactory(Factory):
    """Makes a L{ControlProtocol} for each caller, with what they have in common."""

    protocol: Any = ControlProtocol
    noisy = False

    def __init__(self, reactor: Any, desk: Desk) -> None:
        self.reactor = reactor
        self.desk = desk
        self.guests: Guests[ControlProtocol] = Guests()

    def admit(self, caller: ControlProtocol) -> bool:
        """Let C{caller} in; false when too many are there."""
        if len(self.guests) >= MOST:
            return False
        self.guests.add(caller)
        return True

    def leave(self, caller: ControlProtocol) -> None:
        """C{caller} is gone."""
        self.guests.discard(caller)

    def endAll(self) -> None:
        """Let all callers go."""
        for each in self.guests:
            each.abort()
