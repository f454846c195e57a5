"""A server's own staple: fetched in the background, served while it is good."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from appliance import events as e
from appliance.config.model import OCSPConfig
from appliance.tls.responder import NoAnswerError
from appliance.tls.staple import LATEST, SOONEST, Staple, Stapler
from tests import material as m
from tests.vouching import NOW, REVOKED, UNKNOWN, URL, Responder, Word, issued, x

CONNECTION: Any = None  # the callback does not look at it


class OfTests(SynchronousTestCase):
    """Which certificates get a staple."""

    def test_named(self) -> None:
        """One that names a responder; its issuer is known from CAfile."""
        pair = issued("server", URL)
        staple = Staple.of(m.tlsConfig(), pair.certificate.chain, [x(m.ca())])
        self.assertIsNotNone(staple)
        self.assertIs(staple and staple.issuer, x(m.ca()))

    def test_issuerInChain(self) -> None:
        """Or from the chain that is sent along."""
        middle = issued("middle", authority=True)
        pair = issued("below", URL, by=middle)
        staple = Staple.of(m.tlsConfig(), pair.certificate.chain, [])
        self.assertEqual(staple and staple.issuer, x(middle))

    def test_noStaple(self) -> None:
        """Not one that names nobody, nor a client's, nor where the section wants none."""
        named, nameless = issued("server", URL).certificate.chain, m.server().certificate.chain
        self.assertIsNone(Staple.of(m.tlsConfig(), nameless, []))
        self.assertIsNone(Staple.of(m.tlsConfig(), (), []))
        self.assertIsNone(Staple.of(m.tlsConfig(client=True), named, []))
        without = m.tlsConfig(ocsp=OCSPConfig(staple=False))
        self.assertIsNone(Staple.of(without, named, []))


class StaplerTests(SynchronousTestCase):
    """The staple of one section."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.pair = issued("server", URL)
        self.responder = Responder((self.pair,))
        self.staple = Staple(x(self.pair), x(m.ca()), self.now)
        self.heard: list[e.Event] = []
        self.stapler = self.make(self.staple)

    def now(self) -> datetime:
        """The time of the test; responders live in it too."""
        self.responder.now = NOW + timedelta(seconds=self.clock.seconds())
        return self.responder.now

    def make(self, staple: Staple) -> Stapler:
        """What keeps C{staple} fresh."""
        events = e.Events()
        events.subscribe(self.heard.append)

        def ask(url: str, request: bytes) -> Any:
            self.now()
            return self.responder.ask(url, request)

        return Stapler(self.clock, "DICOM STORE", m.tlsConfig(), staple, events, ask, lambda: 0.0)

    def served(self) -> bytes:
        """What a client that asks would get."""
        return self.staple.serve(CONNECTION)

    def kinds(self) -> list[str]:
        """What was announced."""
        return [type(event).__name__ for event in self.heard]

    def test_fetched(self) -> None:
        """It is fetched at the start, and announced."""
        self.assertEqual(self.served(), b"")
        self.stapler.start()
        self.assertEqual(self.served(), Word().about(self.pair))
        self.assertEqual(self.kinds(), ["StapleFetching", "StapleFetched"])
        self.assertEqual(self.heard[0], e.StapleFetching("DICOM STORE", URL))

    def test_slow(self) -> None:
        """Until the responder has answered, handshakes go on without."""
        self.responder.word = None
        self.stapler.start()
        self.assertEqual(self.served(), b"")
        self.responder.open[0].callback(Word().about(self.pair))
        self.assertNotEqual(self.served(), b"")

    def test_refreshed(self) -> None:
        """It is fetched anew when half of its time is over."""
        self.stapler.start()
        self.clock.advance(1799)
        self.assertEqual(len(self.responder.asked), 1)
        self.clock.advance(2)
        self.assertEqual(len(self.responder.asked), 2)
        self.assertEqual(self.served(), Word().about(self.pair, now=self.now()))

    def test_refreshedInTime(self) -> None:
        """It is fetched anew each hour when it is good for long, and not each second."""
        for good, wait in ((timedelta(days=7), LATEST), (timedelta(seconds=2), SOONEST)):
            self.responder.word = Word(nextUpdate=good)
            stapler = self.make(self.staple)
            stapler.start()
            asked = len(self.responder.asked)
            self.clock.advance(wait - 1)
            self.assertEqual(len(self.responder.asked), asked)
            self.clock.advance(2)
            self.assertEqual(len(self.responder.asked), asked + 1)
            stapler.stop()

    def test_over(self) -> None:
        """One whose time is over is not served, however long the responder is down."""
        self.stapler.start()
        self.responder.word = NoAnswerError("down")
        self.clock.advance(3599)
        self.assertNotEqual(self.served(), b"")
        self.clock.advance(1)
        self.assertEqual(self.served(), b"")

    def test_failures(self) -> None:
        """A failure is announced once for each cause, not for each try; tries get rarer."""
        self.responder.word = NoAnswerError("it is down")
        self.stapler.start()
        self.assertEqual(self.kinds(), ["StapleFetching", "StapleFailed"])
        self.assertEqual(self.heard[1], e.StapleFailed("DICOM STORE", f"{URL}: it is down"))
        for seconds in (60, 120, 240, 480):
            asked = len(self.responder.asked)
            self.clock.advance(seconds - 1)
            self.assertEqual(len(self.responder.asked), asked)
            self.clock.advance(1)
            self.assertEqual(len(self.responder.asked), asked + 1)
        self.assertEqual(len(self.heard), 2)
        self.responder.word = NoAnswerError("it is silent")
        self.clock.advance(960)
        self.assertEqual(self.kinds()[2:], ["StapleFailed"])
        self.responder.word = Word()
        self.clock.advance(1920)
        self.assertEqual(self.kinds()[3:], ["StapleFetched"])

    def test_nextResponder(self) -> None:
        """A certificate may name several responders; the first that answers is enough."""
        self.pair = issued("two", "http://dead/", URL)
        self.responder = Responder((self.pair,), word=None)
        self.staple = Staple(x(self.pair), x(m.ca()), self.now)
        self.make(self.staple).start()
        self.responder.open[0].errback(NoAnswerError("down"))
        self.responder.open[1].callback(Word().about(self.pair))
        self.assertEqual(self.responder.asked, ["http://dead/", URL])
        self.assertNotEqual(self.served(), b"")

    def test_notGood(self) -> None:
        """That our own certificate was revoked is told to the administrator, not to clients."""
        for status, word in ((REVOKED, "revoked"), (UNKNOWN, "unknown")):
            self.responder.word = Word(status)
            self.make(self.staple).start()
            self.assertEqual(self.served(), b"")
            event = self.heard[-1]
            assert isinstance(event, e.StapleFailed)
            self.assertIn(word, event.why)

    def test_noIssuer(self) -> None:
        """Without the issuer's certificate there is nothing to ask."""
        stapler = self.make(Staple(x(self.pair), None, self.now))
        stapler.start()
        self.assertEqual(self.responder.asked, [])
        self.assertEqual(self.kinds(), ["StapleFailed"])

    def test_stopped(self) -> None:
        """After the stop nobody is asked."""
        self.stapler.start()
        self.stapler.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stoppedWhileAsking(self) -> None:
        """Also when a question is open."""
        self.responder.word = None
        self.stapler.start()
        self.stapler.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.kinds(), ["StapleFetching"])

    def test_startedTwice(self) -> None:
        """A second start changes nothing."""
        self.responder.word = None
        self.stapler.start()
        self.stapler.start()
        self.assertEqual(len(self.responder.asked), 1)
