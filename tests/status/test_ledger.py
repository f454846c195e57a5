"""What the ledger remembers of what it hears."""

from __future__ import annotations

import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from appliance import events as e
from appliance.events import Health
from appliance.status.document import Level, Section, State
from appliance.status.plain import plain, statusSchema
from appliance.status.traffic import MOST_SHOWN
from tests.audit.validator import faults
from tests.status.hospital import (
    DAY,
    NOW,
    PACS,
    RIS,
    SPARE,
    STORE,
    TLS12,
    WORKLIST,
    Hospital,
    badDay,
    usualDay,
)


class LedgerCase(SynchronousTestCase):
    """A hospital whose appliance has just begun to serve."""

    def setUp(self) -> None:
        self.hospital = Hospital()
        self.hospital.begin()

    def section(self, name: str = STORE) -> Section:
        """What is told of a section."""
        (found,) = (each for each in self.hospital.ledger.read().sections if each.name == name)
        return found

    def health(self, name: str = PACS) -> Health:
        """In which state a backend is told to be."""
        (found,) = (each for each in self.section().backends if each.name == name)
        return found.health


class SectionTests(LedgerCase):
    """Sections come, change and go."""

    def test_inOrder(self) -> None:
        """Sections are told in the order in which they began, with where they listen."""
        told = self.hospital.ledger.read().sections
        self.assertEqual([each.name for each in told], [STORE, WORKLIST])
        self.assertEqual(self.section().addresses, "0.0.0.0:2761")

    def test_removed(self) -> None:
        """A section that was removed stays as long as it has connections."""
        connection = self.hospital.open()
        self.hospital.tell(e.Unbound(STORE), e.Unbound(WORKLIST))
        (left,) = self.hospital.ledger.read().sections
        self.assertEqual((left.name, left.serving), (STORE, False))
        self.hospital.close(connection)
        self.assertEqual(self.hospital.ledger.read().sections, ())

    def test_unknown(self) -> None:
        """What is said of a section that nobody has announced is not kept."""
        self.hospital.close(self.hospital.open("GHOST"), "GHOST")
        told = self.hospital.ledger.read().sections
        self.assertEqual([each.name for each in told], [STORE, WORKLIST])

    def test_daysLeft(self) -> None:
        """The days that a certificate has left are counted at each reading."""

        def left() -> int:
            certificate = self.section().certificate
            assert certificate is not None
            return certificate.daysLeft

        self.assertEqual(left(), 212)
        self.hospital.clock.advance(200 * DAY + 1)
        self.assertEqual(left(), 11)
        self.hospital.clock.advance(12 * DAY)
        self.assertEqual(left(), -1)

    def test_daysLeftWithoutADate(self) -> None:
        """Where no date is known they are counted from those that were told."""
        self.hospital.tell(e.Ready(STORE, "0.0.0.0:2761", PACS, "CN=x", 9))
        self.hospital.clock.advance(2 * DAY)
        certificate = self.section().certificate
        assert certificate is not None
        self.assertEqual(certificate.daysLeft, 7)

    def test_stale(self) -> None:
        """Why files cannot be used is kept until they can, or a reload has read them."""
        refused = e.FilesRefused(STORE, ("a.conf:7: error: x", "a.conf:8: error: y"))
        for mended in (
            e.FilesChanged(STORE, (), "CN=x", "1A"),
            e.Ready(STORE, "0.0.0.0:2761", PACS, "CN=x", 9),
        ):
            self.hospital.tell(refused)
            self.assertEqual(self.section().stale, "a.conf:7: error: x")
            self.assertEqual(self.section(WORKLIST).stale, "")
            self.hospital.tell(mended)
            self.assertEqual(self.section().stale, "")

    def test_noCertificate(self) -> None:
        """A section without one shows none."""
        self.hospital.tell(e.Ready(STORE, "127.0.0.1:104", "cloud.example:2762", "", None))
        self.assertIsNone(self.section().certificate)


