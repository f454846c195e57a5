"""Accepts connections without serving them: each socket is handed on as it is.

Every listener uses this, be it of a section, of the console or of the status.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IReadDescriptor
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from appliance.system.sockets import BACKLOG

log = Logger()

DISMISSED = 64 * 1024
"""Bytes that are read of somebody who is dismissed."""

AT_A_TIME = 64
"""Connections accepted in one turn, so that a flood leaves room for everything else."""

REST = 1.0
"""Seconds without accepting after the process ran out of descriptors or memory."""

_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


def dismiss(handle: socket.socket) -> None:
    """Close a connection that was accepted and is not served: with a FIN, as far as we can.

    To close with bytes unread would be a reset. What comes later is reset by the kernel, since to
    wait for it would take a descriptor, which may be what there is too little of.
    """
    with contextlib.suppress(OSError):
        handle.recv(DISMISSED, socket.MSG_DONTWAIT)
    handle.close()


@implementer(IReadDescriptor)
class Acceptor:
    """Accepts at C{listening}; C{accepted} gets each socket and its peer's C{"address:port"}.

    C{failed} hears, in the system's words, that none can be accepted for a while.
    """

    def __init__(
        self,
        reactor: Any,
        listening: socket.socket,
        accepted: Callable[[socket.socket, str], None],
        failed: Callable[[str], None],
    ) -> None:
        self._reactor = reactor
        self._listening = listening
        self._accepted = accepted
        self._failed = failed
        self._resting: Any = None
        reactor.addReader(self)

    def fileno(self) -> int:
        """The descriptor to watch."""
        return self._listening.fileno()

    def logPrefix(self) -> str:
        """For the reactor's own log."""
        return "acceptor"

    def doRead(self) -> None:
        """Somebody waits to be accepted."""
        self._acceptUpTo(AT_A_TIME)

    def last(self) -> None:
        """Accept those who wait already, who would be reset with the socket, and then no more."""
        if self._resting is None:
            self._acceptUpTo(BACKLOG)
        self.stopListening()

    def _acceptUpTo(self, most: int) -> None:
        for _ in range(most):
            try:
                handle, address = self._listening.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    self._rest(f"{os.strerror(error.errno)} ({error.errno})")
                return
            client = f"{address[0]}:{address[1]}" if isinstance(address, tuple) else "unix"
            try:
                self._accepted(handle, client)
            except Exception:
                # A defect with one connection must not end the accepting of others.
                log.failure("serving a connection failed")
                handle.close()

    def _rest(self, why: str) -> None:
        self._reactor.removeReader(self)
        self._resting = self._reactor.callLater(REST, self._resume)
        self._failed(why)

    def _resume(self) -> None:
        self._resting = None
        self._reactor.addReader(self)

    def connectionLost(self, reason: Failure) -> None:
        """The reactor gave the descriptor up; the listening socket is its owner's to close."""

    def stopListening(self) -> None:
        """Accept no more; the socket itself stays open."""
        self._reactor.removeReader(self)
        if self._resting is not None:
            self._resting.cancel()
            self._resting = None
