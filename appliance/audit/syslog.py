"""Syslog messages around audit messages (RFC 5424, PS3.15 A.6), and their frames on a stream.

Pure: nothing is sent here.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from attrs import frozen

PRIORITY: Final = 85
"""Facility 10 (security), severity 5 (notice), as PS3.15 A.6 has it for most messages."""

MESSAGE_ID: Final = "DICOM+RFC3881"
"""What PS3.15 A.6 calls such messages in MSGID."""

_BOM: Final = b"\xef\xbb\xbf"
_UNFIT: Final = re.compile(r"[^\x21-\x7e]")


@frozen
class Origin:
    """Who sends: the machine C{host}, the program C{name} and its C{pid}."""

    host: str
    name: str
    pid: int


def message(xml: bytes, when: datetime, origin: Origin) -> bytes:
    """The message that carries C{xml}; C{when} is aware."""
    header = " ".join(
        (
            f"<{PRIORITY}>1",
            when.isoformat(timespec="milliseconds"),
            _word(origin.host, 255),
            _word(origin.name, 48),
            str(origin.pid),
            MESSAGE_ID,
            "-",
        )
    )
    return header.encode("ascii") + b" " + _BOM + xml


def framed(message: bytes) -> bytes:
    """C{message} as it stands on a stream, behind the number of its octets (RFC 5425 4.3)."""
    return b"%d %b" % (len(message), message)


def _word(text: str, most: int) -> str:
    """C{text} as a field of the header: printable ASCII without blanks, C{-} for none."""
    return _UNFIT.sub("_", text)[:most] or "-"
