"""Load balancers before a section: who must announce, who may not, and who the client is then."""

from __future__ import annotations

import socket
from contextlib import closing
from typing import Any

from attrs import evolve
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from appliance import events as e
from appliance.config.model import SectionConfig, Timeouts, TLSConfig
from appliance.events import Events
from appliance.relay.proxyline import SIGNATURE, Decoder, Hop, header, line
from appliance.section.balancers import Balancers
from appliance.section.bare import BareCount
from appliance.tls.context import build
from appliance.tls.creator import Creator
from appliance.tls.transport import TLSWireFactory
from tests import material as m
from tests import wires
from tests.house import SectionCase
from tests.tls.test_transport import BULK, HalfRecorder, One

CLIENT, CALLED = ("192.0.2.1", 56324), ("203.0.113.9", 2762)
HOP = Hop(CLIENT, CALLED)
FROM_HERE = {"proxyAccept": True, "proxyFrom": ("127.0.0.0/8",)}
FROM_ELSEWHERE = {"proxyAccept": True, "proxyFrom": ("198.51.100.0/24", "2001:db8::/32")}


class BalancerCase(SectionCase):
    """A client that says something before TLS."""

    async def announced(self, ahead: bytes) -> Any:
        """A TLS client behind a balancer that says C{ahead}."""
        client = HalfRecorder()
        built = One(client)
        self.addCleanup(built.end)
        context = build("client", m.WHERE, m.tlsConfig(client=True), m.material(None))
        factory: Any = TLSWireFactory(Creator(context), True, built, ahead)
        await wires.connect(self.port, factory)
        return client

    def raw(self, said: bytes = b"") -> socket.socket:
        """A balancer's socket, on which C{said} was said."""
        raw = socket.create_connection(("127.0.0.1", self.port), timeout=5)
        self.addCleanup(raw.close)
        raw.sendall(said)
        return raw

    async def refused(self) -> e.Unannounced:
        """The event about a connection that was refused, whose end is the only other one."""
        unannounced = await self.event(e.Unannounced)
        closed = await self.event(e.Closed)
        self.assertEqual(closed.reason, e.Reason.UNANNOUNCED)
        self.assertEqual(closed.connection, unannounced.connection)
        self.assertEqual((self.of(e.Accepted), self.of(e.Opened)), ([], []))
        return unannounced  # type: ignore[no-any-return]


class AnnouncedTests(BalancerCase):
    """Those who are."""

    async def test_bothVersions(self) -> None:
        """The client is whom the header names, in every event; the balancer stays known."""
        for number, ahead in enumerate((line(HOP), header(HOP)), 1):
            pacs = self.pacs()
            section = self.section(**FROM_HERE)
            client = await self.announced(ahead)
            client.transport.write(BULK)
            await pacs.upTo(len(BULK))
            self.assertEqual(pacs.received, BULK)
            (join,) = section.joins.values()
            self.assertEqual((join.client, join.caller.called), ("192.0.2.1:56324", CALLED))
            balancer = f"127.0.0.1:{client.transport.getHost().port}"
            client.transport.abortConnection()
            told = await self.event(e.Announced, number)
            closed = await self.event(e.Closed, number)
            self.assertEqual(
                (told.client, told.called, told.via),
                ("192.0.2.1:56324", "203.0.113.9:2762", balancer),
            )
            self.assertEqual((closed.client, closed.via), ("192.0.2.1:56324", balancer))
            for kind in (e.Accepted, e.Opened):
                self.assertEqual(self.of(kind)[-1].client, "192.0.2.1:56324")
            self.assertEqual({each.connection for each in (told, closed)}, {"0"})
            await section.stopService()

    async def test_IPv6(self) -> None:
        """A client by IPv6."""
        self.pacs()
        self.section(**FROM_HERE)
        await self.announced(header(Hop(("2001:db8::7", 1), ("2001:db8::1", 2762))))
        self.assertEqual((await self.event(e.Opened)).client, "2001:db8::7:1")

    async def test_everybody(self) -> None:
        """Without a list everybody announces, also by a unix socket."""
        pacs = self.pacs()
        section = self.section(TLSConfig(client=True), listens=False, proxyAccept=True)
        theirs, ours = socket.socketpair()
        with theirs:
            theirs.sendall(line(HOP))
            section.accept(ours)
            await pacs.upTo(1)
        self.assertEqual((await self.event(e.Opened)).client, "192.0.2.1:56324")
        self.assertEqual((await self.event(e.Announced)).via, "unix")

    async def test_plain(self) -> None:
        """With client = yes what comes behind the header waits until somebody reads it."""
        pacs = self.pacs(context=build("pacs", m.WHERE, m.tlsConfig(), m.material(m.server())))
        self.section(TLSConfig(client=True), **FROM_HERE)
        self.raw(line(HOP) + b"hello")
        await pacs.upTo(5)
        self.assertEqual(pacs.received, b"hello")
        self.assertEqual((await self.event(e.Opened)).client, "192.0.2.1:56324")

    async def test_passedOn(self) -> None:
        """What a balancer said is what the backend hears, both ends of it."""
        pacs = self.pacs()
        self.section(proxySend=1, **FROM_HERE)
        await self.announced(header(HOP))
        await pacs.upTo(len(line(HOP)))
        self.assertEqual(bytes(pacs.received), line(HOP))

    async def test_passedOnAheadOfTLS(self) -> None:
        """With client = yes the TLS server hears of the client before TLS."""
        heard: Deferred[bytes] = Deferred()

        class Server(HalfRecorder):
            def dataReceived(self, data: bytes) -> None:
                super().dataReceived(data)
                if len(self.received) > 60 and not heard.called:
                    heard.callback(bytes(self.received))

        self.pacs(Server())
        self.section(TLSConfig(client=True), proxySend=2)
        raw = self.raw()
        found = Decoder().feed(await heard)
        assert found is not None
        hop, rest = found
        self.assertEqual(hop, Hop(raw.getsockname(), raw.getpeername()))
        self.assertTrue(rest.startswith(b"\x16\x03"))

    async def test_timeIsShared(self) -> None:
        """The connection begins with the wait for its header, which its limits count."""
        self.pacs()
        section = self.section(**FROM_HERE)
        raw = self.raw(b"PROXY ")
        while not section._balancers:
            await turn()
        raw.sendall(line(HOP)[6:])
        told = await self.event(e.Announced)
        await self.event(e.Accepted)
        (join,) = section.joins.values()
        self.assertGreater(told.seconds, 0)
        self.assertEqual(join.caller.waited, told.seconds)
        self.assertGreaterEqual(join.age, told.seconds)


