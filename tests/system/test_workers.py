"""What the supervisor tells its workers, and what comes up from them, without their processes."""

from __future__ import annotations

import os
import socket
import struct
from typing import Any

from attrs import evolve
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from appliance import events as e
from appliance.config.model import Config, GlobalConfig, InetAddress, SectionConfig, TLSConfig
from appliance.system import codec
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


class StandingTests(SynchronousTestCase):
    """How backends stand is known in each worker."""

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
            e.Declined("A", "0"),
            e.Closed("A", "0", "x", e.Reason.IDLE, 0, 0, 0.0, False),
            e.NotAdmitted("A", "0", "why"),
        ):
            self.assertIsInstance(event, NEEDED)
        self.assertNotIsInstance(e.Dialling("A", "0", ONE), NEEDED)
        self.assertNotIsInstance(e.Ended("A", "0", e.Leg.TLS, e.End.FIN), NEEDED)
