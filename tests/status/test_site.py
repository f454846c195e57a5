"""The web server over an in-memory transport: answers, headers, limits."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from appliance.status.answers import HEADERS, Request, Response
from appliance.status.site import IDLE, LIFETIME, MOST, Channel, Site


class Abortable(StringTransport):
    """A transport that notes when it is cut."""

    aborted = False

    def abortConnection(self) -> None:
        """Note it."""
        self.aborted = True
        self.loseConnection()


class Echo:
    """Answers with what it was asked, and fails where it is told to."""

    def answer(self, request: Request) -> Response:
        """What C{request} says."""
        if request.path == "/fail":
            raise ValueError("a secret")
        return Response(200, "text/plain", repr(request).encode(), (("X-More", "1"),))


class SiteTests(SynchronousTestCase):
    """One client at a time."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.site = Site(self.clock, Echo())  # type: ignore[arg-type]
        self.transport = Abortable()
        self.channel = self.connect(self.transport)

    def connect(self, transport: Abortable) -> Any:
        """A client."""
        channel: Any = self.site.buildProtocol(None)
        channel.makeConnection(transport)
        return channel

    def ask(self, *lines: str, body: bytes = b"") -> tuple[bytes, dict[str, str], bytes]:
        """Send a request; the first line, the headers and the body of the answer."""
        self.channel.dataReceived("".join(f"{line}\r\n" for line in (*lines, "")).encode() + body)
        head, _, rest = self.transport.value().partition(b"\r\n\r\n")
        first, *headers = head.decode().split("\r\n")
        return first.encode(), dict(line.split(": ", 1) for line in headers), rest

    def test_answer(self) -> None:
        """What is asked for goes in, and the answer comes out with all headers."""
        first, headers, body = self.ask(
            "GET /readyz/A%20B?x=1 HTTP/1.1", "Host: evil.example", "Accept: text/html"
        )
        self.assertEqual(first, b"HTTP/1.1 200 OK")
        self.assertIn(b"path='/readyz/A%20B', query='x=1', accept='text/html'", body)
        self.assertLessEqual({**HEADERS, "X-More": "1"}.items(), headers.items())
        self.assertEqual(headers["Content-Length"], str(len(body)))
        self.assertNotIn("Server", headers)
        self.assertNotIn(b"evil.example", self.transport.value())

    def test_closed(self) -> None:
        """The connection is closed after one answer, however many requests have come."""
        _, headers, body = self.ask("GET / HTTP/1.1", body=b"GET /2 HTTP/1.1\r\n\r\n")
        self.assertEqual(headers["Connection"], "close")
        self.assertTrue(self.transport.disconnecting)
        self.assertNotIn(b"/2", body)

    def test_head(self) -> None:
        """HEAD gets the headers of GET alone."""
        _, headers, body = self.ask("HEAD / HTTP/1.1")
        self.assertEqual(body, b"")
        self.assertGreater(int(headers["Content-Length"]), 0)

    def test_body(self) -> None:
        """A body is not kept; that it came is told."""
        _, _, body = self.ask("POST / HTTP/1.1", "Content-Length: 5", body=b"hello")
        self.assertIn(b"body=True", body)

    def test_chunks(self) -> None:
        """Nor is one that comes in pieces, however large."""
        self.ask("GET / HTTP/1.1", "Transfer-Encoding: chunked")
        for _ in range(100):
            self.channel.dataReceived(b"ffff\r\n" + b"x" * 0xFFFF + b"\r\n")
        request = self.channel.requests[0]
        self.assertEqual(request.content.getvalue(), b"")
        self.channel.dataReceived(b"0\r\n\r\n")
        self.assertIn(b"body=True", self.transport.value())

    def test_failure(self) -> None:
        """A defect is a 500 that tells nothing; it is told to the log."""
        first, headers, body = self.ask("GET /fail HTTP/1.1")
        self.assertIn(b"500", first)
        self.assertNotIn(b"secret", body)
        self.assertIn("Content-Security-Policy", headers)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_acceptBinary(self) -> None:
        """A header that is no text is taken as it is, and no defect of ours."""
        self.channel.dataReceived(b"GET / HTTP/1.1\r\nAccept: a\xff\xfe\r\n\r\n")
        self.assertIn(b"200 OK", self.transport.value())
        self.assertIn("accept='a\xff\xfe'".encode(), self.transport.value())

    def test_notHTTP(self) -> None:
        """What is no HTTP is answered with 400 and closed."""
        self.channel.dataReceived(b"\x16\x03\x01\x02\x00\r\n\r\n")
        self.assertIn(b"400", self.transport.value())
        self.assertTrue(self.transport.disconnecting)

    def test_tooMuch(self) -> None:
        """Neither a long line, nor long headers, nor many of them are taken."""
        for lines in (
            (f"GET /{'x' * 20000} HTTP/1.1",),
            ("GET / HTTP/1.1", f"X: {'x' * 9000}"),
            ("GET / HTTP/1.1", *(f"X{n}: 1" for n in range(100))),
        ):
            self.setUp()
            self.channel.dataReceived("".join(f"{line}\r\n" for line in (*lines, "")).encode())
            self.assertNotIn(b"200 OK", self.transport.value())
            self.assertTrue(self.transport.disconnecting)

    def test_silence(self) -> None:
        """Who says nothing is sent away."""
        self.clock.advance(IDLE)
        self.assertTrue(self.transport.disconnecting)

    def test_slowly(self) -> None:
        """Who says a little all the time is cut in the end."""
        self.channel.dataReceived(b"GET / HTTP/1.1\r\n")
        for _ in range(int(LIFETIME)):
            self.channel.dataReceived(b"X: 1\r\n")
            self.clock.advance(1)
        self.assertTrue(self.transport.aborted)

    def test_unheard(self) -> None:
        """One that takes no notice is cut, and leaves no timer behind either."""
        for line in (b"GET / HTTP/1.1\r\n", b"X: 1\r\n"):
            self.clock.advance(IDLE - 1)
            self.channel.dataReceived(line)
        self.clock.pump([IDLE, LIFETIME - 3 * IDLE + 2])
        self.assertTrue(self.transport.aborted)
        self.lose(self.channel)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_many(self) -> None:
        """The site knows when it is full, and when it no longer is."""
        channels: list[Channel] = [self.connect(Abortable()) for _ in range(MOST - 1)]
        self.assertTrue(self.site.full)
        self.lose(channels[0])
        self.assertFalse(self.site.full)

    def test_abortAll(self) -> None:
        """At the end all are cut."""
        self.site.abortAll()
        self.assertTrue(self.transport.aborted)

    def test_nothingLeft(self) -> None:
        """A client that is gone leaves no timer behind."""
        self.lose(self.channel)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    @staticmethod
    def lose(channel: Any) -> None:
        """The client of C{channel} goes away."""
        channel.connectionLost()
