from __future__ import annotations

from typing import Any

from OpenSSL import SSL
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.error import ConnectionRefusedError as RefusedError
from twisted.internet.interfaces import IHandshakeListener, IProtocolFactory
from twisted.internet.testing import MemoryReactorClock
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from appliance.dicom import uids
from appliance.dicom.command import echoResponse
from appliance.dicom.framer import Framer
from appliance.dicom.items import AnsweredContext, ContextResult, PDUError
from appliance.dicom.pdu import (
    PDU,
    Abort,
    AssociateAC,
    AssociateRJ,
    AssociateRQ,
    PDataTF,
    ReleaseRP,
    ReleaseRQ,
)
from appliance.dicom.pdv import PDV
from appliance.health.conversation import Wrapper
from appliance.health.echo import MAXIMUM_PDU, echo
from appliance.health.result import Result, State, Step
from appliance.health.spelling import OPTIONS
from tests.health.memory import Transport, accept, refuse

ACCEPTED = AssociateAC(
    "PACS", "US", (AnsweredContext(1, ContextResult.ACCEPTED, uids.EXPLICIT_VR_LITTLE_ENDIAN),)
)


def answer(status: int = 0) -> PDU:
    """The answer to the echo."""
    return PDataTF((PDV(1, command=True, last=True, data=echoResponse(1, status).encode()),))


class Layer(ProtocolWrapper):
    """In the place of TLS: says when its handshake is done, or why it failed."""

    def shakeHands(self) -> None:
        """The handshake is done."""
        assert IHandshakeListener.providedBy(self.wrappedProtocol)
        self.wrappedProtocol.handshakeCompleted()


class Probed(SynchronousTestCase):
    """An echo against a peer that the test plays."""

    wrap: Wrapper | None = None

    def setUp(self) -> None:
        """An echo on its way."""
        self.reactor = MemoryReactorClock()
        self.asked = self.ask()

    def ask(self, calledAET: str = "PACS", **more: Any) -> Deferred[Result]:
        """Start an echo."""
        return Deferred.fromCoroutine(
            echo(
                self.reactor,
                TCP4ClientEndpoint(self.reactor, "192.0.2.1", 104),
                callingAET="US",
                calledAET=calledAET,
                timeout=5,
                tls=self.wrap,
                **more,
            )
        )

    def heard(self, transport: Transport) -> list[PDU]:
        """What the peer hears since the last time."""
        pdus = list(Framer(MAXIMUM_PDU).feed(transport.value()))
        transport.clear()
        return pdus

    def say(self, transport: Transport, *pdus: PDU) -> list[PDU]:
        """The peer says C{pdus}; what it hears then."""
        transport.protocol.dataReceived(b"".join(pdu.encode() for pdu in pdus))
        return self.heard(transport)

    def result(self, state: State) -> Result:
        """The result, in C{state}, with nothing left behind."""
        result = self.successResultOf(self.asked)
        self.assertIs(result.state, state)
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        return result


