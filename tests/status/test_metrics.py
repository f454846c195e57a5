"""What is counted for Prometheus, read back with its own parsers."""

from __future__ import annotations

from collections.abc import Iterator
from subprocess import run

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import parser
from prometheus_client.openmetrics import parser as openparser
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from appliance import events as e
from appliance.events import Health
from appliance.status import table as t
from appliance.status.gauges import GAUGES
from appliance.status.lag import EVERY, Lag, LagSampler
from appliance.status.ledger import Ledger
from appliance.status.metrics import OPENMETRICS, Metrics
from appliance.status.store import LIMIT, OTHER, Store
from tests.peers import program
from tests.status.hospital import DAY, NOW, PACS, RIS, SPARE, STORE, WORKLIST, Hospital

Labels = dict[str, str]


def hospitalAndMetrics() -> tuple[Hospital, Metrics]:
    """A hospital whose appliance is counted."""
    hospital = Hospital()
    metrics = Metrics(hospital.ledger)
    hospital.hearers.insert(0, metrics)
    return hospital, metrics


def samples(text: str) -> dict[str, list[tuple[Labels, float]]]:
    """All samples in Prometheus's text format, by their names."""
    found: dict[str, list[tuple[Labels, float]]] = {}
    for family in parser.text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


class MetricsCase(SynchronousTestCase):
    """A hospital that has just opened, and what is counted of it."""

    def setUp(self) -> None:
        self.hospital, self.metrics = hospitalAndMetrics()
        self.hospital.begin()

    def samples(self) -> dict[str, list[tuple[Labels, float]]]:
        """All samples there are now."""
        return samples(self.metrics.exposed("")[1].decode())

    def value(self, metric: t.Metric, end: str = "", **labels: str) -> float | None:
        """The sample of C{metric} that has all C{labels}; the sum where several have."""
        name = metric.name + end if end else metric.series[0]
        fitting = [
            value
            for found, value in self.samples().get(name, [])
            if labels.items() <= found.items()
        ]
        return sum(fitting) if fitting else None


