from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from appliance.dicom import uids
from appliance.dicom.associate import (
    MAXIMUM_LENGTH,
    Answered,
    ContextRefused,
    EchoRequestor,
    Phase,
    Unexpected,
    echoAssociation,
)
from appliance.dicom.command import Command, echoRequest, echoResponse
from appliance.dicom.items import AnsweredContext, ContextResult
from appliance.dicom.pdu import (
    PDU,
    Abort,
    AssociateAC,
    AssociateRJ,
    PDataTF,
    ReleaseRP,
    ReleaseRQ,
)
from appliance.dicom.pdv import PDV
from tests.dicom.strategies import pdus

ACCEPTED = AnsweredContext(1, ContextResult.ACCEPTED, uids.IMPLICIT_VR_LITTLE_ENDIAN)


def acceptance(*contexts: AnsweredContext) -> AssociateAC:
    """An A-ASSOCIATE-AC with these answers."""
    return AssociateAC("PACS", "US", contexts)


def message(command: Command) -> PDataTF:
    """The command in one PDU."""
    return PDataTF((PDV(1, command=True, last=True, data=command.encode()),))


class EchoRequestorTests(SynchronousTestCase):
    """L{EchoRequestor}, from the first PDU to the last."""

    def setUp(self) -> None:
        """A requestor that has sent its request."""
        self.requestor = EchoRequestor(echoAssociation("US", "PACS"))

    def take(self, *pdus: PDU) -> tuple[PDU, ...]:
        """Let the requestor receive C{pdus}; what it sends for the last one."""
        answer: tuple[PDU, ...] = ()
        for pdu in pdus:
            answer = self.requestor.received(pdu)
        return answer

    def assertConfused(self, answer: tuple[PDU, ...], words: str) -> None:
        """It aborts as a provider does, and says why."""
        (abort,) = answer
        self.assertIsInstance(abort, Abort)
        self.assertEqual(self.requestor.phase, Phase.OVER)
        assert isinstance(self.requestor.outcome, Unexpected)
        self.assertIn(words, self.requestor.outcome.text)

    def test_request(self) -> None:
        """It asks for Verification in both uncompressed little endian syntaxes."""
        request = self.requestor.request
        (context,) = request.contexts
        self.assertEqual((request.called, request.calling), ("PACS", "US"))
        self.assertEqual(context.abstractSyntax, "1.2.840.10008.1.1")
        self.assertEqual(context.transferSyntaxes, ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1"))
        self.assertEqual(request.user.implementationClass, uids.IMPLEMENTATION_CLASS)

    def test_polite(self) -> None:
        """Accepted, it sends the echo; answered, it releases; released, it is over."""
        self.assertEqual(self.take(acceptance(ACCEPTED)), (message(echoRequest(1)),))
        self.assertEqual(self.requestor.transferSyntax, uids.IMPLICIT_VR_LITTLE_ENDIAN)
        self.assertEqual(self.take(message(echoResponse(1))), (ReleaseRQ(),))
        self.assertIs(self.requestor.phase, Phase.RELEASE)
        self.assertEqual(self.take(ReleaseRP()), ())
        self.assertIs(self.requestor.phase, Phase.OVER)
        self.assertTrue(self.requestor.released)
        self.assertEqual(self.requestor.outcome, Answered(0))

    def test_status(self) -> None:
        """The status of the answer is the outcome."""
        self.take(acceptance(ACCEPTED), message(echoResponse(1, 0x0122)))
        self.assertEqual(self.requestor.outcome, Answered(0x0122))

    def test_fragments(self) -> None:
        """An answer in several fragments, in one PDU or more, is put together."""
        data = echoResponse(1).encode()
        first, second, third = (
            PDV(1, command=True, last=last, data=piece)
            for last, piece in ((False, data[:5]), (False, data[5:9]), (True, data[9:]))
        )
        self.assertEqual(self.take(acceptance(ACCEPTED), PDataTF((first, second))), ())
        self.assertEqual(self.take(PDataTF((third,))), (ReleaseRQ(),))

    def test_rejected(self) -> None:
        """A rejection is the outcome."""
        self.assertEqual(self.take(AssociateRJ(1, 1, 7)), ())
        self.assertEqual(self.requestor.outcome, AssociateRJ(1, 1, 7))
        self.assertIs(self.requestor.phase, Phase.OVER)

    def test_contextRefused(self) -> None:
        """Accepted without Verification, it releases and sends no echo."""
        refused = AnsweredContext(1, ContextResult.ABSTRACT_SYNTAX)
        self.assertEqual(self.take(acceptance(refused)), (ReleaseRQ(),))
        self.take(ReleaseRP())
        self.assertEqual(self.requestor.outcome, ContextRefused(ContextResult.ABSTRACT_SYNTAX))
        self.assertTrue(self.requestor.released)

    def test_noContext(self) -> None:
        """An acceptance that answers another context is a broken protocol."""
        other = AnsweredContext(3, ContextResult.ACCEPTED)
        self.assertConfused(self.take(acceptance(other)), "presentation context")

    def test_aborted(self) -> None:
        """An abort is the outcome."""
        self.take(acceptance(ACCEPTED), Abort(2, 1))
        self.assertEqual(self.requestor.outcome, Abort(2, 1))

    def test_abortedRelease(self) -> None:
        """An abort instead of a release does not undo the echo."""
        self.take(acceptance(ACCEPTED), message(echoResponse(1)), Abort(0))
        self.assertEqual(self.requestor.outcome, Answered(0))
        self.assertFalse(self.requestor.released)

    def test_collision(self) -> None:
        """When both release at once, it answers and still waits for its own answer."""
        self.take(acceptance(ACCEPTED), message(echoResponse(1)))
        self.assertEqual(self.take(ReleaseRQ()), (ReleaseRP(),))
        self.assertIs(self.requestor.phase, Phase.RELEASE)

    def test_lateData(self) -> None:
        """What crosses the release request is ignored."""
        self.take(acceptance(ACCEPTED), message(echoResponse(1)))
        self.assertEqual(self.take(message(echoResponse(1))), ())
        self.assertIs(self.requestor.phase, Phase.RELEASE)

    def test_unexpected(self) -> None:
        """A PDU that does not belong there is answered with an abort."""
        self.assertEqual(self.take(ReleaseRP()), (Abort(2, 2),))
        self.assertEqual(self.requestor.outcome, Unexpected("an unexpected ReleaseRP"))

    def test_otherAnswers(self) -> None:
        """An answer to another message, or to none, is no answer."""
        for pdu, words in (
            (message(echoResponse(2)), "does not answer"),
            (message(echoRequest(1)), "does not answer"),
            (message(Command(0x8030, respondedTo=1)), "without a status"),
            (PDataTF((PDV(1, command=False, last=True, data=b""),)), "nobody asked"),
            (PDataTF((PDV(3, command=True, last=True, data=b""),)), "nobody asked"),
            (PDataTF((PDV(1, command=True, last=True, data=b"?"),)), "within its header"),
        ):
            self.setUp()
            self.assertConfused(self.take(acceptance(ACCEPTED), pdu), words)

    def test_endless(self) -> None:
        """An answer that never ends is not collected for ever."""
        part = PDataTF((PDV(1, command=True, last=False, data=bytes(MAXIMUM_LENGTH)),))
        self.assertEqual(self.take(acceptance(ACCEPTED), part), ())
        self.assertConfused(self.take(part), "endless")

    @given(st.lists(pdus, max_size=6))
    def test_anything(self, received: list[PDU]) -> None:
        """Whatever comes in whatever order, there is an outcome when it is over, for good."""
        self.setUp()
        self.take(*received)
        if self.requestor.phase is Phase.OVER:
            outcome = self.requestor.outcome
            self.assertIsNotNone(outcome)
            self.assertEqual(self.take(acceptance(ACCEPTED)), ())
            self.assertEqual(self.requestor.outcome, outcome)
