"""Listens to what happens and counts it for Prometheus.

What can be counted is counted as it happens; what is so at the moment comes from the ledger when
somebody asks. The registry is our own, never the library's global one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from appliance import events as e
from appliance.status import table as t
from appliance.status.gauges import GAUGES, workerValues
from appliance.status.ledger import WORKER_LOST, Ledger
from appliance.status.sections import statuses
from appliance.status.store import Store, gauge

TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS: Final = "application/openmetrics-text"

_OUTCOMES: Final = (*(outcome.value for outcome in e.Outcome), WORKER_LOST)
_FAILED: Final = ("failed", "", "", "")


class Metrics(Collector):
    """The metrics of the appliance; C{ledger} is asked for how things are."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._store = Store()
        self._associated: set[str] = set()
        self._hear: dict[type[e.Event], Callable[[Any], None]] = {
            e.Ready: self._ready,
            e.Opened: self._opened,
            e.Closed: self._closed,
            e.Handshaken: self._handshaken,
            e.HandshakeFailed: self._handshakeFailed,
            e.Limited: self._limited,
            e.NoBackend: self._noBackend,
            e.DialFailed: self._dialFailed,
            e.AssociationRequested: lambda event: self._associated.add(event.connection),
            e.AssociationEnded: self._associationEnded,
            e.AssociationRefused: self._associationRefused,
            e.Checked: self._checked,
        }
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def __call__(self, event: e.Event) -> None:
        """Count C{event}."""
        hear = self._hear.get(type(event))
        if hear is not None:
            hear(event)

    def lag(self, late: float) -> None:
        """The reactor was so late, in seconds."""
        self._store.observe(t.LAG, late)

    # --- what happens ----------------------------------------------------------------------

    def _ready(self, event: e.Ready) -> None:
        # Counters begin at nought, so that the first of a kind is an increase.
        count, section = self._store.count, event.section
        for metric in (t.CONNECTIONS, t.NO_BACKEND):
            count(metric, section, by=0)
        for outcome in _OUTCOMES:
            count(t.ASSOCIATIONS, section, outcome, by=0)
        for direction in ("to_backend", "to_client"):
            count(t.BYTES, section, direction, by=0)
        count(t.HANDSHAKES, section, *_FAILED, by=0)
        for limit in e.LimitKind:
            count(t.TURNED_AWAY, section, limit.value, by=0)

    def _opened(self, event: e.Opened) -> None:
        self._store.count(t.CONNECTIONS, event.section)

    def _closed(self, event: e.Closed) -> None:
        store, section = self._store, event.section
        store.count(t.CLOSED, section, event.reason.value)
        sent = (event.sentToSocket, event.sentToTLS)
        toBackend, toClient = reversed(sent) if event.dialled else sent
        store.count(t.BYTES, section, "to_backend", by=toBackend)
        store.count(t.BYTES, section, "to_client", by=toClient)
        if event.reason is not e.Reason.PROBE:
            store.observe(t.LIVES, event.seconds, section)
        if event.connection in self._associated:
            self._associated.discard(event.connection)
            store.count(t.ASSOCIATIONS, section, WORKER_LOST)

    def _handshaken(self, event: e.Handshaken) -> None:
        peer = event.peer
        result = "resumed" if peer.resumed else "full"
        facts = (result, peer.version, peer.cipher, peer.group)
        self._store.count(t.HANDSHAKES, event.section, *facts)

    def _handshakeFailed(self, event: e.HandshakeFailed) -> None:
        self._store.count(t.HANDSHAKES, event.section, *_FAILED)
        self._store.count(t.HANDSHAKE_FAILURES, event.section, event.kind)

    def _limited(self, event: e.Limited) -> None:
        self._store.count(t.TURNED_AWAY, event.section, event.limit.value, by=event.count)

    def _noBackend(self, event: e.NoBackend) -> None:
        self._store.count(t.NO_BACKEND, event.section)

    def _dialFailed(self, event: e.DialFailed) -> None:
        self._store.count(t.DIAL_FAILURES, event.section, event.backend)

    def _associationEnded(self, event: e.AssociationEnded) -> None:
        store, section, association = self._store, event.section, event.association
        self._associated.discard(event.connection)
        outcome = association.outcome or e.Outcome.CUT_BY_US
        store.count(t.ASSOCIATIONS, section, outcome.value)
        store.observe(t.ASSOCIATION_LIVES, association.seconds, section)
        for tally in association.tallies:
            for status, number in statuses(tally.requests, tally.statuses).items():
                store.count(t.OPERATIONS, section, tally.operation, status, by=number)
            store.count(t.OPERATION_BYTES, section, tally.operation, by=tally.bytes)

    def _associationRefused(self, event: e.AssociationRefused) -> None:
        self._store.count(t.REFUSED, event.section, "yes" if event.enforced else "no")

    def _checked(self, event: e.Checked) -> None:
        result = "alive" if event.alive else "refused" if event.lives else "failed"
        self._store.count(t.CHECKS, event.section, event.backend, result)

    # --- what is told ----------------------------------------------------------------------

    def collect(self) -> Iterator[Family]:
        """All metrics of the table."""
        document = self._ledger.read()
        now = {
            **{metric: read(document) for metric, read in GAUGES.items()},
            **workerValues(self._ledger.process.workers),
        }
        for metric in t.METRICS:
            known = now.get(metric)
            yield self._store.family(metric) if known is None else gauge(metric, known)

    def exposed(self, accept: str) -> tuple[str, bytes]:
        """The content type and the text, by what the client's C{Accept} header asks for."""
        if OPENMETRICS in accept:
            return openmetrics.CONTENT_TYPE_LATEST, openmetrics.generate_latest(self._registry)
        return TEXT, generate_latest(self._registry)
