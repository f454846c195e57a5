"""Hears what a client asks for before anybody else does: its association request.

It answers nothing and passes nothing on.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, succeed

from appliance.dicom.framer import ForeignProtocolError
from appliance.dicom.items import PDUError
from appliance.dicom.opening import Opening
from appliance.dicom.pdu import AssociateRQ
from appliance.relay.limit import Limit
from appliance.relay.side import Side


class NotDicomError(Exception):
    """The client did not ask for an association.

    C{found} says what it did, C{head} are its first bytes; none where it has said nothing.
    """

    def __init__(self, found: str, head: bytes) -> None:
        super().__init__(found)
        self.found = found
        self.head = head


class Hearing:
    """Hears the request on C{front}, each time limited by C{limit}; C{raw} is all that came."""

    def __init__(self, front: Side, limit: Limit) -> None:
        self._front = front
        self._limit = limit
        self._opening = Opening()
        self._heard: Deferred[AssociateRQ] | None = None

    @property
    def raw(self) -> bytes:
        """The request and what came with it."""
        return bytes(self._opening.raw)

    def request(self, within: float) -> Deferred[AssociateRQ]:
        """The request, within so many seconds. Fails with L{NotDicomError}; may be cancelled."""
        if self._opening.request is not None:
            return succeed(self._opening.request)
        heard: Deferred[AssociateRQ] = Deferred(self._cancelled)
        self._heard = heard
        late = f"has not asked for an association within {within:g} s"
        self._limit.set(within, lambda: self._fail(late))
        self._front.viewReceived = self._received
        self._front.transport.resumeProducing()
        return heard

    def ended(self) -> None:
        """The client has no more to say."""
        self._fail("ended before it had asked for an association")

    def _received(self, view: Any) -> None:
        try:
            if not self._opening.feed(bytes(view)):
                return
        except ForeignProtocolError as error:
            self._fail(f"speaks {error}")
        except PDUError as error:
            self._fail(f"does not speak DICOM properly: {error}")
        heard = self._end()
        if heard is not None and self._opening.request is not None:
            heard.callback(self._opening.request)

    def _cancelled(self, _: object) -> None:
        self._end()

    def _fail(self, found: str) -> None:
        heard = self._end()
        if heard is not None:
            heard.errback(NotDicomError(found, self.raw[:6]))

    def _end(self) -> Deferred[AssociateRQ] | None:
        heard, self._heard = self._heard, None
        if heard is not None:
            self._limit.clear()
            self._front.transport.pauseProducing()
        return heard
