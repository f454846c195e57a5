"""One connection from accept to close, in memory: no sockets, no TLS, a clock that we move."""

from __future__ import annotations

from typing import Any

from attrs import define, evolve, field
from OpenSSL import SSL
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from appliance import events as e
from appliance.backend.caller import Caller
from appliance.backend.pool import NoBackendError
from appliance.dicom.associate import echoAssociation
from appliance.relay.firstbytes import misplaced
from appliance.relay.join import ARTIM, LAST_FLUSH, Join
from appliance.relay.meeting import REQUEST_WITHIN
from appliance.relay.terms import NotAdmittedError, Terms

PEER = e.Peer(
    "TLSv1.3", "TLS_AES_256_GCM_SHA384", 256, subject="CN=modality", issuer="CN=Hospital CA"
)
BUSY, IDLE, CLOSE = 10.0, 100.0, 20.0


class FakeTransport:
    """What a leg's transport offers, and what became of it."""

    def __init__(self) -> None:
        self.written = b""
        self.producer: Any = None
        self.producing = True
        self.writeEnded = self.closing = self.aborted = self.dropped = False
        self.firstBytes = b""
        self.cleanEnd = False

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        assert streaming
        self.producer = producer

    def pauseProducing(self) -> None:
        self.producing = False

    def resumeProducing(self) -> None:
        self.producing = True

    def loseWriteConnection(self) -> None:
        self.writeEnded = True

    def loseConnection(self) -> None:
        self.closing = True

    def abortConnection(self) -> None:
        self.aborted = True

    def dropConnection(self) -> None:
        self.dropped = True

    def getHandle(self) -> None:
        return None

    def getHost(self) -> str:
        return "here"


@define
class FakePool:
    """A pool whose dials the test ends as it likes."""

    dials: list[tuple[IProtocolFactory, Deferred[Any]]] = field(factory=list)
    callers: list[Caller] = field(factory=list)
    cancelled: int = 0

    def dial(self, factory: IProtocolFactory, caller: Caller) -> Deferred[Any]:
        def cancel(_: Any) -> None:
            self.cancelled += 1

        done: Deferred[Any] = Deferred(cancel)
        self.dials.append((factory, done))
        self.callers.append(caller)
        return done


class FakeSecrets:
    """What the TLS side would say."""

    def describe(self, transport: Any) -> e.Peer:
        return PEER

    def certificates(self, transport: Any, section: str, connection: str) -> list[Any]:
        return [e.CertificateAccepted(section, connection, 0, "CN=modality")]

    def failed(
        self, transport: Any, error: BaseException, section: str, connection: str, remote: str
    ) -> e.HandshakeFailed:
        return e.HandshakeFailed(section, connection, remote, "why", "other", "x", "y", False)


class JoinCase(SynchronousTestCase):
    """A join whose every neighbour is the test's."""

    dials = False

    def setUp(self) -> None:
        self.clock = Clock()
        self.pool = FakePool()
        self.approval: Deferred[None] = succeed(None)
        self.heard: list[e.Event] = []
        self.gone: list[Join] = []
        events = e.Events()
        events.subscribe(self.heard.append)
        terms = Terms(
            section="DICOM STORE",
            dials=self.dials,
            busy=BUSY,
            idle=IDLE,
            close=CLOSE,
            admit=lambda *_: succeed(self.pool),
            approve=lambda *_: self.approval,
            tls=FakeSecrets(),
            events=events,
            clock=self.clock,
            back=lambda factory: factory,
            recognise=misplaced,
        )
        self.join = Join(terms, Caller("0", "192.0.2.1", 4711), self.gone.append)
        self.client = FakeTransport()
        self.pacs = FakeTransport()
        self.front = self.join.front
        self.front.makeConnection(self.client)

    def tearDown(self) -> None:
        self.assertEqual(self.clock.getDelayedCalls(), [], "a timer is left")

    def shake(self, transport: FakeTransport, side: Any) -> None:
        """End a leg's handshake."""
        side.handshakeCompleted()

    def answer(self) -> None:
        """Let the PACS accept the dial."""
        factory, done = self.pool.dials[-1]
        self.back = factory.buildProtocol(None)
        self.back.makeConnection(self.pacs)
        done.callback(("192.0.2.9:104", self.back))

    def lose(self, side: Any, kind: type[Exception] = ConnectionDone) -> None:
        """End a leg's transport."""
        side.connectionLost(Failure(kind()))

    def loseBoth(self) -> None:
        self.lose(self.front)
        self.lose(self.back)

    def of(self, kind: type[e.Event]) -> list[Any]:
        """The events of C{kind}."""
        return [event for event in self.heard if isinstance(event, kind)]

    def closed(self) -> e.Closed:
        """The one end."""
        (event,) = self.of(e.Closed)
        self.assertEqual(self.gone, [self.join])
        return event  # type: ignore[no-any-return]


