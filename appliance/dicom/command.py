"""DIMSE command sets: the part of a message that says what is asked or answered (PS3.7).

A command set is always Implicit VR Little Endian (PS3.7 6.3.1). Only the elements named below are
read; the others, among them instance UIDs (0000,1000), error comments (0000,0902) and identifiers
that sites derive from patients, are never kept.
"""

from __future__ import annotations

import struct
from typing import Final

from attrs import frozen

from appliance.dicom import uids
from appliance.dicom.items import PDUError, readText, writeText

C_STORE_RQ: Final = 0x0001
C_GET_RQ: Final = 0x0010
C_FIND_RQ: Final = 0x0020
C_MOVE_RQ: Final = 0x0021
C_ECHO_RQ: Final = 0x0030
N_EVENT_REPORT_RQ: Final = 0x0100
N_GET_RQ: Final = 0x0110
N_SET_RQ: Final = 0x0120
N_ACTION_RQ: Final = 0x0130
N_CREATE_RQ: Final = 0x0140
N_DELETE_RQ: Final = 0x0150
C_CANCEL_RQ: Final = 0x0FFF
RESPONSE: Final = 0x8000
"""The bit that makes a request's command field its response's (PS3.7 E.1)."""

SUCCESS: Final = 0x0000
CANCEL: Final = 0xFE00

_GROUP_LENGTH: Final = 0x0000
_AFFECTED_CLASS: Final = 0x0002
_REQUESTED_CLASS: Final = 0x0003
_FIELD: Final = 0x0100
_MESSAGE_ID: Final = 0x0110
_RESPONDED_TO: Final = 0x0120
_DATA_SET_TYPE: Final = 0x0800
_STATUS: Final = 0x0900

_NO_DATA_SET: Final = 0x0101
_DATA_SET: Final = 0x0000
"""Any value but 0101H says that a data set follows (PS3.7 E.1)."""

_ELEMENT_HEADER = struct.Struct("<HHI")
_US = struct.Struct("<H")


def _readElements(data: bytes) -> dict[int, bytes]:
    """The values of all elements, which are of group 0000, by their numbers."""
    elements: dict[int, bytes] = {}
    offset, end = 0, len(data)
    while offset < end:
        start = offset + _ELEMENT_HEADER.size
        if start > end:
            raise PDUError("a command element ends within its header")
        group, element, length = _ELEMENT_HEADER.unpack_from(data, offset)
        offset = start + length
        if group != 0:
            raise PDUError(f"a command set has an element of group {group:04X}H")
        if offset > end:
            raise PDUError(f"the command element (0000,{element:04X}) is cut short")
        elements[element] = data[start:offset]
    return elements


def _element(element: int, value: bytes) -> bytes:
    return _ELEMENT_HEADER.pack(0, element, len(value)) + value


def _number(elements: dict[int, bytes], element: int) -> int | None:
    value = elements.get(element)
    if value is None:
        return None
    if len(value) != _US.size:
        raise PDUError(f"the command element (0000,{element:04X}) is not a 16-bit number")
    return int.from_bytes(value, "little")


@frozen
class Command:
    """One command set.

    C{field} is a C{..._RQ} number, with C{RESPONSE} added in an answer. C{status}, a number of
    PS3.7 Annex C, and C{respondedTo} are C{None} in a request, C{messageID} in an answer. Some of
    the C{N_..._RQ} have a C{requestedClass} in place of C{affectedClass}.
    """

    field: int
    affectedClass: str = ""
    messageID: int | None = None
    respondedTo: int | None = None
    hasDataSet: bool = False
    status: int | None = None
    requestedClass: str = ""

    def encode(self) -> bytes:
        """The whole command set, behind its group length."""
        numbers = {
            _FIELD: self.field,
            _MESSAGE_ID: self.messageID,
            _RESPONDED_TO: self.respondedTo,
            _DATA_SET_TYPE: _DATA_SET if self.hasDataSet else _NO_DATA_SET,
            _STATUS: self.status,
        }
        classes = {_AFFECTED_CLASS: self.affectedClass, _REQUESTED_CLASS: self.requestedClass}
        body = b""
        for element, text in classes.items():
            if text:
                uid = writeText(text, 64)
                body += _element(element, uid + b"\0" * (len(uid) % 2))
        for element, number in numbers.items():
            if number is not None:
                body += _element(element, _US.pack(number))
        return _element(_GROUP_LENGTH, struct.pack("<I", len(body))) + body

    @classmethod
    def decode(cls, data: bytes) -> Command:
        """The command set that C{data}, all of its fragments joined, is.

        @raise PDUError: if it is none.
        """
        elements = _readElements(data)
        field = _number(elements, _FIELD)
        if field is None:
            raise PDUError("a command set without a command field")
        return cls(
            field,
            readText(elements.get(_AFFECTED_CLASS, b"")),
            _number(elements, _MESSAGE_ID),
            _number(elements, _RESPONDED_TO),
            _number(elements, _DATA_SET_TYPE) not in (None, _NO_DATA_SET),
            _number(elements, _STATUS),
            readText(elements.get(_REQUESTED_CLASS, b"")),
        )


