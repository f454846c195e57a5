"""What must hold of any bytes at the web server of the status: one answer at most, then the end.

An input is all that a client says. What is told is the state of an appliance that is not real.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse, RemoteDisconnected
from io import BytesIO
from typing import Any

from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import globalLogPublisher

from appliance.events import Health
from appliance.status.answers import HEADERS, Answers
from appliance.status.lag import Lag
from appliance.status.site import LIFETIME, Site
from tests.console.fake import NOW, STORE, backend, document, section

PIECE = 5
"""Bytes: shorter than any line of a request, so that each of them is cut somewhere."""

MOST_KEPT = 64 * 1024
"""Bytes of what a client says that may be kept, whatever it is."""

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
"""What somebody hears first who asks whether he may send a body (RFC 9110, 15.2.1)."""

STATE = document(section(STORE, backend("192.168.1.100:104", Health.UP)))


class Client(StringTransport):
    """A client that can be cut."""

    def abortConnection(self) -> None:
        """Be cut."""
        self.loseConnection()


class Source:
    """What an answer is read from, as the standard library has it."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, _: str) -> BytesIO:
        """The answer as a file."""
        return BytesIO(self._data)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Fail where something has failed meanwhile and was told to the log alone."""
    failures: list[Any] = []

    def hear(event: Any) -> None:
        if event.get("log_failure") is not None:
            failures.append(event["log_failure"])

    globalLogPublisher.addObserver(hear)
    try:
        yield
    finally:
        globalLogPublisher.removeObserver(hear)
    assert not failures, failures


def asked(data: bytes, piece: int) -> bytes:
    """What is answered to C{data}, which comes in pieces; then the client waits."""
    clock, transport = Clock(), Client()
    site = Site(
        clock, Answers(lambda: STATE, Lag(), lambda _: ("text/plain", b"up 1\n"), lambda: NOW)
    )
    channel: Any = site.buildProtocol(None)
    with undisturbed():
        channel.makeConnection(transport)
        for at in range(0, len(data), piece):
            if transport.disconnecting:
                break
            channel.dataReceived(data[at : at + piece])
            kept = sum(map(len, channel._dataBuffer)) + len(channel._buffer)
            assert kept <= MOST_KEPT
        if not transport.disconnecting:
            clock.pump([LIFETIME])
        assert transport.disconnecting, "it waits for ever"
        channel.connectionLost()
    assert clock.getDelayedCalls() == []
    assert not site.open
    return transport.value()


def check(data: bytes) -> None:
    """Raise C{AssertionError} where something does not hold of C{data}."""
    whole = answer(asked(data, len(data) or 1))
    assert answer(asked(data, PIECE)) == whole, "cuts make a difference"


def answer(data: bytes) -> tuple[int, bytes] | None:
    """The status and the text of an answer, which is whole; C{None} where there is none."""
    data = data.removeprefix(CONTINUE)
    response = HTTPResponse(Source(data))  # type: ignore[arg-type]
    try:
        response.begin()
    except RemoteDisconnected:
        return None
    head, _, body = data.partition(b"\r\n\r\n")
    if response.status != 400 or body:
        length = int(response.getheader("Content-Length", "-1"))
        assert body in (b"", body[:length]), "there is more than one answer"
        assert all(response.getheader(name) for name in HEADERS), head
    return response.status, body