class LocalTests(BalancerCase):
    """Balancers that speak for themselves."""

    async def test_check(self) -> None:
        """A check that goes at once is a bare connect, of which nobody is told but the count."""
        self.pacs()
        self.section(**FROM_HERE)
        for number, said in enumerate((header(Hop()), line(Hop()), b""), 1):
            with closing(self.raw(said)):
                pass
            closed = await self.event(e.Closed, number)
            self.assertEqual((closed.reason, closed.via), (e.Reason.PROBE, None))
        for kind in (e.Announced, e.Unannounced, e.Opened, e.HandshakeFailed):
            self.assertEqual(self.of(kind), [])

    async def test_itself(self) -> None:
        """A check that names the balancer itself, as HAProxy's in version 1, is one as well."""
        self.pacs()
        self.section(**FROM_HERE)
        with closing(self.raw()) as raw:
            raw.sendall(line(Hop(raw.getsockname(), raw.getpeername())))
        closed = await self.event(e.Closed)
        self.assertEqual((closed.reason, closed.via), (e.Reason.PROBE, None))
        self.assertEqual(self.of(e.Announced), [])

    async def test_client(self) -> None:
        """One that goes on is a client at the balancer's own address."""
        pacs = self.pacs()
        self.section(**FROM_HERE)
        client = await self.announced(header(Hop()))
        client.transport.write(b"hello")
        await pacs.upTo(5)
        where = f"127.0.0.1:{client.transport.getHost().port}"
        self.assertEqual((await self.event(e.Opened)).client, where)
        self.assertEqual(self.of(e.Announced), [])


