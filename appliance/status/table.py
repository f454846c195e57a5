"""THE table of metrics: their names, kinds, labels and what they mean.

The code counts by it, and the reference documentation is made from it. Labels have few values:
names from the configuration, words of ours, and what TLS negotiates; never AE titles, clients'
addresses or anything else that a peer could make up.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from attrs import frozen

PREFIX: Final = "butterfly_tls_"


class Kind(Enum):
    """What a metric is to Prometheus."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@frozen
class Metric:
    """One metric; a counter's C{name} goes without its C{_total}, a histogram has C{buckets}."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    help: str
    buckets: tuple[float, ...] = ()

    @property
    def series(self) -> tuple[str, ...]:
        """The names under which its samples are found."""
        if self.kind is Kind.COUNTER:
            return (f"{self.name}_total",)
        if self.kind is Kind.HISTOGRAM:
            return tuple(f"{self.name}_{end}" for end in ("bucket", "sum", "count"))
        return (self.name,)


def _counter(name: str, doc: str, *labels: str) -> Metric:
    return Metric(PREFIX + name, Kind.COUNTER, labels, doc)


def _gauge(name: str, doc: str, *labels: str) -> Metric:
    return Metric(PREFIX + name, Kind.GAUGE, labels, doc)


def _histogram(name: str, doc: str, buckets: tuple[float, ...], *labels: str) -> Metric:
    return Metric(PREFIX + name, Kind.HISTOGRAM, labels, doc, buckets)


_LIVES: Final = (0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14400.0)
_LATENESS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

# --- connections ------------------------------------------------------------------------------

CONNECTIONS = _counter(
    "connections", "Connections, bare connects that sent no byte left out.", "section"
)
OPEN_CONNECTIONS = _gauge("open_connections", "Connections that are open now.", "section")
CLOSED = _counter(
    "connections_closed", "Connections that ended, by the reason; bare connects too.",
    *("section", "reason"),
)  # fmt: skip
LIVES = _histogram("connection_duration_seconds", "How long connections lasted.", _LIVES, "section")
BYTES = _counter(
    "relayed_bytes",
    "Bytes relayed, counted when a connection ends; direction is to_backend or to_client.",
    *("section", "direction"),
)
TURNED_AWAY = _counter(
    "connections_refused",
    "Connections that a limit kept out; reason is address, ban, rate, connections, client or "
    "descriptors. Told every ten seconds.",
    *("section", "reason"),
)
BANS = _gauge("bans", "Clients that are banned now.", "section")
NO_BACKEND = _counter(
    "no_backend", "Connections for which no backend could be connected.", "section"
)
DIAL_FAILURES = _counter(
    "dial_failures", "Attempts to connect a backend that failed.", "section", "backend"
)

# --- TLS --------------------------------------------------------------------------------------

HANDSHAKES = _counter(
    "handshakes",
    "TLS handshakes; result is full, resumed or failed. Of a failed one no more is known.",
    *("section", "result", "version", "cipher", "group"),
)
HANDSHAKE_FAILURES = _counter(
    "handshake_failures", "TLS handshakes that failed, by the kind of reason.", "section", "reason"
)
DAYS_LEFT = _gauge(
    "certificate_days_left",
    "Days until the certificate of the section expires, negative once it has.",
    "section",
)
STALE = _gauge(
    "certificate_stale",
    "1 while certificates, keys or other files of the section have changed on the disk and cannot "
    "be used, so that it goes on with those from before.",
    "section",
)

# --- DICOM ------------------------------------------------------------------------------------

ASSOCIATIONS = _counter(
    "associations", "Associations that ended, by how they did.", "section", "outcome"
)
OPEN_ASSOCIATIONS = _gauge("open_associations", "Associations that are open now.", "section")
ASSOCIATION_LIVES = _histogram(
    "association_duration_seconds", "How long associations lasted.", _LIVES, "section"
)
REFUSED = _counter(
    "associations_refused",
    "Associations against the rules of the section; enforced is no where those only report.",
    *("section", "enforced"),
)
OPERATIONS = _counter(
    "operations",
    "DICOM operations such as C-STORE in associations that ended, by the class of the final "
    "status: success, warning, failure, cancel or unanswered.",
    *("section", "operation", "status"),
)
OPERATION_BYTES = _counter(
    "operation_bytes", "Sizes of the data sets of these operations.", "section", "operation"
)

# --- backends ---------------------------------------------------------------------------------

BACKEND_STATE = _gauge(
    "backend_state",
    "1 for the state that the backend is in, 0 for the others: unknown, up, degraded, down.",
    *("section", "backend", "state"),
)
BACKEND_DRAINING = _gauge(
    "backend_draining", "1 while no new connection is sent to the backend.", "section", "backend"
)
CHECKS = _counter(
    "checks",
    "Checks of backends; result is alive, refused where it lives and does not take ours, or "
    "failed.",
    *("section", "backend", "result"),
)
CHECK_SECONDS = _gauge(
    "check_seconds", "How long the last check of the backend took.", "section", "backend"
)
CHECK_STEP_SECONDS = _gauge(
    "check_step_seconds", "The same for each of its steps.", "section", "backend", "step"
)

# --- the process ------------------------------------------------------------------------------

INFO = _gauge("info", "1, with the versions.", "version", "openssl")
READY = _gauge("ready", "1 when /readyz says so, else 0.")
RELOADS = _counter("reloads", "Reloads; result is accepted or refused.", "result")
LAST_RELOAD = _gauge(
    "last_reload_accepted", "0 when the last reload was refused, 1 otherwise."
)  # fmt: skip
WORKERS = _gauge("workers", "Worker processes that run; 0 where one process does all.")
WORKERS_WANTED = _gauge("workers_wanted", "How many there should be.")
WORKERS_LOST = _counter("workers_lost", "Worker processes that died.")
WORKER_CPU = _counter(
    "worker_cpu_seconds", "CPU time of a worker process; process_cpu_seconds is ours.", "worker"
)
WORKER_MEMORY = _gauge(
    "worker_resident_memory_bytes", "Resident memory of a worker process.", "worker"
)
LAG = _histogram(
    "event_loop_lag_seconds", "How late the reactor made a call, twice a second.", _LATENESS
)
STALLS = _counter("event_loop_stalls", "How often the reactor stood still for over a second.")
DEFECTS = _counter("internal_errors", "Defects of the appliance.")
UNWRITTEN = _gauge(
    "unwritten_records", "How many of log, journal and audit cannot be written at the moment."
)
FOLDED = _counter(
    "folded_labels", "Events counted under 'other', since a label had too many values.", "label"
)

METRICS: Final[tuple[Metric, ...]] = (
    *(CONNECTIONS, OPEN_CONNECTIONS, CLOSED, LIVES, BYTES, NO_BACKEND, DIAL_FAILURES),
    *(TURNED_AWAY, BANS),
    *(HANDSHAKES, HANDSHAKE_FAILURES, DAYS_LEFT, STALE),
    *(ASSOCIATIONS, OPEN_ASSOCIATIONS, ASSOCIATION_LIVES, REFUSED, OPERATIONS, OPERATION_BYTES),
    *(BACKEND_STATE, CHECKS, CHECK_SECONDS, CHECK_STEP_SECONDS),
    *(INFO, READY, RELOADS, LAST_RELOAD, WORKERS, WORKERS_WANTED, WORKERS_LOST),
    *(WORKER_CPU, WORKER_MEMORY, LAG, STALLS, DEFECTS, UNWRITTEN, FOLDED),
)
