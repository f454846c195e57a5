"""What certificates are made of, and that OpenSSL and others will accept them."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, Store
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from appliance.tls.certificate import KeyPair, matches
from appliance.tls.issue import (
    DAYS,
    KeyType,
    alternativeName,
    authority,
    certificatePEM,
    issued,
    keyPEM,
    newKey,
    selfSigned,
)

NOW = datetime.now(UTC).replace(microsecond=0)
KEY = newKey(KeyType.ECDSA)


def extension(pair: KeyPair, kind: type[x509.ExtensionType]) -> x509.ExtensionType:
    """The value of an extension of the pair's own certificate."""
    return pair.certificate.chain[0].extensions.get_extension_for_class(kind).value


class KeyTests(SynchronousTestCase):
    """New private keys."""

    def test_rsa(self) -> None:
        """An RSA key has 3072 bits unless told otherwise."""
        key = newKey()
        assert isinstance(key, rsa.RSAPrivateKey)
        self.assertEqual(key.key_size, 3072)

    def test_ecdsa(self) -> None:
        """An ECDSA key is on P-256, the curve that every TLS stack knows."""
        key = newKey(KeyType.ECDSA)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        self.assertEqual(key.curve.name, "secp256r1")

    def test_pem(self) -> None:
        """A key survives the way through its file."""
        again = load_pem_private_key(keyPEM(KEY), None)
        self.assertEqual(again.public_key(), KEY.public_key())


class NameTests(SynchronousTestCase):
    """Alternative names as people type them."""

    def test_kinds(self) -> None:
        """Addresses of both families and DNS names are told apart."""
        self.assertEqual(alternativeName("10.0.0.1"), x509.IPAddress(ip_address("10.0.0.1")))
        self.assertEqual(alternativeName("fd00::1"), x509.IPAddress(ip_address("fd00::1")))
        self.assertEqual(alternativeName("*.a-b.org"), x509.DNSName("*.a-b.org"))

    def test_refused(self) -> None:
        """What is neither is refused, with the text in the message."""
        for text in ("", "a b", "pacs:104", "a..b", "-a", "bücher.de", "https://a", "a" * 64):
            with self.assertRaises(ValueError) as caught:
                alternativeName(text)
            self.assertIn(repr(text), str(caught.exception))

    @given(st.text())
    def test_total(self, text: str) -> None:
        """Any text is a name or a C{ValueError}."""
        with contextlib.suppress(ValueError):
            alternativeName(text)


class SelfSignedTests(SynchronousTestCase):
    """Certificates without an authority."""

    def test_description(self) -> None:
        """Names, dates and key are those asked for; it is valid since yesterday."""
        pair = selfSigned(KEY, "pacs", ["pacs.example.org", "10.0.0.1"], now=NOW)
        certificate = pair.certificate
        self.assertTrue(matches(certificate, KEY))
        self.assertEqual(certificate.subject, "CN=pacs")
        self.assertEqual(certificate.names, ("pacs.example.org", "10.0.0.1"))
        self.assertEqual(certificate.notBefore, NOW - timedelta(days=1))
        self.assertEqual(certificate.daysLeft(NOW), DAYS)
        self.assertLessEqual(certificate.notAfter - certificate.notBefore, timedelta(days=825))

    def test_extensions(self) -> None:
        """It is for servers and clients, no authority, and it says which key it has."""
        pair = selfSigned(KEY, "pacs", now=NOW)
        self.assertEqual(extension(pair, x509.BasicConstraints), x509.BasicConstraints(False, None))
        usage = extension(pair, x509.ExtendedKeyUsage)
        self.assertEqual(
            list(usage), [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        )
        self.assertEqual(
            extension(pair, x509.SubjectKeyIdentifier),
            x509.SubjectKeyIdentifier.from_public_key(KEY.public_key()),
        )

    def test_keyUsage(self) -> None:
        """Only an RSA key may encipher other keys; neither may sign certificates."""
        for key, enciphers in ((KEY, False), (newKey(bits=2048), True)):
            usage = extension(selfSigned(key, "pacs", now=NOW), x509.KeyUsage)
            assert isinstance(usage, x509.KeyUsage)
            self.assertTrue(usage.digital_signature)
            self.assertEqual(usage.key_encipherment, enciphers)
            self.assertFalse(usage.key_cert_sign)

    def test_badNames(self) -> None:
        """A common name that X.509 has no room for is refused."""
        for name in ("", "x" * 65):
            self.assertRaises(ValueError, selfSigned, KEY, name, now=NOW)

    def test_serials(self) -> None:
        """No two certificates share a serial number."""
        made = {selfSigned(KEY, "pacs", now=NOW).certificate.serial for _ in range(5)}
        self.assertEqual(len(made), 5)


class AuthorityTests(SynchronousTestCase):
    """Certificates that are signed by an authority."""

    def setUp(self) -> None:
        """Make a root and an authority below it."""
        self.root = authority(newKey(KeyType.ECDSA), "Root", now=NOW)
        self.between = authority(newKey(KeyType.ECDSA), "Between", now=NOW, by=self.root)

    def test_chain(self) -> None:
        """A certificate comes with all that stands between it and the root, without the root."""
        pair = issued(self.between, KEY, "US1", now=NOW)
        self.assertEqual(pair.certificate.chain[1:], (self.between.certificate.chain[0],))
        self.assertEqual(issued(self.root, KEY, "US1", now=NOW).certificate.chain[1:], ())

    def test_verifies(self) -> None:
        """A strict verifier of RFC 5280 accepts the chain, for the name in it."""
        pair = issued(self.between, KEY, "pacs", ["pacs.example.org"], now=NOW)
        own, *further = pair.certificate.chain
        verifier = (
            PolicyBuilder()
            .store(Store([self.root.certificate.chain[0]]))
            .build_server_verifier(x509.DNSName("pacs.example.org"))
        )
        self.assertEqual(len(verifier.verify(own, further)), 3)

    def test_expired(self) -> None:
        """A C{now} in the past makes one that has expired."""
        then = NOW - timedelta(days=100)
        pair = issued(self.root, KEY, "US1", now=then, days=90)
        self.assertEqual(pair.certificate.daysLeft(NOW), -10)

    def test_pem(self) -> None:
        """The whole chain goes into the file, the own certificate first."""
        pair = issued(self.between, KEY, "US1", now=NOW)
        again = x509.load_pem_x509_certificates(certificatePEM(pair.certificate))
        self.assertEqual(tuple(again), pair.certificate.chain)
