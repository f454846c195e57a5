"""Several sections on one socket: who serves whom, and that sessions stay where they were made."""

from __future__ import annotations

from typing import Any

from OpenSSL import SSL
from twisted.trial.unittest import SynchronousTestCase

from appliance.config.model import TLSVersion
from appliance.tls.certificate import KeyPair
from appliance.tls.creator import Creator
from appliance.tls.names import LIMIT, Names, Rule, unfinished
from appliance.tls.transport import FIRST_BYTES, TLSWire
from appliance.tls.verify import authenticated, chosen, verdicts
from tests import material as m
from tests.tls.handshakes import client as peer
from tests.tls.handshakes import greeting
from tests.tls.pairs import Meeting, creator
from tests.tls.test_transport import HalfRecorder
from tests.wires import StringWire

BOTH = (TLSVersion.TLSv1_2, TLSVersion.TLSv1_3)


def sections(*patterns: str, **changes: Any) -> Creator:
    """A primary section, and one behind it for each pattern, which is its name too."""
    primary = creator(m.tlsConfig(), m.server(), name="primary")
    rules = (
        Rule(each, creator(m.tlsConfig(**changes), pair(each), m.ca(), name=each))
        for each in patterns
    )
    primary.names = Names(tuple(rules))
    return primary


def pair(name: str) -> KeyPair:
    """A server certificate with the common name C{name}."""
    return m.selfSigned(m.key("server"), name, now=m.now())


def asking(name: str | None, version: TLSVersion = TLSVersion.TLSv1_3, **changes: Any) -> Creator:
    """A client that asks for C{name}."""
    mine = changes.pop("pair", None)
    tls = m.tlsConfig(client=True, maximum=version, **changes)
    return creator(tls, mine, serverName=name)


class ChoiceTests(SynchronousTestCase):
    """Which section a name leads to."""

    def choice(self, name: str | None, *patterns: str) -> str | None:
        """The section that serves a client that asks for C{name}, as it and its client see it."""
        found = set()
        for version in BOTH:
            met = Meeting(sections(*patterns), asking(name, version))
            self.assertTrue(met.ok, (met.error, met.heard))
            shown = met.here.get_peer_certificate()
            assert shown is not None
            section = chosen(met.there)
            expected = "CN=localhost" if section is None else f"CN={section}"
            self.assertEqual(shown.to_cryptography().subject.rfc4514_string(), expected)
            found.add(section)
        (section,) = found
        return section

    def test_exact(self) -> None:
        """The very name, in any case."""
        self.assertEqual(self.choice("us1.example", "us1.example"), "us1.example")
        self.assertEqual(self.choice("US1.Example", "us1.EXAMPLE"), "us1.EXAMPLE")

    def test_wildcard(self) -> None:
        """A star in front stands for anything, also for several labels."""
        self.assertEqual(self.choice("a.b.example", "*.example"), "*.example")
        self.assertEqual(self.choice("anything", "*"), "*")

    def test_noOtherWildcard(self) -> None:
        """A star elsewhere is just a star."""
        self.assertIsNone(self.choice("us1.example", "us*.example"))
        self.assertIsNone(self.choice("example", "*.example"))

    def test_first(self) -> None:
        """Of several that fit the first one serves."""
        self.assertEqual(self.choice("us1.example", "*.example", "us1.example"), "*.example")

    def test_primary(self) -> None:
        """No name, or one that nobody has, is served by the section that listens."""
        self.assertIsNone(self.choice(None, "*"))
        self.assertIsNone(self.choice("other.example", "us1.example"))


class SettingsTests(SynchronousTestCase):
    """The chosen section's own settings hold."""

    def test_verification(self) -> None:
        """A section behind one that asks for nothing asks for a certificate."""
        for version in BOTH:
            there = sections("us1", verifyChain=True)
            self.assertIsNotNone(Meeting(there, asking("us1", version)).error)
            self.assertTrue(Meeting(there, asking("us2", version)).ok)
            met = Meeting(there, asking("us1", version, pair=m.client()))
            self.assertTrue(met.ok)
            self.assertEqual(met.peer.subject, "CN=modality")

    def test_version(self) -> None:
        """A section's versions are its own."""
        there = sections("us1", maximum=TLSVersion.TLSv1_2)
        self.assertEqual(Meeting(there, asking("us1")).peer.version, "TLSv1.2")
        self.assertEqual(Meeting(there, asking("us2")).peer.version, "TLSv1.3")

    def test_record(self) -> None:
        """A failure can be told by the settings and certificate of the chosen section."""
        met = Meeting(sections("us1", verifyChain=True), asking("us1"))
        record = verdicts(met.there)
        assert record is not None
        assert record.certificate is not None
        self.assertTrue(record.tls.verifyChain)
        self.assertEqual(record.certificate.subject, "CN=us1")


