"""What the connections of clients say about a backend."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from appliance import events as e
from appliance.health.evidence import HEARD, Evidence
from appliance.health.judge import CALM, Judge, Limits

PACS = "192.0.2.1:104"
WHO = ("DICOM STORE", "0", PACS)
REFUSED = "Connection refused (111)"


def ended(
    outcome: e.Outcome, why: str = "", connection: str = "0", backend: str | None = PACS
) -> e.AssociationEnded:
    """The end of an association."""
    association = e.Association("US1", "PACS", outcome=outcome, why=why)
    return e.AssociationEnded("DICOM STORE", connection, backend, association)


def accepted(connection: str = "0") -> e.AssociationAccepted:
    """An association that the backend accepts."""
    return e.AssociationAccepted("DICOM STORE", connection, PACS, "US1", "PACS", None, ())  # type: ignore[arg-type]


class EvidenceTests(SynchronousTestCase):
    """L{Evidence}."""

    def setUp(self) -> None:
        self.evidence = Evidence()
        self.judge = Judge(Limits(2, 3, 90.0))
        self.now = 1000.0

    def hear(self, *events: e.Event, checked: bool = True) -> e.Health:
        """The state after C{events}."""
        for event in events:
            if isinstance(event, HEARD) and self.evidence.backend(event) is not None:
                self.evidence.weigh(event, self.judge, self.now, checked=checked)
        return self.judge.verdict.health

    def rejected(self, source: int, reason: int) -> e.AssociationRejected:
        """A rejection by the backend."""
        return e.AssociationRejected(*WHO, "US1", "STORE", 1, source, reason, "no thanks")

    def test_busy(self) -> None:
        """A backend is busy while an association that it has accepted is under way."""
        self.assertFalse(self.evidence.busy(PACS))
        self.hear(accepted("0"), accepted("1"))
        self.assertTrue(self.evidence.busy(PACS))
        self.assertFalse(self.evidence.busy("192.0.2.2:104"))
        self.hear(ended(e.Outcome.RELEASED, connection="0"))
        self.assertTrue(self.evidence.busy(PACS))
        lost = e.Closed("DICOM STORE", "1", "x", e.Reason.WORKER_LOST, 0, 0, 1.0, False)
        self.hear(lost)
        self.assertFalse(self.evidence.busy(PACS))

    def test_who(self) -> None:
        """Events name their backend; others tell nothing."""
        told: list[Any] = [
            e.Dialled(*WHO, "192.0.2.9:1"),
            e.DialFailed(*WHO, None),
            accepted(),
            self.rejected(1, 7),
            e.OperationFailed(*WHO, "C-STORE", "1.2", 0xA700, "out of resources"),
            ended(e.Outcome.RELEASED),
        ]
        self.assertEqual({self.evidence.backend(event) for event in told}, {PACS})
        silent: list[Any] = [
            e.Dialling(*WHO),
            e.Opened("DICOM STORE", "0", "x"),
            ended(e.Outcome.DECLINED, backend=None),
            e.Warned("x"),
        ]
        self.assertEqual({self.evidence.backend(event) for event in silent}, {None})

    def test_dials(self) -> None:
        """Dials that fail count, with the words that a check would have."""
        self.assertIs(self.hear(*[e.DialFailed(*WHO, REFUSED)] * 3), e.Health.DOWN)
        self.assertEqual(self.judge.verdict.why, "nothing listens on that port")
        self.hear(e.DialFailed(*WHO, None))
        self.assertEqual(self.judge.verdict.why, "no connection in time")
        self.hear(e.DialFailed(*WHO, "the proxy answered 407"))
        self.assertEqual(self.judge.verdict.why, "no connection: the proxy answered 407")

    def test_oursDoNotCount(self) -> None:
        """A dial that fails for want of descriptors is not the backend's fault."""
        dial = e.DialFailed(*WHO, "Too many open files (24)")
        self.assertIs(self.hear(*[dial] * 9), e.Health.UNKNOWN)

    def test_dialled(self) -> None:
        """A connection that is taken is a sign of life where nothing else is asked for one."""
        dialled = e.Dialled(*WHO, "192.0.2.9:1")
        self.assertIs(self.hear(dialled), e.Health.UNKNOWN)
        self.assertIs(self.hear(dialled, checked=False), e.Health.UP)

    def test_accepted(self) -> None:
        """So is an association that is accepted, in any case."""
        self.assertIs(self.hear(accepted()), e.Health.UP)

    def test_rejected(self) -> None:
        """A rejection degrades, with advice by its reason."""
        for source, reason, advice in (
            (1, 7, "not 'STORE'"),
            (1, 3, "register the client's AE title 'US1'"),
            (3, 1, "busy"),
            (3, 2, "busy"),
            (1, 1, "see the peer's log"),
        ):
            self.assertIs(self.hear(self.rejected(source, reason)), e.Health.DEGRADED)
            self.assertEqual(self.judge.verdict.why, "it rejected an association: no thanks")
            self.assertIn(advice, self.judge.verdict.advice)

    def test_badEnds(self) -> None:
        """An association that the backend aborts or cuts degrades it."""
        for outcome, why in (
            (e.Outcome.ABORTED_BY_BACKEND, "it aborted an association (unexpected PDU)"),
            (e.Outcome.CUT_BY_BACKEND, "it hung up in the middle of an association (unexpected"),
        ):
            self.judge = Judge(Limits(2, 3, 90.0))
            found = self.hear(accepted(), ended(outcome, "unexpected PDU"))
            self.assertIs(found, e.Health.DEGRADED)
            self.assertTrue(self.judge.verdict.why.startswith(why), self.judge.verdict.why)

    def test_otherEnds(self) -> None:
        """What clients or we do is not the backend's fault."""
        ours = set(e.Outcome) - {e.Outcome.ABORTED_BY_BACKEND, e.Outcome.CUT_BY_BACKEND}
        self.assertIs(self.hear(accepted(), *map(ended, ours)), e.Health.UP)

    def test_garbled(self) -> None:
        """Nor is it when a client says what is no DICOM, and the backend has enough of that."""
        garbled = e.Unreadable("DICOM STORE", "0", PACS, fromClient=True, what="HTTP")
        for outcome in (e.Outcome.ABORTED_BY_BACKEND, e.Outcome.CUT_BY_BACKEND):
            self.assertIs(self.hear(accepted(), garbled, ended(outcome)), e.Health.UP)
            # The next association, and what the backend says, is another matter.
            self.assertIs(self.hear(accepted(), ended(outcome)), e.Health.DEGRADED)
            self.judge = Judge(Limits(2, 3, 90.0))
            own = e.Unreadable("DICOM STORE", "0", PACS, fromClient=False, what="HTTP")
            self.assertIs(self.hear(accepted(), own, ended(outcome)), e.Health.DEGRADED)
            self.judge = Judge(Limits(2, 3, 90.0))

    def test_failedOperation(self) -> None:
        """A failed operation degrades, with its status."""
        failed = e.OperationFailed(*WHO, "C-STORE", "1.2", 0xA700, "out of resources")
        self.assertIs(self.hear(accepted(), failed), e.Health.DEGRADED)
        why = "it answered C-STORE with out of resources (status A700H)"
        self.assertEqual(self.judge.verdict.why, why)

    def test_cleared(self) -> None:
        """A clean association later clears it; one that has itself seen a failure does not."""
        failed = e.OperationFailed(*WHO, "C-STORE", "1.2", 0xA700, "out of resources")
        self.hear(accepted(), failed)
        self.now += CALM
        self.assertIs(self.hear(ended(e.Outcome.RELEASED)), e.Health.DEGRADED)
        self.assertIs(self.hear(ended(e.Outcome.RELEASED)), e.Health.UP)

    def test_notByOthers(self) -> None:
        """No other end clears it."""
        self.hear(accepted(), self.rejected(1, 7))
        self.now += 2 * CALM
        for outcome in (e.Outcome.CUT_BY_CLIENT, e.Outcome.ABORTED_BY_CLIENT, e.Outcome.CUT_BY_US):
            self.assertIs(self.hear(ended(outcome)), e.Health.DEGRADED)

    def test_lostAssociation(self) -> None:
        """One that is lost with its process leaves nothing behind."""
        failed = e.OperationFailed(*WHO, "C-STORE", "1.2", 0xA700, "out of resources")
        reason = e.Reason.WORKER_LOST
        self.hear(failed, e.Closed("DICOM STORE", "0", "x", reason, 0, 0, 0.0, False))
        self.now += CALM
        self.assertIs(self.hear(ended(e.Outcome.RELEASED)), e.Health.UP)
