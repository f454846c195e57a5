"""A connection that carries DICOM: the gate before the dial, ends that a modality understands."""

from __future__ import annotations

import struct
from typing import Any

from attrs import evolve
from twisted.internet.error import ConnectionLost

from appliance import events as e
from appliance.backend.pool import NoBackendError
from appliance.dicom import uids
from appliance.dicom.associate import echoAssociation
from appliance.dicom.command import echoRequest
from appliance.dicom.inspect import LONGEST_DATA
from appliance.dicom.items import AnsweredContext, ContextResult, UserInformation
from appliance.dicom.pdu import (
    Abort,
    AssociateAC,
    AssociateRJ,
    AssociateRQ,
    PDataTF,
    ReleaseRP,
    ReleaseRQ,
    decode,
)
from appliance.dicom.pdv import PDV
from appliance.relay.join import ABORT, ARTIM, LAST_FLUSH
from appliance.relay.meeting import FIRST_PDU_WITHIN
from appliance.relay.terms import Passage, RejectedError
from tests.relay.test_join import CLOSE, IDLE, JoinCase

REQUEST = echoAssociation("MODALITY", "PACS").encode()
ACCEPTED = AssociateAC(
    "PACS",
    "MODALITY",
    (AnsweredContext(1, ContextResult.ACCEPTED, uids.IMPLICIT_VR_LITTLE_ENDIAN),),
)
ANSWER = ACCEPTED.encode()
ECHO = PDataTF((PDV(1, command=True, last=True, data=echoRequest(1).encode()),)).encode()


class AssociationCase(JoinCase):
    """A client that asks for associations."""

    def joined(self) -> None:
        """A backend is connected."""
        self.front.handshakeCompleted()
        self.answer()

    def associated(self) -> None:
        """An association is under way."""
        self.joined()
        self.front.dataReceived(REQUEST)
        self.back.dataReceived(ANSWER)

    def association(self) -> e.Association:
        """The one that ended."""
        (event,) = self.of(e.AssociationEnded)
        found: e.Association = event.association
        return found


