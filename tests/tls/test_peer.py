"""Tests of L{appliance.tls.peer}: who a peer is by the names in its certificate."""

from __future__ import annotations

from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID
from twisted.trial.unittest import SynchronousTestCase

from appliance.config.model import TLSVersion
from appliance.tls.certificate import KeyPair
from appliance.tls.peer import names
from tests import material as m
from tests.tls.pairs import Meeting, creator


def certificate(*common: str, alternative: x509.ExtensionType | None = None) -> x509.Certificate:
    """A certificate with these common names, and C{alternative} as its other ones."""
    key = m.key("names")
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name) for name in common])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(m.now())
        .not_valid_after(m.now())
    )
    if alternative is not None:
        builder = builder.add_extension(alternative, critical=False)
    return builder.sign(key, SHA256())  # type: ignore[arg-type]


class NamesTests(SynchronousTestCase):
    """L{names}."""

    def test_kinds(self) -> None:
        """Common names come first, then those of the kinds that people know."""
        others = x509.SubjectAlternativeName(
            [
                x509.DNSName("ct01.hospital.example"),
                x509.IPAddress(ip_address("2001:db8::5")),
                x509.RFC822Name("ct01@hospital.example"),
                x509.UniformResourceIdentifier("urn:uuid:1"),
                x509.DirectoryName(x509.Name([])),
                x509.RegisteredID(x509.ObjectIdentifier("1.2.3")),
            ]
        )
        expected = (
            *("CT 01", "second", "ct01.hospital.example", "2001:db8::5"),
            *("ct01@hospital.example", "urn:uuid:1"),
        )
        self.assertEqual(names(certificate("CT 01", "second", alternative=others)), expected)

    def test_once(self) -> None:
        """A common name that is an alternative one too is there once."""
        others = x509.SubjectAlternativeName([x509.DNSName("a.example")])
        self.assertEqual(names(certificate("a.example", alternative=others)), ("a.example",))

    def test_none(self) -> None:
        """A certificate may have no name at all."""
        self.assertEqual(names(certificate()), ())

    def test_broken(self) -> None:
        """What cannot be read is no name."""
        oid = x509.SubjectAlternativeName.oid
        broken = x509.UnrecognizedExtension(oid, b"\x30\x05garbage")
        self.assertEqual(names(certificate("CT01", alternative=broken)), ("CT01",))


class DescribeTests(SynchronousTestCase):
    """What is known of a client after its handshake."""

    def names(self, pair: KeyPair | None, version: TLSVersion) -> list[tuple[str, ...]]:
        """The names of a client that connects twice, the second time with the first session."""
        there = creator(m.tlsConfig(verifyIfSent=True), m.server(), m.ca())
        config = m.tlsConfig(client=True, maximum=version, sessionResume=False)
        here = creator(config, pair)
        met = Meeting(there, here)
        again = Meeting(there, here, session=met.session)
        self.assertTrue(again.peer.resumed)
        return [met.peer.names, again.peer.names]

    def test_client(self) -> None:
        """A client has the names in its certificate, also when it resumes a session."""
        for version in (TLSVersion.TLSv1_2, TLSVersion.TLSv1_3):
            found = self.names(m.client(), version)
            self.assertEqual(found, [("modality", "modality.example")] * 2)

    def test_nobody(self) -> None:
        """A client without a certificate has none."""
        self.assertEqual(self.names(None, TLSVersion.TLSv1_3), [(), ()])
