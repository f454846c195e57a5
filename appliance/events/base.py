"""What every event is, and the one place that hands them to whoever listens.

The data path publishes; logs, metrics, audit and status subscribe. Nothing here formats or stores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

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


Subscriber = Callable[[Any], None]


@frozen
class _Subscription:
    """Who wants to hear, and which kinds of events with their subclasses."""

    subscriber: Subscriber
    kinds: tuple[type[Event], ...]


@define
class Events:
    """Hands each published event to those who subscribed to it, in the order of subscription.

    A subscriber that raises is a defect of its own: the others still hear the event, and
    C{onError} (never raises) hears of the exception.
    """

    onError: Callable[[BaseException], None] = field(default=lambda _: None)
    _subscriptions: tuple[_Subscription, ...] = field(default=(), init=False)
    _byKind: dict[type[Event], tuple[Subscriber, ...]] = field(factory=dict, init=False)

    def subscribe(
        self, subscriber: Subscriber, kinds: Iterable[type[Event]] = (Event,)
    ) -> Callable[[], None]:
        """Add C{subscriber} for C{kinds} of events; the returned callable takes it away again."""
        subscription = _Subscription(subscriber, tuple(kinds))
        self._use((*self._subscriptions, subscription))

        def unsubscribe() -> None:
            self._use(s for s in self._subscriptions if s is not subscription)

        return unsubscribe

    def _use(self, subscriptions: Iterable[_Subscription]) -> None:
        self._subscriptions = tuple(subscriptions)
        self._byKind = {}

    def _hearers(self, kind: type[Event]) -> tuple[Subscriber, ...]:
        hearers = self._byKind[kind] = tuple(
            each.subscriber for each in self._subscriptions if issubclass(kind, each.kinds)
        )
        return hearers

    def publish(self, event: Event) -> None:
        """Hand C{event} to all who want to hear it."""
        hearers = self._byKind.get(type(event))
        if hearers is None:
            hearers = self._hearers(type(event))
        for subscriber in hearers:
            try:
                subscriber(event)
            except Exception as error:
                self.onError(error)