class ServerTests(JoinCase):
    """TLS in, plain out."""

    def joined(self) -> None:
        self.front.handshakeCompleted()
        self.answer()

    def test_dialsOnlyAfterTheHandshake(self) -> None:
        """Nothing is dialled for a client that has not shaken hands."""
        self.assertEqual(self.pool.dials, [])
        self.front.handshakeCompleted()
        self.assertEqual(len(self.pool.dials), 1)
        self.answer()
        self.loseBoth()

    def test_readsNothingWhileDialling(self) -> None:
        """The client waits in its own kernel while the PACS is dialled."""
        self.front.handshakeCompleted()
        self.assertFalse(self.client.producing)
        self.answer()
        self.assertTrue(self.client.producing)
        self.loseBoth()

    def test_movesBytesBothWaysAndCountsThem(self) -> None:
        """What one leg says the other leg sends; the totals are told at the end."""
        self.joined()
        self.front.dataReceived(b"request")
        self.back.dataReceived(b"the answer")
        self.assertEqual(self.pacs.written, b"request")
        self.assertEqual(self.client.written, b"the answer")
        self.loseBoth()
        self.assertEqual((self.closed().sentToTLS, self.closed().sentToSocket), (10, 7))

    def test_eachLegPausesTheOther(self) -> None:
        """Each transport gets the other as its producer."""
        self.joined()
        self.assertIs(self.client.producer, self.pacs)
        self.assertIs(self.pacs.producer, self.client)
        self.loseBoth()

    def test_oneEndPassesOn(self) -> None:
        """The client's end is the PACS's end of reading; the answer still comes through."""
        self.joined()
        self.front.readConnectionLost()
        self.assertTrue(self.pacs.writeEnded)
        self.assertFalse(self.client.closing or self.client.aborted)
        self.back.dataReceived(b"answer")
        self.assertEqual(self.client.written, b"answer")
        self.back.readConnectionLost()
        self.assertTrue(self.client.closing and self.pacs.closing)
        self.loseBoth()
        self.assertEqual(self.closed().reason, e.Reason.COMPLETED)

    def test_tellsHowEachDirectionEnded(self) -> None:
        """close_notify, plain FIN and the PACS's FIN are told apart."""
        self.joined()
        self.client.cleanEnd = True
        self.front.readConnectionLost()
        self.back.readConnectionLost()
        self.loseBoth()
        self.assertEqual(
            [(x.leg, x.end) for x in self.of(e.Ended)],
            [(e.Leg.TLS, e.End.CLOSE_NOTIFY), (e.Leg.SOCKET, e.End.FIN)],
        )

    def test_resetPassesOnAtOnce(self) -> None:
        """A reset of either leg resets the other."""
        self.joined()
        self.lose(self.back, ConnectionLost)
        self.assertTrue(self.client.aborted)
        self.assertEqual(self.gone, [])
        self.lose(self.front)
        self.assertEqual(self.closed().reason, e.Reason.SOCKET_RESET)

    def test_resetAfterTheLastWord(self) -> None:
        """A leg that breaks after it has said all does not cost the other what it has said."""
        self.joined()
        self.back.dataReceived(b"answer")
        self.back.readConnectionLost()
        self.lose(self.back, ConnectionLost)
        self.assertTrue(self.client.closing and not self.client.aborted)
        self.clock.advance(LAST_FLUSH)
        self.assertTrue(self.client.aborted)
        self.lose(self.front)
        self.assertEqual(self.closed().reason, e.Reason.SOCKET_RESET)

    def test_resetOfTheClient(self) -> None:
        """The reason names the leg that was reset first."""
        self.joined()
        self.lose(self.front, ConnectionLost)
        self.assertTrue(self.pacs.aborted)
        self.lose(self.back)
        self.assertEqual(self.closed().reason, e.Reason.TLS_RESET)

    def test_oneLegMayFlushLonger(self) -> None:
        """After both ends a leg that is gone first does not cut the other's last bytes."""
        self.joined()
        self.front.readConnectionLost()
        self.back.readConnectionLost()
        self.lose(self.back)
        self.assertFalse(self.client.aborted)
        self.lose(self.front)
        self.assertEqual(self.closed().reason, e.Reason.COMPLETED)

    def test_bareConnect(self) -> None:
        """A client that goes without a byte is a probe: no failure is told."""
        self.lose(self.front)
        self.assertEqual(self.closed().reason, e.Reason.PROBE)
        self.assertEqual(self.of(e.HandshakeFailed) + self.of(e.Opened), [])
        self.assertEqual(self.pool.dials, [])

    def test_failedHandshake(self) -> None:
        """A failed handshake is told once, after the client was named."""
        self.client.firstBytes = b"\x16\x03"
        self.front.connectionLost(Failure(SSL.Error([("SSL routines", "", "no shared cipher")])))
        kinds = [type(event) for event in self.heard]
        self.assertEqual(kinds.count(e.HandshakeFailed), 1)
        self.assertLess(kinds.index(e.Opened), kinds.index(e.HandshakeFailed))
        self.assertEqual(self.closed().reason, e.Reason.HANDSHAKE)

    def test_announced(self) -> None:
        """What a load balancer took to announce the client counts for the limit and the age."""
        caller = Caller("1", "192.0.2.1", 4711, via="198.51.100.5:9", waited=BUSY - 1)
        join = Join(self.join.terms, caller, self.gone.append)
        client = FakeTransport()
        join.front.makeConnection(client)
        client.firstBytes = b"\x16\x03"
        self.clock.advance(1)
        self.assertTrue(client.aborted)
        join.front.connectionLost(Failure(ConnectionDone()))
        (closed,) = self.of(e.Closed)
        self.assertEqual(closed.reason, e.Reason.HANDSHAKE_TIMEOUT)
        self.assertEqual((closed.seconds, closed.via), (BUSY, "198.51.100.5:9"))
        self.lose(self.front)

    def test_handshakeTakesTooLong(self) -> None:
        """The whole handshake has one limit."""
        self.client.firstBytes = b"\x16\x03"
        self.clock.advance(BUSY - 1)
        self.assertFalse(self.client.aborted)
        self.clock.advance(1)
        self.assertTrue(self.client.aborted)
        self.lose(self.front)
        self.assertEqual(self.closed().reason, e.Reason.HANDSHAKE_TIMEOUT)
        self.assertEqual(self.of(e.TimedOut)[0].timer, e.Timer.BUSY)

    def test_noBackend(self) -> None:
        """When no PACS can be connected a client that says nothing is reset, in the end."""
        self.front.handshakeCompleted()
        self.pool.dials[0][1].errback(NoBackendError())
        self.assertFalse(self.client.aborted)
        self.clock.advance(REQUEST_WITHIN)
        self.assertTrue(self.client.aborted)
        self.lose(self.front)
        self.assertEqual(self.closed().reason, e.Reason.NO_BACKEND)

    def noBackend(self) -> None:
        """The handshake has ended and no PACS can be connected."""
        self.front.handshakeCompleted()
        self.pool.dials[0][1].errback(NoBackendError())

    def test_noBackendForDICOM(self) -> None:
        """A DICOM client hears a rejection that says it may try again, and then goes."""
        self.noBackend()
        self.assertTrue(self.client.producing)
        request = echoAssociation("MODALITY", "PACS").encode()
        for byte in request:
            self.front.dataReceived(bytes([byte]))
        self.assertEqual(self.client.written, bytes.fromhex("03 00 00000004 00 02 03 01"))
        self.assertEqual(len(self.of(e.Declined)), 1)
        self.front.readConnectionLost()
        self.assertTrue(self.client.closing)
        self.lose(self.front)
        self.assertEqual(self.closed().reason, e.Reason.NO_BACKEND)

    def test_rejectedClientThatStays(self) -> None:
        """A rejected client that does not go is reset after the ARTIM time."""
        self.noBackend()
        self.front.dataReceived(echoAssociation("MODALITY", "PACS").encode())
        self.front.dataReceived(b"whatever else it says")
        self.clock.advance(ARTIM)
        self.assertTrue(self.client.aborted)
        self.lose(self.front)

    def test_noBackendForOthers(self) -> None:
        """A client that does not speak DICOM is reset at once, as stunnel does."""
        for said in (
            b"GET / HTTP/1.1\r\n\r\n",
            b"\x04\x00\x00\x00\x00\x01x",
            b"\x01\x00\xff\xff\xff\xff",
        ):
            self.setUp()
            self.noBackend()
            self.front.dataReceived(said)
            self.assertTrue(self.client.aborted, said)
            self.lose(self.front)

    def test_clientGoesUnanswered(self) -> None:
        """A client that ends before it has asked for anything is reset."""
        self.noBackend()
        self.front.readConnectionLost()
        self.assertTrue(self.client.aborted)
        self.lose(self.front)

    def test_defectWhileDialling(self) -> None:
        """A defect while dialling ends the connection and is logged."""
        self.front.handshakeCompleted()
        self.pool.dials[0][1].errback(KeyError("defect"))
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)
        self.lose(self.front)
        self.assertEqual(self.closed().reason, e.Reason.INTERNAL)

    def test_clientGoesWhileDialling(self) -> None:
        """The dial is given up when the client goes."""
        self.front.handshakeCompleted()
        self.lose(self.front, ConnectionLost)
        self.assertEqual(self.pool.cancelled, 1)
        self.assertEqual(self.closed().reason, e.Reason.TLS_RESET)

    def test_PACSAnswersTooLate(self) -> None:
        """A PACS that answers although the dial was given up is reset, and the end waits for it."""
        self.front.handshakeCompleted()
        back = self.pool.dials[0][0].buildProtocol(None)
        self.join.abort(e.Reason.STOPPED)
        back.makeConnection(self.pacs)
        self.assertTrue(self.pacs.aborted)
        self.lose(self.front)
        self.assertEqual(self.of(e.Closed), [])
        self.lose(back)
        self.assertEqual(self.closed().reason, e.Reason.STOPPED)

    def test_clientEndsWhileDialling(self) -> None:
        """An end that came before the PACS answered is passed on then."""
        self.front.handshakeCompleted()
        self.front.readConnectionLost()
        self.answer()
        self.assertTrue(self.pacs.writeEnded)
        self.loseBoth()

    def test_idle(self) -> None:
        """Nothing moved for TIMEOUTidle: both legs are reset."""
        self.joined()
        self.clock.advance(IDLE - 1)
        self.front.dataReceived(b"still here")
        self.clock.advance(IDLE - 1)
        self.assertFalse(self.client.aborted)
        self.clock.advance(1)
        self.assertTrue(self.client.aborted and self.pacs.aborted)
        self.loseBoth()
        self.assertEqual(self.closed().reason, e.Reason.IDLE)
        self.assertEqual(self.of(e.TimedOut)[0].timer, e.Timer.IDLE)

    def test_secondEndNeverComes(self) -> None:
        """TIMEOUTclose counts from the last byte: a transfer that goes on is not cut."""
        self.joined()
        self.back.readConnectionLost()
        for _ in range(5):
            self.clock.advance(CLOSE - 1)
            self.front.dataReceived(b"more")
        self.assertFalse(self.client.closing)
        self.clock.advance(CLOSE)
        self.assertTrue(self.client.closing and self.pacs.closing)
        self.clock.advance(LAST_FLUSH)
        self.assertTrue(self.client.aborted and self.pacs.aborted)
        self.loseBoth()
        self.assertEqual(self.closed().reason, e.Reason.CLOSE_TIMEOUT)
        self.assertEqual(self.of(e.TimedOut)[0].timer, e.Timer.CLOSE)

    def test_stalledFlushIsBounded(self) -> None:
        """After both ends a reader that stalls is not waited for for ever."""
        self.joined()
        self.front.readConnectionLost()
        self.back.readConnectionLost()
        self.lose(self.back)
        self.clock.pump([CLOSE, LAST_FLUSH])
        self.assertTrue(self.client.aborted)
        self.lose(self.front)
        self.assertEqual(self.closed().reason, e.Reason.COMPLETED)

    def test_stop(self) -> None:
        """A stop resets both legs and is the reason."""
        self.joined()
        self.join.abort(e.Reason.STOPPED)
        self.assertTrue(self.client.aborted and self.pacs.aborted)
        self.loseBoth()
        self.assertEqual(self.closed().reason, e.Reason.STOPPED)

    def test_totals(self) -> None:
        """The end says who, through whom, with what and for how long."""
        self.joined()
        self.clock.advance(7)
        self.loseBoth()
        closed = self.closed()
        self.assertEqual(closed.client, "192.0.2.1:4711")
        self.assertEqual(closed.backend, "192.0.2.9:104")
        self.assertEqual(closed.peer, PEER)
        self.assertEqual(closed.seconds, 7)

    def test_backendThatSpeaksTLS(self) -> None:
        """A TLS alert from the plain PACS port is explained, once, and passed through."""
        self.joined()
        self.back.dataReceived(b"\x15\x03\x01\x00\x02\x02\x28")
        self.back.dataReceived(b"\x15\x03\x01\x00\x02\x02\x28")
        (event,) = self.of(e.Misplaced)
        self.assertIn("connect", event.advice)
        self.assertEqual(len(self.client.written), 14)
        self.loseBoth()

    def test_notAdmitted(self) -> None:
        """A client that is let in nowhere is reset, and told why in the log."""

        def admit(*_: Any) -> Deferred[Any]:
            return fail(NotAdmittedError("its certificate is missing"))

        self.join.terms = evolve(self.join.terms, admit=admit)
        self.front.handshakeCompleted()
        self.assertTrue(self.client.aborted)
        self.lose(self.front)
        self.assertEqual(self.of(e.NotAdmitted)[0].why, "its certificate is missing")
        self.assertEqual(self.closed().reason, e.Reason.REFUSED)

    def test_otherTerms(self) -> None:
        """Whoever admits a client may give it the terms of another section."""

        def admit(join: Join, _: Any) -> Deferred[Any]:
            join.terms = evolve(join.terms, section="OTHER", idle=1.0)
            return succeed(self.pool)

        self.join.terms = evolve(self.join.terms, admit=admit)
        self.joined()
        self.clock.advance(1)
        self.loseBoth()
        self.assertEqual((self.closed().section, self.closed().reason), ("OTHER", e.Reason.IDLE))

    def test_tellsThePoolForWhom(self) -> None:
        """The pool hears whose certificate it was, and whether the session was resumed."""
        self.joined()
        self.assertEqual(
            self.pool.callers,
            [Caller("0", "192.0.2.1", 4711, "CN=modality", "CN=Hospital CA", resumed=False)],
        )
        self.loseBoth()

    def test_preface(self) -> None:
        """What is said ahead of the data comes first and counts for nothing."""
        self.join.terms = evolve(
            self.join.terms, preface=lambda caller, host, _peer: f"{caller} called {host};".encode()
        )
        self.joined()
        self.front.dataReceived(b"data")
        self.assertEqual(self.pacs.written, b"192.0.2.1:4711 called here;data")
        self.loseBoth()
        self.assertEqual(self.closed().sentToSocket, 4)

    def test_noReset(self) -> None:
        """With C{reset = no} a failed connection is closed instead, and reset if that hangs."""
        self.join.terms = evolve(self.join.terms, reset=False)
        self.joined()
        self.lose(self.back, ConnectionLost)
        self.assertTrue(self.client.dropped and not self.client.aborted)
        self.clock.advance(LAST_FLUSH)
        self.assertTrue(self.client.aborted)
        self.lose(self.front)
        self.assertEqual(self.closed().reason, e.Reason.SOCKET_RESET)

    def test_cancelledDialIsNoDefect(self) -> None:
        """A dial that was cancelled by ourselves is not logged."""
        self.front.handshakeCompleted()
        self.pool.dials[0][1].errback(CancelledError())
        self.lose(self.front)
        self.assertEqual(len(self.of(e.Closed)), 1)


