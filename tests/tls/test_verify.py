"""Whom a section lets in: each way to look at certificates, and what is kept of the verdict."""

from __future__ import annotations

import subprocess
from ipaddress import ip_address
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from twisted.trial.unittest import SynchronousTestCase

from appliance.config.model import TLSVersion
from appliance.tls.certificate import Certificate, KeyPair
from appliance.tls.creator import Creator
from appliance.tls.verify import authenticated, verdicts
from tests import material as m
from tests.peers import directoryFor, program
from tests.tls.pairs import Meeting, creator

BOTH = (TLSVersion.TLSv1_2, TLSVersion.TLSv1_3)


def client(pair: KeyPair | None = None, version: TLSVersion = TLSVersion.TLSv1_3) -> Creator:
    """A client that shows C{pair} and looks at nothing."""
    return creator(m.tlsConfig(client=True, maximum=version), pair)


def server(*authorities: KeyPair, **changes: Any) -> Creator:
    """A server that trusts C{authorities}."""
    return creator(m.tlsConfig(**changes), m.server(), *(authorities or (m.ca(),)))


class ModeTests(SynchronousTestCase):
    """What the server makes of a good, a foreign and no certificate."""

    def outcomes(self, **changes: Any) -> tuple[bool, bool, bool]:
        """Whether each of the three is let in."""
        there = server(**changes)
        stranger = m.client("intruder", by="Other CA")
        return tuple(  # type: ignore[return-value]
            Meeting(there, client(pair)).ok for pair in (m.client(), stranger, None)
        )

    def test_nothing(self) -> None:
        """Without any option nobody is asked."""
        self.assertEqual(self.outcomes(), (True, True, True))
        self.assertIsNone(Meeting(server(), client(m.client())).peer.subject)

    def test_requestCert(self) -> None:
        """C{verify = 0}: asked for, and ignored."""
        self.assertEqual(self.outcomes(requestCert=True), (True, True, True))
        met = Meeting(server(requestCert=True), client(m.client("intruder", by="Other CA")))
        self.assertEqual(met.peer.subject, "CN=intruder")

    def test_verifyIfSent(self) -> None:
        """C{verify = 1}: who shows none is let in, who shows a bad one is not."""
        self.assertEqual(self.outcomes(verifyIfSent=True), (True, False, True))

    def test_requireCert(self) -> None:
        """Any certificate will do, but one there must be."""
        self.assertEqual(self.outcomes(requireCert=True), (True, True, False))

    def test_verifyChain(self) -> None:
        """The chain must lead to an authority."""
        self.assertEqual(self.outcomes(verifyChain=True), (True, False, False))

    def test_verifyPeer(self) -> None:
        """The authority's certificate is not the peer's own; the listed one is."""
        self.assertEqual(self.outcomes(verifyPeer=True), (False, False, False))
        listed = server(m.client(), verifyPeer=True)
        self.assertTrue(Meeting(listed, client(m.client())).ok)

    def test_both(self) -> None:
        """Chain and list: each has to be satisfied."""
        both = {"verifyPeer": True, "verifyChain": True}
        self.assertTrue(Meeting(server(m.client(), m.ca(), **both), client(m.client())).ok)
        self.assertFalse(Meeting(server(m.client(), **both), client(m.client())).ok)
        self.assertFalse(Meeting(server(m.ca(), **both), client(m.client())).ok)

    def test_expiredPeer(self) -> None:
        """A listed certificate that has expired is refused all the same."""
        old = m.client("old", expired=True)
        met = Meeting(server(old, verifyPeer=True), client(old))
        self.assertEqual(met.verdict, "certificate has expired")

    def test_sameNameOtherKey(self) -> None:
        """A certificate with a listed subject and another key is refused."""
        forged = m.issued(m.ca(), m.key("forger"), "modality", now=m.now())
        met = Meeting(server(m.client(), verifyPeer=True), client(forged))
        self.assertIn("not found in local repository", str(met.verdict))

    def test_oneJudgementForEachDepth(self) -> None:
        """OpenSSL asks thrice about one listed leaf; it is accepted once."""
        met = Meeting(server(m.client(), verifyPeer=True), client(m.client()))
        record = verdicts(met.there)
        assert record is not None
        self.assertEqual([(j.depth, j.error) for j in record.judgements], [(0, None)])


