"""Pre-shared keys: the file, the handshake in both versions, and who learns what."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from appliance.config.model import KeyPermissions, Severity, TLSConfig, TLSVersion, Where
from appliance.tls import binding
from appliance.tls.context import PSK_CIPHERS, ciphersInForce
from appliance.tls.creator import Creator
from appliance.tls.files import inspect
from appliance.tls.pem import FileError
from appliance.tls.psk import loadSecrets
from appliance.tls.verify import authenticated
from tests import material as m
from tests.peers import directoryFor
from tests.tls.pairs import Meeting, creator

KEY = bytes(range(16))
BOTH = (TLSVersion.TLSv1_2, TLSVersion.TLSv1_3)


def server(certificate: bool = False, **changes: Any) -> Creator:
    """A server that knows the identity C{us1}."""
    cert = "server.pem" if certificate else None
    tls = m.tlsConfig(pskSecrets="psk.txt", cert=cert, **changes)
    return creator(tls, m.server() if certificate else None, keys={b"us1": KEY, b"us2": KEY[::-1]})


def client(identity: bytes = b"us1", key: bytes = KEY, **changes: Any) -> Creator:
    """A client with one key."""
    tls = m.tlsConfig(client=True, pskSecrets="psk.txt", **changes)
    return creator(tls, None, keys={identity: key})


class FileTests(SynchronousTestCase):
    """The lines of a PSKsecrets file, as stunnel takes them."""

    def setUp(self) -> None:
        self.path = directoryFor(self) / "psk.txt"  # type: ignore[arg-type]

    def load(self, text: str) -> dict[bytes, bytes]:
        """The keys in a file."""
        self.path.write_bytes(text.encode())
        self.path.chmod(0o600)
        return loadSecrets(str(self.path)).keys

    def refused(self, text: str) -> str:
        """What is said of a file."""
        with self.assertRaises(FileError) as caught:
            self.load(text)
        return f"{caught.exception.found}; {caught.exception.expected}"

    def test_hexadecimal(self) -> None:
        """Digits alone, with colons or without, in either case."""
        self.assertEqual(self.load(f"a:{KEY.hex()}\n"), {b"a": KEY})
        self.assertEqual(self.load(f"a:{KEY.hex(':').upper()}\n"), {b"a": KEY})

    def test_text(self) -> None:
        """Anything else is the key as it is written, and so is an odd number of digits."""
        for text in ("a passphrase of some length", "0" * 33, f" {KEY.hex()}"):
            self.assertEqual(self.load(f"a:{text}"), {b"a": text.encode()})

    def test_lines(self) -> None:
        """Empty lines and those of Windows are no trouble; the first identity is told."""
        keys = self.load(f"\r\nb:{KEY.hex()}\r\n\r\na:{KEY.hex()}\r\n")
        self.assertEqual(keys, {b"a": KEY, b"b": KEY})
        self.assertEqual(loadSecrets(str(self.path)).first, b"b")

    def test_refused(self) -> None:
        """No colon, too short, too long, nothing: each is told by its line."""
        self.assertIn("line 2", self.refused(f"a:{KEY.hex()}\nb\n"))
        self.assertIn("5 bytes of text", self.refused("a:short\n"))
        self.assertIn("15 bytes of hexadecimal", self.refused(f"a:{'00' * 15}\n"))
        self.assertIn("257 bytes", self.refused(f"a:{'x' * 257}\n"))
        self.assertIn("no key", self.refused("\n"))
        self.assertIn("127 at most", self.refused(f"{'i' * 128}:{KEY.hex()}\n"))

    def test_keyIsNeverShown(self) -> None:
        """Neither a message nor the value itself shows a key."""
        self.assertNotIn("hunter2", self.refused("a:hunter2"))
        self.load("a:hunter2hunter2hunter2")
        self.assertNotIn("hunter2", repr(loadSecrets(str(self.path))))

    def inspected(self, mode: int, **changes: Any) -> list[Any]:
        """What is said about a section with the file."""
        self.load(f"us1:{KEY.hex()}\n")
        self.path.chmod(mode)
        tls = TLSConfig(pskSecrets=str(self.path), certWhere=Where("s.conf", 3), **changes)
        return list(inspect(tls, m.now())[1])

    def test_permissions(self) -> None:
        """A file that everybody can read is warned of in stunnel's words, or refused if strict."""
        self.assertEqual(self.inspected(0o600), [])
        (problem,) = self.inspected(0o644)
        self.assertIs(problem.severity, Severity.WARNING)
        self.assertIn(f"Insecure file permissions on {self.path}", problem.found)
        (problem,) = self.inspected(0o644, keyPermissions=KeyPermissions.STRICT)
        self.assertTrue(problem.fatal)

    def test_unknownIdentity(self) -> None:
        """A client's PSKidentity must be in the file."""
        (problem,) = self.inspected(0o600, client=True, pskIdentity="us3")
        self.assertEqual((problem.option, problem.fatal), ("PSKidentity", True))
        self.assertEqual(self.inspected(0o600, client=True, pskIdentity="us1"), [])

    def test_suiteWithoutSHA256(self) -> None:
        """With TLS 1.3 OpenSSL can use a key with SHA-256 only; without it there is a warning."""
        (problem,) = self.inspected(0o600, ciphersuites="TLS_AES_256_GCM_SHA384")
        self.assertEqual(problem.option, "ciphersuites")


