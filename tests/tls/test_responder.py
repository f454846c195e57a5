"""Asking a responder over HTTP, in memory: URLs, answers, time limits."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import error
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from appliance.tls.responder import ANSWER_TIME, MOST, NoAnswerError, Place, Reading, asker
from tests.health.memory import Transport, accept, refuse

URL = "http://127.0.0.1:2560/ocsp"
HEAD = b"HTTP/1.0 200 OK\r\nContent-Type: application/ocsp-response\r\n"


def answer(body: bytes) -> bytes:
    """A proper HTTP answer."""
    return HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body


class PlaceTests(SynchronousTestCase):
    """URLs."""

    def test_whole(self) -> None:
        """Host, port and path, with what is asked for behind it."""
        self.assertEqual(
            Place.of("http://h.example:81/a/b?c=d"), Place("h.example", 81, "/a/b?c=d")
        )

    def test_short(self) -> None:
        """Port 80 and the root, where nothing is said."""
        self.assertEqual(Place.of("HTTP://H.example"), Place("h.example", 80, "/"))

    def test_v6(self) -> None:
        """An IPv6 address stands in brackets, also in the request."""
        place = Place.of("http://[::1]:81/x")
        self.assertEqual(place, Place("::1", 81, "/x"))
        self.assertIn(b"\r\nHost: [::1]:81\r\n", place.post(b""))

    def test_https(self) -> None:
        """TLS is not for OCSP; stunnel has the same words."""
        problem = self.assertRaises(NoAnswerError, Place.of, "https://127.0.0.1/")
        self.assertIn("TLS not supported for OCSP", str(problem))

    def test_bad(self) -> None:
        """What is no URL is told as such, and nothing is asked."""
        for url in (
            "",
            "garbage",
            "http://",
            "http:///path",
            "http://:80/",
            "http://h:99999/",
            "http://h:port/",
            "http://[::1/",
            "ftp://h/",
            "http://h/a b",
            "http://h/\r\nX: y",
            "http://h/\n",
            "http://hä/",
        ):
            self.assertRaises(NoAnswerError, Place.of, url)

    @given(st.text(max_size=40))
    def test_anything(self, text: str) -> None:
        """Any text is a place or an error, and no place can smuggle lines into a request."""
        for url in (text, f"http://h/{text}", f"http://{text}/"):
            try:
                place = Place.of(url)
            except NoAnswerError:
                continue
            self.assertEqual(place.post(b"").count(b"\r\n"), 6)


class ReadingTests(SynchronousTestCase):
    """Answers as they come in."""

    @given(st.binary(max_size=300), st.lists(st.integers(0, 500), max_size=8))
    def test_pieces(self, body: bytes, cuts: list[int]) -> None:
        """However an answer is cut into pieces, its body comes out once it is whole."""
        whole = answer(body)
        reading, got = Reading(), []
        edges = sorted({0, len(whole), *(cut % (len(whole) + 1) for cut in cuts)})
        for begin, end in pairwise(edges):
            got.append(reading.feed(whole[begin:end]))
        self.assertEqual(got[-1], body)
        self.assertEqual([piece for piece in got[:-1] if piece], [])

    @given(st.binary(max_size=300))
    def test_anything(self, data: bytes) -> None:
        """Whatever comes is a body, the wish for more or an error in words."""
        reading = Reading()
        try:
            if reading.feed(data) is None:
                reading.end()
        except NoAnswerError as problem:
            self.assertTrue(str(problem).isprintable())

    def test_untilTheEnd(self) -> None:
        """Without a length the body ends with the connection."""
        reading = Reading()
        self.assertIsNone(reading.feed(HEAD + b"\r\nbody"))
        self.assertEqual(reading.end(), b"body")

    def test_cutShort(self) -> None:
        """With a length it must be all there."""
        reading = Reading()
        reading.feed(answer(b"whole")[:-1])
        self.assertRaises(NoAnswerError, reading.end)

    def test_more(self) -> None:
        """What comes behind the body is of no interest."""
        self.assertEqual(Reading().feed(answer(b"body") + b"more"), b"body")

    def test_status(self) -> None:
        """Any status but 200 is an error, a redirect too; it is told without control characters."""
        for line, words in (
            (b"HTTP/1.1 503 Service Unavailable", "HTTP 503 Service Unavailable"),
            (b"HTTP/1.1 302 Found\x1b[0m", "HTTP 302 Found.[0m"),
            (b"HTTP/1.0 404", "HTTP 404"),
        ):
            problem = self.assertRaises(NoAnswerError, Reading().feed, line + b"\r\n\r\n")
            self.assertEqual(str(problem), words)

    def test_chunks(self) -> None:
        """HTTP/1.0 knows no chunks, so none are put together."""
        head = HEAD + b"transfer-encoding: chunked\r\n\r\n"
        self.assertRaises(NoAnswerError, Reading().feed, head)

    def test_length(self) -> None:
        """A length that is none is an error."""
        for length in (b"-1", b"x", b"1e3", b"9" * 10):
            head = HEAD + b"Content-Length: " + length + b"\r\n\r\n"
            self.assertRaises(NoAnswerError, Reading().feed, head)

    def test_tooMuch(self) -> None:
        """An answer is bounded, whatever it says of its length."""
        reading = Reading()
        reading.feed(HEAD + b"\r\n")
        self.assertRaises(NoAnswerError, reading.feed, bytes(MOST))

    def test_tooMuchHeader(self) -> None:
        """So is its header by itself."""
        self.assertRaises(NoAnswerError, Reading().feed, HEAD + b"X: y\r\n" * 2000)


class AskTests(SynchronousTestCase):
    """A question, from the connection to the answer."""

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.ask = asker(self.reactor, 5.0)

    def begin(self) -> tuple[Deferred[bytes], Transport]:
        """A question that was sent."""
        asking = self.ask(URL, b"question")
        return asking, accept(self.reactor)

    def failed(self, asking: Deferred[bytes]) -> str:
        """The words with which C{asking} failed."""
        return str(self.failureResultOf(asking, NoAnswerError).value)

    def test_question(self) -> None:
        """A POST of HTTP/1.0 to the responder."""
        _, transport = self.begin()
        self.assertEqual(self.reactor.tcpClients[0][:2], ("127.0.0.1", 2560))
        head, _, body = transport.value().partition(b"\r\n\r\n")
        self.assertEqual(body, b"question")
        self.assertEqual(
            head.split(b"\r\n"),
            [
                b"POST /ocsp HTTP/1.0",
                b"Host: 127.0.0.1:2560",
                b"User-Agent: butterfly-tls",
                b"Content-Type: application/ocsp-request",
                b"Content-Length: 8",
            ],
        )

    def test_answer(self) -> None:
        """The body is the answer, and the connection is not needed any more."""
        asking, transport = self.begin()
        transport.protocol.dataReceived(answer(b"body"))
        self.assertEqual(self.successResultOf(asking), b"body")
        self.assertTrue(transport.aborting)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_answerByClosing(self) -> None:
        """The body may end with the connection."""
        asking, transport = self.begin()
        transport.protocol.dataReceived(HEAD + b"\r\nbody")
        transport.hangUp()
        self.assertEqual(self.successResultOf(asking), b"body")

    def test_noURL(self) -> None:
        """Nothing is connected for what is no URL."""
        self.assertIn("not a URL", self.failed(self.ask("garbage", b"")))
        self.assertEqual(self.reactor.tcpClients, [])

    def test_down(self) -> None:
        """Nobody listens there."""
        asking = self.ask(URL, b"")
        refuse(self.reactor, error.ConnectionRefusedError(osError=111))
        words = "it cannot be connected: Connection refused (111)"
        self.assertEqual(self.failed(asking), words)

    def test_unreachable(self) -> None:
        """Connecting has a time limit of its own, TIMEOUTocsp."""
        asking = self.ask(URL, b"")
        self.assertEqual(self.reactor.tcpClients[0][3], 5.0)
        refuse(self.reactor, error.TCPTimedOutError())
        self.assertIn("it cannot be connected", self.failed(asking))

    def test_silent(self) -> None:
        """One that says nothing is left after a while."""
        asking, transport = self.begin()
        self.reactor.advance(5.0 + ANSWER_TIME - 0.1)
        self.assertNoResult(asking)
        self.reactor.advance(0.2)
        self.assertEqual(self.failed(asking), "it does not answer in time")
        self.assertTrue(transport.aborting)

    def test_drip(self) -> None:
        """So is one that says a byte at a time: the limit is for the whole answer."""
        asking, transport = self.begin()
        for byte in answer(bytes(100))[:20]:
            transport.protocol.dataReceived(bytes([byte]))
            self.reactor.advance(1.0)
        self.assertEqual(self.failed(asking), "it does not answer in time")

    def test_gone(self) -> None:
        """It closes the connection without an answer."""
        asking, transport = self.begin()
        transport.hangUp()
        self.assertIn("in the middle of its answer", self.failed(asking))

    def test_tooMuch(self) -> None:
        """A responder that says too much is not listened to any more."""
        asking, transport = self.begin()
        transport.protocol.dataReceived(HEAD + b"\r\n" + bytes(MOST))
        transport.protocol.dataReceived(bytes(MOST))
        self.assertIn("more than 65536 bytes", self.failed(asking))
        self.assertTrue(transport.aborting)

    def test_cancelled(self) -> None:
        """Whoever asked wants no answer any more."""
        asking, transport = self.begin()
        asking.cancel()
        self.failureResultOf(asking, CancelledError)
        self.assertTrue(transport.aborting)
        self.assertEqual(self.reactor.getDelayedCalls(), [])
