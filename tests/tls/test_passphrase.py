"""Encrypted keys: opened by a file, by a person, or not at all."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from twisted.trial.unittest import SynchronousTestCase

from appliance.config.model import KeyPermissions, Problem, Severity, TLSConfig
from appliance.tls.files import Material, inspect
from appliance.tls.issue import certificatePEM
from appliance.tls.passphrase import Passphrases
from appliance.tls.pem import loadKey
from tests import material as m
from tests.peers import directoryFor

SECRET = BestAvailableEncryption(b"s3cret")


class Person:
    """Someone at a terminal who types C{answers} one after the other, and then ends the input."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, question: str) -> str:
        self.asked.append(question)
        if not self.answers:
            raise EOFError
        return self.answers.pop(0)


class Encrypted(SynchronousTestCase):
    """A section with an encrypted key."""

    def setUp(self) -> None:
        self.directory = directoryFor(self)  # type: ignore[arg-type]

    def write(self, name: str, data: bytes, mode: int = 0o600) -> str:
        """A file's path."""
        path = self.directory / name
        path.write_bytes(data)
        path.chmod(mode)
        return str(path)

    def config(self, shape: PrivateFormat = PrivateFormat.PKCS8, **more: Any) -> TLSConfig:
        """The section."""
        pair = m.server()
        pem = pair.key.private_bytes(Encoding.PEM, shape, SECRET)
        cert = self.write("cert.pem", certificatePEM(pair.certificate))
        return TLSConfig(cert=cert, key=self.write("key.pem", pem), **more)

    def opened(
        self, tls: TLSConfig, passphrases: Passphrases | None = None
    ) -> tuple[Material, tuple[Problem, ...]]:
        """What is found."""
        return inspect(tls, m.now(), passphrases)


class FileTests(Encrypted):
    """C{keyPassphrase}."""

    def test_right(self) -> None:
        """The first line of the file opens the key, in both formats."""
        for shape in (PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL):
            for text in (b"s3cret", b"s3cret\n", b"s3cret\r\nmore\r\n"):
                file = self.write("pass", text)
                material, problems = self.opened(self.config(shape, keyPassphrase=file))
                self.assertEqual(problems, ())
                self.assertIsNotNone(material.pair)

    def test_wrong(self) -> None:
        """Another passphrase is told by both files, and never shown."""
        for text in (b"hunter2\n", b""):
            tls = self.config(keyPassphrase=self.write("pass", text))
            _, (problem,) = self.opened(tls)
            self.assertEqual((problem.option, problem.fatal), ("key", True))
            self.assertIn(f"{tls.keyPassphrase} does not open {tls.key}", problem.found)
            self.assertNotIn("hunter2", str(problem))

    def test_missing(self) -> None:
        """A file that is not there."""
        _, (problem,) = self.opened(self.config(keyPassphrase="/none"))
        self.assertIn("No such file", problem.found)

    def test_unneeded(self) -> None:
        """A key that is not encrypted needs none, and gets none wrong."""
        cert, key = m.write(self.directory, "plain", m.server())
        file = self.write("pass", b"whatever")
        material, problems = self.opened(
            TLSConfig(cert=str(cert), key=str(key), keyPassphrase=file)
        )
        self.assertEqual(problems, ())
        self.assertIsNotNone(material.pair)

    def test_permissions(self) -> None:
        """The file is a secret itself."""
        file = self.write("pass", b"s3cret", mode=0o644)
        _, (problem,) = self.opened(self.config(keyPassphrase=file))
        self.assertEqual((problem.option, problem.severity), ("keyPassphrase", Severity.WARNING))
        strict = self.config(keyPassphrase=file, keyPermissions=KeyPermissions.STRICT)
        self.assertTrue(self.opened(strict)[1][0].fatal)


