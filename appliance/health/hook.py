"""Runs an administrator's program at each change of a backend's state (C{healthHook}).

One at a time for each section, in the order of the changes; a program gets nothing but its
environment, and nobody waits for it or reads what it says.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import define, field
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from appliance.events import BackendChanged, Events, HookFailed

WITHIN: Final = 10.0
"""Seconds after which a program is killed."""

MOST_WAITING: Final = 16
"""How many changes of a section wait for the program; of more, the oldest are dropped."""


@define(eq=False)
class _Turn:
    """The changes of one section that wait, while the program runs for another."""

    waiting: deque[tuple[str, BackendChanged]] = field(factory=deque)
    running: bool = False


class Hook:
    """Listens for changes, and runs the program in C{programs} for their section.

    C{events} is told of programs that fail, are too slow, or cannot be started.
    """

    def __init__(self, reactor: Any, events: Events) -> None:
        self.programs: Mapping[str, str] = {}
        self._reactor = reactor
        self._events = events
        self._turns: dict[str, _Turn] = {}

    def __call__(self, event: BackendChanged) -> None:
        """Run the program for C{event}, if there is one."""
        program = self.programs.get(event.section)
        if program is None:
            return
        turn = self._turns.setdefault(event.section, _Turn())
        turn.waiting.append((program, event))
        if not turn.running:
            self._next(event.section)
        elif len(turn.waiting) > MOST_WAITING:
            dropped, _ = turn.waiting.popleft()
            why = f"{MOST_WAITING} changes wait for it already, the oldest was dropped"
            self._events.publish(HookFailed(event.section, dropped, why))

    def _next(self, section: str) -> None:
        turn = self._turns[section]
        turn.running = False
        while turn.waiting and not turn.running:
            program, event = turn.waiting.popleft()
            turn.running = True
            try:
                self._run(program, event)
            except OSError as error:
                turn.running = False
                self._fail(event, program, f"cannot be started: {os.strerror(error.errno or 0)}")

    def _run(self, program: str, event: BackendChanged) -> None:
        # One that is not there would otherwise be missed by the child alone.
        found = shutil.which(program)
        if found is None:
            there = "/" in program and os.path.exists(program)
            raise OSError(errno.EACCES if there else errno.ENOENT, "")
        running = _Running(self._reactor, lambda why: self._ended(event, program, why))
        self._reactor.spawnProcess(running, found, [program], env=environment(event))

    def _ended(self, event: BackendChanged, program: str, why: str) -> None:
        if why:
            self._fail(event, program, why)
        self._next(event.section)

    def _fail(self, event: BackendChanged, program: str, why: str) -> None:
        self._events.publish(HookFailed(event.section, program, why))


def environment(event: BackendChanged) -> dict[str, str]:
    """Our own environment, and what has changed."""
    return os.environ | {
        "BUTTERFLY_SECTION": event.section,
        "BUTTERFLY_BACKEND": event.backend,
        "BUTTERFLY_BEFORE": event.before.value,
        "BUTTERFLY_AFTER": event.after.value,
        "BUTTERFLY_WHY": event.why,
    }


class _Running(ProcessProtocol):
    """One run of a program; C{ended} hears what was wrong with it, or nothing."""

    def __init__(self, reactor: Any, ended: Callable[[str], None]) -> None:
        self._reactor = reactor
        self._ended = ended
        self._overdue: IDelayedCall | None = None
        self._late = False

    def connectionMade(self) -> None:
        """The program runs; it has nothing to read."""
        self._overdue = self._reactor.callLater(WITHIN, self._kill)
        self.transport.closeStdin()  # type: ignore[union-attr]

    def _kill(self) -> None:
        self._late = True
        self.transport.signalProcess("KILL")  # type: ignore[union-attr]

    def processExited(self, reason: Failure) -> None:
        """The program has ended; what it has started may hold on to its output."""
        if self._overdue is not None and self._overdue.active():
            self._overdue.cancel()
        self.transport.loseConnection()  # type: ignore[union-attr]
        self._ended(self._why(reason))

    def _why(self, reason: Failure) -> str:
        if self._late:
            return f"did not end within {WITHIN:g} s and was killed"
        code, number = (getattr(reason.value, name, None) for name in ("exitCode", "signal"))
        if number is not None:
            return f"ended by signal {number}"
        return f"ended with exit status {code}" if code else ""
