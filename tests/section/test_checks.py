"""How a section asks its backends: whom by which title, and on which way."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory
from twisted.trial.unittest import SynchronousTestCase

from appliance.backend.resolve import Target
from appliance.config.model import (
    ConnectConfig,
    Dicom,
    DicomConfig,
    HealthCheck,
    HealthConfig,
    InetAddress,
    NameRule,
    Preface,
    RouteRule,
    SectionConfig,
    TitleRule,
    TLSConfig,
    UnixAddress,
)
from appliance.dicom.framer import Framer
from appliance.dicom.pdu import AssociateRJ, AssociateRQ
from appliance.events import Events
from appliance.health.judge import Known
from appliance.health.learnt import Learnt
from appliance.health.plan import Plan, Probe
from appliance.health.result import Result, State
from appliance.relay.proxyline import Decoder, Hop
from appliance.section.called import ANY_CALLED, Called
from appliance.section.checks import DICOM_PORTS, Checks
from appliance.section.settings import Settings
from appliance.tls.context import build
from tests import material as m
from tests.house import PACS, SectionCase

TARGET = Target("192.0.2.1", 105)
NAME = str(TARGET)


def config(**changes: Any) -> SectionConfig:
    """A section on ports that tell nothing."""
    facts: dict[str, Any] = {
        "name": "DICOM STORE",
        "where": m.WHERE,
        "accept": (InetAddress("", 2700),),
        "connect": (InetAddress("192.0.2.1", 105),),
        "tls": TLSConfig(),
    }
    return SectionConfig(**(facts | changes))


class CalledTests(SynchronousTestCase):
    """By which title."""

    def setUp(self) -> None:
        self.learnt = Learnt(Events())

    def called(self, **changes: Any) -> Called:
        """The titles of a section."""
        return Called(config(**changes), self.learnt)

    def rewriting(self, *rules: tuple[str, str]) -> DicomConfig:
        """A section that calls the PACS by other titles than its clients do."""
        return DicomConfig(Dicom.YES, rewriteCalled=tuple(TitleRule(*rule) for rule in rules))

    def test_order(self) -> None:
        """What is set counts for more than what was learnt, and that for more than a guess."""
        called = self.called()
        self.assertEqual(called.title(NAME, None), (ANY_CALLED, Known.GUESSED))
        called.learn(NAME, "PACS")
        self.assertEqual(called.title(NAME, None), ("PACS", Known.LEARNT))
        self.assertEqual(called.title("192.0.2.9:105", None)[1], Known.GUESSED)
        named = self.called(calledAET="STORE")
        self.assertEqual(named.title(NAME, None), ("STORE", Known.SET))
        called.unlearn(NAME)
        self.assertEqual(called.title(NAME, None)[1], Known.GUESSED)

    def test_routed(self) -> None:
        """Where a route leads for a title, that title is as good as set."""
        called = self.called(calledAET="STORE")
        self.assertEqual(called.title(NAME, "CT_ARCHIVE"), ("CT_ARCHIVE", Known.SET))

    def test_rewritten(self) -> None:
        """The PACS is called what it is called when clients come."""
        called = self.called(dicom=self.rewriting(("OLD", "NEW")))
        called.learn(NAME, "OLD")
        called.learn("192.0.2.9:105", "OTHER")
        self.assertEqual(called.title(NAME, None), ("NEW", Known.LEARNT))
        self.assertEqual(called.title("192.0.2.9:105", None), ("OTHER", Known.LEARNT))
        self.assertEqual(called.title(NAME, "OLD"), ("NEW", Known.SET))

    def test_allRewritten(self) -> None:
        """Where every title becomes one, that one is set."""
        called = self.called(dicom=self.rewriting(("", "PACS")))
        self.assertEqual(called.title(NAME, None), ("PACS", Known.SET))
        named = self.called(dicom=self.rewriting(("", "PACS")), calledAET="STORE")
        self.assertEqual(named.title(NAME, None), ("STORE", Known.SET))


class PlanTests(SynchronousTestCase):
    """Who is checked, and how."""

    def setUp(self) -> None:
        self.learnt = Learnt(Events())

    def plan(self, **changes: Any) -> Plan:
        settings = Settings(config(**changes), None, None, None)  # type: ignore[arg-type]
        return Checks(reactor, settings, self.learnt).plan()

    def probe(self, target: Target = TARGET, **changes: Any) -> Probe | None:
        """How C{target} is checked."""
        return self.plan(**changes).places[0].probe(target)

    def kind(self, *_: Any, **changes: Any) -> tuple[str, Known] | None:
        """The kind of that check."""
        probe = self.probe(**changes)
        return None if probe is None else (probe.kind, probe.known)

    def test_autoUnknown(self) -> None:
        """Without any sign of a PACS nobody is asked."""
        self.assertIsNone(self.kind())

    def test_autoByPort(self) -> None:
        """A port of DICOM's on either side is a sign."""
        echo = ("echo", Known.GUESSED)
        for port in DICOM_PORTS:
            self.assertEqual(self.kind(target=Target("192.0.2.1", port)), echo)
            self.assertEqual(self.kind(accept=(InetAddress("", port),)), echo)

    def test_autoByTitle(self) -> None:
        """So is a title, set or learnt."""
        self.assertEqual(self.kind(calledAET="PACS"), ("echo", Known.SET))
        self.learnt.learn("DICOM STORE", NAME, "PACS")
        self.assertEqual(self.kind(), ("echo", Known.LEARNT))

    def test_autoWithoutDicom(self) -> None:
        """Where bytes are bytes nobody is asked unasked."""
        there = Target("192.0.2.1", 104)
        dicom = DicomConfig(Dicom.NO)
        self.assertIsNone(self.kind(target=there, dicom=dicom, calledAET="PACS"))

    def test_asWritten(self) -> None:
        """What is written is done, whatever the port."""
        for check, kind in (
            (HealthCheck.ECHO, ("echo", Known.GUESSED)),
            (HealthCheck.TCP, ("tcp", Known.SET)),
            (HealthCheck.NONE, None),
        ):
            health = HealthConfig(check)
            self.assertEqual(self.kind(health=health), kind)
            self.assertEqual(self.kind(health=health, dicom=DicomConfig(Dicom.NO)), kind)

    def test_exec(self) -> None:
        """A program takes the place of a client or of a PACS, and nobody is checked."""
        health = HealthConfig(HealthCheck.ECHO)
        self.assertIsNone(self.kind(exec="/bin/cat", health=health))
        self.assertEqual(self.plan(exec="/bin/cat", connect=()).places, ())

    def test_inetd(self) -> None:
        """A process for one connection checks nobody; one that serves another's names does."""
        self.assertIsNone(self.kind(accept=(), calledAET="PACS"))
        slave = NameRule("DICOM", "*.example")
        self.assertEqual(self.kind(accept=(), slave=slave, calledAET="PACS"), ("echo", Known.SET))

    def test_unixSocket(self) -> None:
        """A unix socket has no port to go by, but may have a title."""
        path = Target("/run/pacs", 0)
        self.assertIsNone(self.kind(target=path, connect=(UnixAddress("/run/pacs"),)))
        self.assertEqual(self.kind(target=path, calledAET="PACS"), ("echo", Known.SET))

    def test_routes(self) -> None:
        """Routes are checked too, each by its title; where strangers go is only watched."""
        rule = RouteRule("CT", (InetAddress("192.0.2.5", 106), InetAddress("192.0.2.6", 106)))
        redirect = (InetAddress("192.0.2.9", 104),)
        plan = self.plan(dicom=DicomConfig(Dicom.YES, routes=(rule,)), redirect=redirect)
        self.assertEqual(len(plan.places), 4)
        probes = [place.probe(TARGET) for place in plan.places]
        self.assertEqual(
            [None if probe is None else probe.known for probe in probes],
            [None, Known.SET, Known.SET, None],
        )
        self.assertIsNone(plan.places[3].probe(Target("192.0.2.9", 104)))

    def test_targets(self) -> None:
        """Each place knows where it is."""
        found = Deferred.fromCoroutine(self.plan().places[0].targets())
        self.assertEqual(self.successResultOf(found), (TARGET,))

    def test_limits(self) -> None:
        """Times and counts are those of the options."""
        plan = self.plan(health=HealthConfig(interval=10, rise=4, fall=5))
        self.assertEqual(plan.interval, 10)
        limits = plan.limits
        self.assertEqual((limits.rise, limits.fall, limits.recent), (4, 5, 50))

    def test_learns(self) -> None:
        """What the monitor hears is learnt for this section."""
        plan = self.plan()
        plan.learn(NAME, "PACS")
        self.assertEqual(self.learnt.title("DICOM STORE", NAME), "PACS")
        plan.unlearn(NAME)
        self.assertIsNone(self.learnt.title("DICOM STORE", NAME))


