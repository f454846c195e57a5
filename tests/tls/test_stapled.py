"""A client's judgement of what servers staple, in handshakes in memory."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from appliance.config.model import OCSPConfig, TLSVersion
from appliance.tls.certificate import KeyPair
from appliance.tls.context import build
from appliance.tls.creator import Creator
from appliance.tls.ocsp import Answer, Question, judge
from appliance.tls.staple import Staple
from appliance.tls.stapled import noted
from appliance.tls.verify import verdicts
from tests import material as m
from tests.tls.pairs import Meeting, creator
from tests.vouching import NOW, REVOKED, UNKNOWN, URL, Word, issued, x


def stapling(pair: KeyPair, encoded: bytes | None) -> Creator:
    """A server with the certificate of C{pair} that staples C{encoded}."""
    staple = Staple(x(pair), x(m.ca()))
    if encoded is not None:
        staple.answer = Answer(
            judge(Word().about(pair), Question(x(pair), x(m.ca())), NOW).status,
            NOW,
            NOW + timedelta(days=1),
            encoded,
        )
    tls = m.tlsConfig()
    context = build("server", m.WHERE, tls, m.material(pair), staple)
    return Creator(context, tls=tls, section="server")


def client(version: TLSVersion = TLSVersion.TLSv1_3, **changes: Any) -> Creator:
    """A client that verifies servers."""
    tls = {"verifyChain": True, "maximum": version, **changes}
    return creator(m.tlsConfig(client=True, **tls), None, m.ca())


class StapledTests(SynchronousTestCase):
    """Servers, and what becomes of their handshakes."""

    def setUp(self) -> None:
        self.pair = issued("server", URL)

    def meet(self, word: Word | None, here: Creator | None = None) -> Meeting:
        """A handshake with a server that staples C{word}."""
        encoded = None if word is None else word.about(self.pair)
        return Meeting(stapling(self.pair, encoded), here or client())

    def test_good(self) -> None:
        """A good staple is noted, in both versions of TLS."""
        for version in (TLSVersion.TLSv1_2, TLSVersion.TLSv1_3):
            met = self.meet(Word(), client(version))
            self.assertTrue(met.ok)
            found = noted(met.here)
            self.assertTrue(found is not None and found.good)

    def test_none(self) -> None:
        """A server without a staple is none the worse for it."""
        met = self.meet(None)
        self.assertTrue(met.ok)
        self.assertIsNone(noted(met.here))

    def test_revoked(self) -> None:
        """A server whose staple says that it was revoked is refused in the handshake."""
        for version in (TLSVersion.TLSv1_2, TLSVersion.TLSv1_3):
            met = self.meet(Word(REVOKED), client(version))
            self.assertIn("invalid status response", str(met.heard))
            record = verdicts(met.here)
            self.assertEqual(record and record.error, "certificate revoked")

    def test_revokedAnyhow(self) -> None:
        """It is refused also where no answer is needed."""
        here = client(ocsp=OCSPConfig(required=False, url=URL))
        self.assertFalse(self.meet(Word(REVOKED), here).ok)

    def test_nothing(self) -> None:
        """A staple that says nothing is not satisfactory (RFC 6066 8)."""
        old = Word(thisUpdate=timedelta(days=-2), nextUpdate=timedelta(days=-1))
        for word in (old, Word(UNKNOWN), Word(by=m.ca("Other CA"))):
            self.assertFalse(self.meet(word).ok)

    def test_nothingNeeded(self) -> None:
        """With OCSPrequire = no it is as if there were none, and noted."""
        here = client(ocsp=OCSPConfig(required=False))
        met = self.meet(Word(UNKNOWN), here)
        self.assertTrue(met.ok)
        found = noted(met.here)
        self.assertEqual(found and found.trouble, "the responder does not know the certificate")

    def test_nothingButResponders(self) -> None:
        """Where responders will be asked, they decide."""
        for config in (OCSPConfig(url="http://other/"), OCSPConfig(aia=True)):
            self.assertTrue(self.meet(Word(UNKNOWN), client(ocsp=config)).ok)

    def test_notVerifying(self) -> None:
        """A client that does not verify the chain asks for no staple."""
        met = self.meet(Word(REVOKED), client(verifyChain=False))
        self.assertTrue(met.ok)

    def test_server(self) -> None:
        """A server asks its clients for no staple: there is no such thing."""
        there = creator(m.tlsConfig(verifyChain=True), self.pair, m.ca())
        self.assertTrue(Meeting(there, creator(m.tlsConfig(client=True), m.client())).ok)
