"""The journal: a line of JSON for each association, whatever became of it.

A line is written when its association ends, in one call. A disk that takes none costs lines, which
are counted, and never more than that: nothing here raises or waits.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from attrs import evolve

from appliance.audit.connections import Connections, Known, Pending
from appliance.audit.record import WORKER_LOST, Entry, record
from appliance.events import (
    AssociationEnded,
    AssociationRequested,
    Closed,
    Event,
    JournalFailed,
    JournalResumed,
    Outcome,
    Reason,
)

MODE: Final = 0o640
"""What others may do with a journal that was not there."""


def now() -> datetime:
    """The present, with the offset of the machine's own time."""
    return datetime.now().astimezone()


class Lines:
    """The file at C{path}, to which whole lines are appended; making it raises C{OSError}.

    It is given to C{owner} and C{group}, the numbers of whom the process becomes, who must be able
    to open it again.
    """

    def __init__(self, path: str, owner: int | None = None, group: int | None = None) -> None:
        self.path = os.path.abspath(path)
        self._torn = False
        self._descriptor = self._opened()
        if owner is not None or group is not None:
            os.fchown(
                self._descriptor, -1 if owner is None else owner, -1 if group is None else group
            )

    def _opened(self) -> int:
        return os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, MODE)

    def reopen(self) -> None:
        """Open the path anew; raises C{OSError}, and the old file goes on."""
        fresh = self._opened()
        os.close(self._descriptor)
        self._descriptor, self._torn = fresh, False

    def append(self, line: bytes) -> None:
        """Append C{line} and its end; raises C{OSError}."""
        # What a full disk has cut short must not take the next line with it.
        data = b"\n" * self._torn + line + b"\n"
        written = os.write(self._descriptor, data)
        if written < len(data):
            self._torn = True
            raise OSError(0, "written in part only")
        self._torn = False

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


class Journal:
    """Listens to associations and writes their C{lines}.

    C{named} gives the words of a UID, C{now} the time, aware; C{announce} hears when lines are
    lost.
    """

    def __init__(
        self,
        lines: Lines,
        announce: Callable[[Event], None],
        named: Callable[[str], str],
        now: Callable[[], datetime] = now,
    ) -> None:
        self._lines = lines
        self._announce = announce
        self._named = named
        self._now = now
        self._connections = Connections()
        self._begun: dict[str, datetime] = {}
        self._lost = 0

    def __call__(self, event: Event) -> None:
        """Write the line of an association that C{event} ends."""
        match event:
            case AssociationRequested():
                self._begun[event.connection] = self._now()
            case AssociationEnded():
                self._begun.pop(event.connection, None)
                self._write(_ended(event), self._connections.of(event))
            case Closed():
                self._account(event)
        self._connections.note(event)

    def _account(self, event: Closed) -> None:
        """Write the line of an association whose connection ended before it was said to have."""
        begun = self._begun.pop(event.connection, None)
        known = self._connections.of(event)
        if known.pending is not None:
            seconds = 0.0 if begun is None else (self._now() - begun).total_seconds()
            self._write(_cut(event, known.pending, max(seconds, 0.0)), known)

    def _write(self, entry: Entry, known: Known) -> None:
        line = _line(record(entry, known, self._now(), self._named))
        try:
            self._lines.append(line)
        except OSError as error:
            self._lost += 1
            if self._lost == 1:
                self._announce(JournalFailed(self._lines.path, _words(error)))
            return
        lost, self._lost = self._lost, 0
        if lost:
            self._announce(JournalResumed(self._lines.path, lost))

    def reopen(self) -> None:
        """Open the file again, after it was moved away."""
        try:
            self._lines.reopen()
        except OSError as error:
            self._announce(JournalFailed(self._lines.path, _words(error), dropping=False))

    def close(self) -> None:
        """Write no more."""
        self._lines.close()


def _ended(event: AssociationEnded) -> Entry:
    association = event.association
    outcome = association.outcome or Outcome.CUT_BY_US
    return Entry(event, association, outcome.value, association.why)


def _cut(event: Closed, pending: Pending, seconds: float) -> Entry:
    association = evolve(pending.association, seconds=seconds)
    if event.reason is Reason.WORKER_LOST:
        why = "the process that had the connection died"
        return Entry(pending.event, association, WORKER_LOST, why)
    return Entry(pending.event, association, Outcome.CUT_BY_US.value, event.reason.value)


def _line(entry: dict[str, Any]) -> bytes:
    # In ASCII, so that nothing which a peer has sent can break a line or a terminal.
    return json.dumps(entry, separators=(",", ":")).encode("ascii")


def _words(error: OSError) -> str:
    return error.strerror or type(error).__name__
