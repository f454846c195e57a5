"""What is not as it should be, in words for a person, the worst first. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from attrs import evolve

from appliance.events import Health
from appliance.status.document import Document, Level, Process, Section, State, Trouble
from appliance.status.expiry import EXPIRES_SOON
from appliance.status.words import age, duration, number

LATE: Final = 1.0
"""Seconds by which the loop may be late before somebody should know."""

_RANK: Final = (Level.WELL, Level.ATTENTION, Level.TROUBLE)


def judged(document: Document) -> Document:
    """C{document} with its troubles and its level."""
    found = [*_state(document.state), *_process(document.process)]
    for section in document.sections:
        found += _section(section, document.at)
    found.sort(key=lambda trouble: -_RANK.index(trouble.level))
    level = found[0].level if found else Level.WELL
    return evolve(document, troubles=tuple(found), level=level)


def headline(document: Document) -> str:
    """All of it in one line."""
    if document.troubles:
        more = len(document.troubles) - 1
        return document.troubles[0].what + (f", and {more} more" if more else "")
    if document.state is State.STARTING:
        return "It is starting"
    return "All is well"


def _state(state: State) -> Iterator[Trouble]:
    if state is State.STOPPING:
        yield Trouble(Level.ATTENTION, "It is stopping")
    elif state is State.DRAINING:
        yield Trouble(Level.ATTENTION, "It is draining: new connections are better sent elsewhere")


def _process(process: Process) -> Iterator[Trouble]:
    missing = process.workersWanted - process.workers
    if missing > 0:
        what = f"{number(missing, 'worker')} of {process.workersWanted} not running"
        yield Trouble(Level.ATTENTION, what, "the log says how it ended; it is started again")
    last = process.lastReload
    if last is not None and not last.accepted:
        yield Trouble(
            Level.ATTENTION,
            "The last reload was refused, and the configuration before it goes on",
            "; ".join(last.problems),
        )
    for concern in process.concerns:
        yield Trouble(Level.ATTENTION, concern)
    if process.defects:
        what = f"{number(process.defects, 'internal error')} since the start"
        yield Trouble(Level.ATTENTION, what, "the log has the place of each: please report it")
    if process.lag >= LATE:
        what = f"The process was late by {duration(process.lag)} within the last minute"
        yield Trouble(Level.ATTENTION, what, "this machine may be too busy; more workers may help")


def _section(section: Section, now: float) -> Iterator[Trouble]:
    if section.draining:
        what = f"[{section.name}] is draining: new connections are better sent elsewhere"
        yield Trouble(Level.ATTENTION, what)
    if section.certificate is not None:
        yield from _certificate(section.name, section.certificate.daysLeft)
    if section.stale:
        what = f"[{section.name}] goes on with the files from before, since new ones are not good"
        yield Trouble(Level.ATTENTION, what, section.stale)
    down = [backend for backend in section.backends if backend.health is Health.DOWN]
    if down and len(down) == len(section.backends):
        names = _listed(backend.name for backend in down)
        since = _since([backend.since for backend in down], now)
        verb = "is" if len(down) == 1 else "are"
        what = f"[{section.name}] has no PACS: {names} {verb} down{since}"
        yield Trouble(Level.TROUBLE, what, _why(down[0].why, down[0].advice))
    else:
        for backend in down:
            what = f"[{section.name}] {backend.name} is down{_since([backend.since], now)}"
            yield Trouble(Level.ATTENTION, what, _why(backend.why, backend.advice))
    for backend in section.backends:
        if backend.health is Health.DEGRADED:
            what = f"[{section.name}] {backend.name} lives, but {backend.why}"
            yield Trouble(Level.ATTENTION, what, backend.advice)


def _certificate(name: str, left: int) -> Iterator[Trouble]:
    advice = "put a new one in its place"
    if left < 0:
        what = f"[{name}] shows a certificate that expired {number(-left, 'day')} ago"
        yield Trouble(Level.TROUBLE, what, advice)
    elif left < EXPIRES_SOON:
        what = f"[{name}] shows a certificate that expires in {number(left, 'day')}"
        yield Trouble(Level.ATTENTION, what, advice)


def _listed(names: Iterable[str]) -> str:
    return " and ".join(names)


def _since(times: list[float | None], now: float) -> str:
    known = [time for time in times if time is not None]
    return f" for {age(now - max(known))}" if known else ""


def _why(why: str, advice: str) -> str:
    return "; ".join(filter(None, (why, advice)))
