"""Who is connected now, and which associations are open: one entry for each, until its end."""

from __future__ import annotations

from collections import Counter
from typing import Final

from attrs import define, evolve, field

from appliance.events import AssociationEvent, AssociationRequested
from appliance.status.document import OpenAssociation

MOST_SHOWN: Final = 200


@define
class Traffic:
    """Open connections and their associations, by the connection's id."""

    _clients: dict[str, str] = field(factory=dict, init=False)
    _associations: dict[str, OpenAssociation] = field(factory=dict, init=False)
    _open: Counter[str] = field(factory=Counter, init=False)
    """Open associations by section."""

    def opened(self, connection: str, client: str) -> bool:
        """A connection is there; false where that was known."""
        if connection in self._clients:
            return False
        self._clients[connection] = client
        return True

    def closed(self, connection: str) -> bool:
        """A connection is gone; true where it was known."""
        return self._clients.pop(connection, None) is not None

    def client(self, connection: str) -> str:
        """Where the client of a connection called from; empty where that is not known."""
        return self._clients.get(connection, "")

    def requested(self, event: AssociationRequested, now: float) -> None:
        """An association was asked for."""
        self.ended(event.connection)
        self._open[event.section] += 1
        self._associations[event.connection] = OpenAssociation(
            section=event.section,
            calling=event.calling,
            called=event.called,
            client=self.client(event.connection),
            backend=event.backend or "",
            accepted=False,
            since=now,
        )

    def accepted(self, event: AssociationEvent) -> None:
        """The backend has accepted it."""
        known = self._associations.get(event.connection)
        if known is not None:
            known = evolve(known, accepted=True, backend=event.backend or known.backend)
            self._associations[event.connection] = known

    def ended(self, connection: str) -> bool:
        """The association on a connection is over; false where there was none."""
        known = self._associations.pop(connection, None)
        if known is not None:
            self._open[known.section] -= 1
        return known is not None

    def associations(self, section: str) -> int:
        """How many associations a section has."""
        return self._open[section]

    def read(self) -> tuple[OpenAssociation, ...]:
        """The oldest ones."""
        return tuple(self._associations.values())[:MOST_SHOWN]
