"""Reading certificates and keys, and everything that can be wrong with them."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import NameOID, ObjectIdentifier
from twisted.trial.unittest import SynchronousTestCase

from appliance.config.model import KeyPermissions, Problem, Severity, TLSConfig, Where
from appliance.tls.certificate import Certificate, KeyPair, matches, subjectText
from appliance.tls.concerns import permissions, securityLevel
from appliance.tls.files import inspect
from appliance.tls.issue import (
    KeyType,
    authority,
    certificatePEM,
    issued,
    keyPEM,
    newKey,
    selfSigned,
)
from appliance.tls.pem import FileError, loadAuthorities, loadCertificate, loadKey

NOW = datetime.now(UTC).replace(microsecond=0)
KEY = newKey(bits=2048)
CURVE = newKey(KeyType.ECDSA)
PAIR = selfSigned(KEY, "pacs", ["pacs.example.org"], now=NOW)


class FilesTestCase(SynchronousTestCase):
    """Tests that write files."""

    @pytest.fixture(autouse=True)
    def _inDirectory(self, tmp_path: Path) -> None:
        self.directory = tmp_path

    def write(self, name: str, *contents: bytes, mode: int = 0o600) -> str:
        """Write a file and return its path."""
        path = self.directory / name
        path.write_bytes(b"".join(contents))
        path.chmod(mode)
        return str(path)

    def refused(self, load: object, path: str) -> FileError:
        """The error that C{load} raises for C{path}."""
        with self.assertRaises(FileError) as caught:
            load(path)  # type: ignore[operator]
        return caught.exception


class SubjectTests(SynchronousTestCase):
    """Names in stunnel's shape; each expectation is what C{openssl x509 -nameopt} prints."""

    def name(self, *parts: tuple[ObjectIdentifier, str]) -> x509.Name:
        """A name of single attributes."""
        return x509.Name([x509.NameAttribute(oid, value) for oid, value in parts])

    def test_stunnel(self) -> None:
        """Attributes stand in their own order, with OpenSSL's short names."""
        name = self.name(
            (NameOID.COUNTRY_NAME, "PL"),
            (NameOID.ORGANIZATION_NAME, "Stunnel Developers"),
            (NameOID.COMMON_NAME, "CA"),
            (NameOID.EMAIL_ADDRESS, "CA@example.com"),
        )
        self.assertEqual(
            subjectText(name),
            "C=PL, O=Stunnel Developers, CN=CA, emailAddress=CA@example.com",
        )

    def test_quoted(self) -> None:
        """What could be mistaken for the next attribute is quoted."""
        for value, text in (
            ('Acme, Inc. "x"\\y', '"Acme, Inc. \\"x\\"\\\\y"'),
            ("#lead", '"#lead"'),
            (" sp", '" sp"'),
            ("sp ", '"sp "'),
            ("a+b", '"a+b"'),
            ("a<b>;", '"a<b>;"'),
            ("a#b", "a#b"),
            ("ü", "ü"),
        ):
            self.assertEqual(subjectText(self.name((NameOID.COMMON_NAME, value))), f"CN={text}")

    def test_oneLine(self) -> None:
        """A line break in a name cannot break a log line."""
        name = self.name((NameOID.COMMON_NAME, "a\nb\x7f"))
        self.assertEqual(subjectText(name), "CN=a\\0Ab\\7F")

    def test_severalAttributesInOnePart(self) -> None:
        """Attributes of one part are joined by a plus sign; an unknown one keeps its number."""
        part = x509.RelativeDistinguishedName(
            [
                x509.NameAttribute(NameOID.COMMON_NAME, "a"),
                x509.NameAttribute(ObjectIdentifier("1.2.3.4.5"), "b"),
            ]
        )
        self.assertEqual(
            sorted(subjectText(x509.Name([part])).split(" + ")), ["1.2.3.4.5=b", "CN=a"]
        )


