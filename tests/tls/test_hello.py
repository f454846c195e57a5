"""Reading ClientHellos: real ones of OpenSSL, and any bytes at all."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from appliance.config.model import TLSVersion
from appliance.tls.hello import parse, suiteName
from tests.tls.handshakes import client, greeting

HELLO = greeting(client(serverName="pacs.example.org"))


def records(message: bytes, cuts: list[int]) -> bytes:
    """C{message} in handshake records that end at C{cuts}."""
    edges = [0, *sorted({cut % len(message) for cut in cuts}), len(message)]
    return b"".join(
        b"\x16\x03\x01" + (end - start).to_bytes(2, "big") + message[start:end]
        for start, end in pairwise(edges)
    )


def hello(
    extensions: bytes = b"", suites: bytes = b"\x00\x2f", legacy: bytes = b"\x03\x03"
) -> bytes:
    """A hello put together by hand, in one record."""
    body = legacy + bytes(32) + b"\x00" + len(suites).to_bytes(2, "big") + suites + b"\x01\x00"
    if extensions:
        body += len(extensions).to_bytes(2, "big") + extensions
    return records(b"\x01" + len(body).to_bytes(3, "big") + body, [])


def extension(kind: int, content: bytes) -> bytes:
    """One extension of a hello."""
    return kind.to_bytes(2, "big") + len(content).to_bytes(2, "big") + content


class RealTests(SynchronousTestCase):
    """Hellos that OpenSSL makes."""

    def test_modern(self) -> None:
        """Versions, suites, groups, signatures and the server's name are all there."""
        found = parse(HELLO)
        assert found is not None
        self.assertEqual(found.recordVersion, TLSVersion.TLSv1)
        self.assertEqual(found.legacyVersion, TLSVersion.TLSv1_2)
        self.assertEqual(found.newest, TLSVersion.TLSv1_3)
        self.assertIn(TLSVersion.TLSv1, found.versions)
        self.assertEqual(found.serverName, "pacs.example.org")
        self.assertIn(29, found.groups)  # X25519
        self.assertIn(0x0804, found.signatureAlgorithms)  # rsa_pss_rsae_sha256
        names = [suiteName(suite) for suite in found.cipherSuites]
        self.assertIn("TLS_AES_256_GCM_SHA384", names)
        self.assertIn("ECDHE-RSA-AES128-GCM-SHA256", names)

    def test_old(self) -> None:
        """A TLS 1.0 client has its one version and no signature algorithms."""
        found = parse(greeting(client("AES128-SHA:@SECLEVEL=0", maximum=TLSVersion.TLSv1)))
        assert found is not None
        self.assertEqual(found.versions, (TLSVersion.TLSv1,))
        self.assertEqual(found.newest, TLSVersion.TLSv1)
        self.assertEqual([suiteName(suite) for suite in found.cipherSuites], ["AES128-SHA"])

    def test_incomplete(self) -> None:
        """Every part of a hello is no hello yet, and what follows one does not matter."""
        for length in range(len(HELLO)):
            self.assertIsNone(parse(HELLO[:length]))
        self.assertEqual(parse(HELLO + b"more"), parse(HELLO))

    @given(st.lists(st.integers(min_value=1), max_size=8))
    def test_anyRecords(self, cuts: list[int]) -> None:
        """However a hello is cut into records, it reads the same."""
        self.assertEqual(parse(records(HELLO[5:], cuts)), parse(HELLO))

    @given(st.integers(min_value=0, max_value=len(HELLO) - 1), st.integers(0, 255))
    def test_changedByte(self, position: int, value: int) -> None:
        """One wrong byte anywhere does no harm."""
        parse(HELLO[:position] + bytes([value]) + HELLO[position + 1 :])


class OddTests(SynchronousTestCase):
    """Hellos that OpenSSL does not make."""

    @given(st.binary())
    def test_anything(self, data: bytes) -> None:
        """Any bytes are read or not, and nothing is raised."""
        parse(data)
        parse(b"\x16\x03\x01" + len(data).to_bytes(2, "big") + data)

    @given(st.binary(), st.binary())
    def test_anythingInside(self, extensions: bytes, suites: bytes) -> None:
        """Any extensions and suites are read or not; the versions are never none."""
        found = parse(hello(extensions, suites))
        self.assertTrue(found is None or found.versions)

    def test_noExtensions(self) -> None:
        """A hello may end before the extensions."""
        found = parse(hello(legacy=b"\x03\x01"))
        assert found is not None
        self.assertEqual((found.versions, found.cipherSuites), ((TLSVersion.TLSv1,), (0x2F,)))
        self.assertEqual((found.groups, found.serverName), ((), None))

    def test_grease(self) -> None:
        """Values of GREASE and signals among the suites are left out."""
        versions = extension(43, b"\x06\x1a\x1a\x03\x04\x03\x03")
        groups = extension(10, b"\x00\x04\xfa\xfa\x00\x1d")
        found = parse(
            hello(extension(0x2A2A, b"") + versions + groups, b"\x0a\x0a\x00\x2f\x00\xff\x56\x00")
        )
        assert found is not None
        self.assertEqual(found.versions, (0x0304, 0x0303))
        self.assertEqual((found.groups, found.cipherSuites), ((0x1D,), (0x2F,)))

    def test_unprintableName(self) -> None:
        """A server name that could spoil a log line is left out."""
        for name in (b"a\nb", b"\xff\xfe", b"a\x1b[1m"):
            entry = b"\x00" + len(name).to_bytes(2, "big") + name
            found = parse(hello(extension(0, len(entry).to_bytes(2, "big") + entry)))
            assert found is not None
            self.assertIsNone(found.serverName)

    def test_notAHello(self) -> None:
        """SSLv2 greetings, other messages and records, DICOM and HTTP are no hello."""
        for data in (
            bytes.fromhex("802e0103010015000000100100800700c0") + bytes(40),
            HELLO[:5] + b"\x02" + HELLO[6:],
            b"\x17" + HELLO[1:],
            b"\x16\x02" + HELLO[2:],
            b"\x01\x00\x00\x00\x00\xcd\x00\x01" + bytes(200),
            b"GET / HTTP/1.1\r\n\r\n",
        ):
            self.assertIsNone(parse(data))


class SuiteNameTests(SynchronousTestCase):
    """OpenSSL's names of cipher suites."""

    def test_names(self) -> None:
        """Present, dropped and unknown suites each have something to be called by."""
        self.assertEqual(suiteName(0xC02F), "ECDHE-RSA-AES128-GCM-SHA256")
        self.assertEqual(suiteName(0x0002), "NULL-SHA")
        self.assertEqual(suiteName(0x000A), "DES-CBC3-SHA")
        self.assertEqual(suiteName(0x0005), "RC4-SHA")
        self.assertEqual(suiteName(0xABCD), "0xABCD")