class ConnectionTests(LedgerCase):
    """Connections, now and in all."""

    def test_counts(self) -> None:
        """Those open now, all that there were, and their bytes by direction."""
        first, second = self.hospital.open(), self.hospital.open()
        self.hospital.close(first, size=1000)
        told = self.section()
        self.assertEqual((told.connections, told.connectionsTotal), (1, 2))
        self.assertEqual((told.bytesToBackend, told.bytesToClient), (1000, 400))
        self.assertEqual(told.ended, {"completed": 1})
        self.hospital.close(second)
        self.assertEqual(self.section().connections, 0)

    def test_dialled(self) -> None:
        """Where we are the TLS client the backend is on the encrypted side."""
        connection = self.hospital.open()
        closed = (STORE, connection, "10.0.0.1:1", e.Reason.COMPLETED, 400, 1000, 1.0, True)
        self.hospital.tell(e.Closed(*closed))
        told = self.section()
        self.assertEqual((told.bytesToBackend, told.bytesToClient), (400, 1000))

    def test_bareConnect(self) -> None:
        """One that never sent a byte is told by its end alone."""
        self.hospital.close("77", reason=e.Reason.PROBE)
        told = self.section()
        self.assertEqual((told.connections, told.connectionsTotal), (0, 0))
        self.assertEqual(told.ended, {"probe": 1})

    def test_openedTwice(self) -> None:
        """A connection that is announced twice is one."""
        opened = e.Opened(STORE, "5", "10.0.0.1:1")
        self.hospital.tell(opened, opened)
        self.assertEqual(self.section().connections, 1)

    def test_minutes(self) -> None:
        """The last hour is told minute by minute, and what is older no more."""
        self.hospital.close(self.hospital.ask(), size=600)
        minutes = self.hospital.ledger.read().minutes
        self.assertEqual(len(minutes), 60)
        now = minutes[-1]
        self.assertEqual((now.connections, now.associations, now.bytes), (1, 1, 1000))
        self.assertLessEqual(now.start, NOW)
        self.hospital.clock.advance(59 * 60)
        self.assertEqual(self.hospital.ledger.read().minutes[0].connections, 1)
        self.hospital.clock.advance(60)
        self.assertEqual(sum(m.connections for m in self.hospital.ledger.read().minutes), 0)

    def test_minutesAreBounded(self) -> None:
        """However long it runs, no more minutes are kept; nor when the clock is set back."""
        for _ in range(200):
            self.hospital.close(self.hospital.open())
            self.hospital.clock.advance(60)
        self.hospital.clock.rightNow -= 100_000
        self.hospital.open()
        self.assertEqual(self.hospital.ledger.read().minutes[-1].connections, 1)
        self.assertLessEqual(len(self.hospital.ledger._ring._minutes), 60)


class AssociationTests(LedgerCase):
    """Associations, now and how they ended."""

    def test_now(self) -> None:
        """An open one is told with both titles, its client and its backend."""
        self.hospital.ask(calling="SONO_9")
        (told,) = self.hospital.ledger.read().associations
        self.assertEqual((told.calling, told.called, told.backend), ("SONO_9", "PACS", PACS))
        self.assertTrue(told.accepted)
        self.assertIn("203.0.113.7:", told.client)
        self.assertEqual(self.section().associations, 1)

    def test_ended(self) -> None:
        """One that ended counts by its outcome, its operations by the class of their status."""
        statuses = ((0, 3), (0xB000, 1), (0xA700, 2))
        self.hospital.end(self.hospital.ask(), statuses=statuses, requests=8, size=99)
        told = self.section()
        self.assertEqual(told.outcomes, {"released": 1})
        (store,) = told.operations
        expected = {"success": 3, "warning": 1, "failure": 2, "unanswered": 2}
        self.assertEqual((store.name, store.statuses, store.bytes), ("C-STORE", expected, 99))
        self.assertEqual((told.associations, self.hospital.ledger.read().associations), (0, ()))

    def test_lostWithItsWorker(self) -> None:
        """One whose connection ended before it was said to have is accounted for."""
        self.hospital.close(self.hospital.ask(), reason=e.Reason.WORKER_LOST)
        self.assertEqual(self.section().outcomes, {"worker lost": 1})
        self.assertEqual(self.section().associations, 0)

    def test_manyAreShownInPart(self) -> None:
        """All are counted; the oldest are shown."""
        for _ in range(MOST_SHOWN + 5):
            self.hospital.ask()
        self.assertEqual(len(self.hospital.ledger.read().associations), MOST_SHOWN)
        self.assertEqual(self.section().associations, MOST_SHOWN + 5)

    def test_operationsAreBounded(self) -> None:
        """Names that a peer could make up without end are counted together."""
        for number in range(50):
            self.hospital.end(self.hospital.ask(), operation=f"{number:04X}H", statuses=((0, 1),))
        told = self.section().operations
        self.assertLessEqual(len(told), 33)
        self.assertEqual(sum(each.statuses["success"] for each in told), 50)


