"""A section between a real TLS client and a PACS, on loopback sockets."""

from __future__ import annotations

import socket
import ssl
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from appliance import events as e
from appliance.config.model import SocketOption, SocketRole, Timeouts, TLSConfig, TLSVersion
from appliance.tls.context import build
from tests import material as m
from tests.house import SectionCase
from tests.tls.test_transport import BULK, Pauses


class RelayTests(SectionCase):
    """What goes through."""

    async def test_bothWays(self) -> None:
        """Bytes arrive unaltered in both directions, and the totals are right."""
        pacs = self.pacs()
        self.section()
        client = await self.client()
        client.transport.write(BULK)
        await pacs.upTo(len(BULK))
        pacs.transport.write(BULK[::-1])
        await client.upTo(len(BULK))
        client.transport.loseWriteConnection()
        await pacs.readEnded
        pacs.transport.loseConnection()
        await client.lost
        closed = await self.event(e.Closed)
        self.assertEqual(pacs.received, BULK)
        self.assertEqual(client.received, BULK[::-1])
        self.assertEqual(closed.reason, e.Reason.COMPLETED)
        self.assertEqual((closed.sentToTLS, closed.sentToSocket), (len(BULK), len(BULK)))
        self.assertEqual(closed.peer.version, "TLSv1.3")

    async def test_abruptFINOfTheClient(self) -> None:
        """A client that ends its TCP stream in mid-transfer cuts nothing in either direction."""
        pacs = self.pacs()
        self.section()
        client = await self.client()
        client.transport.write(BULK)
        await pacs.made
        pacs.transport.write(BULK)
        await client.upTo(100_000)
        client.transport.transport.loseWriteConnection()
        await pacs.readEnded
        pacs.transport.write(BULK)
        pacs.transport.loseWriteConnection()
        await client.readEnded
        self.assertEqual(pacs.received, BULK)
        self.assertEqual(client.received, BULK * 2)
        self.assertEqual((await self.event(e.Closed)).reason, e.Reason.COMPLETED)

    async def test_FINOfThePACS(self) -> None:
        """When the PACS ends its direction the client's goes on."""
        pacs = self.pacs()
        self.section()
        client = await self.client()
        client.transport.write(b"request")
        await pacs.upTo(7)
        pacs.transport.write(b"answer")
        pacs.transport.loseWriteConnection()
        await client.readEnded
        self.assertTrue(client.transport.cleanEnd)
        client.transport.write(BULK)
        client.transport.loseWriteConnection()
        await pacs.readEnded
        self.assertEqual(len(pacs.received), len(BULK) + 7)
        self.assertEqual(client.received, b"answer")

    async def test_stalledPACS(self) -> None:
        """A PACS that does not read stops the client; what waits here is bounded."""
        pacs = self.pacs()
        self.section()
        client = await self.client()
        await pacs.made
        pacs.transport.pauseProducing()
        stalled: Deferred[None] = Deferred()
        client.transport.registerProducer(Pauses(stalled), True)
        sent = 0
        while not stalled.called:
            client.transport.write(BULK)
            sent += len(BULK)
            await turn()
        self.assertLess(sent, 64 * 1024 * 1024)
        client.transport.unregisterProducer()
        pacs.transport.resumeProducing()
        await pacs.upTo(sent)

    async def test_resetOfThePACS(self) -> None:
        """A PACS that dies resets the client, with one reason."""
        pacs = self.pacs()
        self.section()
        client = await self.client()
        client.transport.write(b"request")
        await pacs.upTo(7)
        pacs.transport.abortConnection()
        await client.lost
        self.assertEqual((await self.event(e.Closed)).reason, e.Reason.SOCKET_RESET)

    async def test_resetOfTheClient(self) -> None:
        """A client that dies resets the connection to the PACS."""
        pacs = self.pacs()
        self.section()
        client = await self.client()
        client.transport.write(b"request")
        await pacs.upTo(7)
        client.transport.abortConnection()
        await pacs.lost
        self.assertEqual((await self.event(e.Closed)).reason, e.Reason.TLS_RESET)

    async def test_stop(self) -> None:
        """A stop ends all connections and the listening, each with its one end."""
        pacs = self.pacs()
        section = self.section()
        client = await self.client()
        client.transport.write(b"request")
        await pacs.upTo(7)
        await section.stopService()
        await client.lost
        await pacs.lost
        self.assertEqual([c.reason for c in self.of(e.Closed)], [e.Reason.STOPPED])
        self.assertEqual(section.joins, {})
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", self.port)).close()

    async def test_socketOptions(self) -> None:
        """C{socket = l:} and C{r:} are set on the accepted and on the dialled socket."""
        self.pacs()
        options = tuple(
            SocketOption(role, "TCP_KEEPIDLE", socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, seconds)
            for role, seconds in ((SocketRole.LOCAL, 77), (SocketRole.REMOTE, 88))
        )
        section = self.section(socketOptions=options)
        await self.client()
        await self.event(e.Dialled)
        (join,) = section.joins.values()
        for side, seconds in ((join.front, 77), (join.back, 88)):
            handle = side.transport.getHandle()
            self.assertEqual(handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE), seconds)


