"""The worker processes of a supervisor: started, given sockets and settings, listened to, replaced.

A worker owns the TLS and the relays of the sockets that it was given; all else stays here. A
worker that dies takes its own connections with it and no other, and another takes its place.
"""

from __future__ import annotations

import os
import socket
import sys
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from attrs import define, field, frozen
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

import appliance
from appliance.config.model import Config
from appliance.events import (
    Announced,
    AssociationEvent,
    CertificateRejected,
    Closed,
    Declined,
    DialFailed,
    Dialled,
    Event,
    Events,
    FilesChanged,
    FilesRefused,
    HandshakeFailed,
    Handshaken,
    NoBackend,
    NotAdmitted,
    Opened,
    Reason,
    Redirected,
    WorkerLost,
    WorkerStarted,
)
from appliance.system.link import Link
from appliance.system.vigil import Vigil

LINK = 3
"""The descriptor at which a worker finds its end of the socketpair."""

SHORTEST, LONGEST = 0.1, 10.0
"""Seconds before a worker that died is replaced: the first time, and at the most."""

NEEDED = (
    *(Opened, Closed, Dialled, DialFailed, NoBackend, Declined, AssociationEvent),
    *(Handshaken, HandshakeFailed, CertificateRejected, NotAdmitted, Redirected),
    *(FilesChanged, FilesRefused),
)
"""The events that come up from a worker whatever the log shows.

By them backends are judged, connections counted and records kept.
"""

STEADY = 60.0
"""Seconds after which a worker counts as having started well."""

MOST_WAITING = 1024
"""Sockets that wait while there is no worker at all."""


@frozen
class Given:
    """A connection that a worker was given; C{announced} is what a load balancer said of it.

    Where it is C{crowded} the client is only told so.
    """

    section: str
    client: str
    since: float
    announced: Announced | None = None
    crowded: bool = False


@frozen
class Count:
    """What one connection has moved so far, and what else is to be known of it.

    C{seconds} is its age, C{backend} C{None} until one is connected.
    """

    section: str
    sentToTLS: int
    sentToSocket: int
    connection: str = ""
    client: str = ""
    backend: str | None = None
    seconds: float = 0.0


class _Process(ProcessProtocol):
    """Hears of a worker's end."""

    def __init__(self, ended: Callable[[str], None]) -> None:
        self._ended = ended

    def processEnded(self, reason: Failure) -> None:
        """The process is gone and reaped."""
        value = reason.value
        number = getattr(value, "signal", None)
        code = getattr(value, "exitCode", None)
        self._ended(f"signal {number}" if number is not None else f"exit status {code}")


@define(eq=False)
class Worker:
    """One worker as the supervisor sees it; C{unproven} until it has said that it can serve.

    Only one that takes another's place has to: what is on the disk now may be no good any more.
    """

    number: int
    pid: int
    link: Link
    since: float
    unproven: bool = False
    given: dict[str, Given] = field(factory=dict)
    ended: Deferred[None] = field(factory=Deferred)
    counting: Deferred[tuple[Count, ...]] | None = None


