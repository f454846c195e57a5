"""Listens to what happens and keeps what a person wants to know of it, within bounds.

It is asked for a L{Document} now and then. It formats nothing and reaches into nothing: what it
knows it has heard, and its clock (seconds since 1970) tells it when.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from attrs import define, field

from appliance import events as e
from appliance.status import document as d
from appliance.status.bans import Bans
from appliance.status.lag import Lag
from appliance.status.process import ProcessLedger
from appliance.status.readiness import Readiness
from appliance.status.refusals import KINDS, Refusals
from appliance.status.ring import Ring
from appliance.status.sections import SectionLedger
from appliance.status.shakes import Shakes
from appliance.status.traffic import Traffic
from appliance.status.verdict import judged
from appliance.status.wall import Clock

WORKER_LOST: Final = "worker lost"
"""The outcome of an association of whose end nobody could tell."""


@define(eq=False)
class Ledger:
    """The appliance as its events tell it. C{readiness} is what the process itself wants."""

    clock: Clock
    readiness: Readiness = field(factory=Readiness)
    lag: Lag = field(factory=Lag)
    process: ProcessLedger = field(init=False)
    traffic: Traffic = field(factory=Traffic, init=False)
    _sections: dict[str, SectionLedger] = field(factory=dict, init=False)
    _shakes: Shakes = field(factory=Shakes, init=False)
    _refusals: Refusals = field(factory=Refusals, init=False)
    _bans: Bans = field(factory=Bans, init=False)
    _ring: Ring = field(factory=Ring, init=False)
    _hear: dict[type[e.Event], Callable[[Any], None]] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.process = ProcessLedger(self.clock, self.readiness)
        self._hear = {
            **self.process.hears,
            e.Ready: self._ready,
            e.FilesChanged: lambda event: self._section(event).filesChanged(),
            e.FilesRefused: lambda event: self._section(event).filesRefused(event),
            e.Unbound: self._unbound,
            e.Opened: self._opened,
            e.Closed: self._closed,
            e.DialFailed: self._met,
            e.Dialled: self._met,
            e.BackendChanged: lambda event: self._backends(event).changed(event, self._now),
            e.BackendDrained: lambda event: self._backends(event).drained(event),
            e.Checked: lambda event: self._backends(event).checked(event, self._now),
            e.AssociationRequested: self._requested,
            e.AssociationAccepted: self.traffic.accepted,
            e.AssociationEnded: self._ended,
            e.Handshaken: self._shakes.done,
            **dict.fromkeys(KINDS, self._refused),
            e.HandshakeFailed: self._handshakeFailed,
            e.Limited: lambda event: self._refusals.add(event, event.client, self._now),
            e.Banned: lambda event: self._bans.banned(event, self._now),
            e.Unbanned: self._bans.unbanned,
        }

    def __call__(self, event: e.Event) -> None:
        """Hear of C{event}."""
        hear = self._hear.get(type(event))
        if hear is not None:
            hear(event)

    @property
    def _now(self) -> float:
        return self.clock.seconds()

    def _section(self, event: e.SectionEvent) -> SectionLedger:
        """What is known of a section; one that nobody has announced is not remembered."""
        return self._sections.get(event.section) or SectionLedger(event.section)

    def _backends(self, event: e.SectionEvent) -> Any:
        return self._section(event).backends

    # --- sections --------------------------------------------------------------------------

    def _ready(self, event: e.Ready) -> None:
        section = self._sections.setdefault(event.section, SectionLedger(event.section))
        section.ready(event, self._now)

    def _unbound(self, event: e.Unbound) -> None:
        self._section(event).serving = False
        self._bans.gone(event)
        self._forgetIdle(event)

    def _forgetIdle(self, event: e.SectionEvent) -> None:
        if self._section(event).idle:
            self._sections.pop(event.section, None)

    # --- connections -----------------------------------------------------------------------

    def _opened(self, event: e.Opened) -> None:
        if self.traffic.opened(event.connection, event.client):
            self._section(event).opened()
            self._ring.add(self._now, connections=1)

    def _closed(self, event: e.Closed) -> None:
        section = self._section(event)
        if self.traffic.ended(event.connection):
            section.associated(WORKER_LOST, None)
        section.closed(event, self.traffic.closed(event.connection))
        self._ring.add(self._now, size=event.sentToTLS + event.sentToSocket)
        self._forgetIdle(event)

    def _met(self, event: e.Dialled | e.DialFailed) -> None:
        self._section(event).backends.met(event.backend)

    # --- associations ----------------------------------------------------------------------

    def _requested(self, event: e.AssociationRequested) -> None:
        self.traffic.requested(event, self._now)
        self._ring.add(self._now, associations=1)

    def _ended(self, event: e.AssociationEnded) -> None:
        self.traffic.ended(event.connection)
        association = event.association
        outcome = association.outcome or e.Outcome.CUT_BY_US
        self._section(event).associated(outcome.value, association)

    # --- refusals --------------------------------------------------------------------------

    def _refused(self, event: e.ConnectionEvent) -> None:
        self._refusals.add(event, self.traffic.client(event.connection), self._now)

    def _handshakeFailed(self, event: e.HandshakeFailed) -> None:
        self._shakes.failed(event)
        self._refused(event)

    # --- what is told ----------------------------------------------------------------------

    @property
    def sections(self) -> tuple[d.Section, ...]:
        """All sections as they are now."""
        return tuple(
            section.read(self._now, self.traffic.associations(name), name in self.readiness.drained)
            for name, section in self._sections.items()
        )

    def read(self) -> d.Document:
        """All of it, as it is now."""
        done, failed = self._shakes.read()
        return judged(
            d.Document(
                version=d.VERSION,
                at=self._now,
                state=self.readiness.state,
                level=d.Level.WELL,
                troubles=(),
                process=self.process.read(self.lag.worst(self._now)),
                sections=self.sections,
                associations=self.traffic.read(),
                handshakes=done,
                handshakeFailures=failed,
                refusals=self._refusals.read(),
                minutes=self._ring.last(self._now),
                bans=self._bans.read(self._now),
            )
        )
