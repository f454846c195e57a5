"""The items inside an A-ASSOCIATE-RQ and -AC: presentation contexts and user information.

PS3.8 9.3.2, 9.3.3 and Annex D; PS3.7 Annex D. An item of a type we do not know is skipped. Two of
those are skipped on purpose and never kept: the user identity items 58 and 59 (PS3.7 D.3.3.7)
carry user names, passwords and tokens.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import IntEnum
from typing import ClassVar, Final

from attrs import frozen

APPLICATION_CONTEXT_ITEM: Final = 0x10
USER_INFORMATION_ITEM: Final = 0x50
_ABSTRACT_SYNTAX: Final = 0x30
_TRANSFER_SYNTAX: Final = 0x40
_MAXIMUM_LENGTH: Final = 0x51
_IMPLEMENTATION_CLASS: Final = 0x52
_IMPLEMENTATION_VERSION: Final = 0x55

_ITEM_HEADER = struct.Struct(">BxH")
_UID_LENGTH: Final = 64
_VERSION_LENGTH: Final = 16


class PDUError(Exception):
    """Bytes that are not DICOM's upper layer, or a value that has no such bytes."""


def readText(data: bytes) -> str:
    """C{data} as text without its padding of spaces or NULs.

    Titles, UIDs and names are printable ISO 646 (PS3.5 6.2). Any other byte becomes U+FFFD, so
    that it can neither forge a log line nor equal a title that somebody configured.
    """
    text = data.strip(b" \0").decode("latin-1")
    if text.isascii() and text.isprintable():
        return text
    return "".join(each if " " <= each < "\x7f" else "\ufffd" for each in text)


def writeText(value: str, limit: int) -> bytes:
    """C{value} as at most C{limit} bytes.

    @raise PDUError: if it is too long or not printable ASCII.
    """
    if len(value) > limit:
        raise PDUError(f"{value!r} is longer than {limit} characters")
    if not (value.isascii() and value.isprintable()):
        raise PDUError(f"{value!r} is not printable ASCII")
    return value.encode("ascii")


def writeItem(kind: int, value: bytes) -> bytes:
    """One item: type, reserved byte, 16-bit length, value."""
    if len(value) > 0xFFFF:
        raise PDUError(f"an item of type {kind:02X}H cannot hold {len(value)} bytes")
    return _ITEM_HEADER.pack(kind, len(value)) + value