class Crew:
    """C{count} workers. C{events} is told what they announce and what becomes of them."""

    def __init__(self, reactor: Any, count: int, events: Events) -> None:
        self._reactor = reactor
        self._count = count
        self._events = events
        self._config: Config | None = None
        self._passphrases: Mapping[str, bytes] = {}
        self._standings: dict[str, Any] = {}
        self._level: int | None = None
        self._workers: dict[int, Worker] = {}
        self._waiting: deque[tuple[socket.socket, str, Given]] = deque()
        self._delays = dict.fromkeys(range(count), SHORTEST)
        self._replacing: dict[int, IDelayedCall] = {}
        self._stopping = False
        self._retired = False
        self._vigil = Vigil(lambda: self.connections or self._waiting)

    # --- what the sections ask for ---------------------------------------------------------

    def start(self) -> None:
        """Start all workers. The reactor must run."""
        for number in range(self._count):
            self._spawn(number)

    def configure(self, config: Config, passphrases: Mapping[str, bytes] | None = None) -> None:
        """Let every worker, also those to come, serve new connections by C{config}.

        C{passphrases} are those that a person has typed, by the file that each opens.
        """
        self._config, self._passphrases = config, passphrases or {}
        self._level = None
        names = {section.name for section in config.sections}
        self._standings = {name: x for name, x in self._standings.items() if name in names}
        for worker in self._workers.values():
            self._sendConfiguration(worker.link)

    def renew(self) -> None:
        """Let every worker look after the files of its sections: some have changed, and are good.

        A worker to come reads them anyhow.
        """
        for worker in self._workers.values():
            worker.link.send("renew")

    def _sendConfiguration(self, link: Link) -> None:
        link.send("configure", config=self._config, passphrases=dict(self._passphrases))
        for section, summary in self._standings.items():
            link.send("standing", section=section, summary=summary)
        if self._level is not None:
            link.send("show", level=self._level)

    def stand(self, section: str, summary: Any) -> None:
        """Let every worker, also those to come, know how the backends of C{section} stand.

        C{summary} is what the section's board there takes up.
        """
        self._standings[section] = summary
        for worker in self._workers.values():
            worker.link.send("standing", section=section, summary=summary)

    def give(
        self,
        handle: socket.socket,
        connection: str,
        section: str,
        client: str,
        announced: Announced | None = None,
        crowded: bool = False,
    ) -> bool:
        """Give an accepted socket to the worker that has the fewest; false: it was closed."""
        given = Given(section, client, self._reactor.seconds(), announced, crowded)
        if self._workers:
            worker = min(self._workers.values(), key=lambda each: (each.unproven, len(each.given)))
            self._give(worker, handle, connection, given)
        elif len(self._waiting) < MOST_WAITING and not self._stopping:
            self._waiting.append((handle, connection, given))
        else:
            handle.close()
            return False
        return True

    @property
    def connections(self) -> int:
        """How many connections the workers have."""
        return sum(len(worker.given) for worker in self._workers.values())

    def counts(self) -> Deferred[tuple[Count, ...]]:
        """What each connection of each worker has moved so far."""
        asked = []
        for worker in self._workers.values():
            if worker.counting is None:
                worker.counting = Deferred()
                worker.link.send("count")
            asked.append(_shared(worker.counting))
        return DeferredList(asked).addCallback(
            lambda outcomes: tuple(each for _, counts in outcomes for each in counts)
        )

    def close(self, connection: str) -> bool:
        """End C{connection}; false when no worker has it."""
        for worker in self._workers.values():
            if connection in worker.given:
                worker.link.send("close", connection=connection)
                return True
        return False

    def show(self, level: int) -> None:
        """Have every worker, also those to come, tell of what is logged up to C{level}.

        That holds until they are configured again.
        """
        self._level = level
        for worker in self._workers.values():
            worker.link.send("show", level=level)

    @property
    def count(self) -> int:
        """How many workers there should be."""
        return self._count

    @property
    def size(self) -> int:
        """How many processes there are to share the connections; one at least is on its way."""
        return len(self._workers) or 1

    def retire(self) -> None:
        """Replace no worker any more: what is on the disk now may be another version of us."""
        self._retired = True

    def whenIdle(self) -> Deferred[None]:
        """Fires when no worker has a connection, nor one is waiting for a worker."""
        return self._vigil.wait()

    def stop(self) -> Deferred[Any]:
        """End all connections and workers; fires when they are gone."""
        self._stopping = True
        for call in self._replacing.values():
            call.cancel()
        self._replacing.clear()
        while self._waiting:
            self._waiting.popleft()[0].close()
        for worker in self._workers.values():
            worker.link.send("stop")
        return DeferredList([worker.ended for worker in self._workers.values()])

    # --- one worker ------------------------------------------------------------------------

    def _spawn(self, number: int, unproven: bool = False) -> None:
        self._replacing.pop(number, None)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        process = self._reactor.spawnProcess(
            _Process(lambda how: self._ended(worker, how)),
            sys.executable,
            [sys.executable, "-m", "appliance.cli.worker"],
            env=_environment(),
            childFDs={0: 0, 1: 1, 2: 2, LINK: theirs.fileno()},
        )
        theirs.close()
        link = Link(
            self._reactor,
            ours,
            lambda facts, _: self._received(worker, facts),
            # What ends the link ends the process too, and that is heard of by itself.
            lambda: None,
        )
        worker = Worker(number, process.pid, link, self._reactor.seconds(), unproven)
        self._workers[number] = worker
        self._events.publish(WorkerStarted(number, worker.pid))
        if self._config is not None:
            self._sendConfiguration(link)
        while self._waiting:
            self._give(worker, *self._waiting.popleft())

    def _give(self, worker: Worker, handle: socket.socket, connection: str, given: Given) -> None:
        worker.given[connection] = given
        worker.link.sendSocket(
            handle,
            connection=connection,
            section=given.section,
            client=given.client,
            announced=given.announced,
            crowded=given.crowded,
        )

    def _received(self, worker: Worker, facts: dict[str, Any]) -> None:
        match facts["kind"]:
            case "event":
                self._announced(worker, facts["event"])
            case "configured":
                worker.unproven = False
            case "counts" if worker.counting is not None:
                counting, worker.counting = worker.counting, None
                counting.callback(tuple(Count(*each) for each in facts["counts"]))

    def _announced(self, worker: Worker, event: Event) -> None:
        if isinstance(event, Closed):
            worker.given.pop(event.connection, None)
        self._events.publish(event)
        self._vigil.look()

    def _ended(self, worker: Worker, how: str) -> None:
        """A worker is gone: say so for each of its connections, and replace it."""
        del self._workers[worker.number]
        worker.link.close()
        now = self._reactor.seconds()
        if worker.counting is not None:
            worker.counting.callback(())
        if not self._stopping:
            self._events.publish(WorkerLost(worker.number, worker.pid, how))
        for connection, given in worker.given.items():
            seconds = now - given.since
            reason = Reason.STOPPED if self._stopping else Reason.WORKER_LOST
            via = None if given.announced is None else given.announced.via
            facts = (reason, 0, 0, seconds, False)
            self._events.publish(Closed(given.section, connection, given.client, *facts, via=via))
        worker.ended.callback(None)
        self._vigil.look()
        if self._stopping or (self._retired and not self._waiting):
            return
        number = worker.number
        delay = SHORTEST if now - worker.since > STEADY else self._delays[number]
        self._delays[number] = min(delay * 2, LONGEST)
        self._replacing[number] = self._reactor.callLater(delay, self._spawn, number, True)


def _shared(deferred: Deferred[Any]) -> Deferred[Any]:
    """A Deferred that fires with C{deferred} and leaves its result to others."""
    mine: Deferred[Any] = Deferred()

    def passOn(result: Any) -> Any:
        mine.callback(result)
        return result

    deferred.addCallback(passOn)
    return mine


def _environment() -> dict[str, str]:
    """Our environment, in which a worker finds this very package, installed or not."""
    root = str(Path(appliance.__file__).parents[1])
    rest = os.environ.get("PYTHONPATH")
    return os.environ | {"PYTHONPATH": f"{root}{os.pathsep}{rest}" if rest else root}
