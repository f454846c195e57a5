"""What a section knows of its backends, and what it does with it."""

from __future__ import annotations

import socket
from typing import Any

from attrs import evolve
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from appliance import events as e
from appliance.backend.board import ALL
from appliance.config.model import (
    Failover,
    HealthCheck,
    HealthConfig,
    InetAddress,
    SectionConfig,
    TLSConfig,
)
from appliance.section.settings import Settings
from appliance.section.watch import HEARD, Watch
from tests import material as m
from tests.house import SectionCase

NAME = "DICOM STORE"
ONE = "192.0.2.1:105"


class FakeCrew:
    """Hears what workers would hear."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def stand(self, section: str, summary: Any) -> None:
        self.told.append((section, summary))


class WatchTests(SynchronousTestCase):
    """L{Watch} without a network."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.heard: list[e.Event] = []
        self.events = e.Events(onError=lambda error: self.fail(repr(error)))
        self.events.subscribe(self.heard.append)
        self.crew = FakeCrew()

    def watch(self, alone: bool = True, crew: Any = None) -> Watch:
        """The watch of a section over one backend."""
        watch = Watch(self.clock, NAME, self.events, crew, alone, None)
        watch.use(self.settings())
        watch.start()
        return watch

    def settings(self, connect: str = "192.0.2.1") -> Settings:
        config = SectionConfig(
            name=NAME,
            where=m.WHERE,
            accept=(InetAddress("", 2700),),
            connect=(InetAddress(connect, 105),),
            tls=TLSConfig(),
        )
        return Settings(config, None, None, None)  # type: ignore[arg-type]

    def failed(self) -> e.DialFailed:
        return e.DialFailed(NAME, "0", ONE, "Connection refused (111)")

    def test_connectionsTell(self) -> None:
        """What happens to connections is on the board, and announced."""
        watch = self.watch()
        self.assertIs(watch.board.standings[ONE].health, e.Health.UNKNOWN)
        for _ in range(3):
            watch.hear(self.failed())
        self.assertIs(watch.board.standing(ONE).health, e.Health.DOWN)
        (changed,) = self.heard
        assert isinstance(changed, e.BackendChanged)
        self.assertEqual((changed.section, changed.backend), (NAME, ONE))

    def test_reload(self) -> None:
        """A reload keeps what is known of backends that stay, and forgets others."""
        watch = self.watch()
        watch.hear(e.Dialled(NAME, "0", ONE, "x"))
        watch.use(self.settings())
        self.assertIs(watch.board.standing(ONE).health, e.Health.UP)
        self.assertEqual(watch.board.load(ONE), 1)
        watch.use(self.settings("192.0.2.2"))
        self.assertEqual(list(watch.board.standings), ["192.0.2.2:105"])

    def test_workersHear(self) -> None:
        """Workers hear of each change that a choice depends on."""
        watch = self.watch(crew=self.crew)
        for _ in range(3):
            watch.hear(self.failed())
        watch.board.drain(ONE, True)
        states = [summary for _, summary in self.crew.told]
        self.assertEqual(
            states[-2:],
            [((ONE, e.Health.DOWN, False, False),), ((ONE, e.Health.DOWN, False, True),)],
        )

    def test_inAWorker(self) -> None:
        """A worker counts its connections, and judges nobody itself."""
        watch = self.watch(alone=False)
        for _ in range(3):
            watch.hear(self.failed())
        watch.hear(e.Dialled(NAME, "0", ONE, "x"))
        self.assertEqual(watch.board.standings, {})
        self.assertEqual(watch.board.load(ONE), 1)
        self.assertEqual(self.heard, [])
        watch.use(self.settings())
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.successResultOf(watch.stop())

    def test_drained(self) -> None:
        """While all are drained there are no checks; they go on where they had stopped."""
        watch = self.watch()
        watch.drain(ALL, True)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertTrue(watch.board.drained)
        watch.use(self.settings())
        self.assertEqual(self.clock.getDelayedCalls(), [])
        watch.drain(ALL, False)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.successResultOf(watch.stop())

    def test_stop(self) -> None:
        """After a stop nothing is left."""
        watch = self.watch()
        self.successResultOf(watch.stop())
        self.assertEqual(self.clock.getDelayedCalls(), [])


class SectionTests(SectionCase):
    """A section that knows, on loopback sockets."""

    def two(self, **changes: Any) -> tuple[Any, Any]:
        """A section before two PACS, and their names in the order of C{connect}."""
        one, other = self.listening(), self.listening()
        connect = tuple(InetAddress("127.0.0.1", port) for port in (one, other))
        section = self.section(connect=one, **changes)
        config = evolve(section.settings.config, connect=connect)
        section.use(evolve(section.settings, config=config))
        self.events.subscribe(section.watch.hear, HEARD)
        return section, [f"127.0.0.1:{port}" for port in (one, other)]

    def listening(self) -> int:
        """A port where connections are taken, and not answered."""
        server = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(server.close)
        return int(server.getsockname()[1])

    async def backends(self, number: int) -> list[str]:
        """Where the connections of so many new clients go."""
        before = len(self.of(e.Dialled))
        for count in range(number):
            await self.client()
            await self.event(e.Dialled, before + count + 1)
        return [event.backend for event in self.of(e.Dialled)[before:]]

    async def test_draining(self) -> None:
        """Nobody new goes to a backend that is drained, until it is not any more."""
        section, (one, other) = self.two()
        self.assertEqual(await self.backends(1), [one])
        section.setDraining(one, True)
        section.setDraining(one, True)
        self.assertEqual(await self.backends(2), [other, other])
        section.setDraining(one, False)
        self.assertEqual(await self.backends(1), [one])
        told = [(event.backend, event.draining) for event in self.of(e.BackendDrained)]
        self.assertEqual(told, [(one, True), (one, False)])

    async def test_leastConnections(self) -> None:
        """With C{failover = leastconn} a client goes where there are fewest."""
        section, (one, other) = self.two(failover=Failover.LEASTCONN)
        found = await self.backends(4)
        self.assertEqual(sorted(found), sorted([one, one, other, other]))
        join = next(join for join in section.joins.values() if join.backend == other)
        join.abort(e.Reason.STOPPED)
        await self.event(e.Closed)
        self.assertEqual(await self.backends(1), [other])

    async def test_checked(self) -> None:
        """A backend that is checked and down is tried no more, and clients hear so at once."""
        health = HealthConfig(HealthCheck.TCP, interval=0.05, timeout=2.0)
        self.section(connect=1, health=health)
        changed = await self.event(e.BackendChanged)
        self.assertEqual((changed.backend, changed.after), ("127.0.0.1:1", e.Health.DOWN))
        client = await self.client()
        client.transport.write(b"hello there")
        none = await self.event(e.NoBackend)
        self.assertEqual(none.skipped, 1)
        self.assertEqual(self.of(e.Dialling), [])
        await client.lost
        self.assertGreaterEqual(len(self.of(e.Checked)), 3)