class CountTests(MetricsCase):
    """What happens is counted."""

    def test_nought(self) -> None:
        """Counters are there before anything has happened, so that the first can be seen."""
        self.assertEqual(self.value(t.ASSOCIATIONS, section=STORE, outcome="rejected"), 0)
        self.assertEqual(self.value(t.HANDSHAKES, section=WORKLIST, result="failed"), 0)
        self.assertEqual(self.value(t.BYTES, section=STORE, direction="to_backend"), 0)

    def test_connections(self) -> None:
        """Connections, their ends, bytes and times."""
        first = self.hospital.open()
        self.hospital.open()
        self.hospital.close(first, size=1000, seconds=0.7)
        self.hospital.close("bare", reason=e.Reason.PROBE)
        self.assertEqual(self.value(t.CONNECTIONS, section=STORE), 2)
        self.assertEqual(self.value(t.OPEN_CONNECTIONS, section=STORE), 1)
        self.assertEqual(self.value(t.CLOSED, section=STORE, reason="completed"), 1)
        self.assertEqual(self.value(t.CLOSED, section=STORE, reason="probe"), 1)
        self.assertEqual(self.value(t.BYTES, section=STORE, direction="to_backend"), 1000)
        self.assertEqual(self.value(t.BYTES, section=STORE, direction="to_client"), 800)
        self.assertEqual(self.value(t.LIVES, "_count", section=STORE), 1)
        self.assertEqual(self.value(t.LIVES, "_bucket", section=STORE, le="0.5"), 0)
        self.assertEqual(self.value(t.LIVES, "_bucket", section=STORE, le="1.0"), 1)
        self.assertEqual(self.value(t.LIVES, "_sum", section=STORE), 0.7)

    def test_dialled(self) -> None:
        """Where we are the TLS client the directions are the other way round."""
        closed = (STORE, "5", "10.0.0.1:1", e.Reason.COMPLETED, 11, 22, 1.0, True)
        self.hospital.tell(e.Closed(*closed))
        self.assertEqual(self.value(t.BYTES, section=STORE, direction="to_backend"), 11)

    def test_handshakes(self) -> None:
        """Handshakes by what was negotiated; failures by their kind."""
        self.hospital.open()
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
        labels = {"version": "TLSv1.3", "cipher": "TLS_AES_256_GCM_SHA384", "group": "X25519"}
        self.assertEqual(self.value(t.HANDSHAKES, result="full", **labels), 1)
        self.assertEqual(self.value(t.HANDSHAKES, result="failed", section=STORE), 1)
        self.assertEqual(self.value(t.HANDSHAKE_FAILURES, section=STORE, reason="cipher"), 1)

    def test_associations(self) -> None:
        """Associations by outcome, and their operations by the class of status."""
        self.hospital.end(self.hospital.ask(), statuses=((0, 5), (0xA700, 1)), size=77)
        self.hospital.ask(WORKLIST)
        self.assertEqual(self.value(t.ASSOCIATIONS, section=STORE, outcome="released"), 1)
        self.assertEqual(self.value(t.OPEN_ASSOCIATIONS, section=WORKLIST), 1)
        stores = {"section": STORE, "operation": "C-STORE"}
        self.assertEqual(self.value(t.OPERATIONS, status="success", **stores), 5)
        self.assertEqual(self.value(t.OPERATIONS, status="failure", **stores), 1)
        self.assertEqual(self.value(t.OPERATION_BYTES, **stores), 77)
        self.assertEqual(self.value(t.ASSOCIATION_LIVES, "_count", section=STORE), 1)

    def test_lostWithItsWorker(self) -> None:
        """An association that never ended by itself counts once all the same."""
        self.hospital.close(self.hospital.ask(), reason=e.Reason.WORKER_LOST)
        self.assertEqual(self.value(t.ASSOCIATIONS, section=STORE, outcome="worker lost"), 1)
        self.assertEqual(self.value(t.ASSOCIATIONS, section=STORE), 1)

    def test_refusedAndNowhere(self) -> None:
        """Associations against the rules, dials that failed, connections without a backend."""
        connection = self.hospital.open()
        self.hospital.tell(
            e.AssociationRefused(STORE, connection, None, "X", "PACS", "may not", "add it"),
            e.DialFailed(STORE, connection, PACS, "Connection refused"),
            e.NoBackend(STORE, connection),
        )
        self.assertEqual(self.value(t.REFUSED, section=STORE, enforced="yes"), 1)
        self.assertEqual(self.value(t.DIAL_FAILURES, section=STORE, backend=PACS), 1)
        self.assertEqual(self.value(t.NO_BACKEND, section=STORE), 1)

    def test_checks(self) -> None:
        """Checks by result; the last one's steps."""
        self.hospital.check()
        self.hospital.check(alive=False)
        self.assertEqual(self.value(t.CHECKS, backend=PACS, result="alive"), 1)
        self.assertEqual(self.value(t.CHECKS, backend=PACS, result="failed"), 1)
        self.assertEqual(self.value(t.CHECK_STEP_SECONDS, backend=PACS, step="TCP"), 0.0012)
        self.assertIsNone(self.value(t.CHECK_STEP_SECONDS, backend=PACS, step="C-ECHO"))

    def test_lag(self) -> None:
        """How late the reactor was."""
        self.metrics.lag(0.003)
        self.assertEqual(self.value(t.LAG, "_bucket", le="0.001"), 0)
        self.assertEqual(self.value(t.LAG, "_bucket", le="0.005"), 1)