class RefusedTests(BalancerCase):
    """Those who do not announce, and those whom nobody asked to."""

    async def test_noHeader(self) -> None:
        """Who is on the list and begins with TLS at once is refused, with words."""
        self.pacs()
        self.section(**FROM_HERE)
        client = await self.client()
        await client.lost
        told = await self.refused()
        self.assertEqual(told.found, "sends no proper PROXY header: it begins with TLS at once")
        self.assertIn("leave it out of proxyProtocolFrom", told.advice)

    async def test_noHeaderOfAnybody(self) -> None:
        """Without a list the advice is to make one."""
        self.section(connect=1, proxyAccept=True)
        self.raw(b"hello")
        told = await self.refused()
        self.assertIn("name those that do in proxyProtocolFrom", told.advice)

    async def test_reset(self) -> None:
        """It is reset, or closed where C{reset} says so."""
        for number, reset in enumerate((True, False), 1):
            section = self.section(connect=1, reset=reset, **FROM_HERE)
            raw = self.raw(SIGNATURE + b"\x21\x11\xff\xff")
            await self.event(e.Closed, number)
            raw.setblocking(True)
            if reset:
                self.assertRaises(ConnectionResetError, raw.recv, 1)
            await section.stopService()

    async def test_overdue(self) -> None:
        """One that is not there in time is refused."""
        self.section(connect=1, timeouts=Timeouts(busy=0.05), **FROM_HERE)
        self.raw(b"PROXY ")
        told = await self.refused()
        self.assertEqual(told.found, "has not sent its PROXY header within 0.05 s")

    async def test_notOnTheList(self) -> None:
        """Who is not on the list is a client, whose header is not believed."""
        pacs = self.pacs()
        self.section(**FROM_ELSEWHERE)
        client = await self.client()
        client.transport.write(b"hello")
        await pacs.upTo(5)
        where = f"127.0.0.1:{client.transport.getHost().port}"
        self.assertEqual((await self.event(e.Opened)).client, where)
        liar = await self.announced(header(HOP))
        await liar.lost
        failed = await self.event(e.HandshakeFailed)
        self.assertEqual(failed.found, "sends a PROXY header, and none is expected")
        self.assertTrue(failed.remote.startswith("127.0.0.1:"))

    async def test_uninvited(self) -> None:
        """A header where none is expected is told, also on a plain port."""
        self.pacs(context=build("pacs", m.WHERE, m.tlsConfig(), m.material(m.server())))
        self.section(TLSConfig(client=True))
        self.raw(header(HOP))
        told = await self.event(e.Misplaced)
        self.assertIn("proxyProtocolAccept = yes", told.advice)


class EndTests(BalancerCase):
    """When the section ends while nobody has said anything yet."""

    async def test_stop(self) -> None:
        """They are ended with all others, each with its one end."""
        section = self.section(connect=1, **FROM_HERE)
        self.raw(b"PROXY ")
        while not section._balancers:
            await turn()
        await section.stopService()
        self.assertEqual([each.reason for each in self.of(e.Closed)], [e.Reason.STOPPED])

    async def test_idle(self) -> None:
        """A section with one of them is not idle, until it is served or refused."""
        pacs = self.pacs()
        section = self.section(TLSConfig(client=True), connect=None, **FROM_HERE)
        raw = self.raw(b"PROXY ")
        while not section._balancers:
            await turn()
        section.stopAccepting()
        idle = section.whenIdle()
        self.assertFalse(idle.called)
        raw.sendall(line(HOP)[6:] + b"x")
        await pacs.upTo(1)
        self.assertFalse(idle.called)
        raw.close()
        pacs.transport.abortConnection()
        await idle

    async def test_reload(self) -> None:
        """New settings are for those who connect from then on."""
        section = self.section(connect=1, **FROM_HERE)
        settings = section.settings
        raw = self.raw(b"PROXY ")
        while not section._balancers:
            await turn()
        self.assertTrue(section._balancers.announce("127.0.0.1:1"))
        section.use(evolve(settings, config=evolve(settings.config, proxyAccept=False)))
        self.assertFalse(section._balancers.announce("127.0.0.1:1"))
        raw.sendall(b"x\r\n")
        await self.refused()


def turn() -> Deferred[None]:
    """One turn of the reactor."""
    done: Deferred[None] = Deferred()
    reactor.callLater(0, done.callback, None)
    return done


class ListTests(SectionCase):
    """Who is on the list (C{proxyProtocolFrom})."""

    def announcers(self, *networks: str) -> Balancers:
        """Balancers of a section that has these on its list."""
        config = SectionConfig(
            "S", m.WHERE, (), (), TLSConfig(), proxyAccept=True, proxyFrom=networks
        )
        events = Events()
        bare = BareCount(reactor, "S", events)
        return Balancers(reactor, config, events, bare, lambda *_: None, lambda: None)

    def test_networks(self) -> None:
        """Addresses and networks of both families; an IPv4 address in IPv6's clothes is IPv4."""
        there = self.announcers("192.0.2.7/32", "198.51.100.0/24", "2001:db8::/32")
        for client in ("192.0.2.7:1", "::ffff:192.0.2.7:1", "198.51.100.200:1", "2001:db8::9:1"):
            self.assertTrue(there.announce(client), client)
        for client in ("192.0.2.8:1", "2001:db9::1:1", "unix", "fe80::1%eth0:1"):
            self.assertFalse(there.announce(client), client)

    def test_none(self) -> None:
        """Without a list everybody is on it."""
        for client in ("192.0.2.7:1", "unix"):
            self.assertTrue(self.announcers().announce(client))
