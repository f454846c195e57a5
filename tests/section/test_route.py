"""Who is let in and where they go, on loopback sockets."""

from __future__ import annotations

import socket
import ssl
from typing import Any

from attrs import evolve
from twisted.internet.threads import deferToThread

from appliance import events as e
from appliance.config.model import (
    CertificateRule,
    ConnectConfig,
    Dicom,
    DicomConfig,
    InetAddress,
    NameRule,
    Preface,
    RouteRule,
    Timeouts,
    TitleRule,
    TLSConfig,
    TLSVersion,
)
from appliance.dicom.pdu import AssociateRJ
from appliance.relay.proxyline import Decoder
from appliance.section import Section
from tests import material as m
from tests.dicom.test_policy import CT, asking
from tests.house import PACS, SectionCase
from tests.tls.test_transport import HalfRecorder


class RouteCase(SectionCase):
    """Two places to go to."""

    def setUp(self) -> None:
        super().setUp()
        self.elsewhere = self.pacs()
        self.elsewherePort = self.pacsPort
        self.store = self.pacs()

    def verifying(self) -> dict[str, Any]:
        """A section that asks for certificates and redirects those who have none."""
        ca = m.writeAuthority(self.directory(), "ca", m.ca())
        return {
            "tls": TLSConfig(verifyChain=True, caFile=str(ca), forgives=True),
            "authorities": (m.ca(),),
            "redirect": (InetAddress("127.0.0.1", self.elsewherePort),),
        }

    async def arrives(self, pacs: PACS, client: HalfRecorder, said: bytes = b"hello") -> None:
        """Assert that what the client says arrives at C{pacs}."""
        client.transport.write(said)
        await pacs.upTo(len(said))
        self.assertTrue(bytes(pacs.received).endswith(said))


class RedirectTests(RouteCase):
    """Clients whose certificate does not do."""

    async def test_good(self) -> None:
        """A good certificate leads to the PACS."""
        self.section(**self.verifying())
        await self.arrives(self.store, await self.client(pair=m.client()))
        self.assertEqual(self.of(e.Redirected), [])

    async def test_none(self) -> None:
        """A client without a certificate is sent elsewhere, and that is told."""
        self.section(**self.verifying())
        await self.arrives(self.elsewhere, await self.client())
        self.assertEqual(self.of(e.Redirected), [e.Redirected("DICOM STORE", "0")])

    async def test_strangers(self) -> None:
        """So is one whose certificate is another authority's; it is told as rejected, too."""
        self.section(**self.verifying())
        await self.arrives(self.elsewhere, await self.client(pair=m.client(by="Another CA")))
        self.assertEqual(len(self.of(e.CertificateRejected)), 1)

    async def test_expired(self) -> None:
        """So is one whose certificate has expired."""
        self.section(**self.verifying())
        await self.arrives(self.elsewhere, await self.client(pair=m.client(expired=True)))

    async def test_resumed(self) -> None:
        """A client that was sent elsewhere is so again when it resumes its session."""
        verifying = self.verifying()
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            await self.sessions(verifying, version)

    async def sessions(self, verifying: dict[str, Any], version: ssl.TLSVersion) -> None:
        elsewhere = self.pacs(Crowd())
        redirect = (InetAddress("127.0.0.1", self.pacsPort),)
        section = self.section(**(verifying | {"redirect": redirect}))
        before = len(self.of(e.Redirected))
        reused = await deferToThread(resuming, self.port, version)
        await self.event(e.Redirected, before + 2)
        self.assertTrue(reused)
        self.assertTrue(self.of(e.Handshaken)[-1].peer.resumed)
        self.assertEqual(self.of(e.Dialled)[-1].backend, f"127.0.0.1:{redirect[0].port}")
        del elsewhere
        await section.stopService()

    async def test_nowhere(self) -> None:
        """Where there is nothing to redirect to, such a client is let in nowhere."""
        self.section(**(self.verifying() | {"redirect": ()}))
        client = await self.client()
        await client.lost
        self.assertEqual((await self.event(e.Closed)).reason, e.Reason.REFUSED)
        self.assertEqual(self.of(e.Dialling), [])


