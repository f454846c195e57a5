"""What is known about the backends of one section: who is up, who is let rest, who has how many.

It is told, by checks and by what becomes of connections, and asked before each dial. It outlives
reloads. It judges nobody and dials nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from attrs import define, evolve, field, frozen

from appliance.backend.resolve import Target
from appliance.events import Closed, Dialled, Event, Health

Summary = tuple[tuple[str, Health, bool, bool], ...]
"""By target what a choice depends on: its state, whether it is checked, whether it is drained."""


@frozen
class Standing:
    """How one target (C{"address:port"}) stands.

    C{why} and C{advice} are words for a person, C{since} is when C{health} came to be what it is
    (seconds of the clock). C{checked}: there are periodic checks of it. C{draining}: no new
    connection is to go there.
    """

    health: Health = Health.UNKNOWN
    why: str = ""
    advice: str = ""
    since: float = 0.0
    checked: bool = False
    draining: bool = False


UNKNOWN = Standing()

HEARD: Final = (Dialled, Closed)
"""The events that a board counts by."""

ALL = ""
"""What stands for all targets together, where they are drained together."""


@define(eq=False)
class Board:
    """The standings and the loads of a section's targets, by their C{str}.

    C{changed} is called after each change of what a choice depends on.
    """

    changed: Callable[[], None] = field(default=lambda: None)
    _standings: dict[str, Standing] = field(factory=dict, init=False)
    _loads: Counter[str] = field(factory=Counter, init=False)
    _places: dict[str, str] = field(factory=dict, init=False)

    # --- what is told ----------------------------------------------------------------------

    def put(
        self, target: str, health: Health, why: str, advice: str, since: float, checked: bool
    ) -> None:
        """Let C{target} stand so; whether it is drained is not the judges' to say."""
        draining = self.standing(target).draining
        self._set(target, Standing(health, why, advice, since, checked, draining))

    def drain(self, target: str, draining: bool) -> None:
        """Send nobody new to C{target}, or do so again."""
        self._set(target, evolve(self.standing(target), draining=draining))

    @property
    def drained(self) -> bool:
        """True when nobody new is to go anywhere."""
        return self.standing(ALL).draining

    @property
    def drains(self) -> tuple[str, ...]:
        """Whom nobody new is to go to, L{ALL} among them."""
        return tuple(name for name, standing in self._standings.items() if standing.draining)

    def forget(self, target: str) -> None:
        """Let C{target} be as if never heard of, but for its being drained."""
        if self.standing(target).draining:
            self._set(target, Standing(draining=True))
        elif self._standings.pop(target, None) is not None:
            self.changed()

    def replace(self, summary: Summary) -> None:
        """Let all stand as in the C{summary} of another process's board."""
        self._standings = {
            target: Standing(health, checked=checked, draining=draining)
            for target, health, checked, draining in summary
        }

    def hear(self, event: Event) -> None:
        """Count the connections that each target has."""
        if isinstance(event, Dialled):
            self._left(event.connection)
            self._places[event.connection] = event.backend
            self._loads[event.backend] += 1
        elif isinstance(event, Closed):
            self._left(event.connection)

    def _left(self, connection: str) -> None:
        target = self._places.pop(connection, None)
        if target is not None:
            self._loads[target] -= 1
            if not self._loads[target]:
                del self._loads[target]

    def _set(self, target: str, standing: Standing) -> None:
        before, self._standings[target] = self.standing(target), standing
        if _gist(before) != _gist(standing):
            self.changed()

    # --- what is asked ---------------------------------------------------------------------

    @property
    def standings(self) -> Mapping[str, Standing]:
        """All that is known, by target."""
        return {target: standing for target, standing in self._standings.items() if target != ALL}

    def standing(self, target: str) -> Standing:
        """How C{target} stands."""
        return self._standings.get(target, UNKNOWN)

    def load(self, target: str) -> int:
        """How many connections C{target} has, of those whose events come here."""
        return self._loads.get(target, 0)

    @property
    def summary(self) -> Summary:
        """What a choice depends on, for the board of another process."""
        return tuple((target, *_gist(standing)) for target, standing in self._standings.items())

    def able(self, targets: Iterable[Target]) -> list[Target]:
        """Those of C{targets} that may be tried at all.

        One that is drained may not, nor one that checks have found to be down. One that is down
        by connections alone may: nobody else would find out that it is up again.
        """
        if self.standing(ALL).draining:
            return []
        return [target for target in targets if self._mayBeTried(self.standing(str(target)))]

    def upFirst(self, targets: Iterable[Target]) -> list[Target]:
        """C{targets} in their order, but those last that are down."""
        return sorted(targets, key=self.isDown)

    def isDown(self, target: Target) -> bool:
        """True when C{target} is known to be down."""
        return self.standing(str(target)).health is Health.DOWN

    @staticmethod
    def _mayBeTried(standing: Standing) -> bool:
        return not (standing.draining or (standing.checked and standing.health is Health.DOWN))


def _gist(standing: Standing) -> tuple[Health, bool, bool]:
    return standing.health, standing.checked, standing.draining
