"""Puts other AE titles into an association request, and the old ones back into its answer.

Both PDUs have the titles at the same places (PS3.8 tables 9-11 and 9-17); nothing else is changed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from appliance.dicom.pdu import AssociateAC

_CALLED: Final = slice(10, 26)
_CALLING: Final = slice(26, 42)
_END: Final = 42


def retitled(pdu: bytes, calling: bytes | None, called: bytes | None) -> bytes:
    """The request or answer that C{pdu} begins with, under other titles.

    The titles are fields of 16 bytes, as L{field} makes them; C{None} leaves one as it is.
    """
    changed = bytearray(pdu)
    if calling is not None:
        changed[_CALLING] = calling
    if called is not None:
        changed[_CALLED] = called
    return bytes(changed)


def field(title: str) -> bytes:
    """C{title} as it stands in a PDU: padded with spaces to 16 bytes."""
    return title.encode("ascii").ljust(_CALLED.stop - _CALLED.start)


class Restorer:
    """Hands bytes on to C{then}, with the titles of C{request} in an answer that they begin with.

    C{request} is the request as the client sent it. Less than C{_END} bytes of an answer are held
    back until the rest of them comes.
    """

    def __init__(self, request: bytes, then: Callable[[Any], None]) -> None:
        self._calling = request[_CALLING]
        self._called = request[_CALLED]
        self._then = then
        self._held = b""
        self._done = False

    def __call__(self, data: Any) -> None:
        """Take the next bytes (any buffer)."""
        if self._done:
            self._then(data)
            return
        self._held += bytes(data)
        if self._held[0] == AssociateAC.TYPE:
            if len(self._held) < _END:
                return
            self._held = retitled(self._held, self._calling, self._called)
        self._done = True
        self._then(self._held)
