"""Who is in at one of the console's doors, and when the last one has left."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

from attrs import define, field
from twisted.internet.defer import Deferred

from appliance.system.vigil import Vigil

T = TypeVar("T")


@define(eq=False)
class Guests(Generic[T]):
    """A set that tells when it is empty."""

    _here: set[T] = field(factory=set, init=False)
    _vigil: Vigil = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._vigil = Vigil(lambda: self._here)

    def __len__(self) -> int:
        return len(self._here)

    def __iter__(self) -> Iterator[T]:
        return iter(tuple(self._here))

    def __contains__(self, guest: T) -> bool:
        return guest in self._here

    def add(self, guest: T) -> None:
        """C{guest} is here."""
        self._here.add(guest)

    def discard(self, guest: T) -> None:
        """C{guest} has left, if it was here."""
        self._here.discard(guest)
        self._vigil.look()

    def whenEmpty(self) -> Deferred[None]:
        """Fires when nobody is here; at once when nobody is here now."""
        return self._vigil.wait()