class PlainTests(Probed):
    """L{echo} without TLS."""

    def test_alive(self) -> None:
        """It associates, echoes, releases and closes; each step has its own time."""
        self.reactor.advance(0.25)
        transport = accept(self.reactor)
        (request,) = self.heard(transport)
        assert isinstance(request, AssociateRQ)
        self.assertEqual((request.calling, request.called), ("US", "PACS"))
        self.reactor.advance(0.5)
        (asked,) = self.say(transport, ACCEPTED)
        self.assertIsInstance(asked, PDataTF)
        self.reactor.advance(1)
        self.assertEqual(self.say(transport, answer()), [ReleaseRQ()])
        self.assertFalse(transport.disconnecting)
        self.reactor.advance(2)
        self.assertEqual(self.say(transport, ReleaseRP()), [])
        self.assertTrue(transport.disconnecting)
        self.assertNoResult(self.asked)
        transport.hangUp()
        result = self.result(State.ALIVE)
        self.assertEqual(
            result.steps,
            (
                Step("TCP", 0.25, True, "connected"),
                Step("association", 0.5, True, "accepted, Explicit VR Little Endian"),
                Step("echo", 1, True, "success"),
                Step("release", 2, True, "released"),
            ),
        )
        self.assertTrue(result.alive)

    def test_preface(self) -> None:
        """What the peer is to hear ahead of DICOM comes first, and advice may name options."""
        self.asked = self.ask(preface=b"PROXY UNKNOWN\r\n", spelling=OPTIONS)
        transport = accept(self.reactor)
        preface, found, request = transport.value().partition(b"\r\n")
        self.assertEqual((preface, found), (b"PROXY UNKNOWN", b"\r\n"))
        (pdu,) = Framer(MAXIMUM_PDU).feed(request)
        self.assertIsInstance(pdu, AssociateRQ)
        transport.clear()
        self.say(transport, AssociateRJ(1, 1, 7))
        transport.hangUp()
        self.assertIn("(calledAET)", self.successResultOf(self.asked).advice)

    def test_rejected(self) -> None:
        """A rejection ends it, and proves that the peer lives."""
        transport = accept(self.reactor)
        self.say(transport, AssociateRJ(1, 1, 7))
        self.assertTrue(transport.disconnecting)
        transport.hangUp()
        result = self.result(State.REFUSED)
        self.assertIn("called AE title not recognized", result.text)
        self.assertEqual([step.ok for step in result.steps], [True, False])

    def test_contextRefused(self) -> None:
        """Without Verification there is no echo, but a release."""
        transport = accept(self.reactor)
        refused = AnsweredContext(1, ContextResult.ABSTRACT_SYNTAX)
        self.say(transport, AssociateAC("PACS", "US", (refused,)), ReleaseRP())
        transport.hangUp()
        result = self.result(State.REFUSED)
        self.assertEqual(
            [(step.name, step.ok) for step in result.steps],
            [("TCP", True), ("association", False), ("release", True)],
        )

    def test_failedStatus(self) -> None:
        """An echo answered with a failure is a step that failed."""
        transport = accept(self.reactor)
        self.say(transport, ACCEPTED, answer(0x0124), ReleaseRP())
        transport.hangUp()
        result = self.result(State.REFUSED)
        self.assertEqual(result.steps[2].text, "not authorized")
        self.assertFalse(result.steps[2].ok)

    def test_aborted(self) -> None:
        """An abort ends it."""
        transport = accept(self.reactor)
        self.say(transport, ACCEPTED, Abort(0))
        transport.hangUp()
        self.assertIn("aborted by the application", self.result(State.ABORTED).text)

    def test_confused(self) -> None:
        """A peer that breaks the protocol hears an abort."""
        transport = accept(self.reactor)
        self.heard(transport)
        self.assertEqual(self.say(transport, ReleaseRP()), [Abort(2, 2)])
        transport.hangUp()
        self.assertIn("broke the protocol", self.result(State.ABORTED).text)

    def test_noReleaseAnswer(self) -> None:
        """A peer that hangs up on the release is alive all the same."""
        transport = accept(self.reactor)
        self.say(transport, ACCEPTED, answer())
        transport.hangUp()
        result = self.result(State.ALIVE)
        self.assertIn("not the release", result.text)
        self.assertFalse(result.steps[-1].ok)

    def test_silentRelease(self) -> None:
        """A peer that is silent on the release is alive, and is not waited for for ever."""
        transport = accept(self.reactor)
        self.say(transport, ACCEPTED, answer())
        self.reactor.advance(5)
        self.assertTrue(transport.aborting)
        self.result(State.ALIVE)

    def test_refused(self) -> None:
        """Nobody there."""
        refuse(self.reactor, RefusedError())
        self.assertEqual(len(self.result(State.UNREACHABLE).steps), 1)

    def test_hangs(self) -> None:
        """A peer that accepts and says nothing is dropped when the time is over."""
        transport = accept(self.reactor)
        self.reactor.advance(5)
        self.assertTrue(transport.aborting)
        result = self.result(State.UNREACHABLE)
        self.assertIn("no answer to the association request within 5 s", result.text)
        self.assertEqual(result.steps[-1].seconds, 5)

    def test_trickles(self) -> None:
        """A peer that sends a byte now and then does not win more time."""
        transport = accept(self.reactor)
        for byte in ACCEPTED.encode()[:5]:
            self.reactor.advance(1)
            if not transport.aborting:
                transport.protocol.dataReceived(bytes((byte,)))
        self.result(State.UNREACHABLE)

    def test_hangsUp(self) -> None:
        """A peer that hangs up at once may expect TLS."""
        accept(self.reactor).hangUp()
        self.assertIn("--tls", self.result(State.NOT_DICOM).advice)

    def test_hangsUpLater(self) -> None:
        """A peer that hangs up in the association is not alive."""
        transport = accept(self.reactor)
        self.say(transport, ACCEPTED)
        transport.hangUp()
        self.assertEqual(self.result(State.ABORTED).steps[-1].name, "echo")

    def test_tlsAlert(self) -> None:
        """A peer that answers with a TLS alert speaks TLS."""
        transport = accept(self.reactor)
        transport.protocol.dataReceived(b"\x15\x03\x01\x00\x02\x02\x46")
        self.assertTrue(transport.aborting)
        self.assertEqual(self.result(State.NOT_DICOM).text, "it speaks TLS on this port")

    def test_garbage(self) -> None:
        """A PDU that is too long to be one is not waited for."""
        transport = accept(self.reactor)
        transport.protocol.dataReceived(b"\x02\0\x7f\xff\xff\xff")
        self.assertIn("not proper DICOM", self.result(State.NOT_DICOM).text)

    def test_garbageAtTheEnd(self) -> None:
        """What comes after the answer changes nothing."""
        transport = accept(self.reactor)
        self.say(transport, ACCEPTED, answer(), ReleaseRP())
        transport.protocol.dataReceived(b"HTTP/1.1 200 OK")
        self.result(State.ALIVE)

    def test_badTitle(self) -> None:
        """A title that cannot be one is the caller's fault, and nothing is dialled."""
        dialled = len(self.reactor.tcpClients)
        self.failureResultOf(self.ask(calledAET="SEVENTEEN LETTERS"), PDUError)
        self.assertEqual(len(self.reactor.tcpClients), dialled)

    def test_cancelled(self) -> None:
        """Cancelling drops the connection."""
        transport = accept(self.reactor)
        self.asked.cancel()
        self.failureResultOf(self.asked, CancelledError)
        self.assertTrue(transport.aborting)
        self.assertEqual(self.reactor.getDelayedCalls(), [])