class CertificateTests(FilesTestCase):
    """Reading certificates."""

    def test_pemChain(self) -> None:
        """A PEM file gives the own certificate and the further ones in order, keys aside."""
        root = authority(CURVE, "Root", now=NOW)
        between = authority(CURVE, "Between", now=NOW, by=root)
        pair = issued(between, KEY, "pacs", now=NOW)
        path = self.write("c.pem", keyPEM(KEY), certificatePEM(pair.certificate))
        self.assertEqual(loadCertificate(path), pair.certificate)
        self.assertEqual(len(loadCertificate(path).chain), 2)

    def test_words(self) -> None:
        """A certificate is described in words."""
        certificate = loadCertificate(self.write("c.pem", certificatePEM(PAIR.certificate)))
        self.assertEqual(certificate.keyText, "RSA 2048 bits")
        self.assertRegex(certificate.fingerprint, "^([0-9A-F]{2}:){31}[0-9A-F]{2}$")
        self.assertEqual(certificate.signatureHash, "sha256")

    def test_keyTypes(self) -> None:
        """All kinds of key that TLS knows are understood."""
        for key, text in (
            (CURVE, "ECDSA 256 bits"),
            (ed25519.Ed25519PrivateKey.generate(), "Ed25519 256 bits"),
            (ed448.Ed448PrivateKey.generate(), "Ed448 456 bits"),
        ):
            path = self.write(
                "c.pem", keyPEM(key), certificatePEM(selfSigned(key, "x", now=NOW).certificate)
            )
            self.assertEqual(loadCertificate(path).keyText, text)
            self.assertTrue(matches(loadCertificate(path), loadKey(path)))

    def test_commonNameAsName(self) -> None:
        """Without alternative names the common name is the name."""
        self.assertEqual(selfSigned(CURVE, "pacs", now=NOW).certificate.names, ("pacs",))

    def test_der(self) -> None:
        """A binary certificate is read."""
        der = PAIR.certificate.chain[0].public_bytes(Encoding.DER)
        self.assertEqual(loadCertificate(self.write("c.der", der)), PAIR.certificate)

    def test_pkcs12(self) -> None:
        """A PKCS#12 file without a password gives the chain and the key."""
        root = authority(CURVE, "Root", now=NOW)
        between = authority(CURVE, "Between", now=NOW, by=root)
        pair = issued(between, KEY, "pacs", now=NOW)
        own, *further = pair.certificate.chain
        assert isinstance(KEY, rsa.RSAPrivateKey)
        data = pkcs12.serialize_key_and_certificates(b"pacs", KEY, own, further, NoEncryption())
        path = self.write("c.p12", data)
        self.assertEqual(loadCertificate(path), pair.certificate)
        self.assertTrue(matches(pair.certificate, loadKey(path)))

    def test_pkcs12Password(self) -> None:
        """A PKCS#12 file with a password is refused with the command that takes it apart."""
        assert isinstance(KEY, rsa.RSAPrivateKey)
        data = pkcs12.serialize_key_and_certificates(
            None, KEY, PAIR.certificate.chain[0], None, BestAvailableEncryption(b"secret")
        )
        path = self.write("c.p12", data)
        for load in (loadCertificate, loadKey):
            error = self.refused(load, path)
            self.assertIn("password", error.found)
            self.assertIn("keyPassphrase", error.expected)
            self.assertIn(f"openssl pkcs12 -nodes -in {path}", error.advice)

    def test_onlyAKey(self) -> None:
        """A file with a key alone is told by what it holds."""
        error = self.refused(loadCertificate, self.write("key.pem", keyPEM(KEY)))
        self.assertIn("no certificate in", error.found)
        self.assertIn("only PRIVATE KEY", error.found)

    def test_notPEM(self) -> None:
        """Anything else is 'not PEM', for certificates and for keys."""
        for content in (b"", b"hello", b"\x30\x03\x02\x01\x05", b"\x00\xff" * 50):
            path = self.write("c.pem", content)
            self.assertIn("is not PEM", self.refused(loadCertificate, path).found)
            self.assertIn("is not PEM", self.refused(loadKey, path).found)

    def test_damaged(self) -> None:
        """A certificate that was cut short or mistyped is called damaged."""
        pem = certificatePEM(PAIR.certificate)
        for content in (pem[:-60], pem.replace(b"MII", b"MIX")):
            path = self.write("c.pem", content)
            self.assertIn("damaged", self.refused(loadCertificate, path).found)

    def test_missing(self) -> None:
        """A file that is not there is said not to be there."""
        error = self.refused(loadCertificate, str(self.directory / "none.pem"))
        self.assertIn("No such file", error.found)

    def test_forbidden(self) -> None:
        """A file that may not be read: who we are, whose it is, and its mode."""
        path = self.write("c.pem", certificatePEM(PAIR.certificate), mode=0o640)
        with patch("builtins.open", side_effect=PermissionError(13, "Permission denied")):
            error = self.refused(loadCertificate, path)
        self.assertEqual(error.found, f"may not read {path}")
        self.assertRegex(error.advice, "^we run as .+, and the file is .+:.+ with mode 0640$")

    def test_forbiddenDirectory(self) -> None:
        """A file in a directory that may not be entered: that is said instead."""
        denied = PermissionError(13, "Permission denied")
        with patch("builtins.open", side_effect=denied), patch("os.stat", side_effect=denied):
            error = self.refused(loadKey, "/secret/key.pem")
        self.assertIn("may not enter a directory above it", error.advice)

    def test_authorities(self) -> None:
        """A CAfile gives all its certificates; one without any is refused."""
        root = authority(CURVE, "Root", now=NOW).certificate
        path = self.write("ca.pem", certificatePEM(root), certificatePEM(PAIR.certificate))
        self.assertEqual(loadAuthorities(path), (root.chain[0], PAIR.certificate.chain[0]))
        self.assertIn("is not PEM", self.refused(loadAuthorities, self.write("no.pem")).found)


