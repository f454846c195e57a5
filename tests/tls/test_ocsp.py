"""OCSP requests, and what responses are worth."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from attrs import evolve
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509 import ocsp
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from appliance.tls.certificate import KeyPair
from appliance.tls.issue import KeyType, authority
from appliance.tls.ocsp import (
    Answer,
    AnswerError,
    Question,
    Status,
    issuerOf,
    judge,
    responders,
)
from tests import material as m
from tests.vouching import (
    NOW,
    REVOKED,
    UNKNOWN,
    URL,
    Word,
    issued,
    refusal,
    x,
)

NONCE = bytes(range(16))


def leaf() -> KeyPair:
    """The certificate in question."""
    return issued("modality", URL)


def signer(**changes: object) -> KeyPair:
    """One that the CA has certified for OCSP."""
    return issued("responder", **{"signer": True, **changes})  # type: ignore[arg-type]


def judged(encoded: bytes, nonce: bytes | None = None, flags: Collection[str] = ()) -> Answer:
    """What C{encoded} says about the modality."""
    return judge(encoded, Question(x(leaf()), x(m.ca()), nonce), NOW, flags)


class QuestionTests(SynchronousTestCase):
    """What is sent."""

    def test_about(self) -> None:
        """It names the certificate by its number and its issuer's hashes."""
        sent = ocsp.load_der_ocsp_request(Question(x(leaf()), x(m.ca())).encoded())
        self.assertEqual(sent.serial_number, x(leaf()).serial_number)
        self.assertEqual(sent.hash_algorithm.name, "sha1")
        self.assertEqual(len(sent.extensions), 0)

    def test_nonce(self) -> None:
        """A nonce goes along when there is one (RFC 8954)."""
        sent = ocsp.load_der_ocsp_request(Question(x(leaf()), x(m.ca()), NONCE).encoded())
        (extension,) = sent.extensions
        self.assertEqual(extension.value, x509.OCSPNonce(NONCE))

    def test_responders(self) -> None:
        """All that a certificate names, in its order."""
        pair = issued("two", "http://a/", "http://b/")
        self.assertEqual(responders(x(pair)), ("http://a/", "http://b/"))

    def test_noResponders(self) -> None:
        """Many certificates name nobody."""
        self.assertEqual(responders(x(issued("none"))), ())

    def test_issuer(self) -> None:
        """The issuer is the one whose key has signed, not one of its name."""
        impostor = authority(m.key("impostor"), "Hospital CA", now=m.now())
        candidates = [x(impostor), x(leaf()), x(m.ca())]
        self.assertIs(issuerOf(x(leaf()), candidates), x(m.ca()))
        self.assertIsNone(issuerOf(x(leaf()), candidates[:2]))


class StatusTests(SynchronousTestCase):
    """What answers say."""

    def test_good(self) -> None:
        """Good, and until when."""
        answer = judged(Word().about(leaf()))
        self.assertIs(answer.status, Status.GOOD)
        self.assertEqual(answer.goodUntil(), NOW + timedelta(hours=1))

    def test_revoked(self) -> None:
        """Revoked, since when and why."""
        answer = judged(Word(REVOKED).about(leaf()))
        self.assertIs(answer.status, Status.REVOKED)
        self.assertEqual(answer.revokedAt, NOW - timedelta(days=1))
        self.assertEqual(answer.reason, "keyCompromise")

    def test_unknown(self) -> None:
        """The responder does not know the certificate."""
        self.assertIs(judged(Word(UNKNOWN).about(leaf())).status, Status.UNKNOWN)

    def test_otherDigests(self) -> None:
        """A responder may name the certificate by another hash than we did."""
        word = Word(digest=hashes.SHA256())
        self.assertIs(judged(word.about(leaf())).status, Status.GOOD)

    def test_otherCertificate(self) -> None:
        """An answer about another certificate says nothing."""
        error = self.assertRaises(AnswerError, judged, Word().about(issued("other")))
        self.assertEqual(str(error), "the answer is not about this certificate")

    def test_otherIssuer(self) -> None:
        """Nor does one about the same number of another issuer."""
        other = m.ca("Other CA")
        word = Word(by=m.ca())
        error = self.assertRaises(AnswerError, judged, word.about(leaf(), other))
        self.assertEqual(str(error), "the answer is not about this certificate")

    def test_noAnswer(self) -> None:
        """A responder that is busy says so; stunnel has the same words."""
        encoded = refusal(ocsp.OCSPResponseStatus.TRY_LATER)
        error = self.assertRaises(AnswerError, judged, encoded)
        self.assertEqual(str(error), "Responder error: 3: trylater")

    @given(st.binary(max_size=64))
    def test_anything(self, data: bytes) -> None:
        """What is no response is told as such."""
        self.assertRaises(AnswerError, judged, data)

    @given(st.data())
    def test_damaged(self, data: st.DataObject) -> None:
        """A response that is changed anywhere is no answer, or the same answer."""
        whole = Word().about(leaf())
        encoded = bytearray(whole)
        position = data.draw(st.integers(0, len(encoded) - 1))
        encoded[position] ^= data.draw(st.integers(1, 255))
        try:
            answer = judged(bytes(encoded))
        except AnswerError:
            return
        self.assertEqual(evolve(answer, encoded=whole), judged(whole))


