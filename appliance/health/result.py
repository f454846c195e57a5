"""What a probe found, as frozen values: a state, the reason and the next step, the times."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Final

from attrs import define, evolve, field, frozen

TCP: Final = "TCP"
TLS: Final = "TLS"
"""The names of the steps before DICOM's; those are the values of C{dicom.associate.Phase}."""


class State(Enum):
    """In which way a peer is alive, or not."""

    ALIVE = "alive"
    """It answered as it should."""
    REFUSED = "refused"
    """It lives, speaks DICOM, and does not want us."""
    ABORTED = "aborted"
    """It speaks DICOM and ended the association against the rules or at once."""
    UNREACHABLE = "unreachable"
    """No connection, or no answer in time."""
    TLS_FAILURE = "TLS failure"
    """The two sides did not agree on TLS, or one did not trust the other."""
    NOT_DICOM = "not DICOM"
    """Something answers, or hangs up, that does not speak DICOM here."""
    UNTRIED = "not asked"
    """It could not be asked, for a reason of our own."""


@frozen
class Step:
    """One step of a probe: how long it took in seconds, whether it went well, what came of it."""

    name: str
    seconds: float
    ok: bool = True
    text: str = ""


@frozen
class Result:
    """What a probe found.

    C{text} is the reason for C{state} and C{advice} the next step for a person: phrases without a
    final full stop. C{advice} is empty when all is well. C{rejection} is the source and the reason
    of an A-ASSOCIATE-RJ (PS3.8 table 9-21).
    """

    state: State
    text: str
    advice: str = ""
    steps: tuple[Step, ...] = ()
    rejection: tuple[int, int] | None = None

    @property
    def alive(self) -> bool:
        """True when the peer answered as it should."""
        return self.state is State.ALIVE

    @property
    def lives(self) -> bool:
        """True when there is a DICOM application, be it one that refuses us."""
        return self.state in (State.ALIVE, State.REFUSED, State.ABORTED)

    @property
    def failedAt(self) -> str:
        """The name of the step that went wrong; empty where none did."""
        return next((step.name for step in self.steps if not step.ok), "")

    @property
    def seconds(self) -> float:
        """How long all steps took together."""
        return sum(step.seconds for step in self.steps)


@define
class Stopwatch:
    """Times the steps of one probe, each from the end of the one before.

    C{seconds} is the clock's (C{IReactorTime.seconds}). C{step} is the name of the one under way.
    """

    seconds: Callable[[], float]
    step: str = TCP
    steps: tuple[Step, ...] = ()
    _since: float = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._since = self.seconds()

    def note(self, text: str = "", *, ok: bool = True, then: str = "") -> None:
        """End the step under way and begin the step C{then}."""
        now = self.seconds()
        self.steps += (Step(self.step, now - self._since, ok, text),)
        self.step, self._since = then, now

    def finish(self, result: Result) -> Result:
        """C{result} with the steps so far; a step still under way failed for its reason."""
        if self.step:
            self.note(result.text, ok=False)
        return evolve(result, steps=self.steps)
