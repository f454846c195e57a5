"""Probes against real DICOM servers."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from OpenSSL import SSL
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.trial.unittest import TestCase

from appliance.cli.caller import Caller, buildContext
from appliance.health.conversation import Wrapper
from appliance.health.echo import echo
from appliance.health.result import Result, State
from appliance.health.tcp import reach
from appliance.tls.creator import Creator
from tests.health.certificates import Pair, selfSigned
from tests.health.servers import Server, closedPort, pynetdicom, storescp

pytestmark = pytest.mark.real

CLEAN = (
    "I: Association Acknowledged (Max Send PDV: 16372)\n"
    "I: Received Echo Request (MsgID 1)\n"
    "I: Association Release\n"
)


def overTLS(own: Pair | None = None) -> Wrapper:
    """TLS that trusts everybody, with our own certificate C{own}."""
    cert, key = (own.cert, own.key) if own else (None, None)
    return Caller(buildContext(None, cert, key), "localhost", verifies=False).wrap


class RealTests(TestCase):
    """L{echo} and L{reach}; trial checks that they leave nothing in the reactor."""

    timeout = 60

    def setUp(self) -> None:
        """A directory of our own."""
        temporary = TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.directory = Path(temporary.name)

    def serve(self, *options: str) -> Server:
        """A C{storescp} until the test ends."""
        running = storescp(self.directory, *options)
        server = running.__enter__()
        self.addCleanup(running.__exit__, None, None, None)
        return server

    def serveTLS(self, *options: str) -> Server:
        """A C{storescp} with TLS until the test ends."""
        pair = selfSigned(self.directory, "localhost")
        return self.serve("+tls", pair.key, pair.cert, *options)

    def listen(self, factory: Factory) -> int:
        """Serve C{factory} in this process until the test ends; its port."""
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        return int(port.getHost().port)

    async def ask(
        self, port: int, tls: Wrapper | None = None, timeout: float = 20, called: str = "STORESCP"
    ) -> Result:
        """The result of an echo; C{called} is what we call the peer."""
        return await echo(
            reactor,
            TCP4ClientEndpoint(reactor, "127.0.0.1", port),
            callingAET="BUTTERFLYTLS",
            calledAET=called,
            timeout=timeout,
            tls=tls,
        )

    async def test_storescp(self) -> None:
        """A storescp answers, and logs a clean association."""
        server = self.serve()
        result = await self.ask(server.port)
        self.assertIs(result.state, State.ALIVE, result)
        self.assertEqual(
            [step.name for step in result.steps], ["TCP", "association", "echo", "release"]
        )
        self.assertTrue(server.log.endswith("I: Association Received\n" + CLEAN), server.log)

    async def test_storescpTLS(self) -> None:
        """Over TLS it is just as clean, and the handshake is a step."""
        server = self.serveTLS("-ic")
        result = await self.ask(server.port, overTLS())
        self.assertIs(result.state, State.ALIVE, result)
        self.assertEqual(result.steps[1].name, "TLS")
        self.assertIn(CLEAN, server.log)

    async def test_pynetdicom(self) -> None:
        """A pynetdicom answers, too."""
        with pynetdicom(self.directory) as server:
            result = await self.ask(server.port, called="PYNETDICOM")
        self.assertIs(result.state, State.ALIVE, result)
        self.assertEqual(result.steps[-1].text, "released")

    async def test_unknownCalledTitle(self) -> None:
        """A wrong called AE title is refused, and told."""
        with pynetdicom(self.directory) as server:
            result = await self.ask(server.port, called="NOBODY")
        self.assertIs(result.state, State.REFUSED, result)
        self.assertIn("called AE title not recognized", result.text)
        self.assertIn("'NOBODY' (--called)", result.advice)

    async def test_refused(self) -> None:
        """A storescp --refuse lives and refuses."""
        result = await self.ask(self.serve("--refuse").port)
        self.assertIs(result.state, State.REFUSED, result)
        self.assertEqual(result.text, "refused by the application: no reason given")

    async def test_closedPort(self) -> None:
        """A port without a listener is unreachable at once."""
        result = await self.ask(closedPort())
        self.assertIs(result.state, State.UNREACHABLE, result)
        self.assertEqual(result.text, "nothing listens on that port")

    async def test_hangs(self) -> None:
        """A peer that accepts and is silent costs no more than the time limit."""
        result = await self.ask(self.listen(Factory.forProtocol(Protocol)), timeout=0.3)
        self.assertIs(result.state, State.UNREACHABLE, result)
        self.assertLess(result.seconds, 5)

    async def test_plainOnTLS(self) -> None:
        """TLS to a storescp that speaks none ends in the advice to go without."""
        result = await self.ask(self.serve().port, overTLS())
        self.assertIs(result.state, State.TLS_FAILURE, result)
        self.assertIn("--plain", result.advice)

    async def test_plainPynetdicomOnTLS(self) -> None:
        """TLS to a pynetdicom that speaks none: it answers in DICOM."""
        with pynetdicom(self.directory) as server:
            result = await self.ask(server.port, overTLS(), timeout=2)
        self.assertFalse(result.alive)
        self.assertIn("--plain", result.advice)

    async def test_TLSOnPlain(self) -> None:
        """A storescp that wants TLS hangs up on plain DICOM: the advice is to use TLS."""
        result = await self.ask(self.serveTLS("-ic").port)
        self.assertIs(result.state, State.NOT_DICOM, result)
        self.assertIn("--tls", result.advice)

    async def test_alertOnPlain(self) -> None:
        """A TLS server that answers plain DICOM with an alert is recognised."""
        pair = selfSigned(self.directory, "localhost")
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.use_certificate_file(pair.cert)
        context.use_privatekey_file(pair.key)
        tls = TLSMemoryBIOFactory(Creator(context), False, Factory.forProtocol(Protocol))
        result = await self.ask(self.listen(tls))
        self.assertIs(result.state, State.NOT_DICOM, result)
        self.assertIn("--tls", result.advice)

    async def test_certificateWanted(self) -> None:
        """A storescp that wants our certificate is recognised, and content with one."""
        pair = selfSigned(self.directory, "modality")
        server = self.serveTLS("+cf", pair.cert)
        result = await self.ask(server.port, overTLS())
        self.assertFalse(result.alive)
        self.assertIn("--cert", result.advice)
        result = await self.ask(server.port, overTLS(pair))
        self.assertIs(result.state, State.ALIVE, result)

    async def test_cancelled(self) -> None:
        """A cancelled echo is gone when its Deferred fires."""
        port = self.listen(Factory.forProtocol(Protocol))
        asked = Deferred.fromCoroutine(self.ask(port))
        await deferLater(reactor, 0.1, asked.cancel)
        await self.assertFailure(asked, CancelledError)

    async def test_reach(self) -> None:
        """A server can be reached without being asked."""
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.serve().port)
        self.assertIs((await reach(reactor, endpoint, timeout=20)).state, State.ALIVE)
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", closedPort())
        self.assertIs((await reach(reactor, endpoint, timeout=20)).state, State.UNREACHABLE)
