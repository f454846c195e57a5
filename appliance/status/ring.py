"""The last hour, minute by minute. It keeps sixty entries and never more."""

from __future__ import annotations

from attrs import define, evolve, field

from appliance.status.document import Minute

MINUTE = 60
LENGTH = 60


@define
class Ring:
    """Adds up what happens in each minute; times are seconds since 1970."""

    _minutes: dict[int, Minute] = field(factory=dict, init=False)

    def add(self, now: float, connections: int = 0, associations: int = 0, size: int = 0) -> None:
        """Count what has just happened; C{size} is bytes."""
        number = int(now // MINUTE)
        minute = self._minutes.get(number) or Minute(number * MINUTE)
        self._minutes[number] = evolve(
            minute,
            connections=minute.connections + connections,
            associations=minute.associations + associations,
            bytes=minute.bytes + size,
        )
        if len(self._minutes) > LENGTH:
            # A clock that was set back leaves minutes behind that are never asked for.
            del self._minutes[max(self._minutes, key=lambda each: abs(each - number))]

    def last(self, now: float) -> tuple[Minute, ...]:
        """The last sixty minutes, the oldest first; the running one is the last."""
        number = int(now // MINUTE)
        numbers = range(number - LENGTH + 1, number + 1)
        return tuple(self._minutes.get(each) or Minute(each * MINUTE) for each in numbers)