class HandshakeTests(SynchronousTestCase):
    """Two peers with a key."""

    def test_both(self) -> None:
        """TLS 1.2 and 1.3, without any certificate; both ends say so."""
        for version in BOTH:
            met = Meeting(server(), client(maximum=version))
            self.assertTrue(met.ok, (met.error, met.heard))
            self.assertEqual(met.peer.version, version.text)
            self.assertTrue(met.peer.psk)
            self.assertFalse(met.peer.resumed)
            self.assertTrue(authenticated(met.there))
            self.assertTrue(authenticated(met.here))

    def test_chosenIdentity(self) -> None:
        """A client offers the identity it is told to, else the first."""
        tls = m.tlsConfig(client=True, pskSecrets="psk.txt", pskIdentity="us2")
        here = creator(tls, None, keys={b"us1": bytes(16), b"us2": KEY[::-1]})
        self.assertTrue(Meeting(server(), here).ok)

    def test_wrongKeyAndUnknownIdentity(self) -> None:
        """Both fail, and nobody can tell which it was."""
        for version in BOTH:
            wrong = Meeting(server(), client(key=bytes(16), maximum=version))
            unknown = Meeting(server(), client(b"nobody", maximum=version))
            self.assertFalse(wrong.ok)
            self.assertIsNotNone(wrong.error)
            self.assertEqual((wrong.error, wrong.heard), (unknown.error, unknown.heard))

    def test_beside(self) -> None:
        """A server with a certificate too serves clients of both kinds."""
        for version in BOTH:
            there = server(certificate=True)
            met = Meeting(there, client(maximum=version))
            self.assertTrue(met.peer.psk, (met.error, met.heard))
            plain = Meeting(there, creator(m.tlsConfig(client=True, maximum=version)))
            self.assertTrue(plain.ok)
            self.assertFalse(plain.peer.psk)

    def test_verifying(self) -> None:
        """Where certificates are demanded a key will do instead; neither will not."""
        for version in BOTH:
            there = server(certificate=True, verifyChain=True)
            self.assertTrue(authenticated(Meeting(there, client(maximum=version)).there))
            self.assertFalse(Meeting(there, creator(m.tlsConfig(client=True, maximum=version))).ok)

    def test_serverWithoutTheKey(self) -> None:
        """A client with nothing but a key refuses a server that shows any certificate instead."""
        for version in BOTH:
            met = Meeting(creator(m.tlsConfig(), m.server()), client(maximum=version))
            self.assertIsNotNone(met.heard)

    def test_resumed(self) -> None:
        """A session that began with a key is a session when it comes again, in TLS 1.3 too.

        A ticket is an identity to OpenSSL, cut short at its first NUL: one in 170 then looks like
        one that a person wrote, so a few are not enough to tell.
        """
        there, here = server(), client()
        for _ in range(1000):
            met = Meeting(there, here)
            again = Meeting(there, here, session=met.session)
            self.assertTrue(again.ok, (again.error, again.heard))
            self.assertTrue(again.peer.resumed or again.peer.psk)
            self.assertFalse(again.peer.resumed and again.peer.psk)

    def test_forgiving(self) -> None:
        """With keys, where others are redirected, there are no sessions to come again with."""
        for version in BOTH:
            there = server(certificate=True, verifyChain=True, forgives=True)
            here = creator(m.tlsConfig(client=True, maximum=version))
            met = Meeting(there, here)
            self.assertFalse(authenticated(met.there))
            again = Meeting(there, here, session=met.session)
            self.assertFalse(again.peer.resumed)
            self.assertFalse(authenticated(again.there))


class CipherTests(SynchronousTestCase):
    """The suites up to TLS 1.2."""

    def test_defaults(self) -> None:
        """A key brings the suites for it; alone it leaves no others."""
        self.assertNotIn("PSK", ciphersInForce(TLSConfig()))
        self.assertEqual(ciphersInForce(TLSConfig(pskSecrets="f")), PSK_CIPHERS)
        self.assertEqual(ciphersInForce(TLSConfig(client=True, pskSecrets="f")), PSK_CIPHERS)
        both = ciphersInForce(TLSConfig(cert="c", pskSecrets="f"))
        self.assertTrue(both.endswith(PSK_CIPHERS))
        self.assertIn("ECDHE-RSA", both)

    def test_written(self) -> None:
        """A written list stands."""
        self.assertEqual(ciphersInForce(TLSConfig(ciphers="PSK", pskSecrets="f")), "PSK")

    def test_exist(self) -> None:
        """OpenSSL has all of ours, on every supported release."""
        there = server(maximum=TLSVersion.TLSv1_2).serverConnectionForTLS(None)
        names = [name for name in there.get_cipher_list() if not name.startswith("TLS_")]
        self.assertEqual(names, PSK_CIPHERS.split(":"))


class BindingTests(SynchronousTestCase):
    """Where a release lacks the calls."""

    def test_refusal(self) -> None:
        """The start is refused with the name of what is missing."""

        class Bare:
            """A library without any call."""

        with patch.object(binding, "_lib", Bare()):
            for call in (
                lambda: binding.setPSKServer(None, None),  # type: ignore[arg-type]
                lambda: binding.setPSKClient(None, b"", b"", None),  # type: ignore[arg-type]
            ):
                with self.assertRaises(ValueError) as caught:
                    call()
                self.assertIn("SSL_CTX_set_psk", str(caught.exception))
