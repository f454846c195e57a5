"""The appliance as twistd runs it, in a process that can be asked what it has left behind.

C{python -m tests.faults.witness ARGUMENTS} is C{twistd ARGUMENTS}. At the signal L{ASK} it says in
a line on its standard error what timers the reactor has, and how many of our objects there are.
"""

from __future__ import annotations

import gc
import os
import re
import signal
import sys
from collections import Counter
from typing import Any, Final

ASK: Final = signal.SIGRTMIN
"""Nobody else has a use for it."""

KINDS: Final = ("Join", "TLSWire", "Wire")
"""What a connection is made of."""

PASSING: Final = ("Damper._over",)
"""A timer that ends the minute for which failures are summed up in one line."""

_SAID: Final = re.compile(r"^witness (\d+): (.*)$")


class _Asked:
    """Answers, with the number of the question."""

    def __init__(self) -> None:
        self._number = 0

    def __call__(self, *_: Any) -> None:
        reactor: Any = sys.modules["twisted.internet.reactor"]
        # A signal comes in the midst of anything, also of the reactor's own sorting of its timers.
        reactor.callFromThread(self._answer, reactor)

    def _answer(self, reactor: Any) -> None:
        self._number += 1
        calls = reactor.getDelayedCalls()
        timers = sorted(getattr(call.func, "__qualname__", repr(call.func)) for call in calls)
        gc.collect()
        timers = [name for name in timers if name not in PASSING]
        counts = Counter(type(each).__name__ for each in gc.get_objects())
        facts = [*(f"{kind}={counts[kind]}" for kind in KINDS), f"timers={','.join(timers)}"]
        # Not sys.stderr, which is Twisted's by now.
        os.write(2, f"witness {self._number}: {' '.join(facts)}\n".encode())


def said(lines: list[str]) -> list[str]:
    """The answers in C{lines}, in their order."""
    return [match[2] for match in map(_SAID.match, lines) if match]


def main() -> None:
    """Run twistd."""
    signal.signal(ASK, _Asked())
    from twisted.scripts.twistd import run

    run()


if __name__ == "__main__":
    main()