class SessionTests(SynchronousTestCase):
    """A session is good for the section that made it, whatever name is asked for later."""

    def test_elsewhere(self) -> None:
        """One from the primary section opens no other, nor does the other way round."""
        for version in BOTH:
            for first, second in ((None, "us1"), ("us1", None), ("us1", "us2"), ("us1", "us1")):
                there = sections("us1", "us2")
                here = asking(first, version)
                met = Meeting(there, here)
                here._serverName = second
                again = Meeting(there, here, session=met.session)
                self.assertTrue(again.ok)
                self.assertEqual(chosen(again.there), second)
                self.assertEqual(again.peer.resumed, first == second, (version, first, second))

    def test_noWayAroundTheCertificate(self) -> None:
        """A session without a certificate leads nobody into a section that demands one."""
        for version in BOTH:
            for forgives in (False, True):
                there = sections("us1", verifyChain=True, forgives=forgives)
                here = asking(None, version)
                met = Meeting(there, here)
                here._serverName = "us1"
                again = Meeting(there, here, session=met.session)
                self.assertFalse(again.ok and authenticated(again.there))


class HelloTests(SynchronousTestCase):
    """Reading the greeting off the wire as it comes."""

    def wire(self) -> TLSWire:
        """The leg of a client of a section with another one behind it."""
        there = sections("us1")
        wire = TLSWire(HalfRecorder(), there.serverConnectionForTLS, False, there.chooser)
        wire.makeConnection(StringWire())
        return wire

    def test_byteByByte(self) -> None:
        """However it is cut, the whole greeting decides, and OpenSSL hears all of it."""
        wire = self.wire()
        hello = greeting(peer(serverName="us1"))
        for k in range(len(hello)):
            self.assertEqual(wire.transport.value(), b"")
            self.assertIsNone(chosen(wire.connection))
            wire.dataReceived(hello[k : k + 1])
        self.assertEqual(chosen(wire.connection), "us1")
        self.assertEqual(wire.transport.value()[:1], b"\x16")
        self.assertEqual(wire.firstBytes, hello)

    def test_records(self) -> None:
        """A greeting in two records decides as well."""
        wire = self.wire()
        hello = greeting(peer(serverName="us1"))
        head, body = hello[:3], hello[5:]
        cut = [body[:40], body[40:]]
        wire.dataReceived(b"".join(head + len(c).to_bytes(2, "big") + c for c in cut))
        self.assertEqual(chosen(wire.connection), "us1")

    def test_otherLanguage(self) -> None:
        """What is no greeting gets OpenSSL's answer at once."""
        for data in (b"GET / HTTP/1.1\r\n", b"\x01\x00\x00\x00\x00\xcd\x00\x01", b"\x16\x03\x01\0"):
            wire = self.wire()
            wire.dataReceived(data + bytes(10))
            self.assertTrue(wire.transport.disconnecting, data)
            self.assertTrue(wire.firstBytes.startswith(data))

    def test_goneTooEarly(self) -> None:
        """Who leaves in the middle of the greeting has failed, with what was said kept."""
        wire = self.wire()
        hello = greeting(peer(serverName="us1"))
        wire.dataReceived(hello[:100])
        wire.readConnectionLost()
        self.assertTrue(wire.transport.disconnecting)
        self.assertEqual(wire.firstBytes, hello[:100])

    def test_bounded(self) -> None:
        """Neither endless records nor ever more of them are waited for."""
        long = b"\x16\x03\x01\x40\x00\x01\x00\xff\xff" + bytes(LIMIT)
        self.assertTrue(unfinished(long[: LIMIT - 1]))
        self.assertFalse(unfinished(long))
        crumbs = b"\x16\x03\x01\x00\x01\x01" + b"\x16\x03\x01\x00\x01\xff" * 20
        self.assertTrue(unfinished(crumbs[:60]))
        self.assertFalse(unfinished(crumbs))
        self.assertLessEqual(LIMIT, FIRST_BYTES)

    def test_oneSection(self) -> None:
        """Where there is nothing to choose, nothing is waited for."""
        self.assertIsNone(creator(m.tlsConfig(), m.server()).chooser)
        self.assertIsInstance(peer(), SSL.Connection)
