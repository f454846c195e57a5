"""The check of a peer by OCSP, on handshakes in memory and responders in memory."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from attrs import define, field
from OpenSSL import SSL
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from appliance import events as e
from appliance.config.model import OCSPConfig, TLSConfig
from appliance.tls.answers import Answers
from appliance.tls.certificate import KeyPair
from appliance.tls.checker import PATIENCE, Checker, NotGoodError, checks
from appliance.tls.responder import NoAnswerError
from tests import material as m
from tests.tls.pairs import Meeting, creator
from tests.tls.test_stapled import client, stapling
from tests.vouching import NOW, REVOKED, UNKNOWN, URL, Responder, Word, issued, x

OTHER = "http://127.0.0.1:2561/other"


@define
class Section:
    """A section's checker, and what it tells."""

    tls: TLSConfig
    responder: Responder
    told: list[Any] = field(factory=list)
    clock: Clock = field(factory=Clock)
    checker: Checker = field(init=False)

    def __attrs_post_init__(self) -> None:
        answers = Answers(None, self.tls.ocsp, self.responder.ask, lambda: NOW)
        self.checker = Checker(self.clock, self.tls, answers, [x(m.ca())])

    def check(self, connection: SSL.Connection) -> Deferred[None]:
        """Check the peer of C{connection}."""
        self.told.clear()
        return self.checker.check(connection, self.tell)

    def tell(self, kind: type, *facts: Any) -> None:
        """Note an event as a relay would announce it."""
        self.told.append(kind("DICOM STORE", "0", *facts))

    @property
    def kinds(self) -> list[str]:
        """The names of the events told."""
        return [type(event).__name__ for event in self.told]


class CheckerCase(SynchronousTestCase):
    """Makes sections and the peers that come to them."""

    def setUp(self) -> None:
        self.pair = issued("modality", URL)

    def section(self, word: Word | Exception | None = None, **ocsp: Any) -> Section:
        """A server whose responder has C{word}; without more it asks whom certificates name."""
        tls = m.tlsConfig(verifyChain=True, ocsp=OCSPConfig(**(ocsp or {"aia": True})))
        return Section(tls, Responder((self.pair,), word or Word()))

    def came(self, section: Section, *pairs: KeyPair) -> SSL.Connection:
        """Our end of a connection with a client that has the last certificate of C{pairs}."""
        *authorities, own = pairs or (self.pair,)
        there = creator(section.tls, m.server(), m.ca(), *authorities)
        met = Meeting(there, creator(m.tlsConfig(client=True), own))
        assert met.ok, met.error
        return met.there


