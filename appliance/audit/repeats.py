"""Bounds the alerts that one address can cause: a port scanner must not flood a collector.

The first alert of a kind goes out at once. What is like it within L{WINDOW} is counted, and told
as one alert at the end of that. Who is alike is for the caller to say, by a key.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Final, Generic, TypeVar

from attrs import define
from twisted.internet.interfaces import IDelayedCall

T = TypeVar("T")

WINDOW: Final = 60.0
"""Seconds within which alerts of one key are summed up."""

MOST: Final = 256
"""Keys that are told apart at a time; whoever comes beyond them shares one."""


@define
class _Window(Generic[T]):
    """What came of one key since its last alert went out."""

    timer: IDelayedCall
    last: T | None = None
    count: int = 0


class Repeats(Generic[T]):
    """Hands alerts on to C{tell}: the first of a kind with 0, later ones with how many they are."""

    def __init__(self, clock: Any, tell: Callable[[T, int], None]) -> None:
        self._clock = clock
        self._tell = tell
        self._windows: dict[Hashable, _Window[T]] = {}

    def saw(self, key: Hashable, alert: T, crowded: T) -> None:
        """An C{alert} came up; C{crowded} is told in its place when there are too many keys."""
        if key not in self._windows and len(self._windows) >= MOST:
            key, alert = None, crowded
        window = self._windows.get(key)
        if window is None:
            self._open(key)
            self._tell(alert, 0)
        else:
            window.last = alert
            window.count += 1

    def _open(self, key: Hashable) -> None:
        self._windows[key] = _Window(self._clock.callLater(WINDOW, self._over, key))

    def _over(self, key: Hashable) -> None:
        window = self._windows.pop(key)
        if window.last is not None:
            self._open(key)
            self._tell(window.last, window.count)

    def flush(self) -> None:
        """Tell what was counted so far, and wait for nothing more."""
        windows, self._windows = self._windows, {}
        for window in windows.values():
            window.timer.cancel()
            if window.last is not None:
                self._tell(window.last, window.count)
