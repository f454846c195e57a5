"""Follows one direction of an association by its headers alone, as the bytes pass by.

It collects what is small and tells of the conversation: the PDUs around the data (PS3.8 9.3) and
command sets (PS3.7 6.3.1). Of data sets it counts the bytes: it neither copies nor decodes nor
keeps them, however long a PDU claims to be. It never raises: where it cannot follow any further
it says why, once, and lets all later bytes pass at the cost of a comparison.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Callable
from typing import Any, Final

from attrs import define, field

from appliance.dicom.framer import ForeignProtocolError, foreignProtocol
from appliance.dicom.items import PDUError
from appliance.dicom.pdu import HEADER, PDataTF

LONGEST: Final = 64 * 1024
"""Bytes that a PDU other than P-DATA-TF may have, and all unfinished command sets together."""

_P_DATA: Final = PDataTF.TYPE
_FRAGMENT = struct.Struct(">IBB")
_PDU_AND_FRAGMENT = struct.Struct(">BxIIBB")
_CONTROL: Final = 2
"""Bytes of context id and message control header, which a fragment's length counts."""
_COMMAND: Final = 1
_LAST: Final = 2

FOREVER: Final = 1 << 62
"""Bytes to skip when nothing is worth reading any more: four exabytes."""

Step = Callable[[bytes, int], int]
"""Takes the bytes that it waited for and where they end in the view; says where to go on."""