class ClientTests(JoinCase):
    """Plain in, TLS out (C{client = yes})."""

    dials = True

    def joined(self) -> None:
        self.answer()
        self.back.handshakeCompleted()

    def test_dialsAtOnce(self) -> None:
        """A plain client is dialled for when it is accepted."""
        self.assertEqual(len(self.pool.dials), 1)
        self.assertFalse(self.client.producing)
        self.answer()
        self.assertFalse(self.client.producing)
        self.back.handshakeCompleted()
        self.assertTrue(self.client.producing)
        self.loseBoth()

    def test_waitsForTheApproval(self) -> None:
        """A server that is still being asked about gets no byte."""
        self.approval = Deferred()
        self.joined()
        self.assertFalse(self.client.producing)
        self.approval.callback(None)
        self.assertTrue(self.client.producing)
        self.loseBoth()

    def test_disapproved(self) -> None:
        """A server that must not be used is reset together with the client."""
        self.approval = fail(NotAdmittedError("revoked"))
        self.joined()
        self.assertTrue(self.client.aborted and self.pacs.aborted)
        self.loseBoth()
        self.assertEqual(self.closed().reason, e.Reason.REFUSED)

    def test_clientGoesDuringTheApproval(self) -> None:
        """Nobody is asked any longer for a client that is gone."""
        given: list[Any] = []
        self.approval = Deferred(given.append)
        self.joined()
        self.lose(self.front, ConnectionLost)
        self.assertTrue(self.pacs.aborted)
        self.assertEqual(given, [self.approval])
        self.lose(self.back)
        self.assertEqual(self.closed().reason, e.Reason.SOCKET_RESET)

    def test_countsByLeg(self) -> None:
        """Bytes towards the backend are bytes sent to TLS here."""
        self.joined()
        self.front.dataReceived(b"request")
        self.loseBoth()
        self.assertEqual((self.closed().sentToTLS, self.closed().sentToSocket), (7, 0))

    def test_failedHandshakeWithTheBackend(self) -> None:
        """When the backend's handshake fails the client is reset."""
        self.answer()
        self.back.connectionLost(Failure(SSL.Error([("SSL routines", "", "wrong version number")])))
        self.assertTrue(self.client.aborted)
        self.lose(self.front)
        self.assertEqual(self.closed().reason, e.Reason.HANDSHAKE)
        self.assertEqual(self.of(e.HandshakeFailed)[0].remote, "192.0.2.9:104")

    def test_handshakeWithTheBackendTakesTooLong(self) -> None:
        """The handshake with the backend has the same limit."""
        self.answer()
        self.clock.advance(BUSY)
        self.assertTrue(self.client.aborted and self.pacs.aborted)
        self.loseBoth()
        self.assertEqual(self.closed().reason, e.Reason.HANDSHAKE_TIMEOUT)

    def test_clientThatSpeaksTLS(self) -> None:
        """A client that speaks TLS on the plain port is explained and passed through."""
        self.joined()
        self.front.dataReceived(b"\x16\x03\x01\x02\x00\x01")
        self.assertEqual(len(self.of(e.Misplaced)), 1)
        self.assertEqual(len(self.pacs.written), 6)
        self.loseBoth()
