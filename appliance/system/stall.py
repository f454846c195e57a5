"""Notices that the reactor stands still, and where.

An alarm of the kernel's goes off when the reactor has not turned for too long; its handler notes
what the program is doing at that moment. What it notes is told once the reactor turns again.
"""

from __future__ import annotations

import signal
import traceback
from types import FrameType
from typing import Any, Final

from twisted.application.service import Service
from twisted.internet.interfaces import IDelayedCall

from appliance.events import Events, LoopStalled

LONGEST: Final = 1.0
"""Seconds for which the reactor may stand still without a word about it."""

BEAT: Final = 0.25
"""Seconds from one sign of life to the next."""


class StallWatch(Service):
    """Announces on C{events} each time that C{reactor} stood still for more than C{longest}."""

    def __init__(self, reactor: Any, events: Events, longest: float = LONGEST) -> None:
        self._reactor = reactor
        self._events = events
        self._longest = longest
        self._last = 0.0
        self._found: tuple[str, ...] = ()
        self._next: IDelayedCall | None = None
        self._before: Any = None

    def startService(self) -> None:
        """Watch from now on."""
        super().startService()
        self._before = signal.signal(signal.SIGALRM, self._alarmed)
        self._last = self._reactor.seconds()
        self._turn()

    def stopService(self) -> None:
        """Watch no longer."""
        super().stopService()
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self._before or signal.SIG_DFL)
        if self._next is not None and self._next.active():
            self._next.cancel()
        self._next = None

    def _turn(self) -> None:
        now = self._reactor.seconds()
        stood, found = now - self._last - BEAT, self._found
        self._last, self._found = now, ()
        signal.setitimer(signal.ITIMER_REAL, self._longest + BEAT)
        self._next = self._reactor.callLater(BEAT, self._turn)
        if found:
            self._events.publish(LoopStalled(max(stood, self._longest), found))

    def _alarmed(self, _number: int, frame: FrameType | None) -> None:
        stack = traceback.extract_stack(frame)
        self._found = tuple(f"{f.filename}:{f.lineno} in {f.name}" for f in reversed(stack))
