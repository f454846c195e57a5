"""The web server of the status: bounded in whatever a client could make it hold or wait for.

One request for each connection, which is closed after the answer. There is no access log.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any, Final

from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web import http

from appliance.status import answers

log = Logger()

MOST: Final = 64
"""Connections at a time."""

IDLE: Final = 10.0
"""Seconds for which a client may say nothing before its request is complete."""

LIFETIME: Final = 30.0
"""Seconds after which a connection is cut, whatever it is doing."""


class Request(http.Request):
    """One request, answered at once."""

    _hasBody = False

    def gotLength(self, length: int | None) -> None:
        """So long a body comes with it, C{None} for one whose end is not known."""
        self.content = BytesIO()
        self._hasBody = length != 0

    def handleContentChunk(self, data: bytes) -> None:
        """Let a body pass by: nobody reads it."""

    def process(self) -> None:
        """Answer."""
        try:
            response = self.channel.factory.answers.answer(self._asked())
        except Exception:
            log.failure("telling the status failed")
            response = answers.Response(500, answers.TEXT, b"internal error, see the log\n")
        self.setResponseCode(response.code)
        own = {"Content-Type": response.kind, "Content-Length": str(len(response.body))}
        for name, value in {**answers.HEADERS, **own, **dict(response.headers)}.items():
            self.setHeader(name, value)
        self.write(response.body)
        self.finish()

    def _asked(self) -> answers.Request:
        path, _, query = self.uri.decode("latin-1").partition("?")
        # By its name in bytes: else it would have to be UTF-8, and whoever asks need not know that.
        accept = b", ".join(self.requestHeaders.getRawHeaders(b"accept", []))
        method, accepted = self.method.decode("latin-1"), accept.decode("latin-1")
        return answers.Request(method, path, query, accepted, self._hasBody)


class Channel(http.HTTPChannel):
    """One connection of a client."""

    requestFactory = Request
    maxHeaders = 64
    totalHeadersSize = 8192
    abortTimeout = 5
    factory: Any
    _end: IDelayedCall | None = None

    def connectionMade(self) -> None:
        """A client is there."""
        self.factory.open.add(self)
        self._end = self.callLater(LIFETIME, self.cut)
        super().connectionMade()

    def cut(self) -> None:
        """End it at once."""
        # Not forceAbortClient, which forgets the timer of a client that was sent away already.
        self.transport.abortConnection()  # type: ignore[union-attr]

    def checkPersistence(self, request: Any, version: bytes) -> bool:  # noqa: ARG002
        """No connection outlives its answer."""
        request.responseHeaders.setRawHeaders("connection", ["close"])
        return False

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The client is gone."""
        self.factory.open.discard(self)
        if self._end is not None and self._end.active():
            self._end.cancel()
        super().connectionLost(reason)


class Site(http.HTTPFactory):
    """Serves C{answers}."""

    protocol = Channel  # type: ignore[assignment]

    def __init__(self, reactor: Any, answers: answers.Answers) -> None:
        super().__init__(timeout=IDLE, reactor=reactor)
        self.answers = answers
        self.open: set[Channel] = set()

    def startFactory(self) -> None:
        """Begin; there is no log to begin with."""

    def stopFactory(self) -> None:
        """End."""

    def log(self, request: http.Request) -> None:
        """Do not log C{request}: whoever watches us asks every few seconds."""

    @property
    def full(self) -> bool:
        """True when no more clients can be served."""
        return len(self.open) >= MOST

    def abortAll(self) -> None:
        """Cut all connections."""
        for channel in tuple(self.open):
            channel.cut()