class WayTests(SectionCase):
    """On which way, on loopback sockets."""

    async def ask(self, pacs: PACS | None = None, said: int = 10, **changes: Any) -> Result:
        """Ask; what came is in C{pacs}, which has rejected it."""
        tls = changes.get("tls", TLSConfig())
        material = m.material(None if tls.client else m.server(), *changes.pop("trusted", ()))
        facts = {"client": tls.client, "connect": (InetAddress("127.0.0.1", self.pacsPort),)}
        whole = config(**(facts | changes))
        context = build("x", m.WHERE, tls, material)
        checks = Checks(reactor, Settings(whole, context, None, None), Learnt(Events()), 5.0)
        (asked,) = checks.asked
        (target,) = await asked.backend.targets()
        result = Deferred.fromCoroutine(checks.probe(target, asked.routed).ask())
        if pacs is not None:
            await pacs.upTo(said)
            pacs.transport.write(AssociateRJ(1, 1, 7).encode())
        return await result

    def request(self, data: bytes) -> AssociateRQ:
        """The association request that C{data} is."""
        (request,) = Framer(100_000).feed(data)
        assert isinstance(request, AssociateRQ)
        return request

    async def test_plain(self) -> None:
        """By the titles of the section, and with its words."""
        pacs = self.pacs()
        result = await self.ask(pacs, 200, callingAET="US1", calledAET="STORE")
        request = self.request(pacs.received)
        self.assertEqual((request.calling, request.called), ("US1", "STORE"))
        self.assertIs(result.state, State.REFUSED)
        self.assertIn("'STORE' (calledAET)", result.advice)

    async def test_TLS(self) -> None:
        """With client = yes through TLS, with the section's own checks of the server."""
        context = build("pacs", m.WHERE, m.tlsConfig(), m.material(m.server()))
        pacs = self.pacs(context=context)
        result = await self.ask(pacs, 200, tls=TLSConfig(client=True))
        self.assertEqual([step.name for step in result.steps][:2], ["TCP", "TLS"])
        self.assertEqual(self.request(pacs.received).called, ANY_CALLED)

    async def test_distrust(self) -> None:
        """A server whose certificate the section refuses is not asked."""
        self.pacs(context=build("pacs", m.WHERE, m.tlsConfig(), m.material(m.server())))
        ca = str(m.writeAuthority(self.directory(), "ca", m.ca()))
        tls = TLSConfig(client=True, verifyChain=True, caFile=ca, checkHost=("pacs.example",))
        result = await self.ask(tls=tls, trusted=(m.ca(),))
        self.assertIs(result.state, State.TLS_FAILURE)
        self.assertIn("CAfile", result.advice)

    async def test_proxyLine(self) -> None:
        """Where the PACS expects a PROXY header it gets one, which says that we are nobody else."""
        for version in (1, 2):
            pacs = self.pacs()
            await self.ask(pacs, 200, proxySend=version)
            found = Decoder().feed(pacs.received)
            assert found is not None
            hop, rest = found
            self.assertEqual(hop, Hop())
            self.assertIsInstance(self.request(rest), AssociateRQ)

    async def test_tunnel(self) -> None:
        """Through the proxy of the section, whose refusal is told in words."""
        proxy = self.pacs()
        result = Deferred.fromCoroutine(
            self.ask(
                tls=TLSConfig(client=True),
                protocol=Preface.CONNECT,
                proxyRequest=ConnectConfig("pacs.example:2762"),
            )
        )
        await proxy.upTo(30)
        self.assertTrue(proxy.received.startswith(b"CONNECT pacs.example:2762 HTTP/1.1\r\n"))
        proxy.transport.write(b"HTTP/1.1 403 Forbidden\r\n\r\n")
        found = await result
        self.assertIs(found.state, State.UNREACHABLE)
        self.assertIn("no connection: the proxy answered 403 Forbidden", found.text)

    async def test_local(self) -> None:
        """From the address of the section."""
        heard: Deferred[str] = Deferred()

        class Asks(Factory):
            noisy = False

            def buildProtocol(self, addr: Any) -> None:
                heard.callback(addr.host)

        port = reactor.listenTCP(0, Asks(), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        self.pacsPort = port.getHost().port
        await self.ask(local="127.0.0.3")
        self.assertEqual(await heard, "127.0.0.3")

    async def test_tcp(self) -> None:
        """A bare connection says nothing."""
        pacs = self.pacs()
        result = await self.ask(health=HealthConfig(HealthCheck.TCP))
        await pacs.readEnded
        self.assertIs(result.state, State.ALIVE)
        self.assertEqual(pacs.received, b"")

    async def test_refused(self) -> None:
        """A port that is closed is told in the words that all commands have."""
        self.pacsPort = 1
        result = await self.ask()
        self.assertEqual(result.text, "nothing listens on that port")

    async def test_silent(self) -> None:
        """Who does not answer in time is silent; the limit is the check's, not the dialler's."""
        self.pacs()
        whole = config(connect=(InetAddress("127.0.0.1", self.pacsPort),))
        settings = Settings(whole, None, None, None)  # type: ignore[arg-type]
        checks = Checks(reactor, settings, Learnt(Events()), 0.2)
        result = await checks.probe(Target("127.0.0.1", self.pacsPort)).ask()
        self.assertIn("no answer to the association request within 0.2 s", result.text)
