"""Tells systemd how the process is: ready, reloading, stopping, alive (sd_notify(3)).

A listener; where systemd does not ask (no C{NOTIFY_SOCKET}) it does nothing. What cannot be sent is
forgotten: systemd draws its own conclusions.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from typing import Any, Final

from twisted.application.service import Service
from twisted.internet.interfaces import IDelayedCall

from appliance.events import Accepting, Configured, Event, HandedOver, Reading, Refused, Stopping

MICROSECONDS = 1_000_000

HEARD: Final = (Accepting, Reading, Configured, Refused, HandedOver, Stopping)
"""The events that systemd is told of."""


class Notifier(Service):
    """Speaks to the service manager that C{environment} names, as long as C{reactor} turns.

    The watchdog hears from us twice in each period that it asks for, from the reactor itself: a
    reactor that stands still is a process that is to be started again.
    """

    def __init__(self, reactor: Any, environment: Mapping[str, str]) -> None:
        self._reactor = reactor
        self._address = environment.get("NOTIFY_SOCKET", "").replace("@", "\0", 1)
        self._period = _period(environment)
        self._beat: IDelayedCall | None = None
        self._serving = False

    def __call__(self, event: Event) -> None:
        """Hear of C{event}, one of L{HEARD}."""
        match event:
            case Accepting():
                self._serving = True
                self.say("READY=1", "STATUS=serving")
            case Reading() if self._serving:
                now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
                self.say("RELOADING=1", f"MONOTONIC_USEC={now}", "STATUS=reading the configuration")
            case Configured() if self._serving:
                self.say("READY=1", "STATUS=serving")
            case Refused() if self._serving:
                self.say("READY=1", "STATUS=serving; the last reload was refused, see the log")
            case HandedOver():
                # The other's own beats are not heard before systemd knows it.
                self.say(f"MAINPID={event.pid}", "WATCHDOG=1")
                # From here on another process speaks for the service.
                self._address = ""
            case Stopping():
                self._serving = False
                text = f"STATUS=stopping, {event.connections} connection(s)"
                self.say("STOPPING=1", text)

    def startService(self) -> None:
        """Begin to answer the watchdog, if there is one."""
        super().startService()
        if self._address and self._period and self._beat is None:
            self._alive()

    def stopService(self) -> None:
        """Answer it no more."""
        super().stopService()
        if self._beat is not None and self._beat.active():
            self._beat.cancel()
        self._beat = None

    def _alive(self) -> None:
        self.say("WATCHDOG=1")
        self._beat = self._reactor.callLater(self._period / 2, self._alive)

    def say(self, *lines: str) -> None:
        """Send C{lines} as one message."""
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as handle:
                handle.sendto("\n".join(lines).encode(), self._address)
        except OSError:
            pass


def _period(environment: Mapping[str, str]) -> float:
    """Seconds within which the watchdog wants to hear from this process; 0 for never."""
    asked, whom = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
    if not asked.isdecimal() or (whom and whom != str(os.getpid())):
        return 0.0
    return int(asked) / MICROSECONDS