class DirectoryTests(SynchronousTestCase):
    """C{CApath}."""

    def setUp(self) -> None:
        self.directory = directoryFor(self)  # type: ignore[arg-type]

    def hashed(self, pair: KeyPair) -> str:
        """A directory with the certificate, named as OpenSSL names it."""
        m.writeAuthority(self.directory, "one", pair)
        argv = [program("openssl"), "rehash", str(self.directory)]
        subprocess.run(argv, check=True, capture_output=True)
        return str(self.directory)

    @pytest.mark.real
    def test_verifyPeer(self) -> None:
        """A peer that is listed in the directory is let in, another is not."""
        tls = m.tlsConfig(verifyPeer=True, caPath=self.hashed(m.client()))
        there = creator(tls, m.server())
        self.assertTrue(Meeting(there, client(m.client())).ok)
        self.assertFalse(Meeting(there, client(m.client("intruder"))).ok)

    @pytest.mark.real
    def test_addedLater(self) -> None:
        """A certificate that is added while we run is found without a reload."""
        there = creator(m.tlsConfig(verifyPeer=True, caPath=str(self.directory)), m.server())
        self.assertFalse(Meeting(there, client(m.client())).ok)
        self.hashed(m.client())
        self.assertTrue(Meeting(there, client(m.client())).ok)

    @pytest.mark.real
    def test_verifyChain(self) -> None:
        """An authority in the directory is trusted."""
        there = creator(m.tlsConfig(verifyChain=True, caPath=self.hashed(m.ca())), m.server())
        self.assertTrue(Meeting(there, client(m.client())).ok)
        self.assertFalse(Meeting(there, client(m.client("intruder", by="Other CA"))).ok)


def certificateWith(*names: x509.GeneralName) -> KeyPair:
    """A client's certificate that is for C{names}."""
    pair = m.client("named")
    own = pair.certificate.chain[0]
    builder = x509.CertificateBuilder(
        issuer_name=own.issuer,
        subject_name=own.subject,
        public_key=own.public_key(),  # type: ignore[arg-type]
        serial_number=x509.random_serial_number(),
        not_valid_before=own.not_valid_before_utc,
        not_valid_after=own.not_valid_after_utc,
    ).add_extension(x509.SubjectAlternativeName(names), critical=False)
    signed = builder.sign(m.ca().key, SHA256())
    return KeyPair(Certificate.of([signed]), pair.key)


class SubjectTests(SynchronousTestCase):
    """C{checkHost}, C{checkEmail} and C{checkIP}."""

    def pair(self) -> KeyPair:
        """For one name of each kind."""
        return certificateWith(
            x509.DNSName("us1.example"),
            x509.RFC822Name("Radiology@Hospital.example"),
            x509.IPAddress(ip_address("192.0.2.7")),
        )

    def verdict(self, **checks: tuple[str, ...]) -> str | None:
        """Why the certificate is refused."""
        return Meeting(server(verifyChain=True, **checks), client(self.pair())).verdict

    def test_each(self) -> None:
        """The right value of each kind is accepted."""
        self.assertIsNone(self.verdict(checkHost=("us1.example",)))
        self.assertIsNone(self.verdict(checkEmail=("Radiology@hospital.EXAMPLE",)))
        self.assertIsNone(self.verdict(checkIP=("192.0.2.7",)))

    def test_otherHost(self) -> None:
        """Another host name."""
        self.assertIn("hostname mismatch", str(self.verdict(checkHost=("us2.example",))).lower())

    def test_otherEmail(self) -> None:
        """Another mail address: the part before the @ has its case."""
        verdict = self.verdict(checkEmail=("radiology@hospital.example",))
        self.assertIn("email address mismatch", str(verdict).lower())

    def test_otherIP(self) -> None:
        """Another IP address."""
        self.assertIn("ip address mismatch", str(self.verdict(checkIP=("192.0.2.8",))).lower())

    def test_oneOfAnyKindSuffices(self) -> None:
        """One match is enough, whichever option it is for."""
        self.assertIsNone(self.verdict(checkHost=("other.example",), checkIP=("192.0.2.7",)))
        self.assertIsNotNone(self.verdict(checkHost=("other.example",), checkIP=("192.0.2.8",)))

    def test_clientMode(self) -> None:
        """A client looks at the server's certificate in the same way."""
        for address, right in (("127.0.0.1", True), ("127.0.0.2", False)):
            tls = m.tlsConfig(client=True, verifyPeer=True, checkIP=(address,))
            met = Meeting(server(), creator(tls, None, m.server()))
            self.assertEqual(met.heard is None, right)


