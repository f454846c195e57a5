"""A mapping of bounded size: what was not asked for the longest gives way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from attrs import define, field

K = TypeVar("K")
V = TypeVar("V")


@define(eq=False)
class Recent(Generic[K, V]):
    """The C{most} values that were asked for last; C{make} gives the one of a new key."""

    most: int
    make: Callable[[], V]
    _kept: dict[K, V] = field(factory=dict, init=False)

    def get(self, key: K) -> V:
        """The value of C{key}, which is now the latest."""
        value = self._kept.pop(key, None)
        if value is None:
            if len(self._kept) >= self.most:
                del self._kept[next(iter(self._kept))]
            value = self.make()
        self._kept[key] = value
        return value

    def forget(self, key: K) -> None:
        """Keep nothing of C{key}."""
        self._kept.pop(key, None)

    def __len__(self) -> int:
        return len(self._kept)
