"""A section with limits, on real sockets: who is closed, who is told, who is counted."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet import reactor

from appliance import events as e
from appliance.config.model import Dicom, DicomConfig, LimitsConfig, TLSConfig
from appliance.dicom.associate import echoAssociation
from appliance.relay.proxyline import Hop, line
from appliance.section import Section
from appliance.section.section import CROWDED_WITHIN
from tests.house import SectionCase
from tests.relay.test_crowded import REJECTION

BYTES = DicomConfig(mode=Dicom.NO)
ONE, OTHER = Hop(("192.0.2.1", 1), ("192.0.2.9", 2762)), Hop(("192.0.2.2", 1), ("192.0.2.9", 2762))


class LimitedCase(SectionCase):
    """Makes sections with limits, which hear of what becomes of their connections."""

    def limited(self, tls: TLSConfig | None = None, **facts: Any) -> Section:
        """A section whose limits are C{facts}."""
        changes = {name: facts.pop(name) for name in ("dicom", "proxyAccept") if name in facts}
        section = self.section(tls, limits=LimitsConfig(**facts), **changes)

        def hear(event: e.Event) -> None:
            if isinstance(event, e.ConnectionEvent):
                section._census.hear(event)

        self.events.subscribe(hear)
        return section

    def raw(self, said: bytes = b"") -> socket.socket:
        """A client's socket, on which C{said} was said before anybody accepts it."""
        raw = socket.create_connection(("127.0.0.1", self.port), timeout=5)
        self.addCleanup(raw.close)
        raw.sendall(said)
        return raw


class ClosedTests(LimitedCase):
    """Those who are closed at once."""

    async def test_FIN(self) -> None:
        """What they have said is no reason for a reset, and there is nothing of them but a line."""
        self.pacs()
        self.limited(deny=("127.0.0.0/8",))
        raw = self.raw(b"\x16\x03\x01" + bytes(5000))
        limited = await self.event(e.Limited)
        self.assertEqual(raw.recv(1), b"")
        self.assertEqual((limited.client, limited.limit), ("127.0.0.1", e.LimitKind.ADDRESS))
        self.assertEqual(self.of(e.ConnectionEvent), [])

    async def test_full(self) -> None:
        """Without DICOM the one too many is closed; those who are there notice nothing of it."""
        pacs = self.pacs()
        section = self.limited(connections=1, dicom=BYTES)
        client = await self.client()
        client.transport.write(b"hello")
        await pacs.upTo(5)
        raw = self.raw()
        limited = await self.event(e.Limited)
        self.assertEqual(limited.limit, e.LimitKind.CONNECTIONS)
        self.assertEqual(raw.recv(1), b"")
        client.transport.write(b"again")
        await pacs.upTo(10)
        self.assertEqual(len(section.joins), 1)

    async def test_again(self) -> None:
        """As soon as one has gone another may come, under the next number."""
        self.pacs()
        self.limited(perClient=1, dicom=BYTES)
        first = await self.client()
        await self.event(e.Opened)
        self.raw()
        await self.event(e.Limited)
        first.transport.abortConnection()
        await self.event(e.Closed)
        await self.client()
        self.assertEqual((await self.event(e.Opened, 2)).connection, "1")


class ToldTests(LimitedCase):
    """Those who are told in DICOM."""

    async def test_rejected(self) -> None:
        """The one too many shakes hands, asks, and hears that a limit is reached."""
        self.pacs()
        self.limited(perClient=1)
        await self.client()
        await self.event(e.Opened)
        second = await self.client()
        second.transport.write(echoAssociation("CT", "PACS").encode())
        await second.upTo(len(REJECTION))
        self.assertEqual(second.received, REJECTION)
        self.assertEqual((await self.event(e.Limited)).limit, e.LimitKind.CLIENT)
        second.transport.loseConnection()
        closed = await self.event(e.Closed)
        self.assertEqual((closed.connection, closed.reason), ("1", e.Reason.LIMIT))
        self.assertEqual(len(self.of(e.Dialled)), 1)

    async def test_soon(self) -> None:
        """Its handshake gets less time than that of others."""
        self.pacs()
        section = self.limited(connections=1)
        await self.client()
        await self.event(e.Opened)
        self.raw()
        await self.event(e.Accepted, 2)
        busy = [join.terms.busy for join in section.joins.values()]
        self.assertEqual(busy, [300.0, CROWDED_WITHIN])


