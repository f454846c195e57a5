"""Asks an OCSP responder: one HTTP POST and its answer (RFC 6960 appendix A).

HTTP/1.0 as stunnel speaks it: one question for each connection, nothing in chunks. No redirect is
followed, no cookie kept, no proxy used; what is received is bounded, and so is the time. Whoever
asks judges the answer: see L{appliance.tls.ocsp}.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from attrs import define, field, frozen
from twisted.internet import defer, error
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.defer import Deferred, fail
from twisted.internet.endpoints import HostnameEndpoint, TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

ANSWER_TIME = 10.0
"""Seconds that a responder has for its answer, beside those for the connection."""

MOST = 65536
"""Bytes that an answer may have, its HTTP header included; most have less than 2500."""

_HEAD = 8192
_PRINTABLE = re.compile(r"[!-~]+")
_STATUS = re.compile(rb"HTTP/1\.[0-9] ([0-9]{3})(?: ([^\r\n]*))?\r?\n")
_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")


class NoAnswerError(Exception):
    """A responder could not be asked, or did not answer; C{str} says why."""


Ask = Callable[[str, bytes], "Deferred[bytes]"]
"""C{(url, request) -> response}, both DER; fails with L{NoAnswerError}."""


@frozen
class Place:
    """Where a question goes: what to connect to, and what to ask there for."""

    host: str
    port: int
    path: str

    @classmethod
    def of(cls, url: str) -> Place:
        """Take C{url} apart; raises L{NoAnswerError} for one that cannot be asked."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise NoAnswerError(f"not a URL: {url!r}") from error
        if parts.scheme == "https":
            raise NoAnswerError("TLS not supported for OCSP: its answers are signed, use http://")
        if parts.scheme != "http" or not host or _PRINTABLE.fullmatch(url) is None:
            raise NoAnswerError(f"not a URL that begins with http:// and a host: {url!r}")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return cls(host, 80 if port is None else port, path)

    def post(self, body: bytes) -> bytes:
        """The request as sent; C{Host} has the port where it is not the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        lines = (
            f"POST {self.path} HTTP/1.0",
            f"Host: {host}" if self.port == 80 else f"Host: {host}:{self.port}",
            "User-Agent: butterfly-tls",
            "Content-Type: application/ocsp-request",
            f"Content-Length: {len(body)}",
            "",
            "",
        )
        return "\r\n".join(lines).encode("ascii") + body


@define
class Reading:
    """The answer to a POST while it comes in."""

    _received: bytearray = field(factory=bytearray, init=False)
    _begin: int | None = field(default=None, init=False)
    _length: int | None = field(default=None, init=False)

    def feed(self, data: bytes) -> bytes | None:
        """Take what came; gives the body once that is whole. Raises L{NoAnswerError}."""
        self._received += data
        if len(self._received) > MOST:
            raise NoAnswerError(f"its answer has more than {MOST} bytes")
        if self._begin is None:
            found = _END_OF_HEAD.search(self._received, 0, _HEAD)
            if found is None:
                if len(self._received) >= _HEAD:
                    raise NoAnswerError("its answer does not begin like one of HTTP")
                return None
            self._readHead(bytes(self._received[: found.end()]))
            self._begin = found.end()
        if self._length is None or len(self._received) < self._begin + self._length:
            return None
        return bytes(self._received[self._begin : self._begin + self._length])

    def _readHead(self, head: bytes) -> None:
        status = _STATUS.match(head)
        if status is None:
            raise NoAnswerError("its answer does not begin like one of HTTP")
        if status[1] != b"200":
            words = (status[2] or b"").decode("latin-1").strip()[:80]
            printable = "".join(c if c.isprintable() else "." for c in words)
            raise NoAnswerError(f"HTTP {status[1].decode()} {printable}".rstrip())
        for line in head.splitlines()[1:]:
            name, _, value = line.partition(b":")
            if name.strip().lower() == b"transfer-encoding":
                raise NoAnswerError("its answer comes in chunks, which nobody asked for")
            if name.strip().lower() == b"content-length":
                if re.fullmatch(rb"[0-9]{1,9}", value.strip()) is None:
                    raise NoAnswerError("its answer has no proper length")
                self._length = int(value)

    def end(self) -> bytes:
        """Nothing more will come: the body of an answer without a length. Raises as L{feed}."""
        if self._begin is None or self._length is not None:
            raise NoAnswerError("it closed the connection in the middle of its answer")
        return bytes(self._received[self._begin :])


class Asking(Protocol):
    """One question to a responder; C{answer} fires with the response, or fails."""

    def __init__(self, request: bytes) -> None:
        self.answer: Deferred[bytes] = Deferred(self._cancelled)
        self._request = request
        self._reading = Reading()
        self._over = False

    def connectionMade(self) -> None:
        """Ask."""
        self._transport.write(self._request)

    @property
    def _transport(self) -> Any:
        return self.transport

    def dataReceived(self, data: bytes) -> None:
        """Read on."""
        if self.answer.called:
            return
        try:
            body = self._reading.feed(data)
        except NoAnswerError as error:
            self.answer.errback(error)
        else:
            if body is None:
                return
            self.answer.callback(body)
        self._transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: ARG002
        """The responder has said what it had to say."""
        if self._over or self.answer.called:
            return
        try:
            self.answer.callback(self._reading.end())
        except NoAnswerError as error:
            self.answer.errback(error)

    def _cancelled(self, _answer: Deferred[bytes]) -> None:
        self._over = True
        self._transport.abortConnection()


class AskingFactory(Factory):
    """Builds the one protocol of a connection to a responder."""

    noisy = False

    def __init__(self, request: bytes) -> None:
        self._request = request

    def buildProtocol(self, addr: IAddress | None) -> Asking:  # noqa: ARG002
        """The protocol of a connection that was made."""
        return Asking(self._request)


def asker(reactor: Any, timeout: float) -> Ask:
    """Asks over C{reactor}: C{timeout} seconds to connect, L{ANSWER_TIME} more for the answer."""

    def ask(url: str, request: bytes) -> Deferred[bytes]:
        try:
            place = Place.of(url)
        except NoAnswerError as error:
            return fail(error)
        endpoint = _endpoint(reactor, place, timeout)
        connecting: Deferred[Any] = endpoint.connect(AskingFactory(place.post(request)))
        asking = connecting.addCallback(lambda protocol: protocol.answer)
        asking.addTimeout(timeout + ANSWER_TIME, reactor)
        return asking.addErrback(_inWords)

    return ask


def _endpoint(reactor: Any, place: Place, timeout: float) -> Any:
    # For an address, HostnameEndpoint would tell of a refusal only after 0.3 seconds.
    if isIPAddress(place.host):
        return TCP4ClientEndpoint(reactor, place.host, place.port, timeout)
    if isIPv6Address(place.host):
        return TCP6ClientEndpoint(reactor, place.host, place.port, timeout)
    return HostnameEndpoint(reactor, place.host, place.port, timeout)


def _inWords(failure: Failure) -> Failure:
    problem = failure.value
    match problem:
        case error.DNSLookupError():
            raise NoAnswerError("its name cannot be resolved") from None
        case defer.TimeoutError() | error.TimeoutError():
            raise NoAnswerError("it does not answer in time") from None
        case error.ConnectError():
            number = problem.osError
            why = f"{os.strerror(number)} ({number})" if isinstance(number, int) else str(problem)
            raise NoAnswerError(f"it cannot be connected: {why}") from None
    return failure
