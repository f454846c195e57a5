"""Watches the backends of one section: checks them in turn, hears of their connections, judges.

There is never more than one check of a target at a time, so that nothing piles up behind a PACS
that hangs. A monitor knows neither settings nor sockets: a L{Plan} brings the checks.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, Final

from attrs import define
from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from appliance.dicom.reasons import CALLED_TITLE
from appliance.events import (
    AssociationAccepted,
    BackendChanged,
    Checked,
    CheckStep,
    Event,
    Events,
)
from appliance.health.evidence import Evidence
from appliance.health.judge import UNKNOWN, Judge, Known, Verdict
from appliance.health.plan import Place, Plan, Probe, Standings
from appliance.health.result import Result

log = Logger()

JITTER: Final = 0.1
"""The part of the interval that each may be shorter or longer, and that the first is of it."""


@define(eq=False)
class Watched:
    """One target, with the C{verdict} that was told last, and whether as of a C{checked} one.

    C{placed}: a place stands for it, it was not only named by an event.
    """

    judge: Judge
    since: float
    verdict: Verdict = UNKNOWN
    checked: bool = False
    told: bool | None = None
    placed: bool = False
    turn: int = 0
    asking: Deferred[None] | None = None


class Monitor:
    """Watches the backends of C{section} by a C{plan}.

    What it finds is kept by C{standings} and announced on C{events}: each check, and each change
    of a state. C{uniform} draws a number between two others.
    """

    def __init__(
        self,
        clock: IReactorTime,
        section: str,
        events: Events,
        standings: Standings,
        plan: Plan,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._clock = clock
        self._section = section
        self._events = events
        self._standings = standings
        self._plan = plan
        self._uniform = uniform
        self._evidence = Evidence()
        self._watched: dict[str, Watched] = {}
        self._named: dict[Place, frozenset[str]] = {}
        self._looking: dict[Place, Deferred[None]] = {}
        self._resting: set[str] = set()
        self._turn = 0
        self._timer: IDelayedCall | None = None

    # --- from start to stop ----------------------------------------------------------------

    def use(self, plan: Plan) -> None:
        """Watch by C{plan} from now on; what is known of targets that stay is kept."""
        self._plan = plan
        for watched in self._watched.values():
            watched.judge.limits = plan.limits
        if self._timer is not None:
            self.stop()
            self.start()

    def start(self) -> None:
        """Find out what there is to watch, and check it within a tenth of the interval."""
        self._named.clear()
        for place in self._plan.places:
            self._look(place, check=False)
        first = self._uniform(0, JITTER * self._plan.interval)
        self._timer = self._clock.callLater(first, self._round)

    def rest(self, target: str, resting: bool) -> None:
        """Let C{target} be, whoever is at work there, or check it again."""
        if not resting:
            self._resting.discard(target)
            return
        self._resting.add(target)
        watched = self._watched.get(target)
        if watched is not None and watched.asking is not None:
            watched.asking.cancel()

    def stop(self) -> Deferred[Any]:
        """Check no more; fires when nothing is left of checks that were under way."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        asking = [each.asking for each in self._watched.values() if each.asking is not None]
        for each in (*self._looking.values(), *asking):
            each.cancel()
        return DeferredList(asking)

    def _round(self) -> None:
        interval, spread = self._plan.interval, JITTER * self._plan.interval
        after = self._uniform(interval - spread, interval + spread)
        self._timer = self._clock.callLater(after, self._round)
        self._turn += 1
        for place in self._plan.places:
            self._look(place, check=True)

    # --- places and targets ----------------------------------------------------------------

    def _look(self, place: Place, *, check: bool) -> None:
        """See where C{place} is, unless that is still being found out."""

        def looked(_: None) -> None:
            del self._looking[place]

        if place not in self._looking:
            looking = Deferred.fromCoroutine(self._visit(place, check=check))
            self._looking[place] = looking
            looking.addErrback(_failed).addCallback(looked)

    async def _visit(self, place: Place, *, check: bool) -> None:
        targets = await place.targets()
        self._named[place] = frozenset(map(str, targets))
        for target in targets:
            self._find(str(target)).placed = True
        self._sweep()
        for target in targets:
            self._consider(target, check=check)

    def _find(self, target: str) -> Watched:
        if target not in self._watched:
            judge = Judge(self._plan.limits)
            self._watched[target] = Watched(judge, self._clock.seconds())
        return self._watched[target]

    def _sweep(self) -> None:
        """Forget the targets that no place stands for any more."""
        if len(self._named) < len(self._plan.places):
            return
        there = frozenset().union(*self._named.values())
        for target, watched in tuple(self._watched.items()):
            if watched.placed and target not in there:
                del self._watched[target]
                if watched.asking is not None:
                    watched.asking.cancel()
                self._standings.forget(target)

    def _consider(self, target: object, *, check: bool) -> None:
        watched, probe = self._find(str(target)), self._probe(target)
        watched.checked = probe is not None
        if probe is None:
            watched.judge.unchecked()
        elif str(target) in self._resting:
            pass
        elif check and watched.asking is None and watched.turn != self._turn:
            watched.turn = self._turn
            asking = Deferred.fromCoroutine(self._check(str(target), watched, probe))
            watched.asking = None if asking.called else asking
            asking.addErrback(_failed)
        self._settle(str(target), watched)

    def _probe(self, target: object) -> Probe | None:
        """How C{target} is checked, as the first place has it that stands for it and has a way."""
        places = (p for p in self._plan.places if str(target) in self._named.get(p, ()))
        return next(filter(None, (place.probe(target) for place in places)), None)

    # --- what is found ---------------------------------------------------------------------

    async def _check(self, target: str, watched: Watched, probe: Probe) -> None:
        try:
            result = await probe.ask()
        finally:
            watched.asking = None
        self._events.publish(_checked(self._section, target, probe, result))
        known = probe.known
        if known is Known.LEARNT and result.rejection == CALLED_TITLE:
            # It is our knowledge that is out of date.
            self._plan.unlearn(target)
            known = Known.GUESSED
        busy = self._evidence.busy(target)
        watched.judge.checked(result, known, self._clock.seconds(), busy=busy)
        self._settle(target, watched)

    def hear(self, event: Event) -> None:
        """Weigh what C{event}, one of the section's, tells of a backend."""
        target = self._evidence.backend(event)
        if target is not None and self._plan.places:
            watched, now = self._find(target), self._clock.seconds()
            self._evidence.weigh(event, watched.judge, now, checked=watched.checked)
            if isinstance(event, AssociationAccepted):
                self._plan.learn(target, event.called)
            self._settle(target, watched)

    def _settle(self, target: str, watched: Watched) -> None:
        """Let it be known how C{target} stands, and announce it where its state has changed."""
        before, verdict = watched.verdict, watched.judge.verdict
        if verdict == before and watched.told is watched.checked:
            return
        now, since = self._clock.seconds(), watched.since
        changed = verdict.health is not before.health
        if changed:
            watched.since = now
        watched.verdict, watched.told = verdict, watched.checked
        words = (verdict.why, verdict.advice)
        self._standings.put(
            target, verdict.health, *words, since=watched.since, checked=watched.checked
        )
        if changed:
            states = (before.health, verdict.health)
            event = BackendChanged(self._section, target, *states, *words, seconds=now - since)
            self._events.publish(event)


def _failed(failure: Failure) -> None:
    if not failure.check(CancelledError):
        log.failure("checking a backend failed", failure)


def _checked(section: str, target: str, probe: Probe, result: Result) -> Checked:
    steps = tuple(CheckStep(step.name, step.seconds, step.ok, step.text) for step in result.steps)
    return Checked(
        *(section, target, probe.kind),
        alive=result.alive,
        lives=result.lives,
        found=result.text,
        advice=result.advice,
        seconds=result.seconds,
        steps=steps,
    )
