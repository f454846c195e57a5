"""Stands before the log, and sums up the connections that fail in the same way over and over.

A client that is refused may come again at once, and each time is five lines. From the sixth time
within a minute on, those of the same client, section and kind of failure are counted, and one line
a minute tells how many there were. What a client has to say is held back only once it is known to
fail, and only until its connection has gone well or ended. Whoever shows level 7 wants to see
everything, and does. Only the log is spared: all others hear every event.
"""

from __future__ import annotations

from typing import Any, Final

from attrs import define, field, frozen
from twisted.internet.interfaces import IDelayedCall

from appliance.events import (
    AssociationAccepted,
    AssociationRefused,
    AssociationRejected,
    Closed,
    ConnectionEvent,
    Event,
    HandshakeFailed,
    Misplaced,
    NoBackend,
    NotAdmitted,
    Opened,
    Reason,
    Repeated,
    Unannounced,
)
from appliance.logs.listener import LogListener
from appliance.logs.vocabulary import levels

SHOWN: Final = 5
"""So many failures of a kind within L{WINDOW} have all their lines."""

WINDOW: Final = 60.0
"""Seconds that are summed up in one line."""

MOST_SOURCES: Final = 1024
"""Clients that are told apart at a time; those beyond are counted together in each section."""

MOST_EVENTS: Final = 64
"""Events of one connection that are held back; one that has more is no mere failure."""

LONGEST: Final = 300
"""Characters of what peers may have written that are kept."""

OTHERS: Final = "other clients"

EVERYTHING: Final = 7
"""The level at which nothing is held back."""

Source = tuple[str, str]
"""A section, and a client's host."""

_UNTOLD: Final = (
    *(Reason.UNANNOUNCED, Reason.HANDSHAKE, Reason.HANDSHAKE_TIMEOUT, Reason.REFUSED),
    *(Reason.NO_BACKEND, Reason.NOT_DICOM, Reason.LIMIT),
)
"""Ends that are failures, even where no event has said so: workers tell only what is shown."""


@frozen
class Failure:
    """Why a connection came to nothing: its C{kind}, the same in words, and the urgency of that."""

    kind: str
    why: str
    level: int


@define
class _Count:
    """The failures of one kind: all of them, those of which no line was written, and the last."""

    last: Failure
    all: int = 0
    held: int = 0


@define
class _Window:
    """What one source does until C{timer} is over."""

    timer: IDelayedCall
    begun: float
    counts: dict[str, _Count] = field(factory=dict)

    @property
    def loud(self) -> bool:
        return any(count.all >= SHOWN for count in self.counts.values())


@define
class _Held:
    """The events of one connection that wait for its end."""

    since: float
    events: list[Event] = field(factory=list)


