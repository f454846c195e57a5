"""Runs the reactor for one coroutine of a command, and no longer."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

T = TypeVar("T")


def complete(work: Coroutine[Any, Any, T]) -> T:
    """Run the reactor until C{work} is done and give its result, or raise what it raised.

    Works once per process. Raises C{KeyboardInterrupt} when a signal came first.
    """
    from twisted.internet import reactor

    done: list[T | Failure] = []
    interrupted = False

    def stopping() -> None:
        # What comes after a signal comes of connections that the reactor closes itself.
        nonlocal interrupted
        interrupted = not done

    def end(outcome: T | Failure) -> None:
        done.append(outcome)
        reactor.callLater(0, reactor.stop)

    reactor.addSystemEventTrigger("before", "shutdown", stopping)
    reactor.callWhenRunning(lambda: Deferred.fromCoroutine(work).addBoth(end))
    reactor.run()
    if interrupted or not done:
        raise KeyboardInterrupt
    (outcome,) = done
    if isinstance(outcome, Failure):
        outcome.raiseException()
    return outcome
