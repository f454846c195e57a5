"""Records as the configuration asks for them, with collectors on loopback."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocol
from twisted.internet.protocol import DatagramProtocol, Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from appliance import events as e
from appliance.audit.stream import HOLD, USER_TIMEOUT
from appliance.config.model import AuditConfig, Config, ConfigError, GlobalConfig
from appliance.daemon import onlyAtTheStart
from appliance.recording import Records, recordsFor
from appliance.system.process import ProcessError
from appliance.tls.context import build
from appliance.tls.creator import Creator
from appliance.tls.transport import TLSWireFactory
from tests import material as m
from tests import wires
from tests.audit.conformance import parsed
from tests.audit.happenings import ended
from tests.peers import Said, directoryFor, runCommand

BOM = b"\xef\xbb\xbf"


class Heard:
    """What a collector has heard; C{number} fires once there are so many messages."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self._waiting: list[tuple[int, Deferred[list[bytes]]]] = []

    def add(self, message: bytes) -> None:
        """A message has come."""
        self.messages.append(message)
        for entry in tuple(self._waiting):
            if len(self.messages) >= entry[0]:
                self._waiting.remove(entry)
                entry[1].callback(self.messages)

    def number(self, number: int) -> Deferred[list[bytes]]:
        """All messages, once there are C{number} of them."""
        waiting: Deferred[list[bytes]] = Deferred()
        self._waiting.append((number, waiting))
        if len(self.messages) >= number:
            self._waiting.pop()
            waiting.callback(self.messages)
        return waiting


class Datagrams(DatagramProtocol):
    """A collector by UDP."""

    def __init__(self, heard: Heard) -> None:
        self._heard = heard

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        """One datagram is one message."""
        self._heard.add(datagram)


