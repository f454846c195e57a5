"""What events tell of one section: connections, associations, operations, certificate, backends.

It counts and remembers; it judges nothing.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from attrs import define, field

from appliance.dicom.command import statusClass
from appliance.events import Association, Closed, FilesRefused, Ready
from appliance.status import document as d
from appliance.status.backends import Backends

DAY: Final = 86400

MOST_OPERATIONS: Final = 32
"""Kinds of operations that are counted apart."""

OTHER: Final = "other"
UNANSWERED: Final = "unanswered"
"""In the place of a status where no final answer came."""


def statuses(requests: int, answers: tuple[tuple[int, int], ...]) -> Counter[str]:
    """Final C{answers} by the class of their status; what is missing of C{requests} too."""
    counts: Counter[str] = Counter()
    for status, count in answers:
        counts[statusClass(status)] += count
    missing = requests - counts.total()
    if missing > 0:
        counts[UNANSWERED] = missing
    return counts


@define
class SectionLedger:
    """The counts of the section C{name}."""

    name: str
    serving: bool = True
    open: int = 0
    backends: Backends = field(factory=Backends)
    _addresses: str = ""
    _targets: str = ""
    _certificate: d.Certificate | None = None
    _stale: str = ""
    _readyAt: float = 0.0
    _total: int = 0
    _ended: Counter[str] = field(factory=Counter)
    _outcomes: Counter[str] = field(factory=Counter)
    _toBackend: int = 0
    _toClient: int = 0
    _operations: dict[str, tuple[Counter[str], int]] = field(factory=dict)

    def ready(self, event: Ready, now: float) -> None:
        """The section serves, with what it may have changed."""
        self.serving = True
        self._addresses, self._targets = event.addresses, event.backends
        self._readyAt = now
        self._stale = ""
        self._certificate = None
        if event.daysLeft is not None:
            self._certificate = d.Certificate(event.certificate, event.daysLeft, event.notAfter)
        self.backends.configure(event.targets)

    def filesRefused(self, event: FilesRefused) -> None:
        """Files on the disk are not those that are served with."""
        self._stale = event.problems[0] if event.problems else "unknown"

    def filesChanged(self) -> None:
        """Now they are."""
        self._stale = ""

    def opened(self) -> None:
        """A connection is there."""
        self.open += 1
        self._total += 1

    def closed(self, event: Closed, wasOpen: bool) -> None:
        """A connection has ended, be it one that was never counted as open."""
        self.open -= wasOpen
        self._ended[event.reason.value] += 1
        self._toBackend += event.sentToTLS if event.dialled else event.sentToSocket
        self._toClient += event.sentToSocket if event.dialled else event.sentToTLS

    def associated(self, outcome: str, association: Association | None) -> None:
        """An association has ended; C{None} where nobody could tell what it was."""
        self._outcomes[outcome] += 1
        for tally in () if association is None else association.tallies:
            counts = statuses(tally.requests, tally.statuses)
            full = len(self._operations) >= MOST_OPERATIONS
            name = OTHER if full and tally.operation not in self._operations else tally.operation
            before, size = self._operations.get(name, (Counter[str](), 0))
            self._operations[name] = (before + counts, size + tally.bytes)

    @property
    def idle(self) -> bool:
        """True when a section that was removed has nothing more to tell."""
        return not (self.serving or self.open > 0)

    def certificate(self, now: float) -> d.Certificate | None:
        """The section's certificate, with the days that it has left now."""
        shown = self._certificate
        if shown is None:
            return None
        if shown.notAfter is None:
            # Nobody knows the hour: the days since it was told are what has passed.
            left = shown.daysLeft - int((now - self._readyAt) // DAY)
        else:
            left = int((shown.notAfter - now) // DAY)
        return d.Certificate(shown.subject, left, shown.notAfter)

    def read(self, now: float, associations: int, draining: bool) -> d.Section:
        """All of it; C{associations} are open now."""
        return d.Section(
            name=self.name,
            serving=self.serving,
            draining=draining,
            addresses=self._addresses,
            targets=self._targets,
            connections=self.open,
            connectionsTotal=self._total,
            ended=dict(self._ended),
            bytesToBackend=self._toBackend,
            bytesToClient=self._toClient,
            associations=associations,
            outcomes=dict(self._outcomes),
            operations=tuple(
                d.Operation(name, dict(counts), size)
                for name, (counts, size) in self._operations.items()
            ),
            backends=self.backends.read(),
            certificate=self.certificate(now),
            stale=self._stale,
        )
