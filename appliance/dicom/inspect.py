"""Looks on at a conversation and announces what it is about: who asks whom for what, how it ends.

It is an observer. It alters no bytes, holds none up, and knows no sockets; whatever comes, it
raises nothing. What it cannot read it tells once, and steers nobody by from then on.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from appliance.dicom.command import RESPONSE, Command, statusName
from appliance.dicom.pdu import (
    PDU,
    Abort,
    AssociateAC,
    AssociateRJ,
    AssociateRQ,
    ReleaseRP,
    ReleaseRQ,
    decode,
)
from appliance.dicom.record import Record
from appliance.dicom.walker import FOREVER, Walker
from appliance.events import (
    Association,
    AssociationAccepted,
    AssociationEnded,
    AssociationRejected,
    AssociationRequested,
    OperationFailed,
    Outcome,
    Unreadable,
)

Tell = Callable[..., None]
"""Announces an event: its class, and its facts behind the backend."""


LONGEST_DATA: Final = 1024 * 1024
"""Bytes that a client may send as one P-DATA-TF though the backend has asked for less.

Many a client sends somewhat more than it may, and PACS take that. Nobody sends so much by mistake.
"""


class Inspector:
    """What one connection says, association after association; C{clock} gives seconds.

    If C{strict}, a client that sends a P-DATA-TF much longer than the backend takes (PS3.8 D.1) is
    one that cannot be read.
    """

    def __init__(self, tell: Tell, clock: Callable[[], float], strict: bool = False) -> None:
        self._tell = tell
        self._clock = clock
        self._strict = strict
        self._client = self._walker(fromClient=True)
        self._backend = self._walker(fromClient=False)
        if strict:
            self._client.longestData = LONGEST_DATA
        self._record: Record | None = None
        self._last: Association | None = None
        self.requests = 0
        """How many association requests the client has sent, in place or not."""

    def _walker(self, fromClient: bool) -> Walker:
        return Walker(
            lambda data: self._heard(fromClient, decode(data)),
            lambda context, data: self._message(fromClient, context, data),
            lambda why: self._tell(Unreadable, fromClient, why),
        )

    # --- what it is told -------------------------------------------------------------------

    def fromClient(self, view: Any) -> None:
        """The client has said this; C{view}, any buffer, is not kept."""
        try:
            self._client.feed(view)
        except Exception as error:
            self._giveUp(error)

    def fromBackend(self, view: Any) -> None:
        """The backend has said this; C{view}, any buffer, is not kept."""
        try:
            self._backend.feed(view)
        except Exception as error:
            self._giveUp(error)

    def declined(self, rejection: AssociateRJ, why: str) -> None:
        """We ourselves have answered the client's request with a C{rejection}, for C{why}."""
        self._safely(self._end, Outcome.DECLINED, why or rejection.words)

    def connectionEnded(self, outcome: Outcome, why: str) -> None:
        """The connection ended; C{outcome} holds for an association that was still under way."""
        if self._record is not None and self._record.releasing and not self.readable:
            # Somebody asked for a release, and we are deaf to who could have granted it.
            self._safely(self._end, Outcome.RELEASED)
        else:
            self._safely(self._end, outcome, why)

    # --- what it can say -------------------------------------------------------------------

    @property
    def requested(self) -> bool:
        """True when an association was asked for and has not ended, as far as we can tell."""
        return self._record is not None and self.readable

    @property
    def open(self) -> bool:
        """True when it was accepted, too."""
        return self.requested and self._record is not None and self._record.acceptor is not None

    @property
    def mayAbortToClient(self) -> bool:
        """True when an A-ABORT could be written to the client: it would come between PDUs."""
        return self.open and self._backend.atBoundary

    @property
    def mayAbortToBackend(self) -> bool:
        """True when an A-ABORT could be written to the backend."""
        return self.open and self._client.atBoundary

    @property
    def association(self) -> Association | None:
        """The association that is under way, as it stands, or else the last one."""
        if self._record is None:
            return self._last
        self._settle(self._record)
        return self._record.frozen()

    @property
    def readable(self) -> bool:
        """True while both sides can be followed."""
        return self._client.fault is None and self._backend.fault is None

    @property
    def clientFault(self) -> str | None:
        """Why the client can be followed no further, if so."""
        return self._client.fault

    # --- what it hears ---------------------------------------------------------------------

    def _heard(self, fromClient: bool, pdu: PDU) -> None:
        record = self._record
        if fromClient and isinstance(pdu, AssociateRQ):
            self.requests += 1
        if record is None:
            if fromClient and isinstance(pdu, AssociateRQ):
                self._requested(pdu)
            return
        match pdu:
            case AssociateAC() if not fromClient and record.acceptor is None:
                self._accepted(record, pdu)
            case AssociateRJ() if not fromClient and record.acceptor is None:
                self._rejected(record, pdu)
            case ReleaseRQ():
                record.releasing.add(fromClient)
            case ReleaseRP() if (not fromClient) in record.releasing or not self.readable:
                self._end(Outcome.RELEASED)
            case Abort():
                who = Outcome.ABORTED_BY_CLIENT if fromClient else Outcome.ABORTED_BY_BACKEND
                self._end(who, pdu.words)
            case _:
                # Out of place; its receiver will say so.
                pass

    def _requested(self, request: AssociateRQ) -> None:
        self._record = new = Record.of(request, self._clock)
        self._tell(AssociationRequested, new.calling, new.called, new.requestor, new.contexts)

    def _accepted(self, record: Record, answer: AssociateAC) -> None:
        acceptor = record.accepted(answer)
        if self._strict:
            self._client.longestData = longestData(acceptor.maximumLength)
        self._tell(AssociationAccepted, record.calling, record.called, acceptor, record.contexts)

    def _rejected(self, record: Record, answer: AssociateRJ) -> None:
        numbers = (answer.result, answer.source, answer.reason)
        self._tell(AssociationRejected, record.calling, record.called, *numbers, answer.words)
        self._end(Outcome.REJECTED, answer.words)

    def _message(self, fromClient: bool, context: int, data: bytes) -> None:
        record = self._record
        if record is None:
            return
        command = Command.decode(data)
        walker = self._client if fromClient else self._backend
        record.tallies.passed(fromClient, walker.taken())
        count = record.tallies.response if command.field & RESPONSE else record.tallies.request
        failed = count(fromClient, context, record.sopClass(context), command)
        if failed is not None:
            self._tell(
                OperationFailed,
                failed.operation,
                failed.sopClass,
                failed.status,
                statusName(failed.status),
            )

    def _settle(self, record: Record) -> None:
        """Add the bytes that have passed to the messages that they belong to."""
        record.tallies.passed(True, self._client.taken())
        record.tallies.passed(False, self._backend.taken())

    def _end(self, outcome: Outcome, why: str = "") -> None:
        if self._record is None:
            return
        self._settle(self._record)
        self._last = self._record.frozen(outcome, why)
        self._record = None
        self._tell(AssociationEnded, self._last)

    # --- when it is wrong itself -----------------------------------------------------------

    def _safely(self, do: Callable[..., None], *arguments: Any) -> None:
        """Let no defect of ours get at the bytes that we only look at: look no further then."""
        try:
            do(*arguments)
        except Exception as error:
            self._giveUp(error)

    def _giveUp(self, defect: Exception) -> None:
        why = f"a defect of the appliance, {type(defect).__name__} at {_place(defect)}"
        for walker in (self._client, self._backend):
            with suppress(Exception):
                walker.giveUp(why)


def longestData(announced: int) -> int:
    """Bytes of the longest P-DATA-TF for a backend that has C{announced} so many, 0 for any."""
    return max(announced, LONGEST_DATA) if announced else FOREVER


def _place(error: Exception) -> str:
    """Where C{error} was raised; its own words may tell of what was read."""
    *_, innermost = traceback.walk_tb(error.__traceback__)
    frame, line = innermost
    return f"{Path(frame.f_code.co_filename).name}:{line}"