class BackendTests(LedgerCase):
    """Backends and their checks."""

    def test_configured(self) -> None:
        """Those of the configuration are told from the start, with nothing known of them."""
        self.assertEqual([each.name for each in self.section().backends], [PACS, SPARE])
        self.assertIs(self.health(), Health.UNKNOWN)

    def test_changed(self) -> None:
        """A change is told with its reason, advice and time."""
        self.hospital.become(Health.DOWN, why="connection refused", do="start it")
        backend = self.section().backends[0]
        self.assertEqual(
            (backend.health, backend.why, backend.advice, backend.since),
            (Health.DOWN, "connection refused", "start it", NOW),
        )

    def test_checked(self) -> None:
        """The last check is told with its steps, and does not judge the state."""
        self.hospital.check()
        check = self.section().backends[0].check
        assert check is not None
        self.assertEqual([step.name for step in check.steps][:2], ["TCP", "association"])
        self.assertIs(self.health(), Health.UNKNOWN)

    def test_name(self) -> None:
        """What a name stands for takes its place once something is heard of it."""
        ready = (STORE, "0.0.0.0:2761", "pacs.example:104", "", None, None, ("pacs.example:104",))
        self.hospital.tell(e.Ready(*ready))
        self.assertEqual([each.name for each in self.section().backends], ["pacs.example:104"])
        self.hospital.become(Health.UP, "10.0.0.8:104")
        self.assertEqual([each.name for each in self.section().backends], ["10.0.0.8:104"])

    def test_reloaded(self) -> None:
        """What a reload has taken away is not told; what stays keeps its state."""
        self.hospital.become(Health.UP, PACS)
        self.hospital.become(Health.UP, SPARE)
        self.hospital.tell(e.Ready(STORE, "0.0.0.0:2761", SPARE, "", None, None, (SPARE,)))
        self.assertEqual([each.name for each in self.section().backends], [SPARE])
        self.assertIs(self.health(SPARE), Health.UP)

    def test_bounded(self) -> None:
        """However many addresses a name may have, not all are kept."""
        for number in range(300):
            self.hospital.tell(e.Dialled(STORE, "1", f"10.1.{number // 200}.{number}:104", ""))
        self.assertLessEqual(len(self.section().backends), 66)


class HandshakeTests(LedgerCase):
    """TLS handshakes."""

    def test_counts(self) -> None:
        """They are counted by what was negotiated, and by why they failed."""
        for peer in (TLS12, TLS12):
            self.hospital.open(peer=peer)
        failed = (
            STORE,
            "8",
            "198.51.100.1:9",
            "no shared cipher",
            "cipher",
            "offers",
            "see",
            False,
        )
        self.hospital.tell(e.HandshakeFailed(*failed))
        told = self.hospital.ledger.read()
        (done,) = told.handshakes
        self.assertEqual((done.version, done.full, done.resumed), ("TLSv1.2", 0, 2))
        self.assertEqual(told.handshakeFailures, {"cipher": 1})

    def test_bounded(self) -> None:
        """What is negotiated in too many ways is counted together."""
        for number in range(100):
            self.hospital.open(peer=e.Peer("TLSv1.3", f"CIPHER{number}", 256))
        told = self.hospital.ledger.read().handshakes
        self.assertLessEqual(len(told), 65)
        self.assertEqual(sum(each.full for each in told), 100)


class RefusalTests(LedgerCase):
    """Who was refused."""

    def failed(self, connection: str, remote: str, found: str = "speaks HTTP") -> e.Event:
        """A handshake that failed."""
        what = (STORE, connection, remote, "wrong version number", "HTTP", found, "nothing", False)
        return e.HandshakeFailed(*what)

    def told(self) -> list[tuple[str, str, str, int]]:
        """The refusals in short."""
        return [
            (each.kind, each.who, each.why, each.count)
            for each in self.hospital.ledger.read().refusals
        ]

    def test_same(self) -> None:
        """The same from the same address is counted, not listed again."""
        self.hospital.tell(
            self.failed("1", "198.51.100.1:9"),
            self.failed("2", "198.51.100.2:9"),
            self.failed("3", "198.51.100.1:10"),
        )
        self.assertEqual(
            self.told(),
            [
                ("handshake", "198.51.100.1:10", "speaks HTTP", 2),
                ("handshake", "198.51.100.2:9", "speaks HTTP", 1),
            ],
        )

    def test_certificate(self) -> None:
        """A rejected certificate and the handshake that failed with it are one refusal."""
        rejected = e.CertificateRejected(STORE, "1", 0, "CN=modality", "certificate has expired")
        self.hospital.tell(rejected)
        self.assertEqual(self.told()[0][:2], ("certificate", "CN=modality"))
        self.hospital.tell(self.failed("1", "198.51.100.1:9", "has a certificate that has expired"))
        self.assertEqual([each[0] for each in self.told()], ["handshake"])

    def test_kinds(self) -> None:
        """Who is not admitted, against the rules, or rejected by the PACS is told too."""
        connection = self.hospital.open(client="198.51.100.9:7")
        who = (STORE, connection, PACS, "SONO_1", "PACS")
        self.hospital.tell(
            e.Unannounced(STORE, "99", "198.51.100.5:1", "sends no proper PROXY header", "have it"),
            e.NotAdmitted(STORE, connection, "its subject is not on the list"),
            e.AssociationRefused(*who, "SONO_1 may not call", "add it", enforced=False),
            e.AssociationRejected(*who, 1, 1, 7, "called AE title not recognized"),
        )
        self.assertEqual(
            self.told(),
            [
                (
                    *("backend", "SONO_1 to PACS"),
                    f"{PACS} rejected it: called AE title not recognized",
                    1,
                ),
                *[
                    (
                        *("rules", "SONO_1 to PACS"),
                        "SONO_1 may not call (let through: policy = report)",
                        1,
                    ),
                    ("admission", "198.51.100.9:7", "its subject is not on the list", 1),
                    ("admission", "198.51.100.5:1", "sends no proper PROXY header", 1),
                ],
            ],
        )

    def test_bounded(self) -> None:
        """Twenty are kept, and no text without end."""
        for number in range(30):
            self.hospital.tell(self.failed(str(number), f"198.51.100.{number}:9", "x" * 5000))
        told = self.told()
        self.assertEqual(len(told), 20)
        self.assertEqual(told[0][1], "198.51.100.29:9")
        self.assertLessEqual(len(told[0][2]), 300)