class Crowd(PACS):
    """A PACS for several connections that says one byte to each."""

    def connectionMade(self) -> None:
        if not self.made.called:
            super().connectionMade()
        self.transport.write(b"x")

    def connectionLost(self, reason: Any = None) -> None:
        if not self.lost.called:
            super().connectionLost(reason)


def resuming(port: int, version: ssl.TLSVersion) -> bool:
    """Connect twice without a certificate, the second time with the first one's session."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    session, reused = None, False
    for _ in range(2):
        with (
            socket.create_connection(("127.0.0.1", port), timeout=10) as raw,
            context.wrap_socket(raw, session=session) as tls,
        ):
            tls.recv(1)
            session, reused = tls.session, bool(tls.session_reused)
    return reused


class PrefaceTests(RouteCase):
    """What is said ahead of the data."""

    async def test_proxyLine(self) -> None:
        """The PACS is told who the client is and which port it called."""
        self.section(proxySend=1)
        client = await self.client()
        port = client.transport.getHost().port
        expected = f"PROXY TCP4 127.0.0.1 127.0.0.1 {port} {self.port}\r\nhello".encode()
        client.transport.write(b"hello")
        await self.store.upTo(len(expected))
        self.assertEqual(bytes(self.store.received), expected)

    async def test_proxyVersion2(self) -> None:
        """Version 2 also tells of the client's TLS and its certificate."""
        self.section(proxySend=2, **self.verifying())
        client = await self.client(pair=m.client())
        client.transport.write(b"hello")
        while not self.store.received.endswith(b"hello"):
            await self.store.upTo(len(self.store.received) + 1)
        read = Decoder().feed(bytes(self.store.received))
        assert read is not None
        hop, rest = read
        assert hop.source is not None
        self.assertEqual(rest, b"hello")
        self.assertEqual(hop.source[0], "127.0.0.1")
        values = dict(hop.tlvs)[0x20]
        self.assertEqual(values[:5], bytes((3, 0, 0, 0, 0)))
        for value in (b"TLSv1.3", b"TLS_AES_256_GCM_SHA384", b"modality"):
            self.assertIn(value, values)

    async def test_silentClient(self) -> None:
        """It is told at once, also of a client that waits for the PACS to speak."""
        self.section(proxySend=1)
        await self.client()
        await self.store.upTo(10)
        self.assertTrue(bytes(self.store.received).startswith(b"PROXY TCP4 "))

    async def test_notWhenRedirected(self) -> None:
        """Those who are sent elsewhere are not announced there."""
        self.section(proxySend=1, **self.verifying())
        await self.arrives(self.elsewhere, await self.client())
        self.assertEqual(bytes(self.elsewhere.received), b"hello")

    async def test_connect(self) -> None:
        """Through an HTTP proxy: the question, its answer, then TLS."""
        proxy = Proxy(self.elsewherePort)
        self.pacs(proxy)
        tls = TLSConfig(client=True)
        self.section(
            tls, protocol=Preface.CONNECT, proxyRequest=ConnectConfig("pacs.example:11112")
        )
        client = await self.client(plain=True)
        client.transport.write(b"hello")
        await proxy.upTo(80)
        self.assertTrue(proxy.received.startswith(b"CONNECT pacs.example:11112 HTTP/1.1\r\n"))
        self.assertIn(b"\r\n\r\n\x16\x03\x01", proxy.received)

    async def test_refusedByTheProxy(self) -> None:
        """A proxy that refuses is a backend that cannot be connected, and says why."""
        self.pacs(Proxy(0))
        self.section(
            TLSConfig(client=True),
            protocol=Preface.CONNECT,
            proxyRequest=ConnectConfig("pacs.example:11112"),
        )
        client = await self.client(plain=True)
        client.transport.write(b"no DICOM")
        await client.lost
        self.assertIn("403 Forbidden", (await self.event(e.DialFailed)).error)
        self.assertEqual((await self.event(e.Closed)).reason, e.Reason.NO_BACKEND)


class Proxy(PACS):
    """An HTTP proxy that says yes where it has a port to lead to."""

    def __init__(self, behind: int) -> None:
        super().__init__()
        self._answer = b"200 OK" if behind else b"403 Forbidden"

    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data)
        if self.received.endswith(b"\r\n\r\n"):
            self.transport.write(b"HTTP/1.1 " + self._answer + b"\r\n\r\n")