def readItems(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The C{(type, value)} of each item in C{data}.

    @raise PDUError: if the last one is cut short.
    """
    offset = 0
    while offset < len(data):
        start = offset + _ITEM_HEADER.size
        if start > len(data):
            raise PDUError("an item ends within its header")
        kind, length = _ITEM_HEADER.unpack_from(data, offset)
        offset = start + length
        if offset > len(data):
            raise PDUError(
                f"an item of type {kind:02X}H announces {length} bytes but has {len(data) - start}"
            )
        yield kind, data[start:offset]


class ContextResult(IntEnum):
    """What became of a proposed presentation context (PS3.8 table 9-18)."""

    ACCEPTED = 0
    USER_REJECTION = 1
    NO_REASON = 2
    ABSTRACT_SYNTAX = 3
    TRANSFER_SYNTAXES = 4

    @property
    def words(self) -> str:
        """The result in words."""
        return _CONTEXT_WORDS[self]


_CONTEXT_WORDS: Final = {
    ContextResult.ACCEPTED: "accepted",
    ContextResult.USER_REJECTION: "rejected by the application",
    ContextResult.NO_REASON: "rejected without a reason",
    ContextResult.ABSTRACT_SYNTAX: "SOP class not supported",
    ContextResult.TRANSFER_SYNTAXES: "none of the transfer syntaxes supported",
}


def _splitContext(value: bytes) -> tuple[int, int, list[tuple[int, bytes]]]:
    """A presentation context item as its id, its result byte and its sub-items."""
    if len(value) < 4:
        raise PDUError("a presentation context is shorter than 4 bytes")
    return value[0], value[2], list(readItems(value[4:]))


@frozen
class ProposedContext:
    """A presentation context of an A-ASSOCIATE-RQ: an abstract syntax, ways to encode it."""

    ITEM: ClassVar[int] = 0x20

    id: int
    abstractSyntax: str
    transferSyntaxes: tuple[str, ...]

    def encode(self) -> bytes:
        """The whole item."""
        syntaxes = writeItem(_ABSTRACT_SYNTAX, writeText(self.abstractSyntax, _UID_LENGTH))
        for syntax in self.transferSyntaxes:
            syntaxes += writeItem(_TRANSFER_SYNTAX, writeText(syntax, _UID_LENGTH))
        return writeItem(self.ITEM, bytes((self.id, 0, 0, 0)) + syntaxes)

    @classmethod
    def decode(cls, value: bytes) -> ProposedContext:
        """The context in an item's value."""
        identifier, _, items = _splitContext(value)
        abstract = [readText(item) for kind, item in items if kind == _ABSTRACT_SYNTAX]
        if len(abstract) != 1:
            raise PDUError(f"presentation context {identifier} has {len(abstract)} SOP classes")
        transfer = tuple(readText(item) for kind, item in items if kind == _TRANSFER_SYNTAX)
        return cls(identifier, abstract[0], transfer)


@frozen
class AnsweredContext:
    """A presentation context of an A-ASSOCIATE-AC.

    C{transferSyntax} means something only when C{result} is C{ACCEPTED}.
    """

    ITEM: ClassVar[int] = 0x21

    id: int
    result: ContextResult
    transferSyntax: str = ""

    def encode(self) -> bytes:
        """The whole item."""
        syntax = writeItem(_TRANSFER_SYNTAX, writeText(self.transferSyntax, _UID_LENGTH))
        return writeItem(self.ITEM, bytes((self.id, 0, self.result, 0)) + syntax)

    @classmethod
    def decode(cls, value: bytes) -> AnsweredContext:
        """The context in an item's value; a result that nobody defined is a rejection."""
        identifier, byte, items = _splitContext(value)
        result = ContextResult(byte) if byte in _CONTEXT_WORDS else ContextResult.NO_REASON
        transfer = [readText(item) for kind, item in items if kind == _TRANSFER_SYNTAX]
        return cls(identifier, result, transfer[0] if transfer else "")


@frozen
class UserInformation:
    """What each side says about itself; identities, roles and negotiations are not kept.

    C{maximumLength} is the most bytes that this side takes in one P-DATA-TF (0: no limit, PS3.8
    D.1). An empty C{implementationClass} or C{implementationVersion} was not sent.
    """

    maximumLength: int = 16384
    implementationClass: str = ""
    implementationVersion: str = ""

    def encode(self) -> bytes:
        """The whole item."""
        value = writeItem(_MAXIMUM_LENGTH, struct.pack(">I", self.maximumLength))
        if self.implementationClass:
            uid = writeText(self.implementationClass, _UID_LENGTH)
            value += writeItem(_IMPLEMENTATION_CLASS, uid)
        if self.implementationVersion:
            version = writeText(self.implementationVersion, _VERSION_LENGTH)
            value += writeItem(_IMPLEMENTATION_VERSION, version)
        return writeItem(USER_INFORMATION_ITEM, value)

    @classmethod
    def decode(cls, value: bytes) -> UserInformation:
        """The information in an item's value."""
        items = dict(readItems(value))
        length = items.get(_MAXIMUM_LENGTH, bytes(4))
        if len(length) != 4:
            raise PDUError(f"the maximum length has {len(length)} bytes instead of 4")
        return cls(
            int.from_bytes(length, "big"),
            readText(items.get(_IMPLEMENTATION_CLASS, b"")),
            readText(items.get(_IMPLEMENTATION_VERSION, b"")),
        )