class EndTests(AssociationCase):
    """What becomes of an association when a connection ends."""

    def test_released(self) -> None:
        """A released association has ended before the connection does."""
        self.associated()
        self.front.dataReceived(ReleaseRQ().encode())
        self.back.dataReceived(ReleaseRP().encode())
        self.assertEqual(self.association().outcome, e.Outcome.RELEASED)
        self.back.readConnectionLost()
        self.assertTrue(self.client.writeEnded)
        self.assertNotIn(ABORT, self.client.written)
        self.loseBoth()

    def test_eventsNameTheBackend(self) -> None:
        """Whoever hears of an association learns where it went."""
        self.associated()
        (accepted,) = self.of(e.AssociationAccepted)
        self.assertEqual((accepted.backend, accepted.called), ("192.0.2.9:104", "PACS"))
        self.loseBoth()

    def test_PACSIsReset(self) -> None:
        """The client of a PACS that dies between two PDUs hears an A-ABORT, and goes by itself."""
        self.associated()
        self.lose(self.back, ConnectionLost)
        self.assertEqual(self.client.written, ANSWER + ABORT)
        self.assertEqual(decode(ABORT), Abort(2, 0))
        self.assertFalse(self.client.aborted or self.client.closing)
        self.front.dataReceived(b"what it was about to say")
        self.front.readConnectionLost()
        self.assertTrue(self.client.closing)
        self.lose(self.front)
        self.assertEqual(self.closed().reason, e.Reason.SOCKET_RESET)
        self.assertEqual(self.association().outcome, e.Outcome.CUT_BY_BACKEND)

    def test_PACSEnds(self) -> None:
        """The same where the PACS's end is a proper one of TCP."""
        self.associated()
        self.back.readConnectionLost()
        self.assertEqual(self.client.written, ANSWER + ABORT)
        self.assertTrue(self.pacs.aborted or self.pacs.closing)
        self.lose(self.back)
        self.front.readConnectionLost()
        self.lose(self.front)
        self.assertEqual(self.closed().reason, e.Reason.CUT)
        self.assertEqual(self.association().outcome, e.Outcome.CUT_BY_BACKEND)

    def test_clientStaysAfterTheAbort(self) -> None:
        """A client that does not go is reset in the end."""
        self.associated()
        self.lose(self.back, ConnectionLost)
        self.clock.advance(LAST_FLUSH)
        self.assertTrue(self.client.aborted)
        self.lose(self.front)

    def test_PACSDiesWithinAPDU(self) -> None:
        """Within a PDU there is no place for an A-ABORT: the client is cut off."""
        for end in (lambda: self.lose(self.back, ConnectionLost), self.backEnds):
            self.setUp()
            self.associated()
            self.back.dataReceived(ECHO[:20])
            end()
            self.assertEqual(self.client.written, ANSWER + ECHO[:20])
            self.assertTrue(self.client.aborted)
            self.assertFalse(self.client.writeEnded or self.client.closing)
            self.lose(self.front)
            self.lose(self.back)

    def backEnds(self) -> None:
        self.back.readConnectionLost()

    def test_PACSDiesUnanswered(self) -> None:
        """Before the answer there is no association to abort: the client is cut off."""
        self.joined()
        self.front.dataReceived(REQUEST)
        self.back.readConnectionLost()
        self.assertEqual(self.client.written, b"")
        self.assertTrue(self.client.aborted)
        self.loseBoth()
        self.assertEqual(self.association().outcome, e.Outcome.CUT_BY_BACKEND)

    def test_noDICOM(self) -> None:
        """Where nobody spoke DICOM an end is passed on as it is."""
        self.joined()
        self.front.dataReceived(b"GET / HTTP/1.1\r\n\r\n")
        self.back.dataReceived(b"HTTP/1.1 200 OK\r\n\r\n")
        self.back.readConnectionLost()
        self.assertTrue(self.client.writeEnded)
        self.assertFalse(self.client.aborted)
        self.loseBoth()
        self.assertEqual(self.of(e.AssociationEnded), [])

    def test_clientIsReset(self) -> None:
        """The PACS learns at once that its client is gone."""
        self.associated()
        self.lose(self.front, ConnectionLost)
        self.assertTrue(self.pacs.aborted)
        self.lose(self.back)
        self.assertEqual(self.association().outcome, e.Outcome.CUT_BY_CLIENT)

    def test_clientEnds(self) -> None:
        """A client's end is passed on, and the association was cut by it."""
        self.associated()
        self.front.readConnectionLost()
        self.assertTrue(self.pacs.writeEnded)
        self.back.readConnectionLost()
        self.loseBoth()
        self.assertEqual(self.association().outcome, e.Outcome.CUT_BY_CLIENT)

    def test_stop(self) -> None:
        """When the appliance stops both sides hear an A-ABORT."""
        self.associated()
        self.join.abort(e.Reason.STOPPED)
        self.assertEqual(self.client.written, ANSWER + ABORT)
        self.assertEqual(self.pacs.written, REQUEST + ABORT)
        self.back.readConnectionLost()
        self.front.readConnectionLost()
        self.loseBoth()
        self.assertEqual(self.closed().reason, e.Reason.STOPPED)
        self.assertEqual(self.association().outcome, e.Outcome.CUT_BY_US)

    def test_secondStop(self) -> None:
        """Whoever is told to stop twice does so at once."""
        self.associated()
        self.join.abort(e.Reason.STOPPED)
        self.join.abort(e.Reason.STOPPED)
        self.assertTrue(self.client.aborted and self.pacs.aborted)
        self.loseBoth()

    def test_idle(self) -> None:
        """An association on which nothing moves ends in words too."""
        self.associated()
        self.clock.advance(IDLE)
        self.assertEqual(self.client.written, ANSWER + ABORT)
        self.loseBoth()
        self.assertEqual(self.closed().reason, e.Reason.IDLE)

    def test_withoutDICOM(self) -> None:
        """Where bytes are bytes nothing is said and nothing observed."""
        self.join.terms = evolve(self.join.terms, speaks=False)
        self.associated()
        self.back.readConnectionLost()
        self.assertEqual(self.client.written, ANSWER)
        self.assertTrue(self.client.writeEnded)
        self.clock.advance(CLOSE)
        self.loseBoth()
        self.assertEqual(self.of(e.AssociationEvent), [])


