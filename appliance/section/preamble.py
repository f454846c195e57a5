"""Hears the PROXY header on one accepted socket, and takes no byte more than that.

What follows the header stays with the kernel, for whoever serves the connection then. It judges
nobody, and it closes nothing.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any, Final

from twisted.internet.interfaces import IDelayedCall, IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from appliance.relay.proxyline import LONGEST, Decoder, Hop, ProxyLineError

TLS_RECORD: Final = b"\x16\x03"


class NoHeaderError(Exception):
    """There is no PROXY header, nor will there be; C{str} says why, unless nothing was said."""


@implementer(IReadDescriptor)
class Preamble:
    """The header on C{handle}. C{heard} gets what it says, or C{failed} why there is none.

    One of the two is called once, perhaps by L{begin}, and neither after L{stop}.
    """

    def __init__(
        self,
        reactor: Any,
        handle: socket.socket,
        heard: Callable[[Hop], None],
        failed: Callable[[NoHeaderError], None],
    ) -> None:
        self._reactor = reactor
        self._handle = handle
        self._number = handle.fileno()
        self._heard = heard
        self._failed = failed
        self._decoder = Decoder()
        self._begun = self._over = False
        self._limit: IDelayedCall | None = None

    def begin(self, within: float) -> None:
        """Hear what there is, and wait for the rest of it for so many seconds."""
        self._handle.setblocking(False)
        self.doRead()
        if not self._over:
            self._reactor.addReader(self)
            self._limit = self._reactor.callLater(within, self._overdue, within)

    def stop(self) -> None:
        """Hear no more."""
        self._over = True
        if self._limit is not None:
            self._reactor.removeReader(self)
            if self._limit.active():
                self._limit.cancel()
            self._limit = None

    def _fail(self, why: str) -> None:
        self.stop()
        self._failed(NoHeaderError(why))

    def _gone(self) -> None:
        self._fail("hung up in the middle of its PROXY header" if self._begun else "")

    def _overdue(self, within: float) -> None:
        self._fail(f"has not sent its PROXY header within {within:g} s" if self._begun else "")

    # --- what the reactor asks -------------------------------------------------------------

    def fileno(self) -> int:
        """The socket's number, also after its end: a reactor looks for one that has changed."""
        return self._number

    def logPrefix(self) -> str:
        """For the reactor's own log."""
        return "preamble"

    def doRead(self) -> None:
        """Something has come, or the end."""
        try:
            head = self._handle.recv(LONGEST, socket.MSG_PEEK)
        except BlockingIOError:
            return
        except OSError:
            head = b""
        if not head:
            self._gone()
            return
        try:
            found = self._decoder.feed(head)
        except ProxyLineError as error:
            tls = not self._begun and head.startswith(TLS_RECORD)
            why = "it begins with TLS at once" if tls else str(error)
            self._fail(f"sends no proper PROXY header: {why}")
            return
        self._begun = True
        self._handle.recv(len(head) if found is None else len(head) - len(found[1]))
        if found is not None:
            self.stop()
            self._heard(found[0])

    def connectionLost(self, reason: Failure) -> None:  # noqa: ARG002
        """The reactor has given the socket up."""
        if not self._over:
            self._gone()