class KeyTests(FilesTestCase):
    """Reading private keys."""

    def test_besideCertificates(self) -> None:
        """The key is found behind certificates and curve parameters, in each PEM format."""
        assert isinstance(CURVE, ec.EllipticCurvePrivateKey)
        parameters = (
            b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
        )
        for shape in (PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL):
            pem = CURVE.private_bytes(Encoding.PEM, shape, NoEncryption())
            path = self.write("k.pem", certificatePEM(PAIR.certificate), parameters, pem)
            self.assertEqual(loadKey(path).public_key(), CURVE.public_key())

    def test_encrypted(self) -> None:
        """A key with a passphrase is refused with the command that takes it off."""
        for shape in (PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL):
            pem = KEY.private_bytes(Encoding.PEM, shape, BestAvailableEncryption(b"secret"))
            path = self.write("k.pem", pem)
            error = self.refused(loadKey, path)
            self.assertIn("is encrypted", error.found)
            self.assertIn(f"openssl pkey -in {path}", error.advice)

    def test_noKey(self) -> None:
        """A file with certificates alone is told by what it holds."""
        error = self.refused(loadKey, self.write("k.pem", certificatePEM(PAIR.certificate)))
        self.assertIn("no private key in", error.found)
        self.assertIn("only CERTIFICATE", error.found)

    def test_damaged(self) -> None:
        """A mistyped key is called damaged."""
        path = self.write("k.pem", keyPEM(KEY).replace(b"MII", b"MIX"))
        self.assertIn("damaged", self.refused(loadKey, path).found)

    def test_otherKind(self) -> None:
        """A key that TLS has no use for is refused."""
        key = x25519.X25519PrivateKey.generate()
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self.assertIn("RSA, ECDSA", self.refused(loadKey, self.write("k.pem", pem)).expected)


