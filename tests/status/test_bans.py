"""Who is kept out and who is banned, as the ledger, the metrics and the page have it."""

from __future__ import annotations

from unittest.mock import patch

from appliance import events as e
from appliance.status import bans
from appliance.status import table as t
from appliance.status.document import Ban
from appliance.status.plain import plain, statusSchema
from tests.audit.validator import faults
from tests.status.hospital import NOW, STORE, WORKLIST, Hospital
from tests.status.test_ledger import LedgerCase
from tests.status.test_metrics import MetricsCase
from tests.status.test_page import reader

WHY = "it speaks HTTP on a port for DICOM over TLS"


def limited(client: str, limit: e.LimitKind, count: int = 1, section: str = STORE) -> e.Limited:
    """A client was turned away so often."""
    return e.Limited(section, client, limit, "the section is full", "raise the limit", count)


class BanTests(LedgerCase):
    """Bans."""

    def told(self) -> list[tuple[str, str]]:
        """Who is banned where."""
        return [(ban.section, ban.client) for ban in self.hospital.ledger.read().bans]

    def test_ban(self) -> None:
        """A ban is told from its begin to its end, which nobody announces."""
        self.hospital.tell(e.Banned(STORE, "192.0.2.1", WHY, 600.0))
        document = self.hospital.ledger.read()
        self.assertEqual(document.bans, (Ban(STORE, "192.0.2.1", WHY, NOW, NOW + 600),))
        self.assertEqual(list(faults(statusSchema(), plain(document))), [])
        self.hospital.clock.advance(600)
        self.assertEqual(self.told(), [])

    def test_latestFirst(self) -> None:
        """The latest comes first, and who is banned again is the latest."""
        for client in ("192.0.2.1", "192.0.2.2", "192.0.2.1"):
            self.hospital.tell(e.Banned(STORE, client, WHY, 600.0))
        self.assertEqual(self.told(), [(STORE, "192.0.2.1"), (STORE, "192.0.2.2")])

    def test_unban(self) -> None:
        """One section lets a client in again, and another one does not."""
        for section in (STORE, WORKLIST):
            self.hospital.tell(e.Banned(section, "192.0.2.1", WHY, 600.0))
        self.hospital.tell(e.Unbanned(STORE, "192.0.2.1"), e.Unbanned(STORE, "192.0.2.9"))
        self.assertEqual(self.told(), [(WORKLIST, "192.0.2.1")])

    def test_sectionGone(self) -> None:
        """With a section go its bans."""
        for section in (STORE, WORKLIST):
            self.hospital.tell(e.Banned(section, "192.0.2.1", WHY, 600.0))
        self.hospital.tell(e.Unbound(WORKLIST))
        self.assertEqual(self.told(), [(STORE, "192.0.2.1")])

    def test_bounded(self) -> None:
        """Of very many the latest are told."""
        with patch.object(bans, "MOST", 3):
            for number in range(10):
                self.hospital.tell(e.Banned(STORE, f"192.0.2.{number}", WHY, 600.0))
        clients = [client for _, client in self.told()]
        self.assertEqual(clients, ["192.0.2.9", "192.0.2.8", "192.0.2.7"])


class LimitedTests(LedgerCase):
    """Those who were turned away are refusals like others."""

    def told(self) -> list[tuple[str, str, int]]:
        """The refusals in short."""
        return [(each.kind, each.who, each.count) for each in self.hospital.ledger.read().refusals]

    def test_counted(self) -> None:
        """One line for a client, with how often in all."""
        self.hospital.tell(
            limited("192.0.2.1", e.LimitKind.CLIENT),
            limited("2001:db8::/64", e.LimitKind.RATE),
            limited("192.0.2.1", e.LimitKind.CLIENT, 41),
        )
        expected = [("limit", "192.0.2.1", 42), ("limit", "2001:db8::/64", 1)]
        self.assertEqual(self.told(), expected)
        (first, _) = self.hospital.ledger.read().refusals
        self.assertEqual((first.why, first.advice), ("the section is full", "raise the limit"))


class MetricTests(MetricsCase):
    """The same for Prometheus."""

    def test_refused(self) -> None:
        """By section and limit, each there before the first."""
        self.assertEqual(self.value(t.TURNED_AWAY, section=STORE, reason="ban"), 0)
        self.hospital.tell(
            limited("192.0.2.1", e.LimitKind.BAN),
            limited("192.0.2.2", e.LimitKind.BAN, 9),
            limited("192.0.2.1", e.LimitKind.RATE, section=WORKLIST),
        )
        self.assertEqual(self.value(t.TURNED_AWAY, section=STORE, reason="ban"), 10)
        self.assertEqual(self.value(t.TURNED_AWAY, section=WORKLIST, reason="rate"), 1)
        labels = [labels for labels, _ in self.samples()[t.TURNED_AWAY.series[0]]]
        self.assertEqual(len(labels), 2 * len(e.LimitKind))

    def test_bans(self) -> None:
        """How many clients are banned now."""
        self.assertEqual(self.value(t.BANS, section=STORE), 0)
        self.hospital.tell(e.Banned(STORE, "192.0.2.1", WHY, 600.0))
        self.assertEqual(self.value(t.BANS, section=STORE), 1)
        self.hospital.clock.advance(600)
        self.assertEqual(self.value(t.BANS, section=STORE), 0)


class PageTests(LedgerCase):
    """The same for people."""

    def test_bans(self) -> None:
        """Who is banned, for how long and why; nothing where nobody is."""
        self.assertNotIn("Banned", reader(self.hospital).said)
        self.hospital.tell(e.Banned(STORE, "192.0.2.1", WHY, 600.0))
        found = reader(self.hospital)
        self.assertEqual(found.faults, [])
        for words in ("Banned", "192.0.2.1", "10 min", WHY):
            self.assertIn(words, found.said)

    def test_limited(self) -> None:
        """Who was turned away is among the refusals."""
        self.hospital.tell(limited("192.0.2.1", e.LimitKind.CLIENT, 42))
        said = reader(self.hospital).said
        self.assertIn("192.0.2.1 (\N{MULTIPLICATION SIGN}42)", said)
        self.assertIn("the section is full", said)

    def test_otherHospital(self) -> None:
        """A hospital without limits has nothing of it."""
        self.assertNotIn("Banned", reader(Hospital()).said)
