"""What the supervisor tells its workers, and what comes up from them, without their processes."""

from __future__ import annotations

import os
import socket
import struct
from typing import Any
from unittest.mock import patch

from attrs import evolve
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from appliance import events as e
from appliance.config.model import Config, GlobalConfig, InetAddress, SectionConfig, TLSConfig
from appliance.system import codec, workers
from appliance.system.workers import LINK, NEEDED, Crew
from tests import material as m

ONE = "192.0.2.1:104"
DOWN = ((ONE, e.Health.DOWN, True, False),)
UP = ((ONE, e.Health.UP, True, False),)


class Reactor(Clock):
    """Starts workers on paper; the test has their ends of the links."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[socket.socket] = []
        self.processes: list[Any] = []

    def spawnProcess(self, protocol: Any, *_: Any, childFDs: Any, **__: Any) -> Any:
        self.ends.append(socket.socket(fileno=os.dup(childFDs[LINK])))
        self.processes.append(protocol)
        return type("Process", (), {"pid": len(self.ends)})

    def addReader(self, _: Any) -> None:
        pass

    removeReader = addWriter = removeWriter = addReader


def section(name: str) -> SectionConfig:
    """A section."""
    accept, connect = InetAddress("", 2762), InetAddress("192.0.2.1", 104)
    return SectionConfig(name, m.WHERE, (accept,), (connect,), TLSConfig())


CONFIG = Config("/etc/x.conf", GlobalConfig(), (section("A"), section("B")))


class CrewCase(SynchronousTestCase):
    """A crew of two on paper."""

    def setUp(self) -> None:
        self.reactor = Reactor()
        self.crew = Crew(self.reactor, 2, e.Events())
        self.addCleanup(self._end)

    def _end(self) -> None:
        for end in self.reactor.ends:
            end.close()
        for worker in tuple(self.crew._workers.values()):
            worker.link.close()

    def heard(self, worker: int) -> list[dict[str, Any]]:
        """The messages that a worker has had since the last time."""
        end = self.reactor.ends[worker]
        end.setblocking(False)
        data = b""
        try:
            while piece := end.recv(65536):
                data += piece
        except BlockingIOError:
            pass
        messages = []
        while data:
            (length,) = struct.unpack_from(">I", data)
            messages.append(codec.load(data[4 : 4 + length]))
            data = data[4 + length :]
        return messages


class StandingTests(CrewCase):
    """How backends stand is known in each worker."""

    def standings(self, worker: int) -> list[tuple[str, Any]]:
        """What such messages said of backends."""
        return [(x["section"], x["summary"]) for x in self.heard(worker) if x["kind"] == "standing"]

    def test_each(self) -> None:
        """Each worker hears of each change."""
        self.crew.configure(CONFIG)
        self.crew.start()
        for worker in (0, 1):
            self.assertEqual([x["kind"] for x in self.heard(worker)], ["configure"])
        self.crew.stand("A", DOWN)
        self.crew.stand("A", UP)
        for worker in (0, 1):
            self.assertEqual(self.standings(worker), [("A", DOWN), ("A", UP)])

    def test_new(self) -> None:
        """A worker that takes another's place hears how all stand, after its settings."""
        self.crew.configure(CONFIG)
        self.crew.start()
        self.crew.stand("A", UP)
        self.crew.stand("A", DOWN)
        self.crew.stand("B", UP)
        self.crew._ended(self.crew._workers[0], "signal 9")
        self.reactor.advance(1)
        messages = self.heard(2)
        self.assertEqual([x["kind"] for x in messages], ["configure", "standing", "standing"])
        self.assertEqual([x["summary"] for x in messages[1:]], [DOWN, UP])

    def test_given(self) -> None:
        """A worker hears of a connection that is only to be told; one too many is not taken."""
        self.crew.configure(CONFIG)
        ours, theirs = socket.socketpair()
        self.addCleanup(theirs.close)
        self.crew.start()
        self.assertTrue(self.crew.give(ours, "7", "A", "192.0.2.1:1", None, True))
        taken = self.heard(0)[-1]
        self.assertEqual((taken["connection"], taken["crowded"]), ("7", True))
        self.assertEqual((self.crew.count, self.crew.size), (2, 2))

    def test_nobodyToTake(self) -> None:
        """While there is no worker so many wait, and one more is closed."""
        self.assertEqual((self.crew.count, self.crew.size), (2, 1))
        pairs = [socket.socketpair() for _ in range(3)]
        for ours, theirs in pairs:
            self.addCleanup(ours.close)
            self.addCleanup(theirs.close)
        with patch.object(workers, "MOST_WAITING", 2):
            taken = [self.crew.give(ours, str(n), "A", "x") for n, (ours, _) in enumerate(pairs)]
        self.assertEqual(taken, [True, True, False])
        self.assertEqual([ours.fileno() < 0 for ours, _ in pairs], [False, False, True])

    def test_level(self) -> None:
        """A worker that comes later tells as much as others, until all are configured again."""
        self.crew.configure(CONFIG)
        self.crew.start()
        self.crew.show(7)
        self.crew._ended(self.crew._workers[0], "signal 9")
        self.reactor.advance(1)
        self.assertEqual(self.heard(2)[-1], {"kind": "show", "level": 7})
        self.crew.configure(CONFIG)
        self.assertEqual([x["kind"] for x in self.heard(2)], ["configure"])

    def test_reload(self) -> None:
        """After a reload a section that is new in the workers stands as it does here."""
        self.crew.configure(evolve(CONFIG, sections=(section("A"),)))
        self.crew.start()
        self.crew.stand("B", DOWN)
        self.heard(0)
        self.crew.configure(CONFIG)
        self.assertEqual(self.standings(0), [("B", DOWN)])

    def test_removed(self) -> None:
        """A section that is gone is forgotten."""
        self.crew.configure(CONFIG)
        self.crew.start()
        self.crew.stand("B", DOWN)
        self.heard(0)
        self.crew.configure(evolve(CONFIG, sections=(section("A"),)))
        self.assertEqual(self.standings(0), [])