def echoRequest(messageID: int) -> Command:
    """C-ECHO-RQ (PS3.7 9.3.5.1)."""
    return Command(C_ECHO_RQ, uids.VERIFICATION, messageID=messageID)


def echoResponse(respondedTo: int, status: int = SUCCESS) -> Command:
    """C-ECHO-RSP (PS3.7 9.3.5.2)."""
    return Command(C_ECHO_RQ | RESPONSE, uids.VERIFICATION, respondedTo=respondedTo, status=status)


_OPERATIONS: Final = {
    C_STORE_RQ: "C-STORE",
    C_GET_RQ: "C-GET",
    C_FIND_RQ: "C-FIND",
    C_MOVE_RQ: "C-MOVE",
    C_ECHO_RQ: "C-ECHO",
    N_EVENT_REPORT_RQ: "N-EVENT-REPORT",
    N_GET_RQ: "N-GET",
    N_SET_RQ: "N-SET",
    N_ACTION_RQ: "N-ACTION",
    N_CREATE_RQ: "N-CREATE",
    N_DELETE_RQ: "N-DELETE",
    C_CANCEL_RQ: "C-CANCEL",
}


def operationName(field: int) -> str:
    """What is asked or answered by a command of this field: C{"C-STORE"}.

    Fields that the standard has not defined share one name, so that names can be counted by.
    """
    return _OPERATIONS.get(field & ~RESPONSE, "unknown")


_STATUSES: Final = {
    SUCCESS: "success",
    0x0001: "warning: requested optional attributes not supported",
    0x0105: "no such attribute",
    0x0106: "invalid attribute value",
    0x0107: "warning: attribute list error",
    0x0110: "processing failure",
    0x0111: "duplicate SOP instance",
    0x0112: "no such SOP instance",
    0x0115: "invalid argument value",
    0x0116: "warning: attribute value out of range",
    0x0117: "invalid SOP instance",
    0x0118: "no such SOP class",
    0x0119: "class-instance conflict",
    0x0120: "missing attribute",
    0x0122: "SOP class not supported",
    0x0124: "not authorized",
    0x0210: "duplicate invocation",
    0x0211: "unrecognized operation",
    0x0212: "mistyped argument",
    0x0213: "resource limitation",
    CANCEL: "cancelled",
    0xFF00: "pending",
    0xFF01: "pending",
}

_STATUS_CLASSES: Final = (
    (0xFF00, 0xA700, "out of resources"),
    (0xFF00, 0xA800, "move destination unknown"),
    (0xFF00, 0xA900, "data set does not match SOP class"),
    (0xF000, 0xA000, "failure"),
    (0xF000, 0xB000, "warning"),
    (0xF000, 0xC000, "unable to process"),
)


def statusName(status: int) -> str:
    """The status of a response in words (PS3.7 Annex C, PS3.4 Annexes B and C)."""
    if status in _STATUSES:
        return _STATUSES[status]
    for mask, value, name in _STATUS_CLASSES:
        if status & mask == value:
            return name
    return f"status {status:04X}H"


_PENDING: Final = (0xFF00, 0xFF01)
_WARNINGS: Final = (0x0001, 0x0107, 0x0116)


def isPending(status: int) -> bool:
    """True when more responses follow this one."""
    return status in _PENDING


def statusClass(status: int) -> str:
    """C{"success"}, C{"warning"}, C{"failure"}, C{"pending"} or C{"cancel"} (PS3.7 C.1 to C.5).

    A status that the standard has not defined is a failure.
    """
    if status == SUCCESS:
        return "success"
    if isPending(status):
        return "pending"
    if status == CANCEL:
        return "cancel"
    if status in _WARNINGS or status & 0xF000 == 0xB000:
        return "warning"
    return "failure"


def isFailure(status: int) -> bool:
    """True when the operation was not done."""
    return statusClass(status) == "failure"
