"""Who is in, over all sections: no more than the process has file descriptors for.

Each connection is counted by the section that accepted it, whichever serves it in the end, and
heard of there.
"""

from __future__ import annotations

from collections.abc import Callable

from appliance.events import Closed, ConnectionEvent
from appliance.section.limits import Limits


class Census:
    """The open connections of a process and of its workers; C{capacity} gives how many may be."""

    def __init__(self, capacity: Callable[[], int]) -> None:
        self._capacity = capacity
        self._inside: dict[str, Limits] = {}

    def __len__(self) -> int:
        return len(self._inside)

    def full(self) -> bool:
        """True when there is no place for one more."""
        return len(self._inside) >= self._capacity()

    def enter(self, connection: str, limits: Limits) -> None:
        """C{connection} was let in by C{limits}."""
        self._inside[connection] = limits

    def left(self, connection: str) -> None:
        """C{connection} is no more, of which there was no L{Closed}."""
        limits = self._inside.pop(connection, None)
        if limits is not None:
            limits.left(connection)

    def hear(self, event: ConnectionEvent) -> None:
        """Let the section learn that has let the connection in."""
        limits = self._inside.get(event.connection)
        if limits is not None:
            limits.hear(event)
            if isinstance(event, Closed):
                del self._inside[event.connection]
