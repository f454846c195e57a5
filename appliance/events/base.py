"""What every event is, and the one place that hands them to whoever listens.

The data path publishes; logs, metrics, audit and status subscribe. Nothing here formats or stores.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field, frozen


@frozen
class Event:
    """Anything that can be announced."""


@frozen
class SectionEvent(Event):
    """Something about one section; C{section} is its name."""

    section: str


@frozen
class ConnectionEvent(SectionEvent):
    """Something about one connection; C{connection} is its id within the process."""

    connection: str


Subscriber = Callable[[Event], None]


@define
class Events:
    """Hands each published event to every subscriber, in the order of subscription.

    A subscriber that raises is a defect of its own: the others still hear the event, and
    C{onError} (never raises) hears of the exception.
    """

    onError: Callable[[BaseException], None] = field(default=lambda _: None)
    _subscribers: tuple[Subscriber, ...] = field(default=(), init=False)

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Add C{subscriber}; the returned callable takes it away again."""
        self._subscribers = (*self._subscribers, subscriber)

        def unsubscribe() -> None:
            self._subscribers = tuple(s for s in self._subscribers if s is not subscriber)

        return unsubscribe

    def publish(self, event: Event) -> None:
        """Hand C{event} to all subscribers."""
        for subscriber in self._subscribers:
            try:
                subscriber(event)
            except Exception as error:
                self.onError(error)
