"""In which state a backend is, by what checks and connections have shown of it.

A pure state machine for one target: facts in, a L{Verdict} out. The time comes with each fact; no
clock, no network and no event is known here.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from attrs import define, field, frozen

from appliance.dicom.reasons import CALLING_TITLE
from appliance.events import Health
from appliance.health.result import TCP, TLS, Result, State

CALM: Final = 60.0
"""Seconds without trouble after which an association that goes well says that it is over."""

NEVER: Final = float("-inf")


class Known(Enum):
    """How we came by the AE title that a check calls."""

    SET = "set"
    LEARNT = "learnt"
    """From an association that was accepted."""
    GUESSED = "guessed"
    """Any answer to it is a sign of life, and none at all may mean that the title is wrong."""


@frozen
class Limits:
    """So many results in a row bring a backend up (C{rise}) or down (C{fall}).

    C{recent} is for how many seconds an association that was accepted counts for more than a check
    that fails after it has connected.
    """

    rise: int
    fall: int
    recent: float


@frozen
class Verdict:
    """A state, and why: phrases for a person, as in L{Result}."""

    health: Health
    why: str
    advice: str = ""


UNKNOWN: Final = Verdict(Health.UNKNOWN, "neither a check nor a connection has told yet")
CONNECTS: Final = Verdict(Health.UP, "it accepts connections")
ACCEPTS: Final = Verdict(Health.UP, "it accepts associations")
RECOVERED: Final = Verdict(Health.UP, "associations go well again")


@define
class Judge:
    """Hears of one backend, and has a C{verdict} on it.

    Whether it lives is a matter of results in a row. A backend that lives is degraded while a
    check is refused, or while there is trouble with associations; checks that go well say nothing
    of the latter, since a C-ECHO that is answered does not mean that stores work.
    """

    limits: Limits
    _lives: bool | None = field(default=None, init=False)
    _good: int = field(default=0, init=False)
    _bad: int = field(default=0, init=False)
    _life: Verdict = field(default=UNKNOWN, init=False)
    _death: Verdict = field(default=UNKNOWN, init=False)
    _refusal: Verdict | None = field(default=None, init=False)
    _refusesUs: bool = field(default=False, init=False)
    _trouble: Verdict | None = field(default=None, init=False)
    _troubledAt: float = field(default=NEVER, init=False)
    _accepts: bool | None = field(default=None, init=False)
    _acceptedAt: float = field(default=NEVER, init=False)
    _answered: bool = field(default=False, init=False)

    @property
    def verdict(self) -> Verdict:
        """What is known at the moment."""
        if self._lives is None:
            return UNKNOWN
        if not self._lives:
            return self._death
        # A PACS that does not know us but lets its modalities in is as it should be.
        forgiven = self._refusesUs and self._accepts
        return self._trouble or (None if forgiven else self._refusal) or self._life

    # --- checks ----------------------------------------------------------------------------

    def checked(self, result: Result, known: Known, now: float, *, busy: bool = False) -> None:
        """A check by an AE title so C{known} has ended with C{result}.

        C{busy}: an association is under way there. A PACS that serves one at a time lets our
        check wait for its end, which tells nothing.
        """
        if result.state is State.UNTRIED:
            return
        if busy and not result.lives and result.failedAt != TCP:
            return
        if known is Known.LEARNT and self._accepts is None:
            self._accepts = True
        if result.lives:
            self._answered = True
            self._refusal = None
            why = result.text if result.alive else f"it lives ({result.text})"
            self._alive(Verdict(Health.UP, why, result.advice))
            if not result.alive and known is not Known.GUESSED:
                self._refused(result)
        elif result.failedAt == TCP or self._tells(result, known, now):
            self._failed(result)
        else:
            if not self._recent(now):
                self._alive(CONNECTS)
            self._refused(result)

    def unchecked(self) -> None:
        """There are no checks any more: what the last one found is no longer true for sure."""
        self._refusal = None

    def _refused(self, result: Result) -> None:
        self._refusal = Verdict(Health.DEGRADED, result.text, result.advice)
        self._refusesUs = result.rejection == CALLING_TITLE

    def _tells(self, result: Result, known: Known, now: float) -> bool:
        """True when a check that failed after connecting tells that the backend is not well."""
        if self._recent(now):
            return False
        if result.failedAt == TLS or result.state is State.TLS_FAILURE:
            return True
        # A learnt title was another's: silence may be how this PACS treats strangers, as long as
        # it has never answered us.
        return known is Known.SET or (known is Known.LEARNT and self._answered)

    def _recent(self, now: float) -> bool:
        return now < self._acceptedAt + self.limits.recent

    # --- connections -----------------------------------------------------------------------

    def connected(self) -> None:
        """A client's connection was taken, and there is no check to tell more."""
        self._alive(CONNECTS)

    def unconnected(self, result: Result) -> None:
        """A client's connection was not to be had."""
        if result.state is not State.UNTRIED:
            self._failed(result)

    def accepted(self, now: float) -> None:
        """An association was accepted."""
        self._accepts, self._acceptedAt = True, now
        self._alive(ACCEPTS)

    def rejected(self, why: str, advice: str, now: float) -> None:
        """An association was rejected."""
        self._accepts = False
        self.troubled(why, advice, now)

    def troubled(self, why: str, advice: str, now: float, *, lives: bool = True) -> None:
        """Something went wrong with an association; C{lives} where the backend has said so."""
        if lives:
            self._alive(CONNECTS)
        self._trouble, self._troubledAt = Verdict(Health.DEGRADED, why, advice), now

    def clean(self, now: float) -> None:
        """An association has ended in which nothing went wrong."""
        if self._trouble is not None and now >= self._troubledAt + CALM:
            self._trouble = None
            self._life = RECOVERED

    # --- life ------------------------------------------------------------------------------

    def _alive(self, sign: Verdict) -> None:
        self._bad = 0
        self._good += 1
        self._life = sign
        if self._lives is None or self._good >= self.limits.rise:
            self._lives = True

    def _failed(self, result: Result) -> None:
        self._good = 0
        self._bad += 1
        if self._bad >= self.limits.fall:
            self._lives = False
            self._death = Verdict(Health.DOWN, result.text, result.advice)
