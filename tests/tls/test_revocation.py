"""CRLs: what is read, what is told of them, and whom they keep out."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from twisted.trial.unittest import SynchronousTestCase

from appliance.config.model import Severity, TLSConfig, Where
from appliance.tls.certificate import KeyPair
from appliance.tls.files import inspect
from appliance.tls.revocation import loadDirectory, loadLists
from tests import material as m
from tests.peers import directoryFor, program
from tests.tls.pairs import Meeting, creator

NOW = datetime.now(UTC).replace(microsecond=0)


def crl(
    *revoked: KeyPair, by: str = "Hospital CA", days: float = 7, now: datetime = NOW
) -> x509.CertificateRevocationList:
    """A list of the authority C{by} that is good for C{days}."""
    authority = m.ca(by)
    builder = x509.CertificateRevocationListBuilder(
        issuer_name=authority.certificate.chain[0].subject,
        last_update=now - timedelta(days=30),
        next_update=now + timedelta(days=days),
    )
    for pair in revoked:
        entry = x509.RevokedCertificateBuilder(pair.certificate.serial, now - timedelta(days=1))
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(authority.key, SHA256())  # type: ignore[arg-type]


def pem(*lists: x509.CertificateRevocationList) -> bytes:
    """The lists as one file."""
    return b"".join(each.public_bytes(Encoding.PEM) for each in lists)


class HandshakeTests(SynchronousTestCase):
    """Whom CRLs keep out; the words are OpenSSL's."""

    def verdict(self, *lists: x509.CertificateRevocationList, **changes: Any) -> str | None:
        """Why the modality is refused."""
        tls = m.tlsConfig(verifyChain=True, crlFile="test.crl", **changes)
        there = creator(tls, m.server(), m.ca(), m.client(), crls=lists)
        here = creator(m.tlsConfig(client=True), m.client())
        return Meeting(there, here).verdict

    def test_good(self) -> None:
        """Who is not on the list is let in."""
        self.assertIsNone(self.verdict(crl(m.client("other"))))

    def test_revoked(self) -> None:
        """Who is on it is not."""
        self.assertEqual(self.verdict(crl(m.client())), "certificate revoked")

    def test_secondList(self) -> None:
        """All lists of a file count."""
        self.assertEqual(self.verdict(crl(by="Other CA"), crl(m.client())), "certificate revoked")

    def test_missing(self) -> None:
        """Without a list of the authority nobody is let in."""
        self.assertEqual(self.verdict(crl(by="Other CA")), "unable to get certificate CRL")

    def test_expired(self) -> None:
        """A list that is overdue lets nobody in."""
        self.assertEqual(self.verdict(crl(days=-1)), "CRL has expired")

    def test_leafOnly(self) -> None:
        """An authority between needs no list by the root: only the peer itself is checked."""
        between = m.authority(m.key("between"), "Between", now=m.now(), by=m.ca())
        pair = m.issued(between, m.key("modality"), "modality", now=m.now())
        builder = x509.CertificateRevocationListBuilder(
            issuer_name=between.certificate.chain[0].subject,
            last_update=NOW - timedelta(days=1),
            next_update=NOW + timedelta(days=7),
        )
        own = builder.sign(between.key, SHA256())  # type: ignore[arg-type]
        tls = m.tlsConfig(verifyChain=True, crlFile="test.crl")
        there = creator(tls, m.server(), m.ca(), crls=(own,))
        self.assertIsNone(Meeting(there, creator(m.tlsConfig(client=True), pair)).verdict)

    def test_verifyPeer(self) -> None:
        """A listed peer that is revoked is refused."""
        verdict = self.verdict(crl(m.client()), verifyPeer=True)
        self.assertEqual(verdict, "certificate revoked")

    def test_clientMode(self) -> None:
        """A client refuses a server that is revoked."""
        pair = m.issued(m.ca(), m.key("server"), "pacs", now=m.now())
        tls = m.tlsConfig(client=True, verifyChain=True, crlFile="test.crl")
        for revoked, word in (((), None), ((pair,), "certificate verify failed")):
            here = creator(tls, None, m.ca(), crls=(crl(*revoked),))
            self.assertEqual(Meeting(creator(m.tlsConfig(), pair), here).heard, word)


