"""From what happened to a L{Result}: a state, the reason and the next step in plain words.

Raw texts of the system are quoted only where we know no better, behind words of our own. Nothing
here knows times or connections.
"""

from __future__ import annotations

import errno
import os
import re
from typing import Final

from twisted.internet import error as failures

from appliance.dicom import reasons
from appliance.dicom.associate import Answered, ContextRefused, Outcome, Phase, Unexpected
from appliance.dicom.command import SUCCESS, statusName
from appliance.dicom.framer import ForeignProtocolError
from appliance.dicom.items import PDUError
from appliance.dicom.pdu import Abort, AssociateRJ, AssociateRQ
from appliance.health.result import TCP, TLS, Result, State
from appliance.health.spelling import ARGUMENTS, Spelling

SEE_LOG: Final = "see the peer's log for the reason"
CHECK_ROUTE: Final = "check the address, the network and the firewall"

_OURS: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL)
"""With these the kernel has nothing left to connect with, or no such address; no peer was asked."""

_NUMBER: Final = re.compile(r"\((\d+)\)$")


class NoWayError(Exception):
    """There is no way to the peer, for a reason that C{str} gives in words for a person."""


def unconnected(error: BaseException | None) -> Result:
    """There was no TCP connection, because of C{error}."""
    match error:
        case NoWayError():
            return Result(State.UNREACHABLE, f"no connection: {error}")
        case failures.TCPTimedOutError() | failures.TimeoutError() | TimeoutError():
            found, advice = "no connection in time", CHECK_ROUTE
        case failures.ConnectionRefusedError() | ConnectionRefusedError():
            found = "nothing listens on that port"
            advice = "start the peer, or check the port and the firewall"
        case failures.DNSLookupError() | ValueError():
            found, advice = "no such host name", "check the spelling and the name server"
        case OSError(errno=number) if number in _OURS:
            found = f"not asked ({os.strerror(number).lower()})"
            return Result(State.UNTRIED, found, "see local, LimitNOFILE and this host's memory")
        case failures.ConnectError(osError=int(number)) | OSError(errno=int(number)):
            found, advice = f"no connection ({os.strerror(number).lower()})", CHECK_ROUTE
        case _:
            found, advice = f"no connection ({type(error).__name__})", CHECK_ROUTE
    return Result(State.UNREACHABLE, found, advice)


def undialled(error: str | None) -> Result:
    """A connection of a client was not to be had, as L{DialFailed} has it: C{None} for no time."""
    if error is None:
        return unconnected(TimeoutError())
    number = _NUMBER.search(error)
    return unconnected(OSError(int(number[1]), "") if number else NoWayError(error))


def silent(step: str, timeout: float, spelling: Spelling = ARGUMENTS) -> Result:
    """Nothing came for C{timeout} seconds, in the end while C{step} waited for it."""
    within = f"within {timeout:g} s"
    if step == TCP:
        found, advice = f"no connection {within}", f"a firewall may drop the packets: {CHECK_ROUTE}"
    elif step == TLS:
        found = f"connected, but no TLS {within}"
        advice = f"the peer may not speak TLS on this port: {spelling.tryPlain}"
    elif step == Phase.ASSOCIATION.value:
        found = f"connected, but no answer to the association request {within}"
        advice = f"the peer may hang, or wait for TLS: {spelling.tryTLS}; {SEE_LOG}"
    else:
        found = f"associated, but no answer to the echo {within}"
        advice = f"the DICOM application hangs: {SEE_LOG}"
    return Result(State.UNREACHABLE, found, advice)


def hungUp(step: str, *, encrypted: bool, spelling: Spelling = ARGUMENTS) -> Result:
    """The peer closed or reset the connection while C{step} waited for an answer."""
    if step == TLS:
        return Result(
            State.TLS_FAILURE,
            "it hung up during the TLS handshake",
            f"the peer may not speak TLS on this port: {spelling.tryPlain}; {SEE_LOG}",
        )
    if step == Phase.ECHO.value:
        return Result(State.ABORTED, "it hung up in the middle of the association", SEE_LOG)
    if encrypted:
        cert = spelling.cert
        advice = f"the PACS behind it may be down, or it wants a certificate of ours ({cert})"
    else:
        advice = f"it may expect TLS, or refuse our address: {spelling.tryTLS}"
    found = "it hung up without an answer to the association request"
    return Result(State.NOT_DICOM, found, f"{advice}; {SEE_LOG}")


def garbled(fault: PDUError, *, encrypted: bool, spelling: Spelling = ARGUMENTS) -> Result:
    """The peer sent C{fault} instead of a PDU."""
    match fault:
        case ForeignProtocolError(protocol="TLS") if not encrypted:
            return Result(State.NOT_DICOM, "it speaks TLS on this port", spelling.tryTLS)
        case ForeignProtocolError(protocol=""):
            found = "it does not speak DICOM on this port"
        case ForeignProtocolError(protocol=protocol):
            found = f"it speaks {protocol} on this port, not DICOM"
        case _:
            found = f"its answer is not proper DICOM: {fault}"
    return Result(State.NOT_DICOM, found, "check the port: DICOM's are often 104, 11112 or 2762")


def concluded(
    outcome: Outcome, request: AssociateRQ, *, released: bool, spelling: Spelling = ARGUMENTS
) -> Result:
    """The peer answered C{request}, and this came of it."""
    match outcome:
        case Answered(status=status) if status == SUCCESS and released:
            return Result(State.ALIVE, "it answers the echo")
        case Answered(status=status) if status == SUCCESS:
            return Result(State.ALIVE, "it answers the echo, but not the release")
        case Answered(status=status):
            found = f"it answers the echo with {statusName(status)} (status {status:04X}H)"
            return Result(State.REFUSED, found, SEE_LOG)
        case ContextRefused(result=result):
            found = f"it accepts the association but not the echo: {result.words}"
            return Result(State.REFUSED, found, "enable the Verification SOP class at the peer")
        case AssociateRJ():
            advice = _afterRejection(outcome, request, spelling)
            rejection = (outcome.source, outcome.reason)
            return Result(State.REFUSED, outcome.words, advice, rejection=rejection)
        case Abort():
            advice = f"the peer may not know our AE title or address: {SEE_LOG}"
            return Result(State.ABORTED, outcome.words, advice)
        case Unexpected(text=text):
            return Result(State.ABORTED, f"it broke the protocol: {text}", SEE_LOG)


def _afterRejection(rejection: AssociateRJ, request: AssociateRQ, spelling: Spelling) -> str:
    match rejection.source, rejection.reason:
        case reasons.CALLED_TITLE:
            title = f"{request.called!r} ({spelling.called})"
            return f"check the called AE title {title}: is it the peer's own?"
        case reasons.CALLING_TITLE:
            title = f"{request.calling!r} ({spelling.calling})"
            return f"register the calling AE title {title} at the peer"
        case reasons.CONGESTION | reasons.LOCAL_LIMIT:
            return "the peer, or the PACS behind it, is busy or down: try again later"
        case reasons.APPLICATION_CONTEXT | reasons.PROTOCOL_VERSION:
            return "the peer speaks another DICOM than today's: check the port"
        case _:
            return f"the peer may not know our AE titles or address: {SEE_LOG}"