class PermissionsTests(FilesTestCase):
    """Who may read and write a private key."""

    def verdict(self, mode: int, policy: KeyPermissions = KeyPermissions.WARN) -> Problem | None:
        """What is said about a key with C{mode}."""
        return permissions(self.write("my key.pem", b"", mode=mode), policy, Where("s.conf", 3))

    def test_accepted(self) -> None:
        """The owner's and the group's reading is nobody else's business."""
        for mode in (0o400, 0o600, 0o640, 0o660):
            self.assertIsNone(self.verdict(mode))

    def test_worldReadable(self) -> None:
        """A key that everybody can read is warned of, with the command that mends it."""
        problem = self.verdict(0o644)
        assert problem is not None
        self.assertIs(problem.severity, Severity.WARNING)
        self.assertIn("can be read by everybody (mode 0644)", problem.found)
        self.assertEqual(problem.advice, f"chmod o-rwx '{self.directory}/my key.pem'")

    def test_worldWritable(self) -> None:
        """A key that everybody can replace is refused."""
        problem = self.verdict(0o622)
        assert problem is not None
        self.assertTrue(problem.fatal)
        self.assertIn("can be written by everybody", problem.found)

    def test_strict(self) -> None:
        """Strictly, nobody but the owner may have any access."""
        for mode in (0o640, 0o660, 0o644, 0o622):
            problem = self.verdict(mode, KeyPermissions.STRICT)
            assert problem is not None
            self.assertTrue(problem.fatal)
            self.assertIn("chmod go-rwx", problem.advice)
        self.assertIsNone(self.verdict(0o600, KeyPermissions.STRICT))

    def test_missing(self) -> None:
        """A file that is not there is for the reader to report."""
        self.assertIsNone(permissions("/none", KeyPermissions.STRICT, Where("s.conf")))


