"""Sessions: kept or not, for how long, and what a client makes of them."""

from __future__ import annotations

import time
from typing import Any

from OpenSSL import SSL
from twisted.trial.unittest import SynchronousTestCase

from appliance.config.model import OCSPConfig, TLSVersion
from appliance.tls.context import build, resumable
from appliance.tls.creator import TARGETS, Creator, encoded
from appliance.tls.peer import describe
from tests import material as m
from tests.tls.pairs import Meeting, creator

BOTH = (TLSVersion.TLSv1_2, TLSVersion.TLSv1_3)


def server(**changes: Any) -> Creator:
    """A server."""
    return creator(m.tlsConfig(**changes), m.server(), m.ca())


def client(version: TLSVersion = TLSVersion.TLSv1_3, **changes: Any) -> Creator:
    """A client that keeps no sessions by itself."""
    return creator(m.tlsConfig(client=True, maximum=version, sessionResume=False, **changes))


class ServerTests(SynchronousTestCase):
    """What a server hands out."""

    def resumed(self, there: Creator, version: TLSVersion, options: int = 0) -> bool:
        """Whether a client comes to its second connection with the session of the first."""
        here = client(version, options=options)
        met = Meeting(there, here)
        again = Meeting(there, here, session=met.session)
        self.assertTrue(again.ok)
        return bool(again.peer.resumed)

    def test_ticketAndCache(self) -> None:
        """Sessions are resumed, from a ticket or, where the client takes none, from the cache."""
        for version in BOTH:
            self.assertTrue(self.resumed(server(), version))
            self.assertTrue(self.resumed(server(), version, SSL.OP_NO_TICKET))
            self.assertTrue(self.resumed(server(options=SSL.OP_NO_TICKET), version))

    def test_none(self) -> None:
        """C{sessionResume = no}: neither ticket nor cache."""
        for version in BOTH:
            for options in (0, SSL.OP_NO_TICKET):
                self.assertFalse(self.resumed(server(sessionResume=False), version, options))

    def test_timeout(self) -> None:
        """A session is forgotten after C{sessionCacheTimeout} seconds, cached or in a ticket."""
        kept = []
        for version in BOTH:
            for options in (0, SSL.OP_NO_TICKET):
                there, here = server(sessionTimeout=1), client(version, options=options)
                kept.append((there, here, Meeting(there, here)))
        time.sleep(2.1)  # OpenSSL counts whole seconds of the system's clock
        for there, here, met in kept:
            self.assertFalse(Meeting(there, here, session=met.session).peer.resumed)

    def test_timeoutIsSet(self) -> None:
        """The context has it in seconds."""
        context = build("test", m.WHERE, m.tlsConfig(sessionTimeout=77), m.material(m.server()))
        self.assertEqual(context.get_timeout(), 77)

    def test_otherContext(self) -> None:
        """After a reload a session is worth nothing, and the client gets a new one."""
        for version in BOTH:
            here = client(version)
            met = Meeting(server(), here)
            again = Meeting(server(), here, session=met.session)
            self.assertTrue(again.ok)
            self.assertFalse(again.peer.resumed)

    def test_online(self) -> None:
        """Where peers are judged by OCSP, after the handshake, no session is handed out."""
        self.assertTrue(resumable(m.tlsConfig(verifyChain=True)))
        for ocsp in (OCSPConfig(aia=True), OCSPConfig(url="http://127.0.0.1/")):
            self.assertFalse(resumable(m.tlsConfig(verifyChain=True, ocsp=ocsp)))
        there = server(verifyChain=True, ocsp=OCSPConfig(aia=True))
        here = creator(m.tlsConfig(client=True, sessionResume=False), m.client())
        met = Meeting(there, here)
        self.assertFalse(Meeting(there, here, session=met.session).peer.resumed)


