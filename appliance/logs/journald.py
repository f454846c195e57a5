"""The journal of systemd as a place for the log: each line with its fields, by the native protocol.

A line is one datagram (C{systemd.io/JOURNAL_NATIVE_PROTOCOL}), so that C{journalctl} can choose
lines by section, connection, event or reason. Nothing here waits: a line that the journal does not
take at once goes where it would have gone without it.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from appliance.events import LogLost
from appliance.logs.shapes import STUNNEL, Shape, record
from appliance.logs.sinks import Sink, facilityNumber
from appliance.logs.vocabulary import Line

SOCKET: Final = "/run/systemd/journal/socket"

PREFIX: Final = "BUTTERFLY"
"""What the names of our own fields begin with."""

PER_FACILITY: Final = 8
"""Levels to each facility (RFC 5424 6.2.1): syslog counts those, the journal facilities."""

_NAME = re.compile("[A-Z][A-Z0-9_]{0,63}")
_HUMP = re.compile("(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def isJournal(environment: Mapping[str, str], descriptor: int = 2) -> bool:
    """True when what is written to C{descriptor} comes into the journal (systemd.exec(5)).

    C{environment} says which file that is; a descriptor may lead elsewhere by now.
    """
    try:
        found = os.fstat(descriptor)
    except OSError:
        return False
    return environment.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


def datagram(fields: Iterable[tuple[str, str]]) -> bytes:
    """C{fields}, names and values, as the journal reads them.

    Raises C{ValueError} for a name that the journal does not take from us.
    """
    return b"".join(_encoded(name, value.encode(errors="replace")) for name, value in fields)


def _encoded(name: str, value: bytes) -> bytes:
    if not _NAME.fullmatch(name):
        raise ValueError(f"no name of a field: {name}")
    if b"\n" in value:
        return b"%b\n%b%b\n" % (name.encode(), len(value).to_bytes(8, "little"), value)
    return b"%b=%b\n" % (name.encode(), value)


def named(facts: Mapping[str, Any], before: str = PREFIX) -> Iterator[tuple[str, str]]:
    """C{facts} as fields: C{peer.serverName} becomes C{BUTTERFLY_PEER_SERVER_NAME}.

    What is not known has no field.
    """
    for name, value in facts.items():
        full = f"{before}_{_HUMP.sub('_', name).upper()}"
        if isinstance(value, Mapping):
            yield from named(value, full)
        elif isinstance(value, bool):
            yield full, "yes" if value else "no"
        elif value is not None:
            yield full, str(value)


class Journald:
    """The journal that listens at C{path}, which is best connected before a change of the root.

    C{ident} and C{facility} are those of syslog. C{otherwise} takes what the journal does not.
    """

    shape: Shape = STUNNEL

    def __init__(
        self,
        path: str,
        ident: str,
        facility: str,
        otherwise: Sink,
        now: Callable[[], datetime] = datetime.now,
    ) -> None:
        self._path = path
        number = str(facilityNumber(facility) // PER_FACILITY)
        self._own = (("SYSLOG_IDENTIFIER", ident), ("SYSLOG_FACILITY", number))
        self._otherwise = otherwise
        self._now = now
        self._socket: socket.socket | None = None
        try:
            self._connected()
        except OSError:
            # Each line tries again.
            return

    def write(self, line: Line) -> None:
        """Send C{line}, or have it written elsewhere."""
        try:
            self._send(datagram(self._fields(line)))
        except OSError:
            self._otherwise.shape = self.shape
            self._otherwise.write(line)

    def _fields(self, line: Line) -> Iterator[tuple[str, str]]:
        when = self._now()
        known = record(line, when)
        yield "MESSAGE", self.shape.message(line, when)
        yield "PRIORITY", str(line.level)
        yield from self._own
        yield from named({name: known[name] for name in ("section", "connection", "event")})
        yield from named(known["fields"])

    def _send(self, data: bytes) -> None:
        if self._socket is not None:
            try:
                self._socket.send(data)
                return
            except BlockingIOError:
                raise
            except OSError:
                # It may have begun anew behind our back.
                self.close()
        self._connected().send(data)

    def _connected(self) -> socket.socket:
        fresh = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            fresh.connect(self._path)
        except OSError:
            fresh.close()
            raise
        self._socket = fresh
        return fresh

    def reopen(self) -> LogLost | None:
        """The journal looks after its own files."""
        return None

    def close(self) -> None:
        """Take no more lines."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