class ClientTests(CheckerCase):
    """Clients of a server."""

    def test_good(self) -> None:
        """A client whose certificate is good may stay; all is told."""
        section = self.section()
        self.successResultOf(section.check(self.came(section)))
        asking, answered = section.told
        self.assertEqual(asking, e.OCSPAsking("DICOM STORE", "0", URL, False))
        until = (NOW + timedelta(hours=1)).timestamp()
        self.assertEqual(
            answered, e.OCSPAnswered("DICOM STORE", "0", URL, "good", NOW.timestamp(), until)
        )

    def test_revoked(self) -> None:
        """One that was revoked may not, and it is told why."""
        section = self.section(Word(REVOKED))
        failure = self.failureResultOf(section.check(self.came(section)), NotGoodError)
        self.assertEqual(str(failure.value), "its certificate CN=modality was revoked")
        self.assertEqual(section.kinds, ["OCSPAsking", "OCSPAnswered", "OCSPRejected"])
        self.assertEqual(section.told[1].reason, "keyCompromise")

    def test_revokedAndNotRequired(self) -> None:
        """OCSPrequire = no is for those of whom nothing is known."""
        section = self.section(Word(REVOKED), aia=True, required=False)
        self.failureResultOf(section.check(self.came(section)), NotGoodError)

    def test_unknown(self) -> None:
        """One that its responder does not know may not stay."""
        section = self.section(Word(UNKNOWN))
        failure = self.failureResultOf(section.check(self.came(section)), NotGoodError)
        self.assertIn("the responder does not know it", str(failure.value))

    def test_noAnswer(self) -> None:
        """Nor one of whom nobody says anything."""
        section = self.section(NoAnswerError("it is down"))
        failure = self.failureResultOf(section.check(self.came(section)), NotGoodError)
        self.assertIn("is not known to be good: it is down", str(failure.value))
        self.assertEqual(section.kinds, ["OCSPAsking", "OCSPUnanswered", "OCSPRejected"])

    def test_noAnswerAndNotRequired(self) -> None:
        """With OCSPrequire = no both may, with a warning."""
        for word in (NoAnswerError("it is down"), Word(UNKNOWN)):
            section = self.section(word, aia=True, required=False)
            self.successResultOf(section.check(self.came(section)))
            self.assertEqual(section.told[-1], e.OCSPForgiven("DICOM STORE", "0", 0, "CN=modality"))

    def test_noCertificate(self) -> None:
        """One that need not show a certificate, and shows none, has nothing to check."""
        tls = m.tlsConfig(verifyIfSent=True, ocsp=OCSPConfig(aia=True))
        section = Section(tls, Responder(()))
        met = Meeting(creator(tls, m.server(), m.ca()), creator(m.tlsConfig(client=True)))
        self.successResultOf(section.check(met.there))
        self.assertEqual(section.told, [])

    def test_nobodyNamed(self) -> None:
        """With OCSPaia, a certificate that names nobody passes, as with stunnel."""
        section = self.section()
        self.successResultOf(section.check(self.came(section, issued("none"))))
        self.assertEqual(section.told, [])

    def test_configured(self) -> None:
        """OCSP = URL asks there, whomever the certificate names."""
        section = self.section(url=OTHER)
        self.successResultOf(section.check(self.came(section)))
        self.assertEqual(section.responder.asked, [OTHER])
        self.assertTrue(section.told[0].configured)

    def test_both(self) -> None:
        """With both options both must answer, as with stunnel."""
        section = self.section(url=OTHER, aia=True)
        self.successResultOf(section.check(self.came(section)))
        self.assertEqual(section.responder.asked, [OTHER, URL])

    def test_oneOfBoth(self) -> None:
        """One of them does not make up for the other."""
        section = self.section(url=OTHER, aia=True)
        section.responder.word = None
        checking = section.check(self.came(section))
        section.responder.open[0].errback(NoAnswerError("it is down"))
        self.failureResultOf(checking, NotGoodError)
        self.assertEqual(len(section.responder.asked), 1)

    def test_alternatives(self) -> None:
        """Of several that a certificate names one is enough, as with stunnel."""
        self.pair = issued("two", "http://dead/", URL)
        section = self.section()
        section.responder.word = None
        checking = section.check(self.came(section))
        section.responder.open[0].errback(NoAnswerError("it is down"))
        section.responder.open[1].callback(Word().about(self.pair))
        self.successResultOf(checking)

    def test_wholeChain(self) -> None:
        """OCSPaia asks about each certificate but the root, from there down."""
        middle = issued("middle", OTHER, authority=True)
        self.pair = issued("below", URL, by=middle)
        section = self.section()
        section.responder.word = None
        checking = section.check(self.came(section))
        section.responder.open[0].callback(Word().about(middle))
        section.responder.open[1].callback(Word().about(self.pair, middle))
        self.successResultOf(checking)
        self.assertEqual(section.responder.asked, [OTHER, URL])

    def test_revokedAuthority(self) -> None:
        """A client below a revoked authority may not stay, whatever that says of it."""
        middle = issued("middle", OTHER, authority=True)
        self.pair = issued("below", URL, by=middle)
        section = self.section()
        section.responder.word = None
        checking = section.check(self.came(section))
        section.responder.open[0].callback(Word(REVOKED).about(middle))
        self.failureResultOf(checking, NotGoodError)
        self.assertEqual(section.told[-1], e.OCSPRejected("DICOM STORE", "0", 1, "CN=middle"))
        self.assertEqual(len(section.responder.asked), 1)

    def test_known(self) -> None:
        """The next connection of the same client does not ask again."""
        section = self.section()
        self.successResultOf(section.check(self.came(section)))
        self.successResultOf(section.check(self.came(section)))
        self.assertEqual(section.kinds, ["OCSPAnswered"])
        self.assertEqual(len(section.responder.asked), 1)

    def test_late(self) -> None:
        """When one responder has taken long, no further one is asked."""
        section = self.section(url=OTHER, aia=True)
        section.responder.word = None
        checking = section.check(self.came(section))
        section.clock.advance(PATIENCE)
        section.responder.open[0].callback(Word().about(self.pair))
        self.failureResultOf(checking, NotGoodError)
        self.assertEqual(section.responder.asked, [OTHER])

    def test_gone(self) -> None:
        """A client that is gone needs no verdict; the next one uses the answer to come."""
        section = self.section()
        section.responder.word = None
        checking = section.check(self.came(section))
        checking.cancel()
        self.failureResultOf(checking, CancelledError)
        again = section.check(self.came(section))
        section.responder.open[0].callback(Word().about(self.pair))
        self.successResultOf(again)
        self.assertEqual(len(section.responder.asked), 1)


