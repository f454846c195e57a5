"""What is answered to which request."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from hashlib import sha256

from twisted.trial.unittest import SynchronousTestCase

from appliance.events import Health
from appliance.status.answers import HEADERS, Answers, Request, Response
from appliance.status.metrics import OPENMETRICS, Metrics
from tests.status.hospital import NOW, RIS, WORKLIST, Hospital


class AnswerTests(SynchronousTestCase):
    """Requests and their answers."""

    def setUp(self) -> None:
        self.hospital = Hospital()
        self.hospital.begin()
        ledger = self.hospital.ledger
        metrics = Metrics(ledger).exposed
        self.answers = Answers(ledger.read, ledger.lag, metrics, self.hospital.clock.seconds)

    def get(self, path: str, query: str = "", accept: str = "", method: str = "GET") -> Response:
        """The answer to a request."""
        return self.answers.answer(Request(method, path, query, accept))

    def test_page(self) -> None:
        """At the root is the page for people."""
        found = self.get("/")
        self.assertEqual((found.code, found.kind), (200, "text/html; charset=utf-8"))
        self.assertIn(b"All is well", found.body)
        self.assertIn(b'http-equiv="refresh"', found.body)
        self.assertNotIn(b'http-equiv="refresh"', self.get("/", "pause").body)

    def test_json(self) -> None:
        """The document for programs has its version."""
        found = self.get("/status.json")
        self.assertEqual((found.code, found.kind), (200, "application/json"))
        self.assertEqual(json.loads(found.body)["version"], 1)

    def test_metrics(self) -> None:
        """Metrics come as text, or as OpenMetrics to who accepts it."""
        self.assertEqual(self.get("/metrics").kind, "text/plain; version=0.0.4; charset=utf-8")
        self.assertTrue(self.get("/metrics", accept=OPENMETRICS).kind.startswith(OPENMETRICS))

    def test_healthy(self) -> None:
        """The process is healthy whatever becomes of a PACS or of its readiness."""
        self.hospital.become(Health.DOWN, RIS, WORKLIST)
        self.hospital.ledger.readiness.stopping = True
        self.assertEqual(self.get("/healthz").code, 200)

    def test_unhealthy(self) -> None:
        """It is not while its loop was very late a moment ago, and is again later."""
        self.hospital.ledger.lag.add(NOW, 6.0)
        found = self.get("/healthz")
        self.assertEqual((found.code, b"6.0 s late" in found.body), (503, True))
        self.hospital.clock.advance(31)
        self.assertEqual(self.get("/healthz").code, 200)

    def test_ready(self) -> None:
        """Readiness is a status code, with the reasons as text."""
        self.assertEqual(self.get("/readyz").code, 200)
        self.hospital.ledger.readiness.draining = True
        found = self.get("/readyz")
        self.assertEqual(found.code, 503)
        self.assertIn(b"not ready\nFAIL process: draining\n", found.body)

    def test_readyBackends(self) -> None:
        """A dead PACS counts where it is asked for, or where one section is."""
        self.hospital.become(Health.DOWN, RIS, WORKLIST)
        for path, query, code in (
            ("/readyz", "", 200),
            ("/readyz", "backends=1", 503),
            ("/readyz", "x=2&backends=1", 503),
            ("/readyz", "backends=0", 200),
            ("/readyz/DICOM%20DMWL", "", 503),
            ("/readyz/DICOM%20STORE", "", 200),
            ("/readyz/GHOST", "", 404),
        ):
            self.assertEqual(self.get(path, query).code, code, (path, query))

    def test_unknown(self) -> None:
        """Anything else is not there, and is not repeated in the answer."""
        for path in ("/favicon.ico", "/etc/passwd", "*", "", "//", "/metrics/", "/<script>"):
            found = self.get(path)
            self.assertEqual(found.code, 404, path)
            self.assertNotIn(b"script", found.body)

    def test_onlyReading(self) -> None:
        """Nothing but GET and HEAD is taken, and nothing that comes with a body."""
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get", "BREW"):
            found = self.get("/", method=method)
            self.assertEqual((found.code, found.headers), (405, (("Allow", "GET, HEAD"),)))
        self.assertEqual(self.answers.answer(Request("GET", "/", body=True)).code, 413)

    def test_policy(self) -> None:
        """The policy lets the page's own style sheet work, and nothing else."""
        policy = HEADERS["Content-Security-Policy"]
        self.assertIn("default-src 'none'", policy)
        self.assertIn("frame-ancestors 'none'", policy)
        self.assertNotIn("unsafe", policy)
        (style,) = re.findall(rb"<style>(.*?)</style>", self.get("/").body, re.S)
        self.assertIn(f"'sha256-{b64encode(sha256(style).digest()).decode()}'", policy)
