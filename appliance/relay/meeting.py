"""Brings a client together with its backend: let in, heard, let through the gate, dialled.

Moves no bytes and ends no connection: what goes wrong is raised, and its L{Join} decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NoReturn

from appliance.backend.pool import NoBackendError
from appliance.dicom.inspect import Inspector
from appliance.dicom.pdu import AssociateRJ, AssociateRQ
from appliance.dicom.reasons import CONGESTION, LOCAL_LIMIT, TRANSIENT
from appliance.dicom.titles import Restorer, field, retitled
from appliance.events import Declined, Reason
from appliance.relay.back import BackFactory
from appliance.relay.hearing import Hearing
from appliance.relay.terms import Dialable, Gate, Passage, RejectedError

if TYPE_CHECKING:
    from appliance.relay.join import Join

REQUEST_WITHIN: Final = 5.0
"""Seconds that a client gets to ask for an association when there is no backend for it."""

FIRST_PDU_WITHIN: Final = 30.0
"""Seconds that the client of a section with C{dicom = yes} gets for its association request."""

NO: Final = {
    Reason.NO_BACKEND: (
        AssociateRJ(TRANSIENT, *CONGESTION),
        "no backend",
        "temporary congestion, since no backend can be connected",
    ),
    Reason.LIMIT: (
        AssociateRJ(TRANSIENT, *LOCAL_LIMIT),
        "too many connections",
        "local limit exceeded, since there are as many connections as may be",
    ),
}
"""What a client hears (PS3.8 9.3.4) for whom there is no way, and the same in words."""


class Meeting:
    """The way of C{join} from an open client to a backend that is connected."""

    def __init__(self, join: Join) -> None:
        self._join = join
        self._hearing: Hearing | None = None
        self._passage: Passage | None = None

    async def bringTogether(self, transport: Any) -> None:
        """Connect a backend for the client, whose TLS leg is C{transport}, if it has one.

        @raise NotAdmittedError: if one of the two is not good enough for the other.
        @raise RejectedError: if the association is not to be, also where no backend is there.
        @raise NotDicomError: if the client asks for no association and must.
        @raise NoBackendError: if no backend is there for a client that hears nothing of it.
        """
        join = self._join
        if join.terms.crowded:
            self._inspect()
            await self._decline(Reason.LIMIT)
        pool = await join.terms.admit(join, transport)
        self._inspect()
        if join.terms.gate is not None:
            pool = await self._openGate(join.terms.gate, pool)
        factory = join.terms.back(BackFactory(join, join.front.leg.other))
        try:
            target, _ = await pool.dial(factory, join.caller)
        except NoBackendError:
            await self._decline(Reason.NO_BACKEND)
        join.backend = str(target)
        if join.terms.dials and join.back is not None:
            await join.serverShaken
            await join.terms.approve(join, join.back.transport)

    def _inspect(self) -> None:
        join = self._join
        if join.terms.speaks:
            strict = join.terms.gate is not None
            join.inspector = Inspector(join.tell, join.terms.clock.seconds, strict)

    async def _decline(self, reason: Reason) -> NoReturn:
        """Hear the client's request only to say no to it, for C{reason}.

        @raise RejectedError: once there is one.
        @raise NotDicomError: if there is none.
        @raise NoBackendError: if no DICOM is spoken here.
        """
        join = self._join
        join.finish(reason)
        if join.inspector is None:
            raise NoBackendError
        await self._hear(REQUEST_WITHIN)
        rejection, why, words = NO[reason]
        join.publish(Declined, words)
        raise RejectedError(rejection, why) from None

    async def _openGate(self, gate: Gate, pool: Dialable) -> Dialable:
        request = await self._hear(FIRST_PDU_WITHIN)
        self._passage = gate(self._join, pool, request)
        return self._passage.pool

    async def _hear(self, within: float) -> AssociateRQ:
        """The client's association request, which the inspector hears of once."""
        join = self._join
        if self._hearing is not None:
            return await self._hearing.request(within)
        self._hearing = Hearing(join.front, join.limit)
        request = await self._hearing.request(within)
        if join.inspector is not None:
            join.inspector.fromClient(memoryview(self._hearing.raw))
        return request

    def ended(self) -> None:
        """The client has no more to say."""
        if self._hearing is not None:
            self._hearing.ended()

    def heard(self) -> bytes:
        """What the backend is to hear first: the request, under the titles it is to have there.

        In what the backend answers then, the client finds its own titles again.
        """
        back, passage = self._join.back, self._passage
        if self._hearing is None or passage is None or back is None:
            return b""
        request = self._hearing.raw
        if passage.calling is None and passage.called is None:
            return request
        back.viewReceived = Restorer(request, back.viewReceived)
        calling = None if passage.calling is None else field(passage.calling)
        called = None if passage.called is None else field(passage.called)
        return retitled(request, calling, called)