class SessionTests(CheckerCase):
    """Clients that come again with a session, whose handshake shows no chain."""

    def again(self, section: Section, first: bool = True) -> tuple[Deferred[None], list[str]]:
        """The check of a client that comes with a session; C{first}: the checker knows it."""
        tls = m.tlsConfig(verifyChain=True)
        there, here = creator(tls, m.server(), m.ca()), creator(m.tlsConfig(client=True), self.pair)
        met = Meeting(there, here)
        if first:
            section.check(met.there).addErrback(lambda _: None)
        back = Meeting(there, here, session=met.session)
        assert back.peer.resumed
        return section.check(back.there), section.kinds

    def test_remembered(self) -> None:
        """The chain of the first handshake is remembered."""
        middle = issued("middle", OTHER, authority=True)
        self.pair = issued("below", URL, by=middle)
        section = self.section(url=URL)
        section.responder.issuer = middle
        checking, told = self.again(section)
        self.successResultOf(checking)
        self.assertEqual(told, ["OCSPAnswered"])

    def test_stillRevoked(self) -> None:
        """A session helps nobody who was refused."""
        checking, _ = self.again(self.section(Word(REVOKED)))
        self.failureResultOf(checking, NotGoodError)

    def test_issuerOfCAfile(self) -> None:
        """Where it is not remembered, the issuer may be one of CAfile."""
        checking, _ = self.again(self.section(), first=False)
        self.successResultOf(checking)

    def test_nothingKnown(self) -> None:
        """Where nothing is known nothing can be asked, and the client may not stay."""
        self.pair = issued("below", URL, by=issued("middle", authority=True))
        checking, told = self.again(self.section(), first=False)
        failure = self.failureResultOf(checking, NotGoodError)
        self.assertIn("its issuer is not known", str(failure.value))
        self.assertEqual(told, ["OCSPUnanswered", "OCSPRejected"])


class ServerTests(CheckerCase):
    """Servers that we are the client of, and what they staple."""

    def meet(self, word: Word | None, **ocsp: Any) -> tuple[Section, Deferred[None]]:
        """The check of a server that staples C{word}."""
        self.pair = issued("server", URL)
        config = OCSPConfig(**ocsp)
        section = Section(client(ocsp=config)._tls, Responder((self.pair,)))
        encoded = None if word is None else word.about(self.pair)
        met = Meeting(stapling(self.pair, encoded), client(ocsp=config))
        assert met.ok, met.heard
        return section, section.check(met.here)

    def test_good(self) -> None:
        """A good staple is enough, nobody is asked."""
        section, checking = self.meet(Word(), url=OTHER, aia=True)
        self.successResultOf(checking)
        self.assertEqual(section.kinds, ["OCSPAnswered"])
        self.assertIsNone(section.told[0].url)
        self.assertEqual(section.responder.asked, [])

    def test_none(self) -> None:
        """A server without a staple is checked by what else is configured: here by nothing."""
        section, checking = self.meet(None)
        self.successResultOf(checking)
        self.assertEqual(section.kinds, ["OCSPUnstapled"])

    def test_noneButResponder(self) -> None:
        """And here by a responder."""
        section, checking = self.meet(None, aia=True)
        self.successResultOf(checking)
        self.assertEqual(section.kinds, ["OCSPUnstapled", "OCSPAsking", "OCSPAnswered"])

    def test_nothing(self) -> None:
        """A staple that says nothing leaves the word to the responder."""
        section, checking = self.meet(Word(UNKNOWN), aia=True)
        self.successResultOf(checking)
        self.assertEqual(section.kinds, ["OCSPUnanswered", "OCSPAsking", "OCSPAnswered"])

    def test_nothingAndNotRequired(self) -> None:
        """Or to nobody, with a warning."""
        section, checking = self.meet(Word(UNKNOWN), required=False)
        self.successResultOf(checking)
        self.assertEqual(section.kinds, ["OCSPUnanswered", "OCSPForgiven"])


class ChecksTests(SynchronousTestCase):
    """Which sections have something to check."""

    def test_which(self) -> None:
        """Those with a responder, and clients that verify chains."""
        self.assertFalse(checks(m.tlsConfig(verifyChain=True)))
        self.assertFalse(checks(m.tlsConfig(client=True)))
        self.assertTrue(checks(m.tlsConfig(client=True, verifyChain=True)))
        self.assertTrue(checks(m.tlsConfig(ocsp=OCSPConfig(url=URL))))
        self.assertTrue(checks(m.tlsConfig(ocsp=OCSPConfig(aia=True))))
