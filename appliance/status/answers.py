"""What is answered to whom: from a request's method and address to a status and a text.

It only reads. Nothing that a client says comes back in an answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import unquote

from attrs import evolve, frozen

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
        endpoint = find(request.path)
        if endpoint is None:
            return _words(404, f"there is {', '.join(each.path for each in ENDPOINTS)}")
        return endpoint.answer(self, request)

    def page(self, request: Request) -> Response:
        """The page for people; it stands still when asked to."""
        paused = request.query.startswith("pause")
        return Response(200, HTML, page(self.read(), paused))

    def status(self, _: Request) -> Response:
        """All that is known, for programs."""
        text = json.dumps(plain(self.read()), separators=(",", ":"))
        return Response(200, JSON, text.encode())

    def measures(self, request: Request) -> Response:
        """The metrics."""
        return Response(200, *self.metrics(request.accept))

    def health(self, _: Request) -> Response:
        """Whether the process and its loop are alive."""
        late = self.lag.worst(self.now(), RECENTLY)
        if late > TOO_LATE:
            return _words(503, f"the process was {late:.1f} s late within the last half minute")
        return _words(200, "alive")

    def ready(self, request: Request) -> Response:
        """Whether new connections are welcome."""
        return _ready(self.read(), "backends=1" in request.query.split("&"))

    def sectionReady(self, request: Request) -> Response:
        """The same for one section and its backends."""
        name, document = unquote(request.path.rpartition("/")[2]), self.read()
        sections = tuple(each for each in document.sections if each.name == name)
        if not sections:
            return _words(404, "there is no such section")
        return _ready(evolve(document, sections=sections), True)


def _ready(document: Document, backends: bool) -> Response:
    answer: Answer = readiness(document.state, document.sections, backends)
    words = "ready" if answer.ready else "not ready"
    return _words(200 if answer.ready else 503, "\n".join((words, *answer.lines)))


@frozen
class Endpoint:
    """One address; C{summary} is a sentence. A C{path} that ends in C{/SECTION} takes a name."""

    path: str
    audience: str
    summary: str
    answer: Callable[[Answers, Request], Response]

    def takes(self, path: str) -> bool:
        """True when C{path} is meant."""
        if not self.path.endswith(NAMED):
            return path == self.path
        return path.startswith(self.path.removesuffix(NAMED) + "/")


NAMED: Final = "/SECTION"

ENDPOINTS: Final = (
    Endpoint(
        "/",
        "people",
        "The state in one line, then sections, backends, associations, certificates, refusals.",
        Answers.page,
    ),
    Endpoint("/status.json", "programs", "The same as JSON, by its schema.", Answers.status),
    Endpoint(
        "/metrics",
        "Prometheus",
        "All metrics, as text or OpenMetrics by the Accept header.",
        Answers.measures,
    ),
    Endpoint(
        "/healthz",
        "supervisors",
        "200 while the process and its event loop are alive, else 503. A PACS does not count.",
        Answers.health,
    ),
    Endpoint(
        "/readyz",
        "load balancers",
        "200 while new connections are welcome, else 503, with a line for each reason. With "
        "?backends=1 a section all of whose backends are down counts too.",
        Answers.ready,
    ),
    Endpoint(
        "/readyz/SECTION",
        "load balancers",
        "The same for one section and its backends; 404 where there is no such section.",
        Answers.sectionReady,
    ),
)
"""Every address; the reference page is made from it."""


def find(path: str) -> Endpoint | None:
    """The endpoint at C{path}."""
    return next((each for each in ENDPOINTS if each.takes(path)), None)