class GateTests(AssociationCase):
    """C{dicom = yes}: the request decides before anybody is dialled."""

    def setUp(self) -> None:
        super().setUp()
        self.asked: list[AssociateRQ] = []
        self.passage = lambda pool: Passage(pool)
        self.join.terms = evolve(self.join.terms, gate=self.gate)

    def gate(self, join: Any, pool: Any, request: AssociateRQ) -> Passage:
        self.assertIs(join, self.join)
        self.asked.append(request)
        return self.passage(pool)

    def test_readsBeforeItDials(self) -> None:
        """Nothing is dialled before the request is whole; then all that came is passed on."""
        self.front.handshakeCompleted()
        self.assertTrue(self.client.producing)
        self.front.dataReceived(REQUEST[:40])
        self.assertEqual(self.pool.dials, [])
        self.front.dataReceived(REQUEST[40:] + ECHO[:20])
        self.assertFalse(self.client.producing)
        self.answer()
        self.assertEqual(self.pacs.written, REQUEST + ECHO[:20])
        self.assertEqual([request.calling for request in self.asked], ["MODALITY"])
        self.front.dataReceived(ECHO[20:])
        self.assertEqual(self.pacs.written, REQUEST + ECHO)
        self.loseBoth()
        self.assertEqual(self.closed().sentToSocket, len(REQUEST + ECHO))

    def test_requestIsToldOnce(self) -> None:
        """The inspector hears the request once, though it is read and passed on."""
        self.front.handshakeCompleted()
        self.front.dataReceived(REQUEST)
        self.answer()
        self.back.dataReceived(ANSWER)
        self.assertEqual(len(self.of(e.AssociationRequested)), 1)
        self.assertEqual(len(self.of(e.AssociationAccepted)), 1)
        self.loseBoth()

    def test_rejects(self) -> None:
        """The gate's no is what the client hears; nothing is dialled."""
        rejection = AssociateRJ(1, 1, 7)

        def refuse(_: Any) -> Passage:
            raise RejectedError(rejection, "nobody of that name")

        self.passage = refuse
        self.front.handshakeCompleted()
        self.front.dataReceived(REQUEST)
        self.assertEqual(self.client.written, rejection.encode())
        self.assertEqual(self.pool.dials, [])
        self.clock.advance(ARTIM)
        self.assertTrue(self.client.aborted)
        self.lose(self.front)
        self.assertEqual(self.closed().reason, e.Reason.REFUSED)
        self.assertEqual(self.association().outcome, e.Outcome.DECLINED)
        self.assertIn("nobody of that name", self.association().why)

    def test_rewrites(self) -> None:
        """The PACS sees other titles, and the client finds its own in the answer."""
        self.passage = lambda pool: Passage(pool, "GATE", "ARCHIVE")
        self.front.handshakeCompleted()
        self.front.dataReceived(REQUEST)
        self.answer()
        seen = decode(self.pacs.written)
        assert isinstance(seen, AssociateRQ)
        self.assertEqual((seen.calling, seen.called), ("GATE", "ARCHIVE"))
        self.back.dataReceived(ANSWER.replace(b"MODALITY", b"GATE    "))
        self.back.dataReceived(b"more")
        self.assertEqual(self.client.written, ANSWER + b"more")
        (accepted,) = self.of(e.AssociationAccepted)
        self.assertEqual(accepted.calling, "MODALITY")
        self.loseBoth()

    def test_noBackend(self) -> None:
        """The request that was read already is answered when no backend is there."""
        self.front.handshakeCompleted()
        self.front.dataReceived(REQUEST)
        self.pool.dials[0][1].errback(NoBackendError())
        self.assertEqual(self.client.written, AssociateRJ(2, 3, 1).encode())
        self.front.readConnectionLost()
        self.assertTrue(self.client.closing)
        self.lose(self.front)
        self.assertEqual(self.closed().reason, e.Reason.NO_BACKEND)
        self.assertEqual(self.association().outcome, e.Outcome.DECLINED)

    def test_anotherAssociation(self) -> None:
        """A second request, which the gate has not seen, reaches nobody."""
        self.front.handshakeCompleted()
        self.front.dataReceived(REQUEST)
        self.answer()
        self.back.dataReceived(ANSWER)
        self.front.dataReceived(ReleaseRQ().encode())
        self.back.dataReceived(ReleaseRP().encode())
        self.front.dataReceived(echoAssociation("MODALITY", "ANOTHER").encode())
        self.assertNotIn(b"ANOTHER", self.pacs.written)
        self.assertTrue(self.client.aborted and self.pacs.aborted)
        self.loseBoth()
        self.assertEqual(self.closed().reason, e.Reason.REFUSED)
        self.assertEqual(len(self.of(e.NotAdmitted)), 1)

    def test_absurdLength(self) -> None:
        """Data longer than the PACS takes, and than anybody sends by mistake, reach nobody."""
        for maximum, length, passes in (
            (16384, 0xFFFFFFFF, False),
            (16384, LONGEST_DATA + 1, False),
            (16384, 16384 + 6, True),
            (2 * LONGEST_DATA, 2 * LONGEST_DATA, True),
            (2 * LONGEST_DATA, 2 * LONGEST_DATA + 1, False),
            (0, 0xFFFFFFFF, True),
        ):
            self.setUp()
            self.front.handshakeCompleted()
            self.front.dataReceived(REQUEST)
            self.answer()
            self.back.dataReceived(evolve(ACCEPTED, user=UserInformation(maximum, "1.2")).encode())
            data = struct.pack(">BxIIBB", 4, length, length - 4, 1, 0)
            self.front.dataReceived(data)
            self.assertEqual(self.pacs.written.endswith(data), passes, (maximum, length))
            self.assertEqual(self.pacs.aborted, not passes)
            self.loseBoth()
            told = [event.why for event in self.of(e.NotAdmitted)]
            self.assertEqual([str(length) in why for why in told], [] if passes else [True])

    def test_lengthIsTheSectionsBusiness(self) -> None:
        """Without a gate bytes pass as they are, and nobody is cut off for them."""
        self.join.terms = evolve(self.join.terms, gate=None)
        self.associated()
        data = struct.pack(">BxIIBB", 4, 0xFFFFFFFF, 0xFFFFFFFF - 4, 1, 0)
        self.front.dataReceived(data)
        self.assertTrue(self.pacs.written.endswith(data))
        self.loseBoth()

    def test_unreadable(self) -> None:
        """What we cannot read could be a request that the PACS can: it reaches nobody either."""
        for odd in (b"\x01\0\xff\xff\xff\xff", b"\x63\0\0\0\0\x04four"):
            self.setUp()
            self.front.handshakeCompleted()
            self.front.dataReceived(REQUEST)
            self.answer()
            self.back.dataReceived(ANSWER)
            self.front.dataReceived(ReleaseRQ().encode())
            self.front.dataReceived(odd)
            self.assertEqual(self.pacs.written[-10:], ReleaseRQ().encode())
            self.assertTrue(self.pacs.aborted)
            self.loseBoth()
            self.assertEqual(self.closed().reason, e.Reason.REFUSED)

    def test_anotherAssociationAtOnce(self) -> None:
        """Nor does one that came together with the first."""
        self.front.handshakeCompleted()
        self.front.dataReceived(REQUEST + echoAssociation("MODALITY", "ANOTHER").encode())
        self.answer()
        self.assertNotIn(b"ANOTHER", self.pacs.written)
        self.assertTrue(self.client.aborted and self.pacs.aborted)
        self.loseBoth()
        self.assertEqual(self.closed().reason, e.Reason.REFUSED)

    def test_anotherProtocol(self) -> None:
        """A client that speaks something else is cut off, and told of."""
        self.front.handshakeCompleted()
        self.front.dataReceived(b"GET / HTTP/1.1\r\n\r\n")
        self.assertTrue(self.client.aborted)
        self.lose(self.front)
        self.assertEqual(self.closed().reason, e.Reason.NOT_DICOM)
        self.assertIn("HTTP", self.of(e.Misplaced)[0].found)

    def test_silence(self) -> None:
        """A client that asks for nothing is not waited for for ever."""
        self.front.handshakeCompleted()
        self.clock.advance(FIRST_PDU_WITHIN)
        self.assertTrue(self.client.aborted)
        self.lose(self.front)
        self.assertEqual(self.closed().reason, e.Reason.NOT_DICOM)
        self.assertEqual(len(self.of(e.Misplaced)), 1)

    def test_goesWithoutAWord(self) -> None:
        """A client that only shakes hands, as a cloud's test of TLS does, is no trouble."""
        self.front.handshakeCompleted()
        self.front.readConnectionLost()
        self.lose(self.front)
        self.assertEqual(self.of(e.Misplaced), [])
        self.assertEqual(self.pool.dials, [])
        self.assertEqual(len(self.gone), 1)

    def test_goesInTheMiddle(self) -> None:
        """A client that is reset while it is heard leaves nothing behind."""
        self.front.handshakeCompleted()
        self.front.dataReceived(REQUEST[:40])
        self.lose(self.front, ConnectionLost)
        self.assertEqual(self.closed().reason, e.Reason.TLS_RESET)
