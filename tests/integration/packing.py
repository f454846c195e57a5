"""Conversations written by hand on pynetdicom's PDUs, several values in one PDU as dcm4che has it.

dcm4che fills a PDU with the command set and as much of the data set as fits behind it; dcmtk and
pynetdicom begin a new PDU for each fragment. Nothing of ours takes part in this.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from typing import Any

from attrs import define, field
from pydicom.uid import UID
from pynetdicom import build_context
from pynetdicom.dimse_messages import DIMSEMessage
from pynetdicom.dimse_primitives import C_ECHO, C_FIND, C_STORE
from pynetdicom.dsutils import encode
from pynetdicom.pdu import (
    A_ASSOCIATE_AC,
    A_ASSOCIATE_RQ,
    A_RELEASE_RP,
    A_RELEASE_RQ,
    P_DATA_TF,
)
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    A_RELEASE,
    P_DATA,
    ImplementationClassUIDNotification,
    MaximumLengthNotification,
)

from tests.objects import ROOT

Value = tuple[int, bytes]
"""A presentation data value: its context, then the message control header and the fragment."""
COMMAND, LAST = 1, 2
_OVERHEAD = 6
"""Bytes that a value has in a PDU around its fragment."""


def request(calling: str, kinds: Iterable[tuple[UID, UID]], maximum: int = 16384) -> bytes:
    """A-ASSOCIATE-RQ, with the contexts 1, 3, 5 and so on."""
    asked = _association(calling, maximum)
    asked.presentation_context_definition_list = []
    for number, (kind, syntax) in enumerate(kinds):
        context = build_context(kind, syntax)
        context.context_id = 2 * number + 1
        asked.presentation_context_definition_list.append(context)
    return bytes(A_ASSOCIATE_RQ(asked).encode())


def acceptance(asked: bytes, maximum: int = 16384) -> bytes:
    """A-ASSOCIATE-AC that accepts all that is C{asked} for."""
    pdu = A_ASSOCIATE_RQ()
    pdu.decode(asked)
    answer = _association(pdu.calling_ae_title, maximum)
    answer.result, answer.result_source = 0, 1
    answer.presentation_context_definition_results_list = []
    for context in pdu.to_primitive().presentation_context_definition_list:
        context.result = 0
        context.transfer_syntax = context.transfer_syntax[:1]
        answer.presentation_context_definition_results_list.append(context)
    return bytes(A_ASSOCIATE_AC(answer).encode())


def _association(calling: str, maximum: int) -> A_ASSOCIATE:
    made = A_ASSOCIATE()
    made.application_context_name = "1.2.840.10008.3.1.1.1"
    made.calling_ae_title, made.called_ae_title = calling, "ARCHIVE"
    longest, implementation = MaximumLengthNotification(), ImplementationClassUIDNotification()
    longest.maximum_length_received = maximum
    implementation.implementation_class_uid = UID(f"{ROOT}.9")
    made.user_information = [longest, implementation]
    return made


def release(answer: bool = False) -> bytes:
    """A-RELEASE-RQ, or the C{answer} to it."""
    said = A_RELEASE()
    said.result = "affirmative" if answer else None
    return bytes((A_RELEASE_RP(said) if answer else A_RELEASE_RQ(said)).encode())


def echo(context: int, number: int) -> list[Value]:
    """C-ECHO-RQ."""
    asked = C_ECHO()
    asked.MessageID, asked.AffectedSOPClassUID = number, "1.2.840.10008.1.1"
    return _message("C_ECHO_RQ", asked, context)


def store(context: int, number: int, dataset: Any) -> list[Value]:
    """C-STORE-RQ with the object C{dataset}."""
    asked = C_STORE()
    asked.MessageID, asked.Priority = number, 0
    asked.AffectedSOPClassUID = dataset.SOPClassUID
    asked.AffectedSOPInstanceUID = dataset.SOPInstanceUID
    syntax = dataset.file_meta.TransferSyntaxUID
    asked.DataSet = BytesIO(encode(dataset, syntax.is_implicit_VR, True) or b"")
    return _message("C_STORE_RQ", asked, context)


def stored(context: int, number: int, status: int) -> list[Value]:
    """C-STORE-RSP."""
    said = C_STORE()
    said.MessageIDBeingRespondedTo, said.Status = number, status
    return _message("C_STORE_RSP", said, context)


def found(context: int, number: int, status: int, identifier: Any = None) -> list[Value]:
    """C-FIND-RSP."""
    said = C_FIND()
    said.MessageIDBeingRespondedTo, said.Status = number, status
    said.AffectedSOPClassUID = "1.2.840.10008.5.1.4.1.2.2.1"
    if identifier is not None:
        said.Identifier = BytesIO(encode(identifier, True, True) or b"")
    return _message("C_FIND_RSP", said, context)


def _message(name: str, primitive: Any, context: int) -> list[Value]:
    """A command set and perhaps a data set, in a value each."""
    from pynetdicom import dimse_messages

    message = getattr(dimse_messages, name)()
    message.primitive_to_message(primitive)
    values = []
    for data in message.encode_msg(context, 0):
        values += data.presentation_data_value_list
    return values


def packed(values: Iterable[Value], maximum: int, least: int = 1) -> Iterator[bytes]:
    """P-DATA-TFs of C{maximum} bytes with all C{values} one after the other, cut where they must.

    A value begins in a PDU where C{least} bytes of it have room there.
    """
    items: list[list[Any]] = []
    room = maximum
    for context, value in values:
        control, data = value[0], value[1:]
        while True:
            if room < _OVERHEAD + min(least, len(data)):
                yield _pdu(items)
                items, room = [], maximum
            piece, data = data[: room - _OVERHEAD], data[room - _OVERHEAD :]
            last = control if not data else control & ~LAST
            items.append([context, bytes([last]) + piece])
            room -= _OVERHEAD + len(piece)
            if not data:
                break
    if items:
        yield _pdu(items)


def fragmented(values: Iterable[Value], size: int) -> Iterator[bytes]:
    """A P-DATA-TF for each fragment of C{size} bytes."""
    for value in values:
        yield from packed([value], size + _OVERHEAD)


def _pdu(items: list[list[Any]]) -> bytes:
    data = P_DATA()
    data.presentation_data_value_list = items
    return bytes(P_DATA_TF(data).encode())


@define
class Line:
    """A connection, by hand: what comes is cut into PDUs, and statuses are collected."""

    connection: socket.socket
    statuses: list[int] = field(factory=list)
    _message: DIMSEMessage = field(factory=DIMSEMessage)

    def pdu(self) -> bytes:
        """The next PDU, empty at the end."""
        head = self.read(6)
        return head + self.read(struct.unpack(">BxI", head)[1]) if head else b""

    def read(self, size: int) -> bytes:
        """So many bytes; none where there are not so many."""
        data = b""
        while len(data) < size:
            more = self.connection.recv(size - len(data))
            if not more:
                return b""
            data += more
        return data

    def answers(self, number: int) -> list[int]:
        """All statuses so far, once there are C{number} of them."""
        while len(self.statuses) < number:
            pdu = self.pdu()
            assert pdu[:1] == b"\4", pdu[:10]
            self._take(pdu)
        return self.statuses

    def _take(self, pdu: bytes) -> None:
        data = P_DATA_TF()
        data.decode(pdu)
        for context, value in data.to_primitive().presentation_data_value_list:
            one = P_DATA()
            one.presentation_data_value_list = [[context, value]]
            if self._message.decode_msg(one):
                self.statuses.append(self._message.command_set.Status)
                self._message = DIMSEMessage()

    def requests(self, number: int, hear: Callable[[], None]) -> None:
        """Read PDUs until C{number} last fragments have come; call C{hear} after that."""
        while number:
            data = P_DATA_TF()
            data.decode(self.pdu())
            for item in data.presentation_data_value_items:
                number -= bool(item.presentation_data_value[0] & LAST)
        hear()
