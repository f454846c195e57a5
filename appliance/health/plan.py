"""What a monitor is given: which targets there are, how each is checked, who keeps what it finds.

Values and interfaces only. Who makes them knows settings and sockets.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

from attrs import frozen

from appliance.events import Health
from appliance.health.judge import Known, Limits
from appliance.health.result import Result


class Standings(Protocol):
    """Where it is kept how targets stand."""

    def put(
        self, target: str, health: Health, why: str, advice: str, since: float, checked: bool
    ) -> None:
        """Keep how C{target} stands, and since when."""

    def forget(self, target: str) -> None:
        """Keep nothing of C{target}."""


@frozen
class Probe:
    """A check of one target: of C{kind} C{"echo"} or C{"tcp"}, by an AE title so C{known}."""

    kind: str
    known: Known
    ask: Callable[[], Coroutine[Any, Any, Result]]


@frozen(eq=False)
class Place:
    """One configured address: the targets that it stands for now, and how each is checked.

    The C{str} of a target is its name. There is no probe for one that is not to be checked.
    """

    targets: Callable[[], Coroutine[Any, Any, Sequence[object]]]
    probe: Callable[[Any], Probe | None]


@frozen
class Plan:
    """How a section's backends are watched; C{interval} is seconds.

    C{learn} hears the target of an association that was accepted and the AE title that it was for,
    C{unlearn} a target that does not go by that title any more.
    """

    places: tuple[Place, ...]
    interval: float
    limits: Limits
    learn: Callable[[str, str], None] = lambda *_: None
    unlearn: Callable[[str], None] = lambda _: None