class GivenTests(CrewCase):
    """Connections that workers are given."""

    announced = e.Announced("A", "7", "192.0.2.1:9", "203.0.113.9:2762", "198.51.100.5:1", 0.25)

    def give(self) -> None:
        """Give a worker a connection that a load balancer has announced."""
        ours, theirs = socket.socketpair()
        self.addCleanup(theirs.close)
        self.crew.give(ours, "7", "A", self.announced.client, self.announced)

    def test_announced(self) -> None:
        """A worker hears all that the load balancer said, also where it was waited for."""
        self.give()
        self.crew.start()
        self.give()
        for worker in (0, 1):
            (take,) = self.heard(worker)
            self.assertEqual((take["kind"], take["client"]), ("take", "192.0.2.1:9"))
            self.assertEqual(take["announced"], self.announced)

    def test_lost(self) -> None:
        """When its worker dies, the end of the connection still says who announced it."""
        told: list[e.Event] = []
        self.crew._events.subscribe(told.append)
        self.crew.start()
        self.give()
        self.crew._ended(self.crew._workers[0], "signal 9")
        (closed,) = [event for event in told if isinstance(event, e.Closed)]
        self.assertEqual((closed.client, closed.via), ("192.0.2.1:9", "198.51.100.5:1"))
        self.assertEqual(closed.reason, e.Reason.WORKER_LOST)


class RenewalTests(CrewCase):
    """Files that change on the disk."""

    def take(self) -> None:
        """A connection is there to be given to somebody."""
        ours, theirs = socket.socketpair()
        self.addCleanup(theirs.close)
        self.crew.give(ours, str(len(self.reactor.ends)), "A", "192.0.2.1:9")

    def say(self, worker: int, kind: str) -> None:
        """A worker says something."""
        self.crew._received(self.crew._workers[worker], {"kind": kind})

    def taken(self, worker: int) -> int:
        """How many connections a worker was given since the last time."""
        return sum(message["kind"] == "take" for message in self.heard(worker))

    def test_renew(self) -> None:
        """Every worker is told to look, and none to be configured anew."""
        self.crew.configure(CONFIG)
        self.crew.start()
        for worker in (0, 1):
            self.heard(worker)
        self.crew.renew()
        for worker in (0, 1):
            self.assertEqual(self.heard(worker), [{"kind": "renew"}])

    def test_unproven(self) -> None:
        """Who takes another's place gets nobody as long as it may be unable to serve."""
        self.crew.configure(CONFIG)
        self.crew.start()
        self.take()
        self.take()
        self.assertEqual((self.taken(0), self.taken(1)), (1, 1))
        self.crew._ended(self.crew._workers[0], "signal 9")
        self.reactor.advance(1)
        self.take()
        self.assertEqual((self.taken(1), self.taken(2)), (1, 0))
        self.say(0, "configured")
        self.take()
        self.assertEqual((self.taken(1), self.taken(2)), (0, 1))

    def test_allUnproven(self) -> None:
        """Where there is no other it is better than nobody."""
        self.crew.start()
        for worker in (0, 1):
            self.crew._ended(self.crew._workers[worker], "signal 9")
        self.reactor.advance(1)
        self.take()
        self.assertEqual(self.taken(2) + self.taken(3), 1)


class NeededTests(SynchronousTestCase):
    """What comes up whatever the log shows."""

    def test_associations(self) -> None:
        """All that is told of associations, and it comes out as it went in."""
        application = e.Application("1.2", "X", 16384)
        contexts = (e.Context(1, "1.2.840.10008.1.1", ("1.2.840.10008.1.2",), 0),)
        tally = e.Tally("C-STORE", "1.2", 3, ((0, 2), (0xA700, 1)), 1000, 0.5)
        association = e.Association(
            "US1", "PACS", application, application, contexts, (tally,), 1.5, e.Outcome.RELEASED
        )
        who = ("A", "0", ONE)
        for event in (
            e.AssociationRequested(*who, "US1", "PACS", application, contexts),
            e.AssociationAccepted(*who, "US1", "PACS", application, contexts),
            e.AssociationRejected(*who, "US1", "PACS", 1, 1, 7, "why"),
            e.AssociationRefused(*who, "US1", "PACS", "why", "advice"),
            e.OperationFailed(*who, "C-STORE", "1.2", 0xA700, "out of resources"),
            e.AssociationEnded(*who, association),
            e.Unreadable(*who, True, "garbage"),
        ):
            self.assertIsInstance(event, NEEDED)
            self.assertEqual(codec.load(codec.dump(event)), event)

    def test_connections(self) -> None:
        """What counts connections and judges backends; not each detail."""
        for event in (
            e.Opened("A", "0", "x"),
            e.Dialled("A", "0", ONE, "x"),
            e.DialFailed("A", "0", ONE, None),
            e.NoBackend("A", "0"),
            e.Declined("A", "0", "why"),
            e.Closed("A", "0", "x", e.Reason.IDLE, 0, 0, 0.0, False),
            e.NotAdmitted("A", "0", "why"),
            e.FilesRefused("A", ("why",)),
            e.FilesChanged("A", ("/x",), "CN=x", "1A"),
        ):
            self.assertIsInstance(event, NEEDED)
        self.assertNotIsInstance(e.Dialling("A", "0", ONE), NEEDED)
        self.assertNotIsInstance(e.Ended("A", "0", e.Leg.TLS, e.End.FIN), NEEDED)