class ForgivingTests(SynchronousTestCase):
    """Where those who fail are redirected, the handshake ends well and the verdict stays."""

    def meet(self, pair: KeyPair | None, version: TLSVersion) -> Meeting:
        """A client with C{pair} that has a session afterwards."""
        self.there = server(verifyChain=True, forgives=True)
        self.here = client(pair, version)
        return Meeting(self.there, self.here)

    def again(self, met: Meeting) -> Meeting:
        """The same client with the session it got."""
        again = Meeting(self.there, self.here, session=met.session)
        self.assertTrue(again.ok)
        self.assertTrue(again.peer.resumed)
        return again

    def test_good(self) -> None:
        """A good certificate is authenticated, now and when it comes again, by name."""
        for version in BOTH:
            met = self.meet(m.client(), version)
            self.assertTrue(authenticated(met.there))
            again = self.again(met)
            self.assertTrue(authenticated(again.there))
            self.assertEqual(again.peer.subject, "CN=modality")

    def test_bad(self) -> None:
        """A foreign certificate is let through, never authenticated, and so when it comes again."""
        for version in BOTH:
            met = self.meet(m.client("intruder", by="Other CA"), version)
            self.assertTrue(met.ok)
            self.assertIsNotNone(met.verdict)
            self.assertFalse(authenticated(met.there))
            self.assertFalse(authenticated(self.again(met).there))

    def test_none(self) -> None:
        """Who shows none is let through, never authenticated, and so when it comes again."""
        for version in BOTH:
            met = self.meet(None, version)
            self.assertTrue(met.ok)
            self.assertFalse(authenticated(met.there))
            self.assertFalse(authenticated(self.again(met).there))

    def test_expired(self) -> None:
        """The first error stays, though OpenSSL finds nothing wrong with what comes after it."""
        met = self.meet(m.client("old", expired=True), TLSVersion.TLSv1_3)
        self.assertEqual(met.verdict, "certificate has expired")
        self.assertFalse(authenticated(self.again(met).there))

    def test_noAcceptance(self) -> None:
        """Of a chain that was rejected nothing below is called accepted."""
        met = self.meet(m.client("intruder", by="Other CA"), TLSVersion.TLSv1_3)
        record = verdicts(met.there)
        assert record is not None
        self.assertNotIn(None, [each.error for each in record.judgements])

    def test_withoutRecord(self) -> None:
        """A connection of which nothing is known is not authenticated."""
        met = self.meet(m.client(), TLSVersion.TLSv1_3)
        met.there.set_app_data(None)
        self.assertFalse(authenticated(met.there))

    def test_strict(self) -> None:
        """Elsewhere whoever ends the handshake is authenticated."""
        met = Meeting(server(verifyChain=True), client(m.client()))
        self.assertTrue(authenticated(met.there))
        self.assertTrue(authenticated(Meeting(server(), client()).there))


class ResumedTests(SynchronousTestCase):
    """A mutual TLS session that is taken up again."""

    def test_subject(self) -> None:
        """The peer is known by name, from the cache and from a ticket."""
        for version in BOTH:
            there, here = server(verifyChain=True), client(m.client(), version)
            met = Meeting(there, here)
            again = Meeting(there, here, session=met.session)
            self.assertTrue(again.peer.resumed)
            self.assertEqual(again.peer.subject, "CN=modality")
            self.assertEqual(again.peer.issuer, "CN=Hospital CA")