class NameTests(RouteCase):
    """Sections that share a socket."""

    def both(self, **changes: Any) -> Section:
        """The section that listens, and one behind it for C{*.example.com}."""
        behind = self.section(
            connect=self.elsewherePort,
            listens=False,
            name="BEHIND",
            slave=NameRule("DICOM STORE", "*.example.com"),
            **changes,
        )
        section = self.section()
        section.serveFor([behind])
        return section

    async def test_fitting(self) -> None:
        """A name that fits leads to the section behind, whose name the lines have from then on."""
        self.both()
        await self.arrives(self.elsewhere, await self.client(sni="pacs.example.com"))
        asked = e.ServerNameAsked("DICOM STORE", "0", "pacs.example.com", "BEHIND")
        self.assertEqual(self.of(e.ServerNameAsked), [asked])
        self.assertEqual(self.of(e.Dialled)[0].section, "BEHIND")

    async def test_other(self) -> None:
        """Another name, and none, leads to the section that listens."""
        self.both()
        await self.arrives(self.store, await self.client(sni="pacs.example.org"))
        self.assertIsNone(self.of(e.ServerNameAsked)[0].to)

    async def test_timeouts(self) -> None:
        """The limits are those of the section behind."""
        self.both(timeouts=Timeouts(idle=0.2))
        await self.client(sni="pacs.example.com")
        closed = await self.event(e.Closed)
        self.assertEqual((closed.section, closed.reason), ("BEHIND", e.Reason.IDLE))

    async def test_versions(self) -> None:
        """So are the TLS versions."""
        self.both(tls=TLSConfig(maximum=TLSVersion.TLSv1_2))
        await self.arrives(self.elsewhere, await self.client(sni="pacs.example.com"))
        self.assertEqual(self.of(e.Handshaken)[0].peer.version, "TLSv1.2")

    async def test_gone(self) -> None:
        """A section that went during the handshake takes its clients with it."""
        section = self.both()
        section.route.behind = {}
        client = await self.client(sni="pacs.example.com")
        await client.lost
        self.assertEqual((await self.event(e.Closed)).reason, e.Reason.REFUSED)

    async def test_noLongerShared(self) -> None:
        """When nobody is behind any more, everybody gets the section that listens."""
        section = self.both()
        section.serveFor([])
        await self.arrives(self.store, await self.client(sni="pacs.example.com"))


def rules(**changes: Any) -> DicomConfig:
    """Rules for associations."""
    return DicomConfig(Dicom.YES, **changes)