class ClientTests(SynchronousTestCase):
    """What a client section keeps."""

    def client(self, version: TLSVersion = TLSVersion.TLSv1_3, **changes: Any) -> Creator:
        """A client that keeps sessions."""
        tls = m.tlsConfig(client=True, maximum=version, **changes)
        return creator(tls, None, m.server())

    def again(self, there: Creator, here: Creator, port: int = 1) -> bool:
        """Whether the next connection resumes a session, by the client's own account."""
        met = Meeting(there, here, port=port)
        self.assertTrue(met.ok, (met.error, met.heard))
        met.here.shutdown()
        return describe(met.here).resumed

    def test_sameBackend(self) -> None:
        """The second connection to a backend resumes the session of the first."""
        for version in BOTH:
            there, here = server(), self.client(version)
            self.assertEqual([self.again(there, here) for _ in range(4)], [False, True, True, True])

    def test_otherBackend(self) -> None:
        """Each backend has its own."""
        there, here = server(), self.client()
        self.assertEqual([self.again(there, here, port) for port in (1, 2, 1, 2)][:2], [False] * 2)
        self.assertTrue(self.again(there, here, 1))

    def test_off(self) -> None:
        """C{sessionResume = no} keeps none."""
        there, here = server(), self.client(sessionResume=False)
        self.assertEqual([self.again(there, here) for _ in range(2)], [False, False])

    def test_stillRunning(self) -> None:
        """The session of a connection that is still open serves the next one."""
        there, here = server(), self.client()
        first = Meeting(there, here)
        self.assertTrue(Meeting(there, here).peer.resumed)
        self.assertTrue(first.ok)

    def test_verified(self) -> None:
        """A session is kept only of a server whose certificate was accepted."""
        here = self.client(verifyPeer=True)
        good, other = server(), creator(m.tlsConfig(), m.selfSigned(m.key("x"), "x", now=m.now()))
        self.assertFalse(self.again(good, here))
        self.assertTrue(self.again(good, here))
        self.assertIsNotNone(Meeting(other, here).heard)
        self.assertFalse(self.again(good, here), "after a failure one begins anew")
        self.assertTrue(self.again(good, here))

    def test_serverForgot(self) -> None:
        """Where the server does not know the session, its certificate is looked at again."""
        here = self.client(verifyPeer=True)
        self.assertFalse(self.again(server(), here))
        self.assertFalse(self.again(server(), here))
        other = creator(m.tlsConfig(), m.selfSigned(m.key("x"), "x", now=m.now()))
        self.assertIsNotNone(Meeting(other, here).heard)

    def test_reload(self) -> None:
        """The creator that a reload makes knows no session of the old one."""
        there, before = server(), self.client()
        self.again(there, before)
        after = self.client()
        self.assertEqual([self.again(there, after) for _ in range(2)], [False, True])

    def test_bounded(self) -> None:
        """Of a name with ever new addresses only the last ones are remembered."""
        there, here = server(), self.client()
        for port in range(TARGETS + 1):
            self.again(there, here, port)
        self.assertTrue(self.again(there, here, TARGETS))
        self.assertFalse(self.again(there, here, 0))

    def test_keys(self) -> None:
        """A client with a pre-shared key keeps none: the key is as cheap, and says who is there."""
        tls = m.tlsConfig(client=True, pskSecrets="psk.txt")
        there = creator(m.tlsConfig(pskSecrets="psk.txt"), None, keys={b"a": bytes(16)})
        here = creator(tls, None, keys={b"a": bytes(16)})
        for _ in range(3):
            met = Meeting(there, here)
            self.assertTrue(met.peer.psk)
            met.here.shutdown()


class SwappedNameTests(SynchronousTestCase):
    """What a client says in SNI."""

    def test_empty(self) -> None:
        """An empty name is not sent."""
        tls = m.tlsConfig(client=True)
        here = creator(tls, None, serverName="")
        self.assertIsNone(Meeting(server(), here).peer.serverName)
        here = creator(tls, None, serverName="pacs.example")
        self.assertEqual(Meeting(server(), here).peer.serverName, "pacs.example")

    def test_odd(self) -> None:
        """Whatever is written, there is something to send."""
        for name, sent in (
            ("pacs.example.", b"pacs.example"),
            ("röntgen.example", b"xn--rntgen-wxa.example"),
            ("a..b", b"a..b"),
            ("x" * 64, b"x" * 64),
        ):
            self.assertEqual(encoded(name), sent)
