"""What senders to a collector have in common: messages wait, and people hear when they must.

It connects to nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.application.internet import backoffPolicy

from appliance.audit.spool import Queue
from appliance.events import AuditAway, AuditBack, AuditLost, Event

retryAfter = backoffPolicy(initialDelay=1.0, maxDelay=60.0)
"""Seconds to wait after so many attempts that failed."""


class Outbox:
    """The C{queue} for C{collector}; C{announce} hears when that is away, and when it is back."""

    def __init__(self, collector: str, queue: Queue, announce: Callable[[Event], None]) -> None:
        self.collector = collector
        self.queue = queue
        self._announce = announce
        self._away = False
        self._waiting = 0
        self._lost = 0

    def add(self, message: bytes) -> None:
        """Let C{message} wait for the collector."""
        lost = self.queue.add(message)
        if lost and not self._lost:
            self._announce(AuditLost(self.collector))
        self._lost += lost

    def away(self, why: str, *, keeps: bool = True) -> None:
        """The collector takes nothing, for C{why}; not C{keeps}: what is sent is lost."""
        if not self._away:
            self._away = True
            self._announce(AuditAway(self.collector, why, keeps))

    def ready(self) -> None:
        """The collector can be written to; whether it takes anything is to be seen."""
        self._waiting = len(self.queue)

    def back(self) -> None:
        """The collector takes messages."""
        if self._away or self._lost:
            self._announce(AuditBack(self.collector, self._waiting, self._lost))
        self._away, self._lost = False, 0
