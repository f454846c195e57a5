"""One association of a requestor, as a pure state machine: PDUs in, PDUs out, one outcome.

It asks for the Verification SOP class, sends one C-ECHO and releases: the shortest polite
conversation there is (PS3.7 9.1.5; PS3.8 9.2, the requestor's side of table 9-10). No clock and no
sockets: who drives it brings those, and closes the connection when there is an outcome.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from attrs import define, frozen

from appliance.dicom import uids
from appliance.dicom.command import C_ECHO_RQ, RESPONSE, Command, echoRequest
from appliance.dicom.items import ContextResult, PDUError, ProposedContext, UserInformation
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
from appliance.dicom.reasons import ABORT_BY_PROVIDER, INVALID_PARAMETER, UNEXPECTED_PDU

MAXIMUM_LENGTH: Final = 16384
"""Bytes that we take in one P-DATA-TF, and let a whole response have."""

_CONTEXT_ID: Final = 1
_MESSAGE_ID: Final = 1


class Phase(Enum):
    """What the requestor waits for."""

    ASSOCIATION = "association"
    ECHO = "echo"
    RELEASE = "release"
    OVER = "over"


@frozen
class Answered:
    """The peer answered the C-ECHO with C{status} (0: success)."""

    status: int


@frozen
class ContextRefused:
    """The peer accepted the association but not the Verification SOP class in it."""

    result: ContextResult


@frozen
class Unexpected:
    """The peer broke the protocol; C{text} says how."""

    text: str


Outcome = Answered | ContextRefused | AssociateRJ | Abort | Unexpected


def echoAssociation(calling: str, called: str) -> AssociateRQ:
    """The request for an association in which C{calling} can C-ECHO C{called}."""
    syntaxes = (uids.IMPLICIT_VR_LITTLE_ENDIAN, uids.EXPLICIT_VR_LITTLE_ENDIAN)
    context = ProposedContext(_CONTEXT_ID, uids.VERIFICATION, syntaxes)
    user = UserInformation(MAXIMUM_LENGTH, uids.IMPLEMENTATION_CLASS, uids.IMPLEMENTATION_VERSION)
    return AssociateRQ(called, calling, (context,), user)


@define
class EchoRequestor:
    """The requestor's side of one echo.

    Send C{request}, hand each PDU that comes to L{received} and send what it returns, until
    C{phase} is C{Phase.OVER}. C{outcome} is what is known so far: it is there before the release
    and no later event changes it. C{released} says whether the release was answered,
    C{transferSyntax} is the one that the peer chose.
    """

    request: AssociateRQ
    phase: Phase = Phase.ASSOCIATION
    outcome: Outcome | None = None
    released: bool = False
    transferSyntax: str = ""
    _response: bytes = b""

    def received(self, pdu: PDU) -> tuple[PDU, ...]:
        """Take the peer's next PDU; what to send for it, possibly nothing."""
        match self.phase, pdu:
            case Phase.OVER, _:
                return ()
            case Phase.RELEASE, ReleaseRP() | Abort():
                self.released = isinstance(pdu, ReleaseRP)
                self.phase = Phase.OVER
                return ()
            case _, Abort():
                return self._end(pdu)
            case Phase.ASSOCIATION, AssociateRJ():
                return self._end(pdu)
            case Phase.ASSOCIATION, AssociateAC():
                return self._associated(pdu)
            case Phase.ECHO, PDataTF():
                return self._heard(pdu)
            case Phase.RELEASE, ReleaseRQ():
                # Both released at once: the requestor answers first, then waits (PS3.8 7.2.2).
                return (ReleaseRP(),)
            case Phase.RELEASE, PDataTF():
                # The peer may send until it has seen our request (PS3.8 table 9-10, AR-6).
                return ()
            case _:
                return self._confused(f"an unexpected {type(pdu).__name__}", UNEXPECTED_PDU)

    def _associated(self, accepted: AssociateAC) -> tuple[PDU, ...]:
        answers = [answer for answer in accepted.contexts if answer.id == _CONTEXT_ID]
        if not answers:
            return self._confused("no answer to the presentation context", INVALID_PARAMETER)
        if answers[0].result is not ContextResult.ACCEPTED:
            return self._release(ContextRefused(answers[0].result))
        self.transferSyntax = answers[0].transferSyntax
        self.phase = Phase.ECHO
        echo = echoRequest(_MESSAGE_ID).encode()
        return (PDataTF((PDV(_CONTEXT_ID, command=True, last=True, data=echo),)),)

    def _heard(self, pdu: PDataTF) -> tuple[PDU, ...]:
        for value in pdu.values:
            if value.contextID != _CONTEXT_ID or not value.command:
                return self._confused("data that nobody asked for", INVALID_PARAMETER)
            self._response += value.data
            if len(self._response) > MAXIMUM_LENGTH:
                return self._confused("an endless response", INVALID_PARAMETER)
            if value.last:
                return self._responded()
        return ()

    def _responded(self) -> tuple[PDU, ...]:
        try:
            response = Command.decode(self._response)
        except PDUError as error:
            return self._confused(str(error), INVALID_PARAMETER)
        if (response.field, response.respondedTo) != (C_ECHO_RQ | RESPONSE, _MESSAGE_ID):
            return self._confused("a message that does not answer the echo", INVALID_PARAMETER)
        if response.status is None:
            return self._confused("a response without a status", INVALID_PARAMETER)
        return self._release(Answered(response.status))

    def _release(self, outcome: Answered | ContextRefused) -> tuple[PDU, ...]:
        self.outcome = outcome
        self.phase = Phase.RELEASE
        return (ReleaseRQ(),)

    def _confused(self, text: str, reason: int) -> tuple[PDU, ...]:
        return self._end(Unexpected(text), Abort(ABORT_BY_PROVIDER, reason))

    def _end(self, outcome: Outcome, *farewell: PDU) -> tuple[PDU, ...]:
        if self.outcome is None:
            self.outcome = outcome
        self.phase = Phase.OVER
        return farewell
