"""Which events make which audit messages, and how many."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from appliance import events as e
from appliance.audit.atna import Reporter
from appliance.audit.repeats import WINDOW
from appliance.audit.trail import MANY, Trail
from tests.audit import happenings as h
from tests.audit.conformance import described, parsed

BOM = b"\xef\xbb\xbf"
RELOADED = (e.Accepting(), e.Configured())


def failed(
    connection: str = "7", remote: str = h.CLIENT, kind: str = "gone", dialled: bool = False
) -> e.HandshakeFailed:
    """A handshake that failed."""
    return e.HandshakeFailed(
        "S", connection, remote, "eof", kind, "left in the middle", "look", dialled
    )


class TrailTests(SynchronousTestCase):
    """What goes to the collector."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.sent: list[bytes] = []
        by = Reporter("Ward 3", "relay.example", 4711)
        self.trail = Trail(
            self.clock, lambda: by, "file:///etc/b.conf", self.sent.append, lambda: h.NOON
        )

    def hears(self, *events: e.Event) -> None:
        """Let the trail hear C{events}."""
        for event in events:
            self.trail(event)

    def messages(self) -> list[Element]:
        """What was sent, each as DICOM wants it."""
        found = []
        for message in self.sent:
            header, xml = message.split(BOM)
            self.assertIn(b"relay.example butterfly-tls 4711 DICOM+RFC3881", header)
            found.append(parsed(xml))
        return found

    def codes(self) -> list[tuple[str | None, str | None]]:
        """Of each message its event, its type and its outcome."""
        return [
            (root[0][1].get("csd-code"), root[0].get("EventOutcomeIndicator"))
            for root in self.messages()
        ]

    def only(self) -> Element:
        """The one message that was sent."""
        (message,) = self.messages()
        return message

    # --- the process -----------------------------------------------------------------------

    def test_life(self) -> None:
        """A start and a stop are told, each once."""
        self.hears(e.Configured(), e.Accepting(), e.Stopping("SIGTERM", 0))
        self.assertEqual(self.codes(), [("110120", "0"), ("110121", "0")])

    def test_reload(self) -> None:
        """A configuration that was applied while serving is told; the first one is not."""
        self.hears(e.Configured(), e.Accepting(), e.Configured())
        self.assertEqual(self.codes(), [("110120", "0"), ("110131", "0")])

    def test_refused(self) -> None:
        """A refused one is told with what is wrong with it."""
        self.hears(e.Accepting(), e.Refused(("b.conf:3: error: x", "b.conf:9: y"), reload=True))
        self.assertEqual(self.codes()[1:], [("110131", "4")])
        self.assertIn("b.conf:3: error: x; b.conf:9: y", described(self.messages()[1]))

    def test_files(self) -> None:
        """Files that were taken up by themselves are a changed configuration too."""
        changed = e.FilesChanged("S", ("/a.pem", "/b.pem"), "CN=x", "1A")
        self.hears(changed, e.Accepting(), changed, e.FilesChanged("S", (), "", ""))
        self.assertEqual(self.codes()[1:], [("110131", "0")] * 2)
        messages = self.messages()
        self.assertEqual(
            described(messages[1]),
            "changed files of [S] were applied: /a.pem, /b.pem; its certificate is CN=x, serial "
            "number 1A",
        )
        self.assertEqual(described(messages[2]), "changed files of [S] were applied: none")

    def test_refusedFiles(self) -> None:
        """So are those that cannot be used, with what is wrong with them."""
        self.hears(e.Accepting(), e.FilesRefused("S", ("b.conf:3: error: x",)))
        self.assertEqual(self.codes()[1:], [("110131", "4")])
        self.assertIn("b.conf:3: error: x", described(self.messages()[1]))

    def test_logins(self) -> None:
        """Who logs in, could not, or leaves is told."""
        self.hears(
            e.ConsoleLogin("admin", "192.0.2.1:5000", ok=True),
            e.ConsoleLogin("admin", "192.0.2.1:5000", ok=False),
            e.ConsoleLogout("admin", "192.0.2.1:5000"),
        )
        self.assertEqual(self.codes(), [("110122", "0"), ("110122", "4"), ("110123", "0")])
        person = self.messages()[0][1]
        self.assertEqual(person.get("UserID"), "admin@relay.example")
        self.assertEqual(person.get("NetworkAccessPointID"), "192.0.2.1")

    def test_guessing(self) -> None:
        """Whoever tries many passwords from one address makes one message a minute."""
        for number in range(100):
            self.hears(e.ConsoleLogin(f"user{number}", f"192.0.2.1:{number}", ok=False))
        self.assertEqual(len(self.sent), 1)
        self.clock.advance(WINDOW)
        self.assertEqual(len(self.sent), 2)
        self.assertIn("99 more within 60 s", self.messages()[1][0][2].text or "")

    # --- connections -----------------------------------------------------------------------

    def test_goodIsSilent(self) -> None:
        """What goes well on a connection makes no message."""
        self.hears(h.opened(), h.handshaken(), h.requested(), h.accepted(), h.ended(), h.closed())
        self.assertEqual(self.sent, [])

    def test_handshake(self) -> None:
        """A failed handshake names the client and says why."""
        self.hears(h.opened(), failed(), h.closed(reason=e.Reason.HANDSHAKE))
        root = self.only()
        self.assertEqual(self.codes(), [("110126", "4")])
        self.assertEqual(root[2].get("NetworkAccessPointID"), "192.0.2.1")
        self.assertEqual(described(root), "[S] as a client it left in the middle")

    def test_rejectedCertificate(self) -> None:
        """A rejected certificate and the handshake that it cost are one message."""
        rejected = e.CertificateRejected("S", "7", 0, "CN=stranger", "certificate has expired")
        self.hears(h.opened(), rejected, failed(), h.closed(reason=e.Reason.HANDSHAKE))
        root = self.only()
        self.assertEqual(root[2].get("UserName"), "CN=stranger")
        self.assertIn("(certificate at depth 0: certificate has expired)", described(root))

    def test_notAdmitted(self) -> None:
        """A client that was not let in after its handshake is named with its certificate."""
        self.hears(h.opened(), h.handshaken(), e.NotAdmitted("S", "7", "it is revoked"))
        root = self.only()
        self.assertEqual(root[2].get("UserID"), "192.0.2.1")
        self.assertEqual(root[2].get("UserName"), "CN=modality")
        self.assertEqual(described(root), "[S] it was not admitted: it is revoked")

    def test_backend(self) -> None:
        """Where we are the client of TLS, it is the server that is named."""
        dialled = e.Dialled("S", "7", h.BACKEND, "192.0.2.7")
        self.hears(h.opened(), dialled, failed(remote=h.BACKEND, dialled=True))
        self.hears(h.opened("8"), e.Dialled("S", "8", "192.0.2.8:104", "192.0.2.7"))
        self.hears(h.handshaken("8", dialled=True), e.NotAdmitted("S", "8", "it is revoked"))
        first, second = self.messages()
        self.assertEqual(first[2].get("UserID"), "192.0.2.9")
        self.assertIn("as a server it left", described(first))
        self.assertEqual(second[2].get("UserID"), "192.0.2.8")

    def test_redirected(self) -> None:
        """A client that failed the checks is told of even where it goes elsewhere."""
        self.hears(h.opened(), h.handshaken(), e.Redirected("S", "7"))
        self.assertIn("redirected", described(self.only()))

    def test_association(self) -> None:
        """An association against the rules names the title; one that is only reported does not."""
        refusal = e.AssociationRefused("S", "7", None, "EVIL", "PACS", "not allowed", "allow it")
        reported = e.AssociationRefused("S", "7", None, "EVIL", "PACS", "why", "do", enforced=False)
        self.hears(h.opened(), h.handshaken(), reported, refusal)
        root = self.only()
        self.assertEqual(root[2].get("AlternativeUserID"), "AETITLES=EVIL")
        self.assertIn("its association with PACS was rejected: not allowed", described(root))

    def test_ban(self) -> None:
        """A ban names the client, what it did last and for how long, as an alert of a node."""
        self.hears(e.Banned("S", "192.0.2.7", "it speaks HTTP", 600.0))
        root = self.only()
        self.assertEqual(self.codes(), [("110126", "4")])
        self.assertEqual(root[2].get("UserID"), "192.0.2.7")
        self.assertEqual(root[2].get("NetworkAccessPointTypeCode"), "2")
        words = "[S] it was bad too often and is banned for 600 s: it speaks HTTP"
        self.assertEqual(described(root), words)

    def test_bannedNetwork(self) -> None:
        """Where a /64 of IPv6 is banned, an address stands for it, and the words name it."""
        self.hears(e.Banned("S", "2001:db8:7::/64", "it speaks HTTP", 600.0))
        root = self.only()
        self.assertEqual(root[2].get("NetworkAccessPointID"), "2001:db8:7::")
        self.assertEqual(root[2].get("NetworkAccessPointTypeCode"), "2")
        self.assertIn("banned for 600 s, all of 2001:db8:7::/64: it speaks", described(root))

    def test_bans(self) -> None:
        """Its own bans sum up as other alerts do, and beside those that led to them."""
        self.hears(h.opened(), failed(remote="192.0.2.7:1", kind="HTTP"))
        for _ in range(3):
            self.hears(e.Banned("S", "192.0.2.7", "it speaks HTTP", 10.0))
        self.assertEqual(len(self.sent), 2)
        self.clock.advance(WINDOW)
        self.assertEqual(len(self.sent), 3)
        self.assertIn("2 more within 60 s", described(self.messages()[2]))

    def test_scanner(self) -> None:
        """A port scanner makes one message a minute, whatever ports it comes from."""
        for number in range(500):
            client = f"192.0.2.66:{number}"
            self.hears(h.opened(str(number), client), failed(str(number), client))
            self.hears(h.closed(str(number), e.Reason.HANDSHAKE))
        self.assertEqual(len(self.sent), 1)
        self.clock.advance(WINDOW)
        self.assertEqual(len(self.sent), 2)
        self.assertIn("499 more within 60 s", described(self.messages()[1]))

    def test_manyScanners(self) -> None:
        """Scanners from very many addresses end up in one message."""
        for number in range(5000):
            client = f"2001:db8::{number:x}:99"
            self.hears(failed(str(number), client))
        self.assertLess(len(self.sent), 300)
        last = self.messages()[-1]
        self.assertRegex(last[2].get("UserID", ""), "^2001:db8::")
        self.assertIn(MANY, described(last))

    def test_othersAreHeard(self) -> None:
        """Somebody else's trouble, or one of another kind, is told at once."""
        self.hears(failed(), failed(kind="no certificate"), failed(remote="192.0.2.2:1"))
        self.assertEqual(len(self.sent), 3)

    def test_flushedAtTheStop(self) -> None:
        """What was counted when we stop is told before the stop is."""
        self.hears(failed(), failed(), e.Stopping("SIGTERM", 0))
        self.assertEqual([code for code, _ in self.codes()], ["110126", "110126", "110121"])
        self.assertEqual(self.clock.getDelayedCalls(), [])