class InspectTests(FilesTestCase):
    """All files of a section at once."""

    def config(self, pair: KeyPair = PAIR, **more: object) -> TLSConfig:
        """A section with C{pair} in two files."""
        return TLSConfig(
            cert=self.write("cert.pem", certificatePEM(pair.certificate), mode=0o644),
            key=self.write("key.pem", keyPEM(pair.key)),
            certWhere=Where("s.conf", 5),
            keyWhere=Where("s.conf", 6),
            **more,  # type: ignore[arg-type]
        )

    def only(self, tls: TLSConfig, now: datetime = NOW) -> Problem:
        """The one problem there is."""
        _, problems = inspect(tls, now)
        self.assertEqual(len(problems), 1, problems)
        return problems[0]

    def test_good(self) -> None:
        """Good files give the pair and the authorities, and nothing to say."""
        root = authority(CURVE, "Root", now=NOW).certificate
        tls = self.config(caFile=self.write("ca.pem", certificatePEM(root)))
        material, problems = inspect(tls, NOW)
        self.assertEqual(problems, ())
        assert material.pair is not None
        self.assertEqual(material.pair.certificate, PAIR.certificate)
        self.assertTrue(matches(PAIR.certificate, material.pair.key))
        self.assertEqual(material.authorities, root.chain)

    def test_oneFile(self) -> None:
        """Without C{key} the key is in the certificate's file, as in stunnel."""
        path = self.write("both.pem", keyPEM(KEY), certificatePEM(PAIR.certificate))
        material, problems = inspect(TLSConfig(cert=path), NOW)
        self.assertEqual(problems, ())
        self.assertIsNotNone(material.pair)

    def test_nothing(self) -> None:
        """A client section may have no files at all."""
        material, problems = inspect(TLSConfig(client=True), NOW)
        self.assertIsNone(material.pair)
        self.assertEqual((material.authorities, problems), ((), ()))

    def test_allAtOnce(self) -> None:
        """Every file's problem is told, each with its place and option."""
        tls = TLSConfig(
            cert=self.write("cert.pem", b"x"),
            key=self.write("key.pem", b"y"),
            caFile=self.write("ca.pem"),
            certWhere=Where("s.conf", 5),
            keyWhere=Where("s.conf", 6),
        )
        material, problems = inspect(tls, NOW)
        self.assertIsNone(material.pair)
        self.assertEqual(
            [(problem.option, problem.where.line) for problem in problems],
            [("cert", 5), ("key", 6), ("CAfile", 5)],
        )
        self.assertTrue(all(problem.fatal for problem in problems))

    def test_onceOnly(self) -> None:
        """One missing file for both options is one problem."""
        self.assertIn("No such file", self.only(TLSConfig(cert="/none.pem")).found)

    def test_mismatch(self) -> None:
        """A key of another certificate: both files and both kinds of key are named."""
        tls = self.config(KeyPair(PAIR.certificate, CURVE))
        problem = self.only(tls)
        self.assertTrue(problem.fatal)
        self.assertEqual((problem.option, problem.where), ("key", tls.keyWhere))
        for part in (tls.cert, tls.key, "RSA 2048 bits", "ECDSA 256 bits", "CN=pacs"):
            self.assertIn(str(part), problem.found)

    def test_permissions(self) -> None:
        """The key's permissions are judged as the section wants."""
        tls = self.config(keyPermissions=KeyPermissions.STRICT)
        os.chmod(str(tls.key), 0o640)
        self.assertIn("by its group", self.only(tls).found)

    def test_expired(self) -> None:
        """An expired certificate is an error; the pair is given all the same."""
        now = PAIR.certificate.notAfter + timedelta(seconds=1)
        tls = self.config()
        problem = self.only(tls, now)
        self.assertTrue(problem.fatal)
        self.assertIn("expired on", problem.found)
        self.assertEqual((problem.option, problem.where), ("cert", tls.certWhere))
        self.assertIsNotNone(inspect(tls, now)[0].pair)

    def test_expiresSoon(self) -> None:
        """Less than thirty days before its end there is a warning, with the days."""
        end = PAIR.certificate.notAfter
        tls = self.config()
        self.assertEqual(inspect(tls, end - timedelta(days=30))[1], ())
        problem = self.only(tls, end - timedelta(days=29, hours=23))
        self.assertIs(problem.severity, Severity.WARNING)
        self.assertIn("expires in 29 days", problem.found)

    def test_notYetValid(self) -> None:
        """Not yet valid is a warning: it mends itself, and it may be this machine's clock."""
        problem = self.only(self.config(), NOW - timedelta(days=3))
        self.assertIs(problem.severity, Severity.WARNING)
        self.assertIn("not valid before", problem.found)
        self.assertIn("clock", problem.advice)

    def test_weakKey(self) -> None:
        """A key below the security level is an error, as OpenSSL will refuse it."""
        weak = selfSigned(rsa.generate_private_key(65537, 1024), "pacs", now=NOW)  # noqa: S505
        problem = self.only(self.config(weak))
        self.assertTrue(problem.fatal)
        self.assertIn("RSA 1024 bits", problem.found)
        self.assertEqual(problem.expected, "2048 bits or more at security level 2")
        self.assertEqual(inspect(self.config(weak, securityLevel=1), NOW)[1], ())
        curve = selfSigned(ec.generate_private_key(ec.SECP192R1()), "pacs", now=NOW)
        self.assertIn("ECDSA 192 bits", self.only(self.config(curve)).found)

    def test_weakSignature(self) -> None:
        """A SHA-1 signature is a warning, since others may refuse it."""
        sha256, sha1 = (bytes.fromhex(f"06092a864886f70d0101{end}") for end in ("0b", "05"))
        der = PAIR.certificate.chain[0].public_bytes(Encoding.DER).replace(sha256, sha1)
        tls = self.config(KeyPair(Certificate.of([x509.load_der_x509_certificate(der)]), KEY))
        problem = self.only(tls)
        self.assertIs(problem.severity, Severity.WARNING)
        self.assertIn("signed with SHA1", problem.found)


class SecurityLevelTests(SynchronousTestCase):
    """The security level in force."""

    def test_order(self) -> None:
        """The option wins over the cipher list, that over OpenSSL's default."""
        self.assertEqual(securityLevel(TLSConfig()), 2)
        self.assertEqual(securityLevel(TLSConfig(ciphers="ALL:@SECLEVEL=1:@SECLEVEL=0")), 0)
        self.assertEqual(securityLevel(TLSConfig(ciphers="ALL:@SECLEVEL=0", securityLevel=3)), 3)


class DaysTests(SynchronousTestCase):
    """Counting the days that are left."""

    def test_rounding(self) -> None:
        """Whole days, rounded down, negative afterwards."""
        certificate = PAIR.certificate
        end = certificate.notAfter
        for before, days in ((48, 2), (47, 1), (1, 0), (-1, -1)):
            self.assertEqual(certificate.daysLeft(end - timedelta(hours=before)), days)
