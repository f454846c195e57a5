"""The seven protocol data units of the DICOM upper layer as frozen values (PS3.8 9.3).

Each value has C{encode()}; L{decode} turns one whole PDU back into its value. Reserved fields are
sent as zeros and not looked at when received. Whatever bytes come, L{decode} raises nothing but
L{PDUError}.
"""

from __future__ import annotations

import struct
from typing import ClassVar, Final, Self, TypeVar

from attrs import field, frozen

from appliance.dicom import uids
from appliance.dicom.items import (
    APPLICATION_CONTEXT_ITEM,
    USER_INFORMATION_ITEM,
    AnsweredContext,
    PDUError,
    ProposedContext,
    UserInformation,
    readItems,
    readText,
    writeItem,
    writeText,
)
from appliance.dicom.pdv import PDV, readPDVs
from appliance.dicom.reasons import abortWords, rejectionWords

HEADER: Final = struct.Struct(">BxI")
"""Type, a reserved byte, and the number of bytes that follow (PS3.8 9.3.1)."""

_TITLES = struct.Struct(">H2x16s16s32x")
_TITLE_LENGTH: Final = 16

_Context = TypeVar("_Context", ProposedContext, AnsweredContext)


def _title(value: str) -> bytes:
    if not value.strip():
        raise PDUError("an AE title must not be empty")
    return writeText(value, _TITLE_LENGTH).ljust(_TITLE_LENGTH)


def _packAssociate(pdu: AssociateRQ | AssociateAC) -> bytes:
    body = _TITLES.pack(pdu.version, _title(pdu.called), _title(pdu.calling))
    body += writeItem(APPLICATION_CONTEXT_ITEM, writeText(pdu.applicationContext, 64))
    body += b"".join(context.encode() for context in pdu.contexts) + pdu.user.encode()
    return HEADER.pack(pdu.TYPE, len(body)) + body


def _unpackAssociate(
    body: bytes, context: type[_Context]
) -> tuple[str, str, tuple[_Context, ...], UserInformation, str, int]:
    """The attributes of an A-ASSOCIATE-RQ or -AC, in their order."""
    if len(body) < _TITLES.size:
        raise PDUError(f"an association PDU of {len(body)} bytes is too short")
    version, called, calling = _TITLES.unpack_from(body)
    items = list(readItems(body[_TITLES.size :]))
    contexts = tuple(context.decode(value) for kind, value in items if kind == context.ITEM)
    single = dict(items)
    user = UserInformation.decode(single.get(USER_INFORMATION_ITEM, b""))
    application = readText(single.get(APPLICATION_CONTEXT_ITEM, b""))
    return readText(called), readText(calling), contexts, user, application, version


def _fourBytes(body: bytes) -> bytes:
    if len(body) != 4:
        raise PDUError(f"a PDU of this type has 4 bytes, not {len(body)}")
    return body


@frozen
class AssociateRQ:
    """A-ASSOCIATE-RQ: C{calling} asks C{called} for an association (PS3.8 9.3.2)."""

    TYPE: ClassVar[int] = 0x01

    called: str
    calling: str
    contexts: tuple[ProposedContext, ...]
    user: UserInformation = field(factory=UserInformation)
    applicationContext: str = uids.APPLICATION_CONTEXT
    version: int = 1

    def encode(self) -> bytes:
        """The whole PDU.

        @raise PDUError: if a title or a UID cannot be written.
        """
        return _packAssociate(self)

    @classmethod
    def decodeBody(cls, body: bytes) -> AssociateRQ:
        """The value in what follows the header."""
        return cls(*_unpackAssociate(body, ProposedContext))


@frozen
class AssociateAC:
    """A-ASSOCIATE-AC: the association is accepted (PS3.8 9.3.3).

    C{called} and C{calling} are the request's, sent back; they say nothing about the peer.
    """

    TYPE: ClassVar[int] = 0x02

    called: str
    calling: str
    contexts: tuple[AnsweredContext, ...]
    user: UserInformation = field(factory=UserInformation)
    applicationContext: str = uids.APPLICATION_CONTEXT
    version: int = 1

    def encode(self) -> bytes:
        """The whole PDU.

        @raise PDUError: if a title or a UID cannot be written.
        """
        return _packAssociate(self)

    @classmethod
    def decodeBody(cls, body: bytes) -> AssociateAC:
        """The value in what follows the header."""
        return cls(*_unpackAssociate(body, AnsweredContext))