class GateTests(RouteCase):
    """Associations: whose go through, and where to."""

    REQUEST = asking(CT, calling="CT01", called="PACS").encode()

    async def rejected(self, client: HalfRecorder, rejection: AssociateRJ) -> None:
        """Assert that the client's request is answered with C{rejection}, and goes nowhere."""
        client.transport.write(self.REQUEST)
        await client.upTo(len(rejection.encode()))
        self.assertEqual(bytes(client.received), rejection.encode())
        client.transport.loseConnection()
        await client.lost
        await self.event(e.Closed)
        self.assertEqual(self.of(e.Dialling), [])

    async def test_allowed(self) -> None:
        """What is allowed arrives as it was sent."""
        self.section(dicom=rules(allowCalling=("CT*",), allowCalled=("PACS",)))
        await self.arrives(self.store, await self.client(), self.REQUEST)
        self.assertEqual(self.of(e.AssociationRefused), [])

    async def test_against(self) -> None:
        """What is against a rule is rejected, and that is told."""
        self.section(dicom=rules(allowCalled=("PACS2",)))
        await self.rejected(await self.client(), AssociateRJ(1, 1, 7))
        (refused,) = self.of(e.AssociationRefused)
        self.assertEqual(
            (refused.calling, refused.called, refused.enforced), ("CT01", "PACS", True)
        )

    async def test_reported(self) -> None:
        """With policy = report it is told, and arrives."""
        self.section(dicom=rules(allowCalled=("PACS2",), enforced=False))
        await self.arrives(self.store, await self.client(), self.REQUEST)
        (refused,) = self.of(e.AssociationRefused)
        self.assertFalse(refused.enforced)

    async def test_certificates(self) -> None:
        """A client is known by any name in its certificate."""
        certificates = (CertificateRule("modality.example", ("CT01",)),)
        self.section(**self.verifying(), dicom=rules(certificates=certificates))
        await self.arrives(self.store, await self.client(pair=m.client()), self.REQUEST)

    async def test_anothersCertificate(self) -> None:
        """A title that is another certificate's is rejected."""
        certificates = (CertificateRule("other", ("CT01",)),)
        self.section(**self.verifying(), dicom=rules(certificates=certificates))
        await self.rejected(await self.client(pair=m.client()), AssociateRJ(1, 1, 3))

    async def test_redirected(self) -> None:
        """Who is sent elsewhere for a bad certificate goes there, whatever is asked for."""
        routes = (RouteRule("PACS", self.addresses(self.pacsPort)),)
        self.section(**self.verifying(), dicom=rules(routes=routes, allowCalled=("PACS",)))
        await self.arrives(self.elsewhere, await self.client(), self.REQUEST)
        self.assertEqual(self.of(e.AssociationRefused), [])

    async def test_route(self) -> None:
        """A title that has a route takes it, others go to connect."""
        routes = (RouteRule("PACS", self.addresses(self.elsewherePort)),)
        self.section(dicom=rules(routes=routes))
        await self.arrives(self.elsewhere, await self.client(), self.REQUEST)

    async def test_secondOfRoute(self) -> None:
        """A route has a failover of its own."""
        down = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(down.close)
        port = down.getsockname()[1]
        down.close()
        routes = (RouteRule("PACS", self.addresses(port, self.elsewherePort)),)
        self.section(dicom=rules(routes=routes))
        await self.arrives(self.elsewhere, await self.client(), self.REQUEST)
        self.assertEqual(len(self.of(e.DialFailed)), 1)

    async def test_nowhere(self) -> None:
        """Where only routes lead on, a title without one is not recognized."""
        routes = (RouteRule("PACS2", self.addresses(self.elsewherePort)),)
        self.section(connect=0, dicom=rules(routes=routes))
        await self.rejected(await self.client(), AssociateRJ(1, 1, 7))
        self.assertIn("no route for PACS", self.of(e.AssociationRefused)[0].why)

    async def test_rewritten(self) -> None:
        """The backend sees other titles, in a request that is otherwise the same."""
        self.section(
            dicom=rules(
                rewriteCalling=(TitleRule("CT01", "CT"),), rewriteCalled=(TitleRule("", "ARCHIVE"),)
            )
        )
        client = await self.client()
        client.transport.write(self.REQUEST)
        await self.store.upTo(len(self.REQUEST))
        expected = asking(CT, calling="CT", called="ARCHIVE").encode()
        self.assertEqual(bytes(self.store.received), expected)

    async def test_sectionBehind(self) -> None:
        """Who asks for a section behind gets that one's rules and routes, and not the others."""
        routes = (RouteRule("PACS", self.addresses(self.elsewherePort)),)
        behind = self.section(
            connect=0,
            listens=False,
            name="BEHIND",
            slave=NameRule("DICOM STORE", "*.example.com"),
            dicom=rules(routes=routes),
        )
        section = self.section(dicom=rules(allowCalled=("NOBODY",)))
        section.serveFor([behind])
        client = await self.client(sni="pacs.example.com")
        await self.arrives(self.elsewhere, client, self.REQUEST)
        await self.rejectedToo(await self.client())

    async def rejectedToo(self, client: HalfRecorder) -> None:
        """Assert that another client's request is rejected."""
        client.transport.write(self.REQUEST)
        await client.upTo(10)
        self.assertEqual(bytes(client.received), AssociateRJ(1, 1, 7).encode())
        self.assertEqual(self.of(e.AssociationRefused)[0].section, "DICOM STORE")

    async def test_reload(self) -> None:
        """New rules are for new associations."""
        section = self.section()
        await self.arrives(self.store, await self.client(), self.REQUEST)
        stricter = evolve(section.settings.config, dicom=rules(allowCalled=("PACS2",)))
        section.use(evolve(section.settings, config=stricter))
        await self.rejectedToo(await self.client())
        self.assertEqual(self.of(e.Closed), [])

    @staticmethod
    def addresses(*ports: int) -> tuple[InetAddress, ...]:
        """Addresses on this machine."""
        return tuple(InetAddress("127.0.0.1", port) for port in ports)
