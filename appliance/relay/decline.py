"""Says no in DICOM to a client that cannot be passed on: an A-ASSOCIATE-RJ with a reason.

To a modality a close, a reset and an A-ABORT look alike; only a rejection tells it that the
trouble is passing, and lets it try again. A client that does not speak DICOM gets no answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from twisted.internet.interfaces import IReactorTime

from appliance.dicom.framer import Framer
from appliance.dicom.items import PDUError
from appliance.dicom.pdu import AssociateRJ, AssociateRQ
from appliance.dicom.reasons import CONGESTION, TRANSIENT

REQUEST_WITHIN: Final = 5.0
"""Seconds that the client gets to send its association request."""

ARTIM: Final = 10.0
"""Seconds that it gets to close after it was rejected (PS3.8 9.1.4 and 9.2)."""

LONGEST_REQUEST: Final = 64 * 1024
"""Bytes of a request that is read; those of real modalities have some thousand."""


class Decline:
    """Reads the request that the client behind C{transport} sends, and rejects it.

    C{rejected} hears that it was; C{giveUp} that the client is to be cut off, since it says
    something else, nothing, or does not go.
    """

    def __init__(
        self,
        transport: Any,
        clock: IReactorTime,
        rejected: Callable[[], None],
        giveUp: Callable[[], None],
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._rejected = rejected
        self._giveUp = giveUp
        self._framer = Framer(LONGEST_REQUEST)
        self._answered = False
        self._timer = clock.callLater(REQUEST_WITHIN, giveUp)

    def viewReceived(self, view: Any) -> None:
        """Take what the client says."""
        if self._answered:
            return
        try:
            for pdu in self._framer.feed(bytes(view)):
                self._judge(pdu)
                return
        except PDUError:
            self._giveUp()

    def _judge(self, pdu: object) -> None:
        if not isinstance(pdu, AssociateRQ):
            self._giveUp()
            return
        self._answered = True
        self._transport.write(AssociateRJ(TRANSIENT, *CONGESTION).encode())
        self._rejected()
        self.stop()
        self._timer = self._clock.callLater(ARTIM, self._giveUp)

    def ended(self) -> None:
        """The client has no more to say: after its rejection that is as it should be."""
        if self._answered:
            self._transport.loseConnection()
        else:
            self._giveUp()

    def stop(self) -> None:
        """The client is gone, or nothing more is to be done about it."""
        if self._timer.active():
            self._timer.cancel()
