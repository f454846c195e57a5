"""Who is banned now, by what events tell: bans end by themselves, and nobody tells of that."""

from __future__ import annotations

from typing import Final

from attrs import define, field

from appliance.events import Banned, SectionEvent, Unbanned
from appliance.status.document import Ban

MOST: Final = 1000


@define
class Bans:
    """The bans of all sections, the latest last."""

    _known: dict[tuple[str, str], Ban] = field(factory=dict, init=False)

    def banned(self, event: Banned, now: float) -> None:
        """A client is not let in for a while."""
        key = event.section, event.client
        self._known.pop(key, None)
        if len(self._known) >= MOST:
            self._known.pop(next(iter(self._known)))
        self._known[key] = Ban(*key, event.why, now, now + event.seconds)

    def unbanned(self, event: Unbanned) -> None:
        """It is let in again."""
        self._known.pop((event.section, event.client), None)

    def gone(self, event: SectionEvent) -> None:
        """A section is no more, nor are its bans."""
        self._known = {key: ban for key, ban in self._known.items() if key[0] != event.section}

    def read(self, now: float) -> tuple[Ban, ...]:
        """Those that last, the latest first."""
        self._known = {key: ban for key, ban in self._known.items() if ban.until > now}
        return tuple(reversed(self._known.values()))
