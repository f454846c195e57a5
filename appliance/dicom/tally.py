"""Counts the messages of one association by their kind, from command sets alone.

A request waits under its message id until its final response comes; several may wait at a time
(PS3.7 D.3.3.3), and either side may ask: the acceptor sends N-EVENT-REPORT, and C-STORE within a
C-GET. It keeps nothing of a message but numbers and the UID of its SOP class, and never more of
these than the limits below.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from attrs import define, field, frozen

from appliance.dicom.command import Command, isFailure, isPending, operationName
from appliance.events import Tally

MOST_KINDS: Final = 256
"""Kinds of messages that are counted apart; the rest are counted without their SOP class."""
MOST_WAITING: Final = 1024
"""Requests that may wait for a response; where one more comes, the oldest is given up."""
MOST_STATUSES: Final = 64
"""Different statuses that are counted of one kind."""
MOST_FAILURES: Final = 64
"""Failures of an association that are told."""

UID_LENGTH: Final = 64
"""Characters of a UID (PS3.5 9.1); what is longer is none, and cut."""


@frozen
class Failed:
    """The backend's first final response that says this failure for this operation."""

    operation: str
    sopClass: str
    status: int


@define
class _Count:
    """All messages of one kind so far."""

    operation: str
    sopClass: str
    requests: int = 0
    statuses: dict[int, int] = field(factory=dict)
    bytes: int = 0
    seconds: float = 0.0

    def answered(self, status: int) -> None:
        """There was a final answer."""
        if status in self.statuses or len(self.statuses) < MOST_STATUSES:
            self.statuses[status] = self.statuses.get(status, 0) + 1

    def frozen(self) -> Tally:
        """The same as a value."""
        statuses = tuple(sorted(self.statuses.items()))
        return Tally(
            self.operation, self.sopClass, self.requests, statuses, self.bytes, self.seconds
        )


@define(eq=False)
class Tallies:
    """The counts of one association; C{clock} gives seconds."""

    clock: Callable[[], float]
    _counts: dict[tuple[str, str], _Count] = field(factory=dict, init=False)
    _waiting: dict[tuple[bool, int | None], tuple[_Count, float]] = field(factory=dict, init=False)
    _latest: dict[tuple[bool, int], _Count] = field(factory=dict, init=False)
    """What a side's data set belongs to, by its context."""
    _failures: set[tuple[str, int]] = field(factory=set, init=False)

    def passed(self, fromClient: bool, counts: dict[int, int]) -> None:
        """So many more bytes of data sets have come from a side, by their contexts."""
        for context, size in counts.items():
            if (count := self._latest.get((fromClient, context))) is not None:
                count.bytes += size

    def request(self, fromClient: bool, context: int, sopClass: str, command: Command) -> None:
        """Count a request; C{sopClass} is that of its presentation context."""
        count = self._latest[fromClient, context] = self._count(sopClass, command)
        count.requests += 1
        if command.messageID is None:
            return
        if len(self._waiting) >= MOST_WAITING:
            del self._waiting[next(iter(self._waiting))]
        self._waiting[fromClient, command.messageID] = (count, self.clock())

    def response(
        self, fromClient: bool, context: int, sopClass: str, command: Command
    ) -> Failed | None:
        """Count a response to the other side's request, if it is the final one.

        Where it is the backend's and says failure, that is returned the first time.
        """
        waiting = (not fromClient, command.respondedTo)
        count, begun = self._waiting.get(waiting) or (self._count(sopClass, command), None)
        self._latest[fromClient, context] = count
        if command.status is None or isPending(command.status):
            return None
        if begun is not None:
            count.seconds += self.clock() - begun
            del self._waiting[waiting]
        count.answered(command.status)
        return None if fromClient else self._failed(count, command.status)

    def frozen(self) -> tuple[Tally, ...]:
        """All counts as values, in the order of their first messages."""
        return tuple(count.frozen() for count in self._counts.values())

    def _count(self, sopClass: str, command: Command) -> _Count:
        operation = operationName(command.field)
        uid = command.affectedClass or command.requestedClass or sopClass
        key = (operation, uid[:UID_LENGTH])
        if key not in self._counts:
            if len(self._counts) >= MOST_KINDS:
                key = (operation, "")
            self._counts.setdefault(key, _Count(*key))
        return self._counts[key]

    def _failed(self, count: _Count, status: int) -> Failed | None:
        key = (count.operation, status)
        if not isFailure(status) or key in self._failures or len(self._failures) >= MOST_FAILURES:
            return None
        self._failures.add(key)
        return Failed(count.operation, count.sopClass, status)