@define(eq=False, repr=False)
class Walker:
    """One direction's bytes, in order, handed to L{feed}.

    C{pdu} is called with each whole PDU but P-DATA-TF, C{command} with the presentation context
    and the bytes of each whole command set, C{unreadable} once with the words of C{fault} when
    there is one. A L{PDUError} of the first two becomes such a fault.
    """

    pdu: Callable[[bytes], None]
    command: Callable[[int, bytes], None]
    unreadable: Callable[[str], None]
    longestData: int = FOREVER
    """Bytes that a P-DATA-TF may announce; a longer one is a fault."""
    fault: str | None = field(default=None, init=False)

    _skip: int = field(default=0, init=False)
    """Bytes to come that belong to a fragment of a data set."""
    _between: bool = field(default=True, init=False)
    """True when what comes after those is a PDU's first byte."""
    _kept: bytearray = field(factory=bytearray, init=False)
    """Bytes of something that is not whole yet, C{_want} long, for C{_step}."""
    _want: int = field(default=0, init=False)
    _step: Step | None = field(default=None, init=False)
    _head: bytes = field(default=b"", init=False)
    _rest: int = field(default=0, init=False)
    """Bytes of the P-DATA-TF behind the current fragment."""
    _context: int = field(default=0, init=False)
    _last: bool = field(default=False, init=False)
    _commands: dict[int, bytearray] = field(factory=dict, init=False)
    """Command sets without their last fragment, by their contexts."""
    _counts: defaultdict[int, int] = field(factory=lambda: defaultdict(int), init=False)

    @property
    def atBoundary(self) -> bool:
        """True when all bytes so far are whole PDUs, as far as we can tell."""
        return self._between and not self._skip and self.fault is None

    @property
    def pending(self) -> int:
        """How many bytes are kept."""
        return len(self._kept) + len(self._head) + sum(map(len, self._commands.values()))

    def feed(self, view: Any) -> None:
        """Take the next bytes, any buffer; C{view} is not kept."""
        end = len(view)
        at = self._skip
        if end <= at:
            self._skip = at - end
            return
        self._skip = 0
        try:
            while at < end:
                if self._between:
                    at = self._stride(view, at, end)
                    if at >= end:
                        break
                    self._between = False
                    self._wait(HEADER.size, self._begun)
                at = self._collect(view, at, end)
        except PDUError as error:
            self.giveUp(str(error))
        if self.fault is None:
            self._skip = at - end

    def taken(self) -> dict[int, int]:
        """How many bytes of data sets have passed since the last time, by their contexts."""
        counts, self._counts = self._counts, defaultdict(int)
        if self._skip and self.fault is None:
            # Fragments are counted by their headers; the rest of this one has yet to come.
            counts[self._context] -= self._skip
            self._counts[self._context] = self._skip
        return counts

    def giveUp(self, why: str) -> None:
        """Follow no further."""
        if self.fault is None:
            self.fault = why
            self._skip, self._head, self._step = FOREVER, b"", None
            self._kept.clear()
            self._commands.clear()
            self.unreadable(why)

    def _stride(self, view: Any, at: int, end: int) -> int:
        """Pass by all P-DATA-TF from C{at} on that are one fragment, of a data set for the most.

        Nearly all bytes of DICOM come in such PDUs, so this loop is what reading along costs.
        """
        unpack, counts, context = _PDU_AND_FRAGMENT.unpack_from, self._counts, self._context
        last, most = end - _PDU_AND_FRAGMENT.size, self.longestData - 4
        while at <= last:
            kind, length, size, context, control = unpack(view, at)
            if kind != _P_DATA or size != length - 4 or not _CONTROL <= size <= most:
                break
            after = at + length + HEADER.size
            if not control & _COMMAND:
                counts[context] += size - _CONTROL
            elif control & _LAST and after <= end and size <= LONGEST and not self._commands:
                self.command(context, bytes(view[at + _PDU_AND_FRAGMENT.size : after]))
                counts = self._counts
            else:
                break
            at = after
        self._context = context
        return at

    def _wait(self, size: int, step: Step) -> None:
        self._want, self._step = size, step

    def _collect(self, view: Any, at: int, end: int) -> int:
        """Keep what C{_step} waits for, and take that step when it is whole."""
        upto = at + self._want - len(self._kept)
        self._kept += view[at:upto]
        if upto > end:
            return end
        while self._step is not None and len(self._kept) == self._want:
            step, whole = self._step, bytes(self._kept)
            self._step = None
            self._kept.clear()
            upto = step(whole, upto)
        return upto

    def _begun(self, head: bytes, at: int) -> int:
        """A PDU has begun."""
        kind, length = HEADER.unpack(head)
        protocol = foreignProtocol(head)
        if protocol is not None:
            raise ForeignProtocolError(protocol)
        if kind == _P_DATA:
            if not length:
                raise PDUError("a P-DATA-TF without a presentation data value")
            if length > self.longestData:
                raise PDUError(f"a P-DATA-TF of {length} bytes, more than {self.longestData}")
            self._rest = length
            return self._next(at)
        if length > LONGEST:
            raise PDUError(f"a PDU of type {kind:02X}H and {length} bytes, more than {LONGEST}")
        self._head = head
        self._wait(length, self._ended)
        return at

    def _ended(self, body: bytes, at: int) -> int:
        """A PDU that is not P-DATA-TF is whole; it ends what was said before."""
        whole, self._head = self._head + body, b""
        self._between = True
        self._commands.clear()
        self.pdu(whole)
        return at

    def _next(self, at: int) -> int:
        """Go on behind a fragment, or at the first one: another one, or the PDU's end."""
        if not self._rest:
            self._between = True
        elif self._rest < _FRAGMENT.size:
            raise PDUError("a presentation data value ends within its header")
        else:
            self._wait(_FRAGMENT.size, self._fragment)
        return at

    def _fragment(self, head: bytes, at: int) -> int:
        """A fragment has begun."""
        size, self._context, control = _FRAGMENT.unpack(head)
        self._rest -= size + 4
        if size < _CONTROL or self._rest < 0:
            raise PDUError(f"a presentation data value cannot have {size} bytes here")
        size -= _CONTROL
        if not control & _COMMAND:
            self._counts[self._context] += size
            return self._next(at + size)
        if size + sum(map(len, self._commands.values())) > LONGEST:
            raise PDUError(f"a command set of more than {LONGEST} bytes")
        self._last = bool(control & _LAST)
        self._wait(size, self._commanded)
        return at

    def _commanded(self, data: bytes, at: int) -> int:
        """A fragment of a command set is whole."""
        if self._last:
            whole = self._commands.pop(self._context, b"") + data
            self._next(at)
            self.command(self._context, bytes(whole))
        else:
            self._commands.setdefault(self._context, bytearray()).extend(data)
            self._next(at)
        return at
