"""What events tell of one section's backends: their states, their last checks.

A name in the configuration may stand for several addresses, which are known only once they are
checked or connected. What is no longer heard of after the configuration changed is not shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from attrs import define, evolve, field

from appliance.events import BackendChanged, BackendDrained, Checked, Health
from appliance.status import document as d

MOST = 64
"""Backends of one section that are remembered."""

_LITERAL = re.compile(r"(/.*|[0-9.]+:\d+|[0-9a-fA-F.]*:[0-9a-fA-F:.]*:\d+)")
"""A path, or an address that needs no resolver, with its port."""


@define
class Backends:
    """The backends of a section, by C{"address:port"}."""

    _configured: tuple[str, ...] = field(default=(), init=False)
    _known: dict[str, d.Backend] = field(factory=dict, init=False)
    _heard: set[str] = field(factory=set, init=False)
    """Those that something was heard of since the configuration changed."""

    def configure(self, configured: tuple[str, ...]) -> None:
        """The section connects to these addresses, as the configuration has them."""
        if configured != self._configured:
            self._known = {name: self._known[name] for name in self._known if name in self._heard}
            self._configured, self._heard = configured, set()

    def changed(self, event: BackendChanged, now: float) -> None:
        """A backend went from one state to another."""
        self._put(
            evolve(
                self._get(event.backend),
                health=event.after,
                why=event.why,
                advice=event.advice,
                since=now,
            )
        )

    def drained(self, event: BackendDrained) -> None:
        """A backend gets no new connections any more, or gets them again."""
        self._put(evolve(self._get(event.backend), draining=event.draining))

    def checked(self, event: Checked, now: float) -> None:
        """A check of a backend has ended."""
        steps = tuple(d.Step(step.name, step.seconds, step.ok) for step in event.steps)
        check = d.Check(event.kind, now, event.alive, event.found, event.seconds, steps)
        self._put(evolve(self._get(event.backend), check=check))

    def met(self, name: str) -> None:
        """A connection went there, or tried to."""
        if name not in self._heard:
            self._put(self._get(name))

    def _get(self, name: str) -> d.Backend:
        return self._known.get(name) or d.Backend(name, Health.UNKNOWN)

    def _put(self, backend: d.Backend) -> None:
        if backend.name in self._known or len(self._known) < MOST:
            self._known[backend.name] = backend
            self._heard.add(backend.name)

    def read(self) -> tuple[d.Backend, ...]:
        """All that there are, those of the configuration first."""
        names = list(dict.fromkeys(self._names()))
        return tuple(self._get(name) for name in names)

    def _names(self) -> Iterator[str]:
        known = [name for name in self._known if name in self._heard]
        for name in self._configured:
            # What a name stands for is among those that were heard of, if anything is known.
            if _LITERAL.fullmatch(name) or not known:
                yield name
        yield from known
