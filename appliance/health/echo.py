"""Is the PACS alive? Associates, sends one C-ECHO and releases, as a polite modality would.

Each step is timed. Whatever the peer does, there is a L{Result} within the time limit, and then
nothing of the probe is left. No TLS is set up here: the caller brings it.
"""

from __future__ import annotations

from typing import Final

from OpenSSL import SSL
from twisted.internet.interfaces import IHandshakeListener, IReactorTime, IStreamClientEndpoint
from zope.interface import implementer

from appliance.dicom import uids
from appliance.dicom.associate import (
    MAXIMUM_LENGTH,
    Answered,
    ContextRefused,
    EchoRequestor,
    Phase,
    echoAssociation,
)
from appliance.dicom.command import SUCCESS, statusName
from appliance.dicom.framer import Framer
from appliance.dicom.items import PDUError
from appliance.dicom.pdu import PDU
from appliance.health.conversation import Conversation, Ending, Wrapper, hold
from appliance.health.explain import concluded, garbled, hungUp, silent, unconnected
from appliance.health.handshake import broken
from appliance.health.result import TLS, Result, Stopwatch
from appliance.health.spelling import ARGUMENTS, Spelling

MAXIMUM_PDU: Final = 4 * MAXIMUM_LENGTH
"""Bytes of one PDU that we read. An answer has a few hundred; this leaves room for odd peers."""


@implementer(IHandshakeListener)
class _Echo(Conversation):
    """Puts L{EchoRequestor} on the wire, behind C{preface}, and times its steps."""

    def __init__(
        self, requestor: EchoRequestor, watch: Stopwatch, *, encrypted: bool, preface: bytes
    ) -> None:
        super().__init__()
        self._requestor = requestor
        self._watch = watch
        self._encrypted = encrypted
        self._preface = preface
        self._framer = Framer(MAXIMUM_PDU)
        self._fault: PDUError | None = None

    def connectionMade(self) -> None:
        if self._encrypted:
            self._watch.note("connected", then=TLS)
        else:
            self._begin("connected")

    def handshakeCompleted(self) -> None:
        self._begin("handshake done")

    def _begin(self, text: str) -> None:
        self._watch.note(text, then=self._requestor.phase.value)
        if self.transport is not None:
            self.transport.write(self._preface + self._requestor.request.encode())

    def dataReceived(self, data: bytes) -> None:
        try:
            for pdu in self._framer.feed(data):
                self._take(pdu)
        except PDUError as fault:
            self._fault = fault
            self.stop()

    def _take(self, pdu: PDU) -> None:
        before = self._requestor.phase
        self._send(*self._requestor.received(pdu))
        after = self._requestor.phase
        match before, after, self._requestor.outcome:
            case Phase.ASSOCIATION, Phase.ECHO, _:
                syntax = uids.name(self._requestor.transferSyntax)
                self._watch.note(f"accepted, {syntax}", then=after.value)
            case Phase.ASSOCIATION, Phase.RELEASE, ContextRefused(result=result):
                self._watch.note(result.words, ok=False, then=after.value)
            case Phase.ECHO, Phase.RELEASE, Answered(status=status):
                self._watch.note(statusName(status), ok=status == SUCCESS, then=after.value)
            case Phase.RELEASE, Phase.OVER, _ if self._requestor.released:
                self._watch.note("released")
        if after is Phase.OVER and self.transport is not None:
            self.transport.loseConnection()

    def _send(self, *pdus: PDU) -> None:
        if self.transport is not None:
            self.transport.write(b"".join(pdu.encode() for pdu in pdus))

    def conclude(self, ending: Ending, timeout: float, spelling: Spelling) -> Result:
        """What the conversation, which ended with C{ending}, has shown."""
        requestor, watch = self._requestor, self._watch
        if requestor.outcome is not None:
            found = concluded(
                requestor.outcome,
                requestor.request,
                released=requestor.released,
                spelling=spelling,
            )
        elif self._fault is not None:
            found = garbled(self._fault, encrypted=self._encrypted, spelling=spelling)
        elif ending.expired:
            found = silent(watch.step, timeout, spelling)
        elif not watch.steps:
            found = unconnected(ending.error)
        elif isinstance(ending.error, SSL.Error):
            found = broken(ending.error, spelling)
        else:
            found = hungUp(watch.step, encrypted=self._encrypted, spelling=spelling)
        return watch.finish(found)


async def echo(
    clock: IReactorTime,
    endpoint: IStreamClientEndpoint,
    *,
    callingAET: str,
    calledAET: str,
    timeout: float,
    tls: Wrapper | None = None,
    preface: bytes = b"",
    spelling: Spelling = ARGUMENTS,
) -> Result:
    """Ask the DICOM application C{calledAET} behind C{endpoint}, as C{callingAET}, for an echo.

    C{timeout} is the limit in seconds for all steps together. C{tls} puts TLS beneath a factory:
    C{lambda factory: TLSMemoryBIOFactory(creator, True, factory, clock)}. C{preface} is said
    ahead of DICOM, C{spelling} is how advice names our settings.

    @raise PDUError: if a title cannot be one (1 to 16 characters of ASCII); nothing is dialled.
    @raise CancelledError: if cancelled, once the connection is gone.
    """
    requestor = EchoRequestor(echoAssociation(callingAET, calledAET))
    requestor.request.encode()
    watch = Stopwatch(clock.seconds)
    conversation = _Echo(requestor, watch, encrypted=tls is not None, preface=preface)
    ending = await hold(clock, endpoint, conversation, timeout=timeout, wrap=tls)
    return conversation.conclude(ending, timeout, spelling)