@frozen
class AssociateRJ:
    """A-ASSOCIATE-RJ: the association is refused; the numbers are those of PS3.8 table 9-21."""

    TYPE: ClassVar[int] = 0x03

    result: int
    source: int
    reason: int

    def encode(self) -> bytes:
        """The whole PDU."""
        return HEADER.pack(self.TYPE, 4) + bytes((0, self.result, self.source, self.reason))

    @classmethod
    def decodeBody(cls, body: bytes) -> AssociateRJ:
        """The value in what follows the header."""
        return cls(*_fourBytes(body)[1:])

    @property
    def words(self) -> str:
        """Result, source and reason in plain words."""
        return rejectionWords(self.result, self.source, self.reason)


@frozen
class PDataTF:
    """P-DATA-TF: one or more fragments of messages (PS3.8 9.3.5)."""

    TYPE: ClassVar[int] = 0x04

    values: tuple[PDV, ...]

    def encode(self) -> bytes:
        """The whole PDU."""
        body = b"".join(value.encode() for value in self.values)
        return HEADER.pack(self.TYPE, len(body)) + body

    @classmethod
    def decodeBody(cls, body: bytes) -> PDataTF:
        """The value in what follows the header."""
        values = tuple(readPDVs(body))
        if not values:
            raise PDUError("a P-DATA-TF without a presentation data value")
        return cls(values)


@frozen
class _Release:
    TYPE: ClassVar[int]

    def encode(self) -> bytes:
        """The whole PDU."""
        return HEADER.pack(self.TYPE, 4) + bytes(4)

    @classmethod
    def decodeBody(cls, body: bytes) -> Self:
        """The value in what follows the header."""
        _fourBytes(body)
        return cls()


@frozen
class ReleaseRQ(_Release):
    """A-RELEASE-RQ: the sender has no more to ask (PS3.8 9.3.6)."""

    TYPE: ClassVar[int] = 0x05


@frozen
class ReleaseRP(_Release):
    """A-RELEASE-RP: the association is over, and both know it (PS3.8 9.3.7)."""

    TYPE: ClassVar[int] = 0x06


@frozen
class Abort:
    """A-ABORT: the association is over at once; the numbers are those of PS3.8 table 9-26."""

    TYPE: ClassVar[int] = 0x07

    source: int
    reason: int = 0

    def encode(self) -> bytes:
        """The whole PDU."""
        return HEADER.pack(self.TYPE, 4) + bytes((0, 0, self.source, self.reason))

    @classmethod
    def decodeBody(cls, body: bytes) -> Abort:
        """The value in what follows the header."""
        return cls(*_fourBytes(body)[2:])

    @property
    def words(self) -> str:
        """Source and reason in plain words."""
        return abortWords(self.source, self.reason)


PDU = AssociateRQ | AssociateAC | AssociateRJ | PDataTF | ReleaseRQ | ReleaseRP | Abort

_CLASSES: Final[dict[int, type[PDU]]] = {
    kind.TYPE: kind
    for kind in (AssociateRQ, AssociateAC, AssociateRJ, PDataTF, ReleaseRQ, ReleaseRP, Abort)
}


def decode(data: bytes) -> PDU:
    """The value of the one PDU that C{data} is.

    @raise PDUError: if it is not one, or not exactly one.
    """
    if len(data) < HEADER.size:
        raise PDUError("a PDU ends within its header")
    kind, length = HEADER.unpack_from(data)
    if kind not in _CLASSES:
        raise PDUError(f"there is no PDU of type {kind:02X}H")
    body = data[HEADER.size :]
    if len(body) != length:
        raise PDUError(f"a PDU of {length} bytes has {len(body)}")
    return _CLASSES[kind].decodeBody(body)