class Damper:
    """Hands events on to C{log}, all but those that are summed up."""

    def __init__(self, clock: Any, log: LogListener) -> None:
        self._clock = clock
        self._log = log
        self._windows: dict[Source, _Window] = {}
        self._failures: dict[str, Failure] = {}
        self._held: dict[str, _Held] = {}

    def __call__(self, event: Event) -> None:
        """Hand C{event} on, or hold it back."""
        if isinstance(event, Closed):
            self._closed(event)
            return
        if type(event) in _WATCHED:
            self._watch(event)
        if self._held and isinstance(event, ConnectionEvent):
            held = self._held.get(event.connection)
            if held is not None:
                held.events.append(event)
                if len(held.events) > MOST_EVENTS:
                    self._release(event.connection)
                return
        self._log(event)

    # --- one connection --------------------------------------------------------------------

    def _watch(self, event: Any) -> None:
        failure = described(event)
        if failure is not None:
            self._failures.setdefault(event.connection, failure)
        if isinstance(event, AssociationAccepted):
            self._failures.pop(event.connection, None)
            self._release(event.connection)
        elif isinstance(event, Opened):
            self._begin(event, event.client)
        elif isinstance(event, Unannounced):
            self._begin(event, event.remote)

    def _begin(self, event: ConnectionEvent, client: str) -> None:
        """Hold back the first that is told of a connection, where more of the same is expected."""
        window = self._windows.get(self._source(event.section, client)) if self._windows else None
        if window is not None and window.loud and self._log.shown(event.section) < EVERYTHING:
            self._held[event.connection] = _Held(self._clock.seconds())

    def _closed(self, event: Closed) -> None:
        failure = self._failures.pop(event.connection, None)
        if failure is None and event.reason in _UNTOLD:
            failure = Failure(event.reason.value, event.reason.value, levels(Closed))
        if failure is not None:
            count = self._count(event, failure)
            if count.all > SHOWN and self._held.pop(event.connection, None) is not None:
                count.held += 1
                return
        self._release(event.connection)
        self._log(event)

    def _count(self, event: Closed, failure: Failure) -> _Count:
        source = self._source(event.section, event.client)
        window = self._windows.get(source)
        if window is None:
            window = self._windows[source] = self._window(source)
        count = window.counts.setdefault(failure.kind, _Count(failure))
        count.all += 1
        count.last = failure
        return count

    def _release(self, connection: str) -> None:
        held = self._held.pop(connection, None)
        if held is not None:
            for event in held.events:
                self._log(event)

    # --- one source ------------------------------------------------------------------------

    def _source(self, section: str, client: str) -> Source:
        source = section, client.rpartition(":")[0] or client
        if source not in self._windows and len(self._windows) >= MOST_SOURCES:
            return section, OTHERS
        return source

    def _window(self, source: Source) -> _Window:
        return _Window(self._clock.callLater(WINDOW, self._over, source), self._clock.seconds())

    def _over(self, source: Source) -> None:
        """Sum up, and begin anew with those kinds that go on."""
        window = self._windows.pop(source)
        self._tell(source, window)
        lasting = {
            kind: _Count(count.last, SHOWN) for kind, count in window.counts.items() if count.held
        }
        if lasting:
            self._windows[source] = self._window(source)
            self._windows[source].counts = lasting
        self._releaseOld()

    def _tell(self, source: Source, window: _Window) -> None:
        seconds = max(1.0, self._clock.seconds() - window.begun)
        for count in window.counts.values():
            if count.held:
                last = count.last
                self._log(Repeated(*source, count.held, seconds, last.why, last.level))

    def _releaseOld(self) -> None:
        """Let those be seen that have neither failed nor gone well for long: they just go on."""
        # Where no window is left nobody comes back to them.
        since = self._clock.seconds() - WINDOW if self._windows else float("inf")
        for connection, held in tuple(self._held.items()):
            if held.since > since:
                break
            self._release(connection)

    def flush(self) -> None:
        """Tell all that was counted or held back, and wait for nothing more."""
        windows, self._windows = self._windows, {}
        for source, window in windows.items():
            window.timer.cancel()
            self._tell(source, window)
        for connection in tuple(self._held):
            self._release(connection)


def described(event: Event) -> Failure | None:
    """What C{event} says about the failure of its connection; C{None} where it is none."""
    match event:
        case HandshakeFailed():
            kind, why = event.kind, event.found
        case NotAdmitted():
            kind, why = "not admitted", event.why
        case Unannounced() | Misplaced():
            kind, why = "misplaced", event.found
        case AssociationRefused() if event.enforced:
            kind, why = "against the rules", event.why
        case AssociationRejected():
            kind, why = "rejected", f"{event.backend} rejected the association: {event.why}"
        case NoBackend():
            kind, why = "no backend", "no backend can be connected"
        case _:
            return None
    return Failure(kind, why[:LONGEST], levels(type(event)))


_WATCHED: Final = frozenset(
    (
        *(Opened, AssociationAccepted, HandshakeFailed, NotAdmitted, Unannounced, Misplaced),
        *(AssociationRefused, AssociationRejected, NoBackend),
    )
)
"""The events that are looked at, but for the end."""