class TimeTests(SynchronousTestCase):
    """When answers are good."""

    def test_expired(self) -> None:
        """One whose time is over says nothing."""
        word = Word(thisUpdate=timedelta(hours=-2), nextUpdate=timedelta(minutes=-5))
        when = NOW - timedelta(minutes=5)
        error = self.assertRaises(AnswerError, judged, word.about(leaf()))
        self.assertEqual(str(error), f"status expired at {when:%Y-%m-%d %H:%M:%S} UTC")

    def test_skew(self) -> None:
        """Clocks may differ by a minute, as stunnel has it."""
        word = Word(thisUpdate=timedelta(hours=-2), nextUpdate=timedelta(seconds=-50))
        self.assertIs(judged(word.about(leaf())).status, Status.GOOD)

    def test_future(self) -> None:
        """One that is not yet good says nothing."""
        word = Word(thisUpdate=timedelta(minutes=5))
        error = self.assertRaises(AnswerError, judged, word.about(leaf()))
        self.assertIn("status not yet valid", str(error))

    def test_noEnd(self) -> None:
        """One without an end is good while it is fresh."""
        word = Word(thisUpdate=timedelta(hours=-23), nextUpdate=None)
        self.assertIs(judged(word.about(leaf())).status, Status.GOOD)

    def test_noEndAndOld(self) -> None:
        """One without an end that is old may have been replayed."""
        word = Word(thisUpdate=timedelta(hours=-25), nextUpdate=None)
        error = self.assertRaises(AnswerError, judged, word.about(leaf()))
        self.assertIn("status expired", str(error))

    def test_noTime(self) -> None:
        """OCSPflag = NOTIME makes no difference, as with stunnel."""
        word = Word(thisUpdate=timedelta(hours=-2), nextUpdate=timedelta(hours=-1))
        self.assertRaises(AnswerError, judged, word.about(leaf()), flags=("NOTIME",))


class NonceTests(SynchronousTestCase):
    """Answers to a question with a nonce."""

    def test_same(self) -> None:
        """An answer with our nonce was made for us."""
        self.assertIs(judged(Word(nonce=NONCE).about(leaf()), NONCE).status, Status.GOOD)

    def test_none(self) -> None:
        """One without may be old; stunnel has the same words."""
        error = self.assertRaises(AnswerError, judged, Word().about(leaf()), NONCE)
        self.assertEqual(str(error), "Invalid or unsupported nonce")

    def test_other(self) -> None:
        """One with another was made for somebody else."""
        encoded = Word(nonce=bytes(16)).about(leaf())
        self.assertRaises(AnswerError, judged, encoded, NONCE)

    def test_unasked(self) -> None:
        """A nonce that we did not ask for is of no interest."""
        self.assertIs(judged(Word(nonce=NONCE).about(leaf())).status, Status.GOOD)