class ProcessTests(LedgerCase):
    """The process as a whole."""

    def process(self) -> Any:
        """What is told of it."""
        return self.hospital.ledger.read().process

    def test_state(self) -> None:
        """It is starting, serving, draining, stopping."""
        fresh = Hospital()
        self.assertIs(fresh.ledger.read().state, State.STARTING)
        fresh.begin()
        self.assertIs(fresh.ledger.read().state, State.SERVING)
        fresh.ledger.readiness.draining = True
        self.assertIs(fresh.ledger.read().state, State.DRAINING)
        fresh.tell(e.Stopping("SIGTERM", 0))
        self.assertIs(fresh.ledger.read().state, State.STOPPING)

    def test_reloads(self) -> None:
        """The start is no reload; those after it count by what came of them."""
        self.assertEqual((self.process().reloads, self.process().lastReload), (0, None))
        self.hospital.tell(e.Configured())
        self.assertEqual((self.process().reloads, self.process().lastReload.accepted), (1, True))
        self.hospital.tell(e.Refused(("x.conf:1: bad",) * 9, reload=True))
        last = self.process().lastReload
        self.assertEqual((self.process().reloadsRefused, last.accepted), (1, False))
        self.assertEqual(len(last.problems), 3)

    def test_workers(self) -> None:
        """Workers are counted as they come, go and are replaced."""
        self.hospital.tell(e.WorkerStarted(0, 100), e.WorkerStarted(1, 101))
        self.hospital.tell(e.WorkerLost(1, 101, "signal 9"))
        process = self.process()
        self.assertEqual((process.workers, process.workersWanted, process.workersLost), (1, 2, 1))
        self.hospital.tell(e.WorkerStarted(1, 102))
        self.assertEqual(self.process().workers, 2)

    def test_concerns(self) -> None:
        """What cannot be written is told until it can be."""
        self.hospital.tell(
            e.JournalFailed("/j", "No space left on device"),
            e.AuditAway("collector:6514", "connection refused"),
        )
        self.assertEqual(len(self.process().concerns), 2)
        self.hospital.tell(e.JournalResumed("/j", 3), e.AuditBack("collector:6514", 1, 0))
        self.assertEqual(self.process().concerns, ())


class DocumentTests(SynchronousTestCase):
    """The document as JSON."""

    def test_schema(self) -> None:
        """It is what its schema says, on good days and on bad ones, and empty too."""
        for hospital in (Hospital(), usualDay(), badDay()):
            made = json.loads(json.dumps(plain(hospital.ledger.read())))
            self.assertEqual(list(faults(statusSchema(), made)), [])

    def test_schemaFindsFaults(self) -> None:
        """The schema does not let everything pass."""
        made = plain(usualDay().ledger.read())
        made["sections"][0]["connections"] = "many"
        del made["process"]["lag"]
        self.assertEqual(len(list(faults(statusSchema(), made))), 2)

    def test_everythingIsDescribed(self) -> None:
        """Every property has a sentence about it."""

        def described(schema: dict[str, Any]) -> None:
            for name, each in schema.get("properties", {}).items():
                self.assertRegex(each["description"], r"^\S.*\.$", name)
            for each in schema.values():
                for inner in each if isinstance(each, list) else [each]:
                    if isinstance(inner, dict):
                        described(inner)

        described(statusSchema())

    def test_levels(self) -> None:
        """A usual day is well, a bad one is not."""
        self.assertIs(usualDay().ledger.read().level, Level.WELL)
        self.assertIs(badDay().ledger.read().level, Level.TROUBLE)

    def test_worklist(self) -> None:
        """What is told of one section is not told of another."""
        told = {each.name: each for each in usualDay().ledger.read().sections}
        self.assertEqual([each.name for each in told[WORKLIST].operations], ["C-FIND"])
        self.assertEqual([each.name for each in told[WORKLIST].backends], [RIS])