class TerminalTests(Encrypted):
    """A person who is asked."""

    def test_right(self) -> None:
        """The question names the file; what was typed opens it, and again at a reload, unasked."""
        person = Person("s3cret")
        passphrases = Passphrases(person)
        tls = self.config()
        self.assertIsNotNone(self.opened(tls, passphrases)[0].pair)
        self.assertEqual(person.asked, [f"Enter pass phrase for {tls.key}: "])
        passphrases.silence()
        self.assertIsNotNone(self.opened(tls, passphrases)[0].pair)
        self.assertEqual(len(person.asked), 1)

    def test_threeTries(self) -> None:
        """Two mistakes are forgiven, a third is the end, in stunnel's words."""
        self.assertIsNotNone(self.opened(self.config(), Passphrases(Person("a", "b", "s3cret")))[0])
        person = Person("a", "b", "c", "s3cret")
        _, (problem,) = self.opened(self.config(), Passphrases(person))
        self.assertTrue(problem.fatal)
        self.assertIn("Wrong password or PIN: giving up", problem.found)
        self.assertEqual(len(person.asked), 3)

    def test_endOfInput(self) -> None:
        """Who ends the input gives up at once."""
        person = Person()
        _, (problem,) = self.opened(self.config(), Passphrases(person))
        self.assertIn("giving up", problem.found)
        self.assertEqual(len(person.asked), 1)

    def test_nobody(self) -> None:
        """Without anybody to ask, the ways out are told."""
        _, (problem,) = self.opened(self.config())
        self.assertIn("is encrypted", problem.found)
        self.assertIn("keyPassphrase", problem.expected)

    def test_otherPassphraseLater(self) -> None:
        """A key whose passphrase was changed is asked for anew while there is somebody."""
        passphrases = Passphrases(Person("s3cret", "n3w"))
        tls = self.config()
        self.opened(tls, passphrases)
        pem = m.server().key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"n3w")
        )
        self.write("key.pem", pem)
        self.assertIsNotNone(self.opened(tls, passphrases)[0].pair)

    def test_otherPassphraseUnasked(self) -> None:
        """Without anybody to ask, what was typed is kept for a key that may be put back."""
        passphrases = Passphrases(Person("s3cret"))
        tls = self.config()
        self.opened(tls, passphrases)
        passphrases.silence()
        pem = m.server().key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"n3w")
        )
        self.write("key.pem", pem)
        _, (problem,) = self.opened(tls, passphrases)
        self.assertIn(f"typed at the start does not open {tls.key}", problem.found)
        self.assertNotIn("s3cret", str(problem))
        self.assertIsNotNone(self.opened(self.config(), passphrases)[0].pair)

    def test_otherProcess(self) -> None:
        """A worker learns what was typed, and asks nobody."""
        here, there = Passphrases(), Passphrases()
        here.ask(Person("s3cret"))
        tls = self.config()
        self.opened(tls, here)
        there.learn(here.typed)
        self.assertIsNotNone(self.opened(tls, there)[0].pair)

    def test_unshown(self) -> None:
        """A passphrase is in no repr."""
        passphrases = Passphrases(Person("s3cret"))
        self.opened(self.config(), passphrases)
        self.assertNotIn("s3cret", repr(passphrases))


class FormatTests(Encrypted):
    """PKCS#12 and DER."""

    def test_pkcs12(self) -> None:
        """A PKCS#12 file is opened for the certificate, the chain and the key: one question."""
        between = m.authority(m.key("between"), "Between", now=m.now(), by=m.ca())
        pair = m.issued(between, m.key("server"), "pacs", now=m.now())
        own, *further = pair.certificate.chain
        assert isinstance(pair.key, rsa.RSAPrivateKey)
        data = pkcs12.serialize_key_and_certificates(None, pair.key, own, further, SECRET)
        path = self.write("both.p12", data)
        person = Person("s3cret")
        material, problems = self.opened(TLSConfig(cert=path), Passphrases(person))
        self.assertEqual(problems, ())
        assert material.pair is not None
        self.assertEqual(len(material.pair.certificate.chain), 2)
        self.assertEqual(len(person.asked), 1)
        file = self.write("pass", b"s3cret")
        self.assertIsNotNone(self.opened(TLSConfig(cert=path, keyPassphrase=file))[0].pair)

    def test_der(self) -> None:
        """Binary keys, encrypted or not."""
        key = m.server().key
        for encryption in (NoEncryption(), SECRET):
            data = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, encryption)
            path = self.write("key.der", data)
            unlock = Passphrases(Person("s3cret")).unlock
            self.assertEqual(loadKey(path, unlock).public_key(), key.public_key())