class EncryptedTests(Probed):
    """L{echo} over TLS."""

    def wrap(self, factory: IProtocolFactory) -> IProtocolFactory:  # type: ignore[override]
        """The layer beneath."""
        self.layers: WrappingFactory[Any] = WrappingFactory(factory)
        self.layers.protocol = Layer
        return self.layers

    def layer(self) -> Layer:
        """The layer of the connection."""
        (layer,) = self.layers.protocols
        assert isinstance(layer, Layer)
        return layer

    def test_alive(self) -> None:
        """The handshake is a step of its own, and nothing is said before."""
        transport = accept(self.reactor)
        self.reactor.advance(0.5)
        self.assertEqual(transport.value(), b"")
        self.layer().shakeHands()
        self.assertIsInstance(self.heard(transport)[0], AssociateRQ)
        self.say(transport, ACCEPTED, answer(), ReleaseRP())
        transport.hangUp()
        result = self.result(State.ALIVE)
        self.assertEqual(
            [step.name for step in result.steps], ["TCP", "TLS", "association", "echo", "release"]
        )
        self.assertEqual(result.steps[1].seconds, 0.5)

    def test_failed(self) -> None:
        """A handshake that fails is told in our words."""
        transport = accept(self.reactor)
        transport.protocol.connectionLost(
            Failure(SSL.Error([("SSL routines", "", "wrong version number")]))
        )
        result = self.result(State.TLS_FAILURE)
        self.assertEqual(result.text, "its answer is not TLS")
        self.assertEqual((result.steps[-1].name, result.steps[-1].ok), ("TLS", False))

    def test_certificateWanted(self) -> None:
        """With TLS 1.3 a peer refuses our certificate after the handshake (RFC 8446 4.4.2.4)."""
        transport = accept(self.reactor)
        self.layer().shakeHands()
        transport.protocol.connectionLost(
            Failure(SSL.Error([("SSL routines", "", "tlsv13 alert certificate required")]))
        )
        result = self.result(State.TLS_FAILURE)
        self.assertEqual(result.text, "the peer wants a certificate of ours")

    def test_hangs(self) -> None:
        """A peer that does not answer the handshake may not speak TLS."""
        accept(self.reactor)
        self.reactor.advance(5)
        self.assertIn("--plain", self.result(State.UNREACHABLE).advice)