class Frames(Protocol):
    """One connection of a collector that counts octets."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self._data = b""

    def connectionMade(self) -> None:
        """Somebody is there."""
        self._collector.open.add(self)

    def dataReceived(self, data: bytes) -> None:
        """Take whole frames."""
        self._data += data
        while b" " in self._data:
            length, _, rest = self._data.partition(b" ")
            if len(rest) < int(length):
                return
            self._collector.heard.add(rest[: int(length)])
            self._data = rest[int(length) :]

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """They are gone."""
        self._collector.open.discard(self)
        gone = self._collector.gone
        if not self._collector.open and gone is not None:
            self._collector.gone = None
            gone.callback(None)


class Collector(Factory):
    """A collector by TCP."""

    noisy = False

    def __init__(self, heard: Heard) -> None:
        self.heard = heard
        self.open: set[Frames] = set()
        self.gone: Deferred[None] | None = None

    def buildProtocol(self, addr: Any) -> IProtocol:
        """One more connection."""
        return Frames(self)

    def end(self) -> Deferred[None] | None:
        """Reset all connections; fires when they are gone."""
        if not self.open:
            return None
        self.gone = Deferred()
        for each in tuple(self.open):
            each.transport.abortConnection()  # type: ignore[union-attr]
        return self.gone


class RecordingCase(TestCase):
    """Records, and collectors for them."""

    timeout = 10

    def setUp(self) -> None:
        self.directory = directoryFor(self)
        self.heard = Heard()
        self.told: list[e.Event] = []
        self.events = e.Events(onError=self._defect)
        self._waiting: list[tuple[type[e.Event], Deferred[Any]]] = []
        self.events.subscribe(self._hear)

    def _defect(self, error: BaseException) -> None:
        raise AssertionError("a listener failed") from error

    def _hear(self, event: e.Event) -> None:
        self.told.append(event)
        for entry in tuple(self._waiting):
            if isinstance(event, entry[0]):
                self._waiting.remove(entry)
                entry[1].callback(event)

    def event(self, kind: type[e.Event]) -> Deferred[Any]:
        """The next event of C{kind}."""
        waiting: Deferred[Any] = Deferred()
        self._waiting.append((kind, waiting))
        return waiting

    def records(self, journal: str | None = None, **audit: Any) -> Records:
        """Records that were started and are stopped with the test."""
        records = self.made(journal, **audit)
        records.startService()
        self.addCleanup(lambda: records.stopService() if records.running else None)
        return records

    def made(self, journal: str | None = None, **audit: Any) -> Records:
        """Records as C{butterfly-tls.conf} asks for them."""
        where = AuditConfig("127.0.0.1", **audit) if audit else None
        process = GlobalConfig(journal=journal, audit=where)
        config = Config(str(self.directory / "butterfly-tls.conf"), process, ())
        return recordsFor(reactor, config, self.events)

    def listens(self, factory: Any, port: int = 0) -> int:
        """A collector that waits for connections."""
        listening = reactor.listenTCP(port, factory, interface="127.0.0.1")
        self.addCleanup(listening.stopListening)
        return int(listening.getHost().port)

    def collector(self) -> tuple[Collector, int]:
        """A collector by TCP and its port."""
        collector = Collector(self.heard)
        self.addCleanup(collector.end)
        return collector, self.listens(collector)

    def starts(self) -> None:
        """The appliance serves, which is told to the collector."""
        self.events.publish(e.Accepting())


class DatagramTests(RecordingCase):
    """Audit messages by UDP."""

    async def test_sent(self) -> None:
        """A message comes as one datagram that is good by RFC 5424 and by DICOM."""
        port = reactor.listenUDP(0, Datagrams(self.heard), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        self.records(port=port.getHost().port)
        self.starts()
        (message,) = await self.heard.number(1)
        header, xml = message.split(BOM)
        self.assertTrue(header.startswith(b"<85>1 "))
        parsed(xml)

    async def test_refused(self) -> None:
        """A machine where nobody listens is told of, once."""
        port = reactor.listenUDP(0, Datagrams(self.heard), interface="127.0.0.1")
        number = port.getHost().port
        await port.stopListening()
        self.records(port=number)
        away = self.event(e.AuditAway)
        self.starts()
        told = await away
        self.assertEqual((told.keeps, told.why), (False, "nobody listens there"))
        self.assertEqual(told.collector, f"127.0.0.1:{number} (udp)")


class StreamTests(RecordingCase):
    """Audit messages by TCP."""

    async def test_sent(self) -> None:
        """Messages come in their order, each behind its length."""
        _, port = self.collector()
        self.records(port=port, protocol="tcp")
        self.starts()
        self.events.publish(e.Refused(("é" * 100,), reload=True))
        first, second = await self.heard.number(2)
        self.assertIn(b"Application Start", first)
        self.assertIn("é".encode(), second)

    async def test_attentive(self) -> None:
        """The kernel gives up a collector that acknowledges nothing before we forget messages."""
        _, port = self.collector()
        ((sender,),) = self.records(port=port, protocol="tcp")
        self.starts()
        await self.heard.number(1)
        handle = sender._line.transport.getHandle()
        milliseconds = handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
        self.assertEqual(milliseconds, USER_TIMEOUT * 1000)
        self.assertLess(USER_TIMEOUT, HOLD)

    async def test_stop(self) -> None:
        """The last message of all, the stop, is read before we are gone; nothing is left."""
        spool = self.directory / "spool"
        spool.mkdir()
        _, port = self.collector()
        records = self.records(port=port, protocol="tcp", spool=str(spool))
        self.starts()
        await self.heard.number(1)
        self.events.publish(e.Stopping("SIGTERM", 0))
        await records.stopService()
        (_, last) = await self.heard.number(2)
        self.assertIn(b"Application Stop", last)
        self.assertEqual(list(spool.iterdir()), [])

    async def test_reset(self) -> None:
        """What a collector that resets the connection may not have read comes again."""
        collector, port = self.collector()
        self.records(port=port, protocol="tcp")
        self.starts()
        await self.heard.number(1)
        await collector.end()
        first, again = await self.heard.number(2)
        self.assertEqual(first, again)

    async def test_overRestarts(self) -> None:
        """What could not be sent is sent by the next process, from the spool."""
        collector, port = self.collector()
        (listening,) = [
            port for port in reactor.getReaders() if getattr(port, "factory", None) is collector
        ]
        await listening.stopListening()
        spool = self.directory / "spool"
        spool.mkdir()
        away = self.event(e.AuditAway)
        records = self.records(port=port, protocol="tcp", spool=str(spool))
        self.starts()
        await away
        await records.stopService()
        self.assertEqual(len(list(spool.iterdir())), 1)
        self.release(records)
        self.listens(collector, port)
        self.records(port=port, protocol="tcp", spool=str(spool))
        (message,) = await self.heard.number(1)
        self.assertIn(b"Application Start", message)

    @staticmethod
    def release(records: Records) -> None:
        """Let go of the spool, as the end of a process does."""
        ((sender,),) = records
        sender._outbox.queue.close()


class SecuredTests(RecordingCase):
    """Audit messages by TLS."""

    def secured(self, **tls: Any) -> int:
        """A collector with a certificate for 127.0.0.1, and its port."""
        collector = Collector(self.heard)
        self.addCleanup(collector.end)
        config = m.tlsConfig(**tls)
        context = build("collector", m.WHERE, config, m.material(m.server(), m.ca()))
        return wires.listen(self, TLSWireFactory(Creator(context), False, collector))

    def trust(self, pair: Any) -> str:
        """A file with the certificate of C{pair}."""
        return str(m.writeAuthority(self.directory, "ca", pair))

    async def test_sent(self) -> None:
        """A collector whose certificate is trusted gets its messages."""
        self.records(port=self.secured(), protocol="tls", caFile=self.trust(m.server()))
        self.starts()
        (message,) = await self.heard.number(1)
        parsed(message.split(BOM)[1])

    async def test_stranger(self) -> None:
        """One whose certificate is not trusted gets nothing, and the log says why."""
        away = self.event(e.AuditAway)
        self.records(port=self.secured(), protocol="tls", caFile=self.trust(m.ca()))
        self.starts()
        told = await away
        self.assertIn("its certificate is not good for us, self-signed certificate", told.why)
        self.assertIn("auditCAfile", told.why)
        self.assertEqual(self.heard.messages, [])

    async def test_otherName(self) -> None:
        """A trusted certificate for another machine is no good."""
        away = self.event(e.AuditAway)
        pair = m.client("elsewhere")
        collector = Collector(self.heard)
        self.addCleanup(collector.end)
        context = build("collector", m.WHERE, m.tlsConfig(), m.material(pair))
        port = wires.listen(self, TLSWireFactory(Creator(context), False, collector))
        self.records(port=port, protocol="tls", caFile=self.trust(m.ca()))
        self.starts()
        self.assertIn("IP address mismatch", (await away).why)

    async def test_ownCertificate(self) -> None:
        """A collector that asks for our certificate gets it."""
        cert, key = m.write(self.directory, "audit", m.client())
        port = self.secured(verifyChain=True, requireCert=True)
        self.records(
            port=port,
            protocol="tls",
            caFile=self.trust(m.server()),
            cert=str(cert),
            key=str(key),
        )
        self.starts()
        await self.heard.number(1)

    def test_unusable(self) -> None:
        """Files that cannot be used stop the start, under our options' names."""
        broken = self.directory / "broken.pem"
        broken.write_text("-----BEGIN CERTIFICATE-----\n")
        error = self.assertRaises(
            ConfigError, self.made, port=6514, protocol="tls", caFile=str(broken)
        )
        self.assertIn("auditCAfile: ", str(error))


