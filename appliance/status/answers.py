"""What is answered to whom: from a request's method and address to a status and a text.

It only reads. Nothing that a client says comes back in an answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import unquote

from attrs import frozen

from appliance.status.document import Document
from appliance.status.lag import Lag
from appliance.status.page import page
from appliance.status.plain import plain
from appliance.status.readiness import Answer, readiness
from appliance.status.style import HASH

TEXT: Final = "text/plain; charset=utf-8"
JSON: Final = "application/json"
HTML: Final = "text/html; charset=utf-8"

METHODS: Final = ("GET", "HEAD")

TOO_LATE: Final = 5.0
"""Seconds by which the loop may have been late within the last half minute to be healthy."""
RECENTLY: Final = 30.0

HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{HASH}'; img-src data:; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""What each answer has."""


@frozen
class Request:
    """What a client asks for; C{path} and C{query} are as they came, C{accept} is its header."""

    method: str
    path: str
    query: str = ""
    accept: str = ""
    body: bool = False


@frozen
class Response:
    """What it gets."""

    code: int
    kind: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


def _words(code: int, text: str, *headers: tuple[str, str]) -> Response:
    return Response(code, TEXT, f"{text}\n".encode("utf-8", "replace"), headers)


@frozen
class Answers:
    """Answers from what C{read}, C{lag} and C{metrics} tell at that moment.

    C{metrics} takes an C{Accept} header and gives a content type and a text; C{now} is the time.
    """

    read: Callable[[], Document]
    lag: Lag
    metrics: Callable[[str], tuple[str, bytes]]
    now: Callable[[], float]

    def answer(self, request: Request) -> Response:
        """The answer to C{request}."""
        if request.method not in METHODS:
            return _words(405, "only GET and HEAD", ("Allow", ", ".join(METHODS)))
        if request.body:
            return _words(413, "a request without a body is expected")
        match request.path:
            case "/":
                paused = request.query.startswith("pause")
                return Response(200, HTML, page(self.read(), paused))
            case "/status.json":
                text = json.dumps(plain(self.read()), separators=(",", ":"))
                return Response(200, JSON, text.encode())
            case "/metrics":
                return Response(200, *self.metrics(request.accept))
            case "/healthz":
                return self._health()
            case "/readyz":
                return self._ready(None, "backends=1" in request.query.split("&"))
            case path if path.startswith("/readyz/"):
                return self._ready(unquote(path.removeprefix("/readyz/")), True)
        return _words(404, "there is /, /status.json, /metrics, /healthz, /readyz")

    def _health(self) -> Response:
        late = self.lag.worst(self.now(), RECENTLY)
        if late > TOO_LATE:
            return _words(503, f"the process was {late:.1f} s late within the last half minute")
        return _words(200, "alive")

    def _ready(self, name: str | None, backends: bool) -> Response:
        document = self.read()
        sections = document.sections
        if name is not None:
            sections = tuple(section for section in sections if section.name == name)
            if not sections:
                return _words(404, "there is no such section")
        answer: Answer = readiness(document.state, sections, backends)
        words = "ready" if answer.ready else "not ready"
        return _words(200 if answer.ready else 503, "\n".join((words, *answer.lines)))