def turn() -> Deferred[None]:
    """One turn of the reactor."""
    done: Deferred[None] = Deferred()
    reactor.callLater(0, done.callback, None)
    return done


class HandshakeTests(SectionCase):
    """Who gets in, and what the others are told."""

    async def refused(self) -> tuple[e.HandshakeFailed, e.Closed]:
        """The failure and the end, of which there is one each."""
        failed = await self.event(e.HandshakeFailed)
        closed = await self.event(e.Closed)
        self.assertEqual(len(self.of(e.HandshakeFailed)), 1)
        self.assertEqual(self.of(e.Dialling), [])
        return failed, closed

    async def test_bareConnectReachesNobody(self) -> None:
        """A port scan is counted and never reaches the PACS."""
        self.pacs()
        section = self.section()
        for _ in range(3):
            scan = await self.client(plain=True)
            scan.transport.loseConnection()
            await scan.lost
        await self.event(e.Closed, 3)
        await turn()
        self.assertEqual(self.of(e.Dialling) + self.of(e.HandshakeFailed) + self.of(e.Opened), [])
        await section.stopService()
        self.assertEqual(self.of(e.BareConnects), [e.BareConnects("DICOM STORE", 3, 1)])

    async def test_plainDICOM(self) -> None:
        """A sender without TLS is told so."""
        self.pacs()
        self.section()
        client = await self.client(plain=True)
        client.transport.write(b"\x01\x00\x00\x00\x00\xcd\x00\x01\x00\x00" + b"PACS".ljust(16) * 4)
        failed, closed = await self.refused()
        self.assertIn("without TLS", failed.found)
        self.assertEqual(closed.reason, e.Reason.HANDSHAKE)
        await client.readEnded

    async def test_noCertificate(self) -> None:
        """A client without a certificate is refused where one is asked for."""
        self.pacs()
        ca = m.writeAuthority(self.directory(), "ca", m.ca())
        self.section(TLSConfig(verifyChain=True, caFile=str(ca)), authorities=(m.ca(),))
        client = await self.client()
        failed, _ = await self.refused()
        self.assertEqual(failed.error, "peer did not return a certificate")
        self.assertIn("certificate", failed.found)
        await client.lost

    async def test_expiredCertificate(self) -> None:
        """An expired client certificate is refused, and named."""
        self.pacs()
        ca = m.writeAuthority(self.directory(), "ca", m.ca())
        self.section(TLSConfig(verifyChain=True, caFile=str(ca)), authorities=(m.ca(),))
        await self.client(pair=m.client(expired=True))
        failed, _ = await self.refused()
        self.assertIn("expired", failed.found)
        (rejected,) = self.of(e.CertificateRejected)
        self.assertEqual((rejected.depth, rejected.subject), (0, "CN=modality"))

    async def test_strangersCertificate(self) -> None:
        """A certificate of an unknown authority is refused."""
        self.pacs()
        ca = m.writeAuthority(self.directory(), "ca", m.ca())
        self.section(TLSConfig(verifyChain=True, caFile=str(ca)), authorities=(m.ca(),))
        await self.client(pair=m.client(by="Another CA"))
        failed, _ = await self.refused()
        self.assertEqual(failed.error, "certificate verify failed")

    async def test_goodCertificate(self) -> None:
        """A good client certificate is accepted and its subject is known."""
        pacs = self.pacs()
        ca = m.writeAuthority(self.directory(), "ca", m.ca())
        self.section(TLSConfig(verifyChain=True, caFile=str(ca)), authorities=(m.ca(),))
        client = await self.client(pair=m.client())
        client.transport.write(b"hello")
        await pacs.upTo(5)
        self.assertEqual((await self.event(e.Handshaken)).peer.subject, "CN=modality")
        self.assertEqual({x.depth for x in self.of(e.CertificateAccepted)}, {0, 1})

    async def test_listedPeerOnly(self) -> None:
        """With verifyPeer only the listed certificate itself gets in, whoever signed it."""
        pacs = self.pacs()
        listed = m.client()
        ca = m.writeAuthority(self.directory(), "peers", listed)
        self.section(TLSConfig(verifyPeer=True, caFile=str(ca)), authorities=(listed,))
        other = await self.client(pair=m.client("intruder"))
        failed, _ = await self.refused()
        self.assertEqual(failed.error, "certificate verify failed")
        await other.lost
        client = await self.client(pair=listed)
        client.transport.write(b"hello")
        await pacs.upTo(5)

    async def test_checkHost(self) -> None:
        """The option checkHost asks for a name in the client's certificate."""
        self.pacs()
        ca = m.writeAuthority(self.directory(), "ca", m.ca())
        tls = TLSConfig(verifyChain=True, caFile=str(ca), checkHost=("other.example",))
        self.section(tls, authorities=(m.ca(),))
        await self.client(pair=m.client())
        await self.refused()
        self.assertEqual(self.of(e.CertificateRejected)[0].error, "hostname mismatch")

    async def test_oldVersion(self) -> None:
        """A sender that is stuck on an older version is told what would admit it."""
        self.pacs()
        self.section(TLSConfig(minimum=TLSVersion.TLSv1_3))
        await self.client(maximum=TLSVersion.TLSv1_2)
        failed, _ = await self.refused()
        self.assertIn("TLSv1.2", failed.found)
        self.assertIn("sslVersion", failed.advice)

    async def test_noSharedCipher(self) -> None:
        """A sender with other ciphers is told the line that would admit it."""
        self.pacs()
        self.section(TLSConfig(maximum=TLSVersion.TLSv1_2))
        await self.client(maximum=TLSVersion.TLSv1_2, ciphers="AES128-SHA")
        failed, _ = await self.refused()
        self.assertEqual(failed.error, "no shared cipher")
        self.assertIn("ciphers = ", failed.advice)

    async def test_slowHandshake(self) -> None:
        """A client that drips its hello is cut after TIMEOUTbusy in all."""
        self.pacs()
        self.section(timeouts=Timeouts(busy=0.2))
        client = await self.client(plain=True)
        client.transport.write(b"\x16\x03\x01")
        await client.lost
        self.assertEqual((await self.event(e.Closed)).reason, e.Reason.HANDSHAKE_TIMEOUT)

    async def test_resumption(self) -> None:
        """A second handshake may take up the first one's session, and that is told."""
        self.pacs()
        self.section(TLSConfig(maximum=TLSVersion.TLSv1_2))

        def twice() -> bool:
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            session = None
            for _ in range(2):
                with (
                    socket.create_connection(("127.0.0.1", self.port), timeout=10) as raw,
                    context.wrap_socket(raw, session=session) as tls,
                ):
                    session = tls.session
                    reused = tls.session_reused
            return bool(reused)

        self.assertTrue(await deferToThread(twice))
        await self.event(e.Handshaken, 2)
        self.assertEqual([x.peer.resumed for x in self.of(e.Handshaken)], [False, True])


