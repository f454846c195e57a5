"""A worker process: serves the sockets that its supervisor sends, by the settings that it sends.

Started by the supervisor alone, with the socketpair at descriptor 3; no command for people. It
opens no listening socket and writes no log: what happens goes up the link as events. When the
supervisor is gone, so is the worker.
"""

from __future__ import annotations

import signal
import socket
from typing import Any

from attrs import astuple
from twisted.internet.defer import Deferred
from twisted.logger import globalLogBeginner

from appliance.config.model import ConfigError
from appliance.events import Event, Events, Refused
from appliance.logs.listener import onError, twistedObserver
from appliance.logs.vocabulary import levels
from appliance.service import Appliance
from appliance.system.link import Link
from appliance.system.reactor import install
from appliance.system.workers import LINK, NEEDED


class Worker:
    """The worker's end: does what the supervisor says on C{end}."""

    def __init__(self, reactor: Any, end: socket.socket) -> None:
        self._reactor = reactor
        self._events = Events(onError(self._announce))
        self._events.subscribe(self._announce)
        self._applying = False
        self._shown = 7
        self._appliance = Appliance(reactor, self._events, listens=False)
        self._link = Link(reactor, end, self._received, self._orphaned)
        globalLogBeginner.beginLoggingTo(
            [twistedObserver(self._events)],  # type: ignore[list-item]
            redirectStandardIO=False,
            discardBuffer=True,
        )
        self._appliance.startService()

    def _announce(self, event: Event) -> None:
        # The supervisor has applied the same configuration and told all there is to tell of it.
        wanted = isinstance(event, NEEDED) or levels(type(event)) <= self._shown
        if wanted and not self._applying:
            self._link.send("event", event=event)

    def _received(self, facts: dict[str, Any], handle: socket.socket | None) -> None:
        match facts["kind"]:
            case "configure":
                self._appliance.passphrases.learn(facts["passphrases"])
                self._configure(facts["config"])
            case "take" if handle is not None:
                who = (facts["connection"], facts["client"], facts["announced"], facts["crowded"])
                self._appliance.take(handle, facts["section"], *who)
            case "renew":
                self._appliance.renewal.look()
            case "standing":
                self._appliance.stand(facts["section"], facts["summary"])
            case "count":
                self._link.send("counts", counts=tuple(map(astuple, self._appliance.counts())))
            case "close":
                self._appliance.closeConnection(facts["connection"])
            case "show":
                self._shown = facts["level"]
            case "stop":
                self._stop()

    def _configure(self, config: Any) -> None:
        self._applying = True
        try:
            self._appliance.apply(config)
        except ConfigError as error:
            self._applying = False
            self._events.publish(Refused(tuple(map(str, error.problems)), reload=True))
            if self._appliance.config is None:
                # With nothing to serve by, those who are given to us are better off elsewhere.
                self._stop()
        else:
            self._link.send("configured")
            # What the log would not show is not worth the way up, unless it is needed there.
            self._shown = max((config.process.debug, *(each.debug for each in config.sections)))
        finally:
            self._applying = False

    def _stop(self) -> Deferred[Any]:
        stopped: Deferred[Any] = self._appliance.stopService()
        # One more turn, so that the last events are on their way.
        return stopped.addBoth(lambda _: self._reactor.callLater(0, self._reactor.stop))

    def _orphaned(self) -> None:
        if self._reactor.running:
            self._reactor.stop()


def main() -> None:
    """Serve until the supervisor says stop or is gone."""
    install()
    from twisted.internet import reactor

    _leaveSignalsToTheSupervisor()
    Worker(reactor, socket.socket(fileno=LINK))
    # Again, since Twisted sets handlers of its own when the reactor starts.
    reactor.callWhenRunning(_leaveSignalsToTheSupervisor)
    reactor.run()


def _leaveSignalsToTheSupervisor() -> None:
    # The terminal and systemd send them to every process of the group.
    for number in (
        signal.SIGINT,
        signal.SIGTERM,
        signal.SIGQUIT,
        signal.SIGHUP,
        signal.SIGUSR1,
        signal.SIGUSR2,
    ):
        signal.signal(number, signal.SIG_IGN)


if __name__ == "__main__":
    main()