class GaugeTests(MetricsCase):
    """How things are is read when it is asked for."""

    def test_backendState(self) -> None:
        """A backend is in one state and not in the others."""
        self.hospital.become(Health.DOWN)
        states = {
            state: self.value(t.BACKEND_STATE, backend=PACS, state=state.value) for state in Health
        }
        self.assertEqual(states.pop(Health.DOWN), 1)
        self.assertEqual(set(states.values()), {0})
        self.assertEqual(self.value(t.BACKEND_STATE, backend=SPARE, state="unknown"), 1)

    def test_backendGone(self) -> None:
        """One that a reload took away has no state any more."""
        self.hospital.tell(e.Ready(WORKLIST, "0.0.0.0:2762", SPARE, "", None, None, (SPARE,)))
        self.assertIsNone(self.value(t.BACKEND_STATE, section=WORKLIST, backend=RIS))

    def test_daysLeft(self) -> None:
        """The days of a certificate run down without any event."""
        self.hospital.clock.advance(212.5 * DAY)
        self.assertEqual(self.value(t.DAYS_LEFT, section=STORE), -0.5)

    def test_stale(self) -> None:
        """Files that cannot be used show at their section, until they can."""
        self.assertEqual(self.value(t.STALE, section=STORE), 0)
        self.hospital.tell(e.FilesRefused(STORE, ("a.conf:7: error: x",)))
        self.assertEqual(self.value(t.STALE, section=STORE), 1)
        self.assertEqual(self.value(t.STALE, section=WORKLIST), 0)
        self.hospital.tell(e.FilesChanged(STORE, ("/x",), "CN=x", "1A"))
        self.assertEqual(self.value(t.STALE, section=STORE), 0)

    def test_process(self) -> None:
        """Reloads, workers, readiness, defects and what cannot be written."""
        self.assertEqual(self.value(t.LAST_RELOAD), 1)
        self.hospital.tell(
            e.Configured(),
            e.Refused(("x",), reload=True),
            e.WorkerStarted(0, 1),
            e.WorkerStarted(1, 2),
            e.WorkerLost(1, 2, "signal 9"),
            e.InternalError("ValueError", ()),
            e.LoopStalled(2.0, ()),
            e.JournalFailed("/j", "No space left on device"),
        )
        for metric, value in {
            t.LAST_RELOAD: 0,
            t.WORKERS: 1,
            t.WORKERS_WANTED: 2,
            t.WORKERS_LOST: 1,
            t.READY: 1,
            t.DEFECTS: 1,
            t.STALLS: 1,
            t.UNWRITTEN: 1,
        }.items():
            self.assertEqual(self.value(metric), value, metric.name)
        self.assertEqual(self.value(t.RELOADS, result="accepted"), 1)
        self.assertEqual(self.value(t.RELOADS, result="refused"), 1)

    def test_workers(self) -> None:
        """What the system tells of each worker that is there."""
        import os

        self.hospital.tell(e.WorkerStarted(0, os.getpid()), e.WorkerStarted(1, 2**22 + 1))
        self.assertGreater(self.value(t.WORKER_MEMORY, worker="0") or 0, 1_000_000)
        self.assertGreater(self.value(t.WORKER_CPU, worker="0") or 0, 0)
        self.assertIsNone(self.value(t.WORKER_CPU, worker="1"))

    def test_ownRegistry(self) -> None:
        """Two appliances in one process count apart, and our own process is told."""
        other, _ = hospitalAndMetrics()
        other.begin()
        other.open()
        self.assertEqual(self.value(t.CONNECTIONS, section=STORE), 0)
        self.assertIn("process_resident_memory_bytes", self.samples())


class TableTests(MetricsCase):
    """The table of metrics."""

    def test_allAreThere(self) -> None:
        """Each metric of the table is exposed, and no other but those of the process."""
        text = self.metrics.exposed("")[1].decode()
        told = {family.name for family in parser.text_string_to_metric_families(text)}
        ours = {each.name for each in t.METRICS}
        self.assertEqual({name for name in told if not name.startswith("process_")}, ours)

    def test_readOrCounted(self) -> None:
        """Every gauge of the table but those of workers is read from the document."""
        left = {m for m in t.METRICS if m.kind is t.Kind.GAUGE} - GAUGES.keys()
        self.assertEqual(left, {t.WORKER_MEMORY})

    def test_openMetrics(self) -> None:
        """Who accepts OpenMetrics gets it, and it can be parsed."""
        self.hospital.end(self.hospital.ask())
        kind, text = self.metrics.exposed(f"{OPENMETRICS};version=1.0.0,text/plain;q=0.5")
        self.assertIn(OPENMETRICS, kind)
        told = {family.name for family in openparser.text_string_to_metric_families(text.decode())}
        self.assertLessEqual({each.name for each in t.METRICS}, told)

    def test_noTitlesAndAddresses(self) -> None:
        """Neither AE titles nor clients' addresses come into a label."""
        self.hospital.end(self.hospital.ask(calling="SONO_77", called="PACS_77"))
        self.hospital.tell(
            e.HandshakeFailed(STORE, "8", "198.51.100.77:9", "x", "HTTP", "speaks", "y", False)
        )
        text = self.metrics.exposed("")[1].decode()
        for secret in ("SONO_77", "PACS_77", "203.0.113.7", "198.51.100.77"):
            self.assertNotIn(secret, text)

    @settings(max_examples=25, deadline=None)
    @given(st.lists(st.text(), min_size=1, max_size=4))
    def test_anyName(self, names: list[str]) -> None:
        """Whatever sections are called, the text can be parsed again."""
        hospital, metrics = hospitalAndMetrics()
        hospital.tell(*(e.Ready(name, "x", "y", "CN=z", 5) for name in names))
        found = samples(metrics.exposed("")[1].decode())[t.CONNECTIONS.series[0]]
        self.assertEqual(len(found), len(set(names)))


