"""From what happened to a L{Result}: a state, the reason and the next step in plain words.

Raw texts of the system are quoted only where we know no better, behind words of our own. Nothing
here knows times or connections.
"""

from __future__ import annotations

import os
from typing import Final

from twisted.internet import error as failures

from appliance.dicom import reasons
from appliance.dicom.associate import Answered, ContextRefused, Outcome, Phase, Unexpected
from appliance.dicom.command import SUCCESS, statusName
from appliance.dicom.framer import ForeignProtocolError
from appliance.dicom.items import PDUError
from appliance.dicom.pdu import Abort, AssociateRJ, AssociateRQ
from appliance.health.result import TCP, TLS, Result, State

SEE_LOG: Final = "see the peer's log for the reason"
TRY_PLAIN: Final = "connect without TLS (--plain), or to the peer's TLS port"
TRY_TLS: Final = "connect with TLS (--tls), or to the peer's plain port"
CHECK_ROUTE: Final = "check the address, the network and the firewall"


def unconnected(error: BaseException | None) -> Result:
    """There was no TCP connection, because of C{error}."""
    match error:
        case failures.TCPTimedOutError() | failures.TimeoutError():
            found, advice = "no connection in time", CHECK_ROUTE
        case failures.ConnectionRefusedError():
            found = "nothing listens on that port"
            advice = "start the peer, or check the port and the firewall"
        case failures.DNSLookupError() | ValueError():
            found, advice = "no such host name", "check the spelling and the name server"
        case failures.ConnectError(osError=int(number)):
            found, advice = f"no connection ({os.strerror(number).lower()})", CHECK_ROUTE
        case _:
            found, advice = f"no connection ({type(error).__name__})", CHECK_ROUTE
    return Result(State.UNREACHABLE, found, advice)


def silent(step: str, timeout: float) -> Result:
    """Nothing came for C{timeout} seconds, in the end while C{step} waited for it."""
    within = f"within {timeout:g} s"
    if step == TCP:
        found, advice = f"no connection {within}", f"a firewall may drop the packets: {CHECK_ROUTE}"
    elif step == TLS:
        found = f"connected, but no TLS {within}"
        advice = f"the peer may not speak TLS on this port: {TRY_PLAIN}"
    elif step == Phase.ASSOCIATION.value:
        found = f"connected, but no answer to the association request {within}"
        advice = f"the peer may hang, or wait for TLS: {TRY_TLS}; {SEE_LOG}"
    else:
        found = f"associated, but no answer to the echo {within}"
        advice = f"the DICOM application hangs: {SEE_LOG}"
    return Result(State.UNREACHABLE, found, advice)


def hungUp(step: str, *, encrypted: bool) -> Result:
    """The peer closed or reset the connection while C{step} waited for an answer."""
    if step == TLS:
        return Result(
            State.TLS_FAILURE,
            "it hung up during the TLS handshake",
            f"the peer may not speak TLS on this port: {TRY_PLAIN}; {SEE_LOG}",
        )
    if step == Phase.ECHO.value:
        return Result(State.ABORTED, "it hung up in the middle of the association", SEE_LOG)
    if encrypted:
        advice = "the PACS behind it may be down, or it wants a certificate of ours (--cert)"
    else:
        advice = f"it may expect TLS, or refuse our address: {TRY_TLS}"
    found = "it hung up without an answer to the association request"
    return Result(State.NOT_DICOM, found, f"{advice}; {SEE_LOG}")


def garbled(fault: PDUError, *, encrypted: bool) -> Result:
    """The peer sent C{fault} instead of a PDU."""
    match fault:
        case ForeignProtocolError(protocol="TLS") if not encrypted:
            return Result(State.NOT_DICOM, "it speaks TLS on this port", f"use --tls: {TRY_TLS}")
        case ForeignProtocolError(protocol=""):
            found = "it does not speak DICOM on this port"
        case ForeignProtocolError(protocol=protocol):
            found = f"it speaks {protocol} on this port, not DICOM"
        case _:
            found = f"its answer is not proper DICOM: {fault}"
    return Result(State.NOT_DICOM, found, "check the port: DICOM's are often 104, 11112 or 2762")


def concluded(outcome: Outcome, request: AssociateRQ, *, released: bool) -> Result:
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
            return Result(State.REFUSED, outcome.words, _afterRejection(outcome, request))
        case Abort():
            advice = f"the peer may not know our AE title or address: {SEE_LOG}"
            return Result(State.ABORTED, outcome.words, advice)
        case Unexpected(text=text):
            return Result(State.ABORTED, f"it broke the protocol: {text}", SEE_LOG)


def _afterRejection(rejection: AssociateRJ, request: AssociateRQ) -> str:
    match rejection.source, rejection.reason:
        case reasons.CALLED_TITLE:
            return f"check the called AE title {request.called!r} (--called): is it the peer's own?"
        case reasons.CALLING_TITLE:
            return f"register the calling AE title {request.calling!r} (--calling) at the peer"
        case reasons.CONGESTION | reasons.LOCAL_LIMIT:
            return "the peer, or the PACS behind it, is busy or down: try again later"
        case reasons.APPLICATION_CONTEXT | reasons.PROTOCOL_VERSION:
            return "the peer speaks another DICOM than today's: check the port"
        case _:
            return f"the peer may not know our AE titles or address: {SEE_LOG}"
