"""Whether new connections are welcome: what load balancers ask, in one value and its reasons.

A PACS that is down does not make the appliance unready: it still answers in DICOM. Who wants to
know about backends asks for them.
"""

from __future__ import annotations

from attrs import define, field, frozen

from appliance.events import Health
from appliance.status.document import Section, State


@define
class Readiness:
    """What the process wants: whoever drains or stops it sets this, and the status tells it."""

    accepting: bool = False
    """The reactor runs and every section listens."""
    draining: bool = False
    """Connections go on, and new ones are better sent elsewhere."""
    drained: set[str] = field(factory=set)
    """The names of sections for which alone that is so."""
    stopping: bool = False

    @property
    def state(self) -> State:
        """The same in one word."""
        if self.stopping:
            return State.STOPPING
        if not self.accepting:
            return State.STARTING
        return State.DRAINING if self.draining else State.SERVING


@frozen
class Answer:
    """Whether all is as it must be (C{ready}), and C{lines} that say what is and what is not."""

    ready: bool
    lines: tuple[str, ...]


def readiness(state: State, sections: tuple[Section, ...], backends: bool = False) -> Answer:
    """Whether C{sections} are ready, as far as they are told; with their C{backends} if asked."""
    checks = [
        (state is State.SERVING, f"process: {state.value}"),
        *(_listening(section) for section in sections),
        *(_certificate(section) for section in sections if section.certificate is not None),
    ]
    if backends:
        checks += [_backends(section) for section in sections if section.backends]
    lines = tuple(f"{'ok  ' if good else 'FAIL'} {text}" for good, text in checks)
    return Answer(all(good for good, _ in checks), lines)


def _listening(section: Section) -> tuple[bool, str]:
    where = f"listens at {section.addresses}" if section.serving else "does not listen"
    if section.draining:
        where = "is draining"
    return section.serving and not section.draining, f"[{section.name}] {where}"


def _certificate(section: Section) -> tuple[bool, str]:
    assert section.certificate is not None  # noqa: S101
    left = section.certificate.daysLeft
    text = f"valid, {left} days left" if left >= 0 else "expired"
    return left >= 0, f"[{section.name}] certificate: {text}"


def _backends(section: Section) -> tuple[bool, str]:
    """Whether connections can go on to some backend; one of which nothing is known may do."""
    states = ", ".join(f"{backend.name} {backend.health.value}" for backend in section.backends)
    some = any(backend.health is not Health.DOWN for backend in section.backends)
    return some, f"[{section.name}] backends: {states}"
