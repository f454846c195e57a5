"""One call beside the reactor, on a thread of its own: for what may wait for a disk.

Such a wait may never end, where a disk of the network is gone. So the thread is nobody's who
waits for it at the end, and takes no place in the reactor's pool, which resolves names.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

T = TypeVar("T")


def aside(reactor: Any, work: Callable[[], T]) -> Deferred[T]:
    """What C{work} gives or raises, once it has; it must leave alone what others work on."""
    done: Deferred[T] = Deferred()

    def run() -> None:
        try:
            result = work()
        except BaseException:
            reactor.callFromThread(done.errback, Failure())
        else:
            reactor.callFromThread(done.callback, result)

    Thread(target=run, name="aside", daemon=True).start()
    return done
