"""The program of a section with C{exec} and C{connect}: it takes the place of a client.

It is started at once, and again after its connection's end where the section has C{retry}.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IDelayedCall

from appliance.backend.caller import Caller
from appliance.backend.pool import NoBackendError
from appliance.events import Events, Retrying
from appliance.relay.join import Join
from appliance.section.route import Route


class Own:
    """Starts the program of a route and has its socket taken by C{take}.

    C{number} gives the connection's id, to which a number is appended for each start.
    """

    def __init__(
        self,
        reactor: Any,
        events: Events,
        take: Callable[[socket.socket, Caller], Join | None],
        number: Callable[[], str],
    ) -> None:
        self._reactor = reactor
        self._events = events
        self._take = take
        self._number = number
        self._id = ""
        self._starts = 0
        self._route: Route | None = None
        self._join: Join | None = None
        self._again: IDelayedCall | None = None

    def use(self, route: Route) -> None:
        """Start the program of C{route}, if it has one; a program that runs goes on."""
        self._route = route
        if self._join is None and self._again is None:
            self._start()

    def _start(self) -> None:
        self._again = None
        if self._route is None or self._route.program is None:
            return
        self._id = self._id or self._number()
        caller = Caller(f"{self._id}_{self._starts}")
        self._starts += 1
        try:
            handle = self._route.program.start(caller)
        except NoBackendError:
            self._retry(caller.connection)
            return
        self._join = self._take(handle, caller)
        if self._join is None:
            self._retry(caller.connection)

    def ended(self, join: Join) -> None:
        """Hear of the end of C{join}, which may be the program's."""
        if join is self._join:
            self._join = None
            self._retry(join.connection)

    def _retry(self, connection: str) -> None:
        if self._route is None:
            return
        config = self._route.settings.config
        if config.retry is not None:
            self._again = self._reactor.callLater(config.retry, self._start)
            self._events.publish(Retrying(config.name, connection))

    def stop(self) -> None:
        """Start no more."""
        self._route = None
        if self._again is not None:
            self._again.cancel()
            self._again = None
