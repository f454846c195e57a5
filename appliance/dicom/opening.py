"""Reads the one PDU that an association begins with, before anybody is told of it."""

from __future__ import annotations

from typing import Final

from attrs import define, field

from appliance.dicom.framer import ForeignProtocolError, foreignProtocol
from appliance.dicom.items import PDUError
from appliance.dicom.pdu import HEADER, AssociateRQ, decode

LONGEST: Final = 64 * 1024
"""Bytes of a request that is read; those of real modalities have some thousand."""


@define
class Opening:
    """Collects an A-ASSOCIATE-RQ; C{raw} is all that came, C{request} is there once it is whole.

    What comes after the request in the same piece is kept with it.
    """

    raw: bytearray = field(factory=bytearray, repr=False)
    request: AssociateRQ | None = None

    def feed(self, data: bytes) -> bool:
        """Take C{data}; true once the request is whole.

        @raise PDUError: if this is no request, or too long for one.
        @raise ForeignProtocolError: if it is not DICOM.
        """
        self.raw += data
        if self.request is not None or len(self.raw) < HEADER.size:
            return self.request is not None
        protocol = foreignProtocol(self.raw)
        if protocol is not None:
            raise ForeignProtocolError(protocol)
        kind, length = HEADER.unpack_from(self.raw)
        if kind != AssociateRQ.TYPE:
            raise PDUError(f"a PDU of type {kind:02X}H instead of an association request")
        if length > LONGEST:
            raise PDUError(f"an association request of {length} bytes")
        end = HEADER.size + length
        if len(self.raw) >= end:
            pdu = decode(bytes(self.raw[:end]))
            self.request = pdu if isinstance(pdu, AssociateRQ) else None
        return self.request is not None