class BalancedTests(LimitedCase):
    """Those for whom a load balancer connects."""

    async def test_perClient(self) -> None:
        """They are counted as who they are; one too many has its end like any other."""
        self.pacs()
        self.limited(perClient=1, dicom=BYTES, proxyAccept=True)
        self.raw(line(ONE))
        await self.event(e.Accepted)
        raw = self.raw(line(ONE) + b"\x16\x03\x01")
        closed = await self.event(e.Closed)
        self.assertEqual((closed.client, closed.reason), ("192.0.2.1:1", e.Reason.LIMIT))
        self.assertEqual((closed.connection, closed.via), ("1", self.name(raw)))
        self.assertEqual(raw.recv(1), b"")
        self.assertEqual((await self.event(e.Limited)).client, "192.0.2.1")
        self.raw(line(OTHER))
        self.assertEqual((await self.event(e.Accepted, 2)).client, "192.0.2.2:1")

    @staticmethod
    def name(raw: socket.socket) -> str:
        """The address of a balancer."""
        return "{}:{}".format(*raw.getsockname())

    async def test_balancerItself(self) -> None:
        """A balancer that looks whether we are there is not judged by lists for its clients."""
        self.pacs()
        self.limited(allow=("192.0.2.1/32",), proxyAccept=True)
        self.raw(line(Hop()))
        await self.event(e.Accepted)
        self.raw(line(OTHER))
        self.assertEqual((await self.event(e.Limited)).client, "192.0.2.2")
        self.assertEqual(len(self.of(e.Accepted)), 1)

    async def test_told(self) -> None:
        """They are told in DICOM as well."""
        self.pacs()
        section = self.limited(perClient=1, proxyAccept=True)
        self.raw(line(ONE))
        self.raw(line(ONE))
        await self.event(e.Accepted, 2)
        self.assertEqual([join.terms.crowded for join in section.joins.values()], [False, True])

    async def test_full(self) -> None:
        """The section's own limit counts those who have yet to be announced."""
        self.pacs()
        self.limited(connections=1, dicom=BYTES, proxyAccept=True)
        self.raw()
        raw = self.raw()
        self.assertEqual((await self.event(e.Limited)).limit, e.LimitKind.CONNECTIONS)
        self.assertEqual(raw.recv(1), b"")


class FakeCrew:
    """Workers on paper, who take what they are given or do not."""

    def __init__(self, takes: bool) -> None:
        self.takes = takes
        self.given: list[tuple[Any, ...]] = []

    def give(self, handle: socket.socket, *facts: Any) -> bool:
        handle.close()
        self.given.append(facts)
        return self.takes

    def stand(self, *_: Any) -> None:
        pass


class CrewTests(LimitedCase):
    """Connections that workers serve are counted where they are accepted."""

    def crewed(self, takes: bool, **facts: Any) -> tuple[Section, FakeCrew]:
        """A section that hands on what it accepts."""
        self.pacs()
        section = self.limited(**facts)
        crew = FakeCrew(takes)
        section._crew = crew  # type: ignore[assignment]
        return section, crew

    def come(self, section: Section, times: int) -> None:
        """A client connects so many times."""
        for number in range(times):
            ours, theirs = socket.socketpair()
            self.addCleanup(theirs.close)
            section.accept(ours, f"192.0.2.1:{number}")

    def test_told(self) -> None:
        """A worker hears that a client is to be told only."""
        section, crew = self.crewed(True, connections=2)
        self.come(section, 3)
        self.assertEqual([facts[-1] for facts in crew.given], [False, False, True])
        self.assertEqual(len(section._census), 3)

    def test_notTaken(self) -> None:
        """What nobody takes is not counted."""
        section, _ = self.crewed(False, connections=2, dicom=BYTES)
        self.come(section, 10)
        self.assertEqual(len(section._census), 0)
        self.assertEqual(self.of(e.Limited), [])

    def test_lost(self) -> None:
        """A connection whose worker has died has its place no more."""
        section, crew = self.crewed(True, connections=1, dicom=BYTES)
        self.come(section, 1)
        lost = e.Closed("DICOM STORE", "0", "192.0.2.1:0", e.Reason.WORKER_LOST, 0, 0, 0.0, False)
        self.events.publish(lost)
        self.come(section, 1)
        self.assertEqual(len(crew.given), 2)


class DefectTests(LimitedCase):
    """What is wrong with us costs no places."""

    def test_raises(self) -> None:
        """A connection that cannot be served for a defect is not counted."""
        self.pacs()
        section = self.limited(connections=1)

        def broken(*_: Any) -> None:
            raise ZeroDivisionError

        section.route.serve = broken  # type: ignore[method-assign]
        ours, theirs = socket.socketpair()
        self.addCleanup(theirs.close)
        self.assertRaises(ZeroDivisionError, section.accept, ours, "192.0.2.1:1")
        self.assertEqual(len(section._census), 0)
        self.assertIs(reactor, section._reactor)