class ReadingTests(SynchronousTestCase):
    """Files and directories of CRLs."""

    def setUp(self) -> None:
        self.directory = directoryFor(self)  # type: ignore[arg-type]

    def write(self, name: str, data: bytes) -> str:
        """A file's path."""
        path = self.directory / name
        path.write_bytes(data)
        return str(path)

    def problems(self, **changes: Any) -> list[tuple[str, str, Severity]]:
        """What is said about a section's files: option, words and severity."""
        tls = TLSConfig(caWhere=Where("s.conf", 7), **changes)
        _, found = inspect(tls, NOW)
        self.assertEqual({each.where.line for each in found} - {7}, set())
        return [(each.option, str(each), each.severity) for each in found]

    def test_several(self) -> None:
        """A PEM file may hold several lists, a DER file one."""
        path = self.write("two.pem", b"# ours\n" + pem(crl(), crl(by="Other CA")))
        self.assertEqual([x.issuer for x in loadLists(path)], ["CN=Hospital CA", "CN=Other CA"])
        path = self.write("one.crl", crl().public_bytes(Encoding.DER))
        self.assertEqual([x.issuer for x in loadLists(path)], ["CN=Hospital CA"])

    def test_bad(self) -> None:
        """Damaged, missing and other files are errors, at CRLfile's line."""
        for data in (b"", b"junk", pem(crl())[:-80], pem(crl()).replace(b"MII", b"MIX")):
            ((option, text, severity),) = self.problems(crlFile=self.write("x.pem", data))
            self.assertEqual((option, severity), ("CRLfile", Severity.ERROR))
            self.assertIn("CRL", text)
        ((option, text, _),) = self.problems(crlFile=str(self.directory / "none.pem"))
        self.assertIn("No such file", text)

    def test_overdue(self) -> None:
        """An overdue list is a warning that says what comes of it; one that soon will be, too."""
        for days, words in ((-1, "are refused"), (1, "only")):
            path = self.write("x.pem", pem(crl(days=days)))
            ((option, text, severity),) = self.problems(crlFile=path)
            self.assertEqual((option, severity), ("CRLfile", Severity.WARNING))
            self.assertIn("CN=Hospital CA", text)
            self.assertIn(words, text)
        self.assertEqual(self.problems(crlFile=self.write("x.pem", pem(crl(days=3)))), [])

    def test_daysLeft(self) -> None:
        """The fact for those who watch: days until the first list is overdue."""
        path = self.write("x.pem", pem(crl(days=9), crl(by="Other CA", days=5.5)))
        material, _ = inspect(TLSConfig(crlFile=path), NOW)
        self.assertEqual(material.revocations.daysLeft(NOW), 5)
        self.assertIsNone(inspect(TLSConfig(), NOW)[0].revocations.daysLeft(NOW))

    def test_emptyDirectory(self) -> None:
        """A directory without a hashed name is warned of, with the command."""
        self.write("ours.pem", pem(crl()))
        ((option, text, severity),) = self.problems(crlPath=str(self.directory))
        self.assertEqual((option, severity), ("CRLpath", Severity.WARNING))
        self.assertIn(f"openssl rehash {self.directory}", text)

    def test_damagedInDirectory(self) -> None:
        """A damaged list in a directory is warned of."""
        self.write("01234567.r0", b"junk")
        ((option, text, severity),) = self.problems(crlPath=str(self.directory))
        self.assertEqual((option, severity), ("CRLpath", Severity.WARNING))
        self.assertIn("01234567.r0", text)

    def test_amongCertificates(self) -> None:
        """Lists that stand in CAfile count, as they do for OpenSSL."""
        ca = m.writeAuthority(self.directory, "ca", m.ca())
        Path(ca).write_bytes(ca.read_bytes() + pem(crl(m.client())))
        material, found = inspect(TLSConfig(caFile=str(ca), crlPath=str(self.directory)), NOW)
        self.assertEqual([each.issuer for each in material.revocations.lists], ["CN=Hospital CA"])
        self.assertEqual([each.option for each in found], ["CRLpath"])

    @pytest.mark.real
    def test_hashedDirectory(self) -> None:
        """OpenSSL finds the list in a directory that its own program has made, also a later one."""
        tls = m.tlsConfig(verifyChain=True, crlPath=str(self.directory))
        there = creator(tls, m.server(), m.ca())
        here = creator(m.tlsConfig(client=True), m.client())
        self.assertEqual(Meeting(there, here).verdict, "unable to get certificate CRL")
        self.write("first.pem", pem(crl()))
        argv = [program("openssl"), "rehash", str(self.directory)]
        subprocess.run(argv, check=True, capture_output=True)
        found, wrong = loadDirectory(str(self.directory))
        self.assertEqual(([x.issuer for x in found], wrong), (["CN=Hospital CA"], ()))
        self.assertIsNone(Meeting(there, here).verdict)
