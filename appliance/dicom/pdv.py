"""Presentation data values: the fragments of messages inside a P-DATA-TF (PS3.8 9.3.5.1, Annex E).

A P-DATA-TF may hold several, of one message or of more.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from attrs import field, frozen

from appliance.dicom.items import PDUError

_HEADER = struct.Struct(">IBB")
_CONTROL_LENGTH: Final = 2
"""Bytes behind the length that it counts too: context id and message control header."""

_COMMAND: Final = 1
_LAST: Final = 2


@frozen
class PDV:
    """One fragment: of a command set, or else of a data set.

    C{data} is not part of the C{repr}: it may be a patient's.
    """

    contextID: int
    command: bool
    last: bool
    data: bytes = field(repr=False)

    def encode(self) -> bytes:
        """The fragment behind its length, its context and its message control header."""
        control = _COMMAND * self.command | _LAST * self.last
        length = _CONTROL_LENGTH + len(self.data)
        return _HEADER.pack(length, self.contextID, control) + self.data


def readPDVs(body: bytes) -> Iterator[PDV]:
    """Each fragment in the body of a P-DATA-TF.

    @raise PDUError: if the last one is cut short or a length is impossible.
    """
    offset = 0
    while offset < len(body):
        start = offset + _HEADER.size
        if start > len(body):
            raise PDUError("a presentation data value ends within its header")
        length, contextID, control = _HEADER.unpack_from(body, offset)
        offset = start + length - _CONTROL_LENGTH
        if not start <= offset <= len(body):
            raise PDUError(f"a presentation data value cannot have {length} bytes here")
        command, last = bool(control & _COMMAND), bool(control & _LAST)
        yield PDV(contextID, command, last, body[start:offset])
