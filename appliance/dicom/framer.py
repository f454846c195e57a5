"""Cuts a stream of bytes into whole PDUs, however the network cut it.

Bounded: it never keeps more than one PDU of the length that it was told to allow, and it refuses
what cannot be DICOM as soon as six bytes have come, naming the protocol where it knows it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from appliance.dicom.items import PDUError
from appliance.dicom.pdu import HEADER, PDU, decode

_TYPES: Final = range(0x01, 0x08)
_TLS_TYPES: Final = range(0x14, 0x19)
_TLS_MAJOR: Final = 3
_TEXT_PROTOCOLS: Final = {b"HTTP/": "HTTP", b"GET /": "HTTP", b"POST ": "HTTP", b"SSH-": "SSH"}


class ForeignProtocolError(PDUError):
    """The bytes are another protocol's: C{protocol} is C{TLS}, C{HTTP}, C{SSH} or empty."""

    def __init__(self, protocol: str) -> None:
        super().__init__(f"{protocol or 'something unknown'} instead of DICOM")
        self.protocol = protocol


def foreignProtocol(start: bytes | bytearray) -> str | None:
    """The protocol that C{start}, six bytes or more, belongs to: C{None} for DICOM's own.

    A TLS record starts with its content type and the major version 3 (RFC 8446 5.1).
    """
    if start[0] in _TYPES:
        return None
    if start[0] in _TLS_TYPES and start[1] == _TLS_MAJOR:
        return "TLS"
    for prefix, protocol in _TEXT_PROTOCOLS.items():
        if start.startswith(prefix):
            return protocol
    return ""


class Framer:
    """Feeds on bytes, yields PDUs.

    C{maximum} is the most bytes that may follow a PDU's header. After an error all further bytes
    are refused with the same error: there is no way to find the next PDU.
    """

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum
        self._buffer = bytearray()
        self._error: PDUError | None = None

    @property
    def pending(self) -> int:
        """How many bytes of an unfinished PDU are kept."""
        return len(self._buffer)

    def feed(self, data: bytes) -> Iterator[PDU]:
        """Take C{data} in and give each PDU that is now whole, in order.

        Exhaust the iterator before feeding on. The PDUs before a faulty one are given first.

        @raise PDUError: if a PDU is too long or malformed.
        @raise ForeignProtocolError: if the bytes are not DICOM.
        """
        if self._error is not None:
            raise self._error
        self._buffer += data
        return self._cut()

    def _cut(self) -> Iterator[PDU]:
        try:
            while (end := self._end()) is not None:
                whole = bytes(self._buffer[:end])
                del self._buffer[:end]
                yield decode(whole)
        except PDUError as error:
            self._error = error
            self._buffer.clear()
            raise

    def _end(self) -> int | None:
        """Where the first PDU ends, or C{None} when it is not whole yet."""
        if len(self._buffer) < HEADER.size:
            return None
        protocol = foreignProtocol(self._buffer)
        if protocol is not None:
            raise ForeignProtocolError(protocol)
        _, length = HEADER.unpack_from(self._buffer)
        if length > self._maximum:
            raise PDUError(f"a PDU of {length} bytes; at most {self._maximum} are allowed")
        end = HEADER.size + length
        return end if end <= len(self._buffer) else None
