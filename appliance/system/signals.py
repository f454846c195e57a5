"""Signals as calls in the reactor's own turn."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any


def install(reactor: Any, calls: Mapping[signal.Signals, Callable[[], None]]) -> None:
    """Run C{calls[S]} in the reactor whenever the process gets the signal S.

    Before the reactor runs the calls wait for it. When it starts, Twisted sets handlers of its own.
    """
    for number, call in calls.items():
        signal.signal(number, partial(_inReactor, reactor, call))


def _inReactor(reactor: Any, call: Callable[[], None], _number: int, _frame: object) -> None:
    reactor.callFromThread(call)