class FileTests(RecordingCase):
    """The files of records."""

    def test_journal(self) -> None:
        """An association is in the journal, also after a rotation."""
        path = self.directory / "journal"
        records = self.records(journal=str(path))
        self.events.publish(ended())
        path.rename(self.directory / "journal.1")
        records.reopen()
        self.events.publish(ended())
        self.assertEqual(len(path.read_bytes().splitlines()), 1)
        assert records.journal is not None
        records.journal.close()

    def test_noJournal(self) -> None:
        """A journal that cannot be opened stops the start."""
        path = str(self.directory / "missing" / "journal")
        error = self.assertRaises(ProcessError, self.made, path)
        self.assertIn(f"journal: cannot open {path}: No such file", str(error))

    def test_spoolInUse(self) -> None:
        """A spool that another process uses stops the start."""
        spool = str(self.directory)
        first = self.made(port=1, protocol="tcp", spool=spool)
        error = self.assertRaises(ProcessError, self.made, port=1, protocol="tcp", spool=spool)
        self.assertIn("another process uses", str(error))
        StreamTests.release(first)

    def test_nothingAskedFor(self) -> None:
        """Without the options nothing is kept, and nothing listens."""
        records = self.made()
        self.assertEqual(list(records), [])
        records.reopen()
        self.events.publish(ended())
        self.assertEqual(list(Path(self.directory).iterdir()), [])


class ReloadTests(SynchronousTestCase):
    """Records are settled when the process starts."""

    def test_told(self) -> None:
        """A reload that finds other settings says that they count at the next start."""
        before = GlobalConfig(journal="/a", audit=AuditConfig("h", 514))
        after = GlobalConfig(journal="/b", audit=AuditConfig("h", 514, source="Ward 3"))
        self.assertEqual(list(onlyAtTheStart(before, before)), [])
        journal, audit = onlyAtTheStart(before, after)
        self.assertIn("journal has changed from /a to /b", journal)
        self.assertIn("audit, or one of the options that go with it, has changed", audit)


class CheckTests(RecordingCase):
    """What C{butterfly-tls check} says of the files for a collector."""

    def check(self, authority: str) -> Said:
        """Check a configuration that sends audit messages by TLS."""
        m.write(self.directory, "audit", m.server())
        text = (
            "audit = 127.0.0.1:6514\n"
            "auditProtocol = tls\n"
            f"auditCAfile = {authority}\n"
            "[S]\n"
            "accept = 2761\n"
            "connect = 127.0.0.1:104\n"
            "cert = audit_Cert.pem\n"
            "key = audit_key.pem\n"
        )
        path = self.directory / "butterfly-tls.conf"
        path.write_text(text)
        return runCommand("check", path, "--offline")

    def test_good(self) -> None:
        """A certificate to trust is fine."""
        self.assertEqual(self.check("audit_Cert.pem").status, 0)

    def test_bad(self) -> None:
        """A file without one would stop the start, so it is an error."""
        said = self.check("audit_key.pem")
        self.assertEqual(said.status, 1)
        self.assertIn("butterfly-tls.conf:3: error: auditCAfile: no certificate in", said.out)