class StoreTests(SynchronousTestCase):
    """Labels are bounded."""

    def told(self, store: Store, metric: t.Metric) -> Iterator[tuple[tuple[str, ...], float]]:
        """The samples of a counter."""
        return (
            (tuple(sample.labels.values()), sample.value) for sample in store.family(metric).samples
        )

    def test_folded(self) -> None:
        """Values beyond the limit are counted as other, and that is counted too."""
        store = Store()
        for number in range(LIMIT + 10):
            store.count(t.HANDSHAKE_FAILURES, "S", f"reason {number}")
        told = dict(self.told(store, t.HANDSHAKE_FAILURES))
        self.assertEqual(len(told), LIMIT + 1)
        self.assertEqual(told["S", OTHER], 10)
        self.assertEqual(dict(self.told(store, t.FOLDED)), {("reason",): 10})

    def test_knownStay(self) -> None:
        """Values that were there before the limit was reached are counted as themselves."""
        store = Store()
        for number in range(LIMIT + 10):
            store.count(t.HANDSHAKE_FAILURES, "S", f"reason {number}")
        store.count(t.HANDSHAKE_FAILURES, "S", "reason 0")
        self.assertEqual(dict(self.told(store, t.HANDSHAKE_FAILURES))["S", "reason 0"], 2)

    def test_beyondAllBuckets(self) -> None:
        """A value above all buckets is in the last one alone."""
        store = Store()
        store.observe(t.LAG, 99.0)
        counts = [s.value for s in store.family(t.LAG).samples if s.name.endswith("_bucket")]
        self.assertEqual((counts[-2], counts[-1]), (0, 1))


class LagTests(SynchronousTestCase):
    """How late the reactor is."""

    def test_sampled(self) -> None:
        """A call that is made late is told with its lateness; one in time with none."""
        heard: list[tuple[float, float]] = []
        clock = Clock()
        sampler = LagSampler(clock, lambda *facts: heard.append(facts))
        sampler.startService()
        clock.advance(EVERY)
        clock.advance(EVERY + 2.0)
        self.assertEqual(heard, [(EVERY, 0.0), (2 * EVERY + 2.0, 2.0)])
        sampler.stopService()
        self.assertEqual(clock.getDelayedCalls(), [])

    def test_worst(self) -> None:
        """The worst of the last minute counts, or of less."""
        lag = Lag()
        for at, late in ((0, 9.0), (50, 2.0), (100, 0.1)):
            lag.add(at, late)
        self.assertEqual(lag.worst(100), 2.0)
        self.assertEqual(lag.worst(100, 30), 0.1)
        self.assertEqual(Lag().worst(0), 0.0)

    def test_setBack(self) -> None:
        """What was before the clock was set back is forgotten."""
        lag = Lag()
        lag.add(5000, 9.0)
        lag.add(1400, 0.1)
        self.assertEqual(lag.worst(1400), 0.1)


@pytest.mark.real
class LintTests(SynchronousTestCase):
    """Prometheus's own opinion of our metrics."""

    def test_promtool(self) -> None:
        """It has nothing against them but that people think of certificates in days."""
        hospital, metrics = hospitalAndMetrics()
        hospital.begin()
        hospital.end(hospital.ask())
        text = metrics.exposed("")[1]
        said = run([program("promtool"), "check", "metrics"], input=text, capture_output=True)
        complaints = (said.stdout + said.stderr).decode().split("\n")
        ours = [line for line in complaints if line and t.DAYS_LEFT.name not in line]
        self.assertEqual(ours, [])


def test_ledgerAlone() -> None:
    """The metrics need nothing of a ledger but what it has heard."""
    clock = Clock()
    clock.advance(NOW)
    assert b"butterfly_tls_ready 0.0" in Metrics(Ledger(clock)).exposed("")[1]
