"""Listens to the events and writes their lines to the sinks, as far as C{debug} asks for them.

It also stands in for Twisted's own log: of that, only defects are shown, in our words.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any

from attrs import define, field
from twisted.python.failure import Failure

from appliance.events import (
    Event,
    Events,
    InternalError,
    LogReopened,
    SectionEvent,
)
from appliance.logs.shapes import Shape
from appliance.logs.sinks import Sink
from appliance.logs.vocabulary import MAIN, levels, lines

DEFAULT_LEVEL = 5


@define
class LogListener:
    """Writes lines to C{sinks}; C{levels} gives the highest level shown, by section name.

    C{level} is for what belongs to no section, and C{main} what such lines have in their brackets.
    """

    sinks: tuple[Sink, ...] = ()
    level: int = DEFAULT_LEVEL
    levels: Mapping[str, int] = field(factory=dict)
    main: str = MAIN

    def __call__(self, event: Event) -> None:
        """Write the lines of C{event}."""
        shown = self.shown(event.section) if isinstance(event, SectionEvent) else self.level
        if levels(type(event)) > shown:
            return
        for line in lines(event, self.main, shown):
            for sink in self.sinks:
                sink.write(line)

    def shown(self, section: str) -> int:
        """The highest level that is shown of C{section}."""
        return self.levels.get(section, self.level)

    def writeAs(self, shape: Shape) -> None:
        """Let lines have C{shape} from now on."""
        for sink in self.sinks:
            sink.shape = shape

    def reopen(self) -> None:
        """Open log files again and say so."""
        outcomes = [sink.reopen() for sink in self.sinks]
        lost = [outcome for outcome in outcomes if outcome is not None]
        if not lost:
            self(LogReopened())
        for failure in lost:
            self(failure)


def internalError(error: BaseException, trace: Iterable[str]) -> InternalError:
    """The event for a defect: where it is and what kind, never the exception's own text.

    That text may quote what a peer sent, and so what must never be logged.
    """
    return InternalError(type(error).__name__, tuple(trace))


def _frames(trace: TracebackType | None) -> list[str]:
    return [f"{f.filename}:{f.lineno} in {f.name}" for f in traceback.extract_tb(trace)]


def onError(events: Callable[[Event], None]) -> Callable[[BaseException], None]:
    """What L{Events} calls when a subscriber fails: it tells C{events}, once."""

    def tell(error: BaseException) -> None:
        events(internalError(error, _frames(error.__traceback__)))

    return tell


def twistedObserver(events: Events) -> Callable[[Mapping[str, Any]], None]:
    """An observer for Twisted's logger that announces unexpected failures and drops the rest."""

    def observe(event: Mapping[str, Any]) -> None:
        # Twisted's older parts, the reactor among them, report under the second name.
        failure = event.get("log_failure") or event.get("failure")
        if isinstance(failure, Failure) and failure.value is not None:
            frames = [f"{name[1]}:{name[2]} in {name[0]}" for name in failure.frames]
            trace = frames or _frames(failure.value.__traceback__)
            events.publish(internalError(failure.value, trace))

    return observe
