"""Asks an HTTP proxy for a way through (RFC 9110 9.3.6), then steps aside.

It sits on the TCP connection until the proxy has said yes; from then on the transport belongs to
the protocol that was to be connected, as if nothing had been there before.
"""

from __future__ import annotations

import re
from base64 import b64encode
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IProtocol, IProtocolFactory
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from appliance.config.model import ConnectConfig

LONGEST_ANSWER = 8 * 1024
"""Bytes that a proxy's answer may have before its empty line."""

_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})(?: ([ -~]{0,100}))?\r?\n")
_END = re.compile(rb"\r?\n\r?\n")

_ADVICE = {
    b"407": "; see protocolUsername and protocolPassword",
    b"403": "; the proxy does not let us go there: see its rules",
    b"405": "; this is no proxy, or one without CONNECT",
}


class TunnelError(Exception):
    """The proxy does not let us through; C{str} says why."""


@frozen
class Tunnel:
    """What to ask a proxy, and how long (seconds) to wait for its answer."""

    request: bytes
    timeout: float

    def through(self, factory: IProtocolFactory, reactor: Any) -> Asking:
        """A factory for one connection to a proxy, in front of C{factory}."""
        return Asking(self, factory, reactor)


def connectRequest(config: ConnectConfig) -> bytes:
    """The request for C{config}, with the credentials of basic authentication (RFC 7617)."""
    lines = [f"CONNECT {config.host} HTTP/1.1", f"Host: {config.host}", *config.headers]
    if config.username is not None:
        credentials = f"{config.username}:{config.password or ''}".encode()
        lines.append(f"Proxy-Authorization: Basic {b64encode(credentials).decode()}")
    return "\r\n".join((*lines, "", "")).encode()


class Asking(Factory):
    """Connects one protocol of C{factory} once the proxy agrees; C{answered} then gives it."""

    noisy = False

    def __init__(self, tunnel: Tunnel, factory: IProtocolFactory, reactor: Any) -> None:
        self.tunnel = tunnel
        self.factory = factory
        self.reactor = reactor
        self._asker: Asker | None = None
        self.answered: Deferred[IProtocol] = Deferred(lambda _: self._giveUp())

    def buildProtocol(self, addr: IAddress | None) -> Asker:
        """The protocol that asks."""
        self._asker = Asker(self, addr)
        return self._asker

    def _giveUp(self) -> None:
        if self._asker is not None:
            self._asker.giveUp()


class Asker(Protocol):
    """One request and its answer."""

    transport: Any

    def __init__(self, asking: Asking, address: IAddress | None) -> None:
        self._asking = asking
        self._address = address
        self._heard = b""

    def connectionMade(self) -> None:
        """Ask."""
        asking = self._asking
        self._overdue = asking.reactor.callLater(
            asking.tunnel.timeout, self._fail, "the proxy does not answer"
        )
        self.transport.write(asking.tunnel.request)

    def dataReceived(self, data: bytes) -> None:
        """Take a piece of the answer; what follows its empty line is not for us."""
        self._heard += data
        if b"HTTP/1."[: len(self._heard)] != self._heard[:7]:
            self._fail("what answers there is no HTTP proxy")
            return
        end = _END.search(self._heard)
        if end is None:
            if len(self._heard) > LONGEST_ANSWER:
                self._fail(f"the proxy's answer is longer than {LONGEST_ANSWER} bytes")
            return
        status = _STATUS.match(self._heard)
        if status is None:
            self._fail("what answers there is no HTTP proxy")
        elif status[1].startswith(b"2"):
            self._stepAside(self._heard[end.end() :])
        else:
            words = b" ".join(filter(None, status.groups())).decode("ascii")
            self._fail(f"the proxy answered {words}{_ADVICE.get(status[1], '')}")

    def _stepAside(self, rest: bytes) -> None:
        self._overdue.cancel()
        asking = self._asking
        carried = asking.factory.buildProtocol(self._address)  # type: ignore[arg-type]
        if carried is None:
            self._fail("not wanted any more")
            return
        self.transport.protocol = carried
        carried.makeConnection(self.transport)
        if rest:
            carried.dataReceived(rest)
        asking.answered.callback(carried)

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: ARG002
        """The proxy hung up."""
        self._fail("the proxy hung up without an answer")

    def _fail(self, why: str) -> None:
        self.giveUp()
        if not self._asking.answered.called:
            self._asking.answered.errback(TunnelError(why))

    def giveUp(self) -> None:
        """Ask no longer."""
        if self._overdue.active():
            self._overdue.cancel()
        self.transport.abortConnection()