class BackendTests(SectionCase):
    """When the PACS is not there."""

    async def test_refused(self) -> None:
        """A PACS that is down is told, and a client that speaks no DICOM is reset."""
        self.section(connect=unusedPort())
        client = await self.client()
        client.transport.write(b"hello there")
        await client.lost
        self.assertEqual((await self.event(e.Closed)).reason, e.Reason.NO_BACKEND)
        self.assertEqual(self.of(e.DialFailed)[0].error, "Connection refused (111)")


def unusedPort() -> int:
    """A port that nothing listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class ClientModeTests(SectionCase):
    """Plain in, TLS out."""

    def context(self) -> Any:
        return build("pacs", m.WHERE, m.tlsConfig(), m.material(m.server()))

    async def test_bothWays(self) -> None:
        """Bytes arrive both ways, through TLS on the far side."""
        pacs = self.pacs(context=self.context())
        self.section(TLSConfig(client=True))
        client = await self.client(plain=True)
        client.transport.write(BULK)
        await pacs.upTo(len(BULK))
        pacs.transport.write(BULK[::-1])
        await client.upTo(len(BULK))
        client.transport.loseWriteConnection()
        await pacs.readEnded
        self.assertTrue(pacs.transport.cleanEnd)
        pacs.transport.loseWriteConnection()
        await client.readEnded
        self.assertEqual(client.received, BULK[::-1])
        self.assertEqual((await self.event(e.Closed)).reason, e.Reason.COMPLETED)

    async def test_serverName(self) -> None:
        """Both verifyChain and checkHost accept the server that has the name."""
        pacs = self.pacs(context=self.context())
        ca = str(m.writeAuthority(self.directory(), "ca", m.server()))
        tls = TLSConfig(client=True, verifyChain=True, caFile=ca, checkHost=("localhost",))
        self.section(tls, authorities=(m.server(),))
        client = await self.client(plain=True)
        client.transport.write(b"hello")
        await pacs.upTo(5)

    async def test_wrongServerName(self) -> None:
        """The option checkHost refuses a server with another name."""
        self.pacs(context=self.context())
        ca = str(m.writeAuthority(self.directory(), "ca", m.server()))
        tls = TLSConfig(client=True, verifyChain=True, caFile=ca, checkHost=("pacs.example",))
        self.section(tls, authorities=(m.server(),))
        client = await self.client(plain=True)
        await client.lost
        self.assertEqual((await self.event(e.Closed)).reason, e.Reason.HANDSHAKE)
        self.assertTrue(self.of(e.HandshakeFailed)[0].dialled)

    async def test_plainServer(self) -> None:
        """A backend that speaks no TLS is explained."""
        pacs = self.pacs()
        self.section(TLSConfig(client=True))
        client = await self.client(plain=True)
        await pacs.made
        pacs.transport.write(b"\x07\x00\x00\x00\x00\x04\x00\x00\x02\x01")
        await client.lost
        failed = await self.event(e.HandshakeFailed)
        self.assertIn("TLS", failed.found)