class SignerTests(SynchronousTestCase):
    """Who may answer (RFC 6960 4.2.2.2)."""

    def test_issuerByName(self) -> None:
        """The issuer may name itself by its subject."""
        self.assertIs(judged(Word(byKey=False).about(leaf())).status, Status.GOOD)

    def test_stranger(self) -> None:
        """Another CA has no say, even when it says so itself."""
        word = Word(by=m.ca("Other CA"), included=(m.ca("Other CA"),))
        error = self.assertRaises(AnswerError, judged, word.about(leaf()))
        self.assertIn("was not certified by CN=Hospital CA", str(error))

    def test_impostor(self) -> None:
        """A CA of the same name has no say: its key has not signed the certificate."""
        impostor = authority(m.key("impostor"), "Hospital CA", now=m.now())
        error = self.assertRaises(AnswerError, judged, Word(by=impostor, byKey=False).about(leaf()))
        self.assertEqual(str(error), "signature failure")

    def test_delegated(self) -> None:
        """One that the issuer has certified for OCSP may answer."""
        for byKey in (True, False):
            word = Word(by=signer(), included=(signer(),), byKey=byKey)
            self.assertIs(judged(word.about(leaf())).status, Status.GOOD)

    def test_delegatedNotIncluded(self) -> None:
        """Without its certificate it is nobody."""
        error = self.assertRaises(AnswerError, judged, Word(by=signer()).about(leaf()))
        self.assertEqual(str(error), "signer certificate not found")

    def test_noResponder(self) -> None:
        """Another certificate of the issuer's, the one in question say, is not enough."""
        word = Word(by=leaf(), included=(leaf(),))
        error = self.assertRaises(AnswerError, judged, word.about(leaf()))
        self.assertIn("missing ocspsigning usage", str(error))

    def test_delegatedExpired(self) -> None:
        """A responder's certificate must be valid itself."""
        old = issued("old", signer=True, end=NOW - timedelta(days=1))
        error = self.assertRaises(AnswerError, judged, Word(by=old, included=(old,)).about(leaf()))
        self.assertIn("certificate verify error", str(error))

    def test_delegatedBySomebodyElse(self) -> None:
        """A responder of another CA's has no say."""
        other = issued("elsewhere", by=m.ca("Other CA"), signer=True)
        word = Word(by=other, included=(other,))
        self.assertRaises(AnswerError, judged, word.about(leaf()))

    def test_notItsSignature(self) -> None:
        """The certificate of a responder next to somebody else's signature helps nobody."""
        encoded = Word(by=issued("thief"), included=(signer(),), byKey=False).about(leaf())
        self.assertRaises(AnswerError, judged, encoded)

    def test_noVerify(self) -> None:
        """With OCSPflag = NOVERIFY whoever signs need only show a certificate, as with stunnel."""
        word = Word(by=leaf(), included=(leaf(),))
        self.assertIs(judged(word.about(leaf()), flags=("NOVERIFY",)).status, Status.GOOD)

    def test_noIntern(self) -> None:
        """With OCSPflag = NOINTERN the issuer must have signed itself, as with stunnel."""
        word = Word(by=signer(), included=(signer(),))
        error = self.assertRaises(AnswerError, judged, word.about(leaf()), flags=("NOINTERN",))
        self.assertEqual(str(error), "signer certificate not found")

    def test_kindsOfKey(self) -> None:
        """Answers may be signed by keys of each kind that certificates have."""
        keys = (m.key("ecdsa ca", KeyType.ECDSA), Ed25519PrivateKey.generate())
        for number, key in enumerate(keys):
            ca = authority(key, f"CA {number}", now=m.now())
            pair = issued(f"of {number}")
            encoded = Word(by=ca).about(pair, ca)
            answer = judge(encoded, Question(x(pair), x(ca)), NOW)
            self.assertIs(answer.status, Status.GOOD)

    def test_weakHash(self) -> None:
        """An answer whose algorithm is not known has no signature that we can check."""
        encoded = Word().about(leaf())
        sha256, unheardOf = bytes.fromhex("2a864886f70d01010b"), bytes.fromhex("2a864886f70d01017e")
        error = self.assertRaises(AnswerError, judged, encoded.replace(sha256, unheardOf))
        self.assertIn("algorithm that is not supported", str(error))
