"""What is told to be wrong, and whether new connections are welcome."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from appliance import events as e
from appliance.events import Health
from appliance.status.document import Level
from appliance.status.readiness import Answer, readiness
from appliance.status.verdict import headline
from tests.status.hospital import DAY, NOW, PACS, RIS, SPARE, STORE, WORKLIST, Hospital, badDay


class VerdictTests(SynchronousTestCase):
    """Troubles and the headline."""

    def setUp(self) -> None:
        self.hospital = Hospital()
        self.hospital.begin()

    def told(self) -> list[tuple[Level, str]]:
        """The troubles, without their advice."""
        return [(each.level, each.what) for each in self.hospital.ledger.read().troubles]

    def test_well(self) -> None:
        """Nothing is wrong at first."""
        self.assertEqual(self.told(), [])
        self.assertEqual(headline(self.hospital.ledger.read()), "All is well")

    def test_starting(self) -> None:
        """Before it serves it says so."""
        self.assertEqual(headline(Hospital().ledger.read()), "It is starting")

    def test_noPACS(self) -> None:
        """A section whose every backend is down is in trouble; one of two asks for attention."""
        self.hospital.become(Health.DOWN, PACS, why="connection refused", do="start it")
        self.hospital.clock.advance(300)
        self.assertEqual(self.told(), [(Level.ATTENTION, f"[{STORE}] {PACS} is down for 5 min")])
        self.hospital.become(Health.DOWN, SPARE)
        self.hospital.clock.advance(60)
        ((level, what),) = self.told()
        self.assertIs(level, Level.TROUBLE)
        self.assertEqual(what, f"[{STORE}] has no PACS: {PACS} and {SPARE} are down for 1 min")
        self.assertEqual(
            self.hospital.ledger.read().troubles[0].advice, "connection refused; start it"
        )

    def test_degraded(self) -> None:
        """One that lives and refuses something asks for attention, with the reason."""
        self.hospital.become(Health.DEGRADED, why="it aborts", do="see its log")
        self.assertEqual(self.told(), [(Level.ATTENTION, f"[{STORE}] {PACS} lives, but it aborts")])

    def test_certificate(self) -> None:
        """A certificate that expires soon asks for attention; one that has is trouble."""
        self.hospital.clock.advance(191 * DAY + 1)
        self.assertEqual(
            self.told()[0],
            (Level.ATTENTION, f"[{STORE}] shows a certificate that expires in 20 days"),
        )
        self.hospital.clock.advance(22 * DAY)
        self.assertEqual(
            self.told()[0],
            (Level.TROUBLE, f"[{STORE}] shows a certificate that expired 2 days ago"),
        )

    def test_stale(self) -> None:
        """Files that cannot be used ask for attention, with what is wrong."""
        self.hospital.tell(e.FilesRefused(STORE, ("a.conf:7: error: x; do y",)))
        what = f"[{STORE}] goes on with the files from before, since new ones are not good"
        self.assertEqual(self.told(), [(Level.ATTENTION, what)])
        self.assertEqual(self.hospital.ledger.read().troubles[0].advice, "a.conf:7: error: x; do y")

    def test_process(self) -> None:
        """Reloads that were refused, missing workers, defects and lateness are told."""
        self.hospital.tell(
            e.Refused(("x",), reload=True),
            e.WorkerStarted(0, 1),
            e.WorkerStarted(1, 2),
            e.WorkerLost(0, 1, "signal 9"),
            e.InternalError("ValueError", ()),
            e.JournalFailed("/j", "No space left on device"),
            e.Stopping("SIGTERM", 1),
        )
        self.hospital.ledger.lag.add(NOW, 2.0)
        self.assertEqual(
            [what for _, what in self.told()],
            [
                "It is stopping",
                "1 worker of 2 not running",
                "The last reload was refused, and the configuration before it goes on",
                "The journal /j takes no lines: No space left on device",
                "1 internal error since the start",
                "The process was late by 2.0 s within the last minute",
            ],
        )
        self.hospital.tell(e.Configured())
        self.assertNotIn("reload", " ".join(what for _, what in self.told()))

    def test_worstFirst(self) -> None:
        """The headline is the worst of all, and says how many more there are."""
        document = badDay().ledger.read()
        self.assertIs(document.troubles[0].level, Level.TROUBLE)
        self.assertIn(f"[{WORKLIST}] has no PACS: {RIS} is down", headline(document))
        self.assertIn(", and 3 more", headline(document))


class ReadinessTests(SynchronousTestCase):
    """Whether new connections are welcome."""

    def setUp(self) -> None:
        self.hospital = Hospital()

    def ready(self, backends: bool = False) -> Answer:
        """What is answered now."""
        document = self.hospital.ledger.read()
        return readiness(document.state, document.sections, backends)

    def test_serving(self) -> None:
        """They are once all serves, and not before."""
        self.assertFalse(self.ready().ready)
        self.hospital.begin()
        self.assertTrue(self.ready().ready)

    def test_draining(self) -> None:
        """Not while draining, nor once it stops."""
        self.hospital.begin()
        self.hospital.ledger.readiness.draining = True
        self.assertFalse(self.ready().ready)
        self.hospital.ledger.readiness.draining = False
        self.hospital.tell(e.Stopping("SIGTERM", 0))
        self.assertFalse(self.ready().ready)

    def test_drained(self) -> None:
        """One section can be drained alone, and says so."""
        self.hospital.begin()
        self.hospital.ledger.readiness.drained.add(STORE)
        document = self.hospital.ledger.read()
        found = readiness(document.state, document.sections)
        self.assertFalse(found.ready)
        self.assertIn(f"FAIL [{STORE}] is draining", found.lines)
        self.assertTrue(readiness(document.state, document.sections[1:]).ready)
        self.assertIn(f"[{STORE}] is draining", headline(document))

    def test_expired(self) -> None:
        """Not with a certificate that has expired."""
        self.hospital.begin(notAfter=NOW + 100)
        self.assertTrue(self.ready().ready)
        self.hospital.clock.advance(101)
        self.assertFalse(self.ready().ready)
        self.assertIn(f"FAIL [{STORE}] certificate: expired", self.ready().lines)

    def test_deadPACS(self) -> None:
        """A dead PACS counts for those alone who ask for it."""
        self.hospital.begin()
        self.hospital.become(Health.DOWN, RIS, WORKLIST)
        self.assertTrue(self.ready().ready)
        self.assertFalse(self.ready(backends=True).ready)

    def test_onePACSIsEnough(self) -> None:
        """One backend that is not down is enough, also one of which nothing is known."""
        self.hospital.begin()
        self.hospital.become(Health.DOWN, PACS)
        self.assertTrue(self.ready(backends=True).ready)
