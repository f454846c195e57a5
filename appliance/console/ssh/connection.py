"""What somebody who has logged in may open: some sessions, and nothing else.

No forwarding of ports, agents or screens, no subsystems, no environment (RFC 4254).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Final, Protocol

from twisted.conch.avatar import ConchUser
from twisted.conch.ssh.channel import SSHChannel
from twisted.conch.ssh.common import NS, getNS
from twisted.conch.ssh.connection import (
    MSG_CHANNEL_OPEN_FAILURE,
    OPEN_ADMINISTRATIVELY_PROHIBITED,
    SSHConnection,
)
from twisted.conch.ssh.session import parseRequest_pty_req, parseRequest_window_change

from appliance.console.answer import FAILED

MOST_SESSIONS: Final = 8
"""Sessions of one connection."""

MOST_EARLY: Final = 64 * 1024
"""Bytes that a client may send before it has heard that its session begins."""

MOST_UNREAD: Final = 4 * 1024 * 1024
"""Bytes that wait for a client that does not read."""

SESSION: Final = b"session"


class Face(Protocol):
    """What is at our end of a session."""

    def dataReceived(self, data: bytes) -> None:
        """The person, or his program, has sent C{data}."""

    def eofReceived(self) -> None:
        """Nothing more will come."""

    def sized(self, size: tuple[int, int]) -> None:
        """The terminal has so many columns and rows now."""

    def closed(self) -> None:
        """The session is gone."""


class Connection(SSHConnection):
    """Opens sessions, though not too many; all else is refused without a word in the log."""

    transport: Any

    def ssh_CHANNEL_OPEN(self, packet: bytes) -> None:
        """The client wants a channel."""
        kind, rest = getNS(packet)
        if kind == SESSION and len(self.channels) < MOST_SESSIONS:
            super().ssh_CHANNEL_OPEN(packet)
            return
        (theirs,) = struct.unpack(">L", rest[:4])
        why = "only sessions can be opened here"
        if kind == SESSION:
            why = f"{MOST_SESSIONS} sessions are open in this connection"
            self.transport.factory.refused(self.transport.address, why)
        self.transport.sendPacket(
            MSG_CHANNEL_OPEN_FAILURE,
            struct.pack(">2L", theirs, OPEN_ADMINISTRATIVELY_PROHIBITED) + NS(why) + NS(b""),
        )


class Person(ConchUser):
    """Somebody who has logged in; C{begin} makes what is at our end of his sessions."""

    def __init__(self, begin: Begin) -> None:
        super().__init__()
        self.begin = begin
        self.channelLookup[SESSION] = Session


class Session(SSHChannel):
    """One session: perhaps a terminal, then one command or a shell."""

    name = SESSION
    conn: Any
    size: tuple[int, int] | None = None
    """Columns and rows of the terminal, where there is one."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._face: Face | None = None
        self._begun = self._done = False
        self._early = b""
        self._earlyEnd = False

    def requestReceived(self, requestType: bytes, data: bytes) -> bool:
        """The client asks for something; true where it gets it."""
        match requestType:
            case b"pty-req" if not self._begun:
                return self._resize(lambda: parseRequest_pty_req(data)[1])
            case b"window-change" if self.size is not None:
                return self._resize(lambda: parseRequest_window_change(data))
            case b"shell" if not self._begun:
                return self._begin(None)
            case b"exec" if not self._begun:
                return self._begin(getNS(data)[0].decode("utf-8", "replace"))
        return False

    def _resize(self, parse: Callable[[], tuple[int, ...]]) -> bool:
        try:
            self.size = _sized(parse())
        # What bad input makes conch raise is not documented.
        except Exception:
            return False
        if self._face is not None:
            self._face.sized(self.size)
        return True

    def _begin(self, line: str | None) -> bool:
        self._begun = True
        # Later, since the client must hear that it begins before it hears how it ends.
        self.conn.transport.factory.reactor.callLater(0, self._start, line)
        return True

    def _start(self, line: str | None) -> None:
        if self._done:
            return
        person: Any = self.avatar
        try:
            self._face = person.begin(self, line)
        except Exception as error:
            self.conn.transport.factory.defect(error)
            self.finish(FAILED)
            return
        early, self._early = self._early, b""
        if early:
            self.dataReceived(early)
        if self._earlyEnd:
            self.eofReceived()

    def dataReceived(self, data: bytes) -> None:
        """The client has sent something."""
        if self._done:
            return
        if self._face is not None:
            self._face.dataReceived(data)
        elif len(self._early) + len(data) > MOST_EARLY:
            self.conn.transport.refuse("it sent too much before its session had begun")
        else:
            self._early += data

    def eofReceived(self) -> None:
        """The client will send nothing more."""
        self._earlyEnd = True
        if self._face is not None and not self._done:
            self._face.eofReceived()

    def closed(self) -> None:
        """The session is gone."""
        self._done = True
        if self._face is not None:
            self._face.closed()

    # --- what faces do ---------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Show C{data}; a client that reads nothing is let go in the end."""
        if self.conn is None or self.localClosed:
            return
        if len(self.buf) > MOST_UNREAD:
            self.conn.transport.refuse("it does not read what it asked for")
            return
        super().write(data)

    @property
    def waits(self) -> bool:
        """True while the client has not read what it was sent."""
        return bool(self.buf)

    def complain(self, data: bytes) -> None:
        """Show C{data} as what went wrong."""
        if self.conn is not None and not self.localClosed:
            # The one kind there is: 1, standard error (RFC 4254 5.2).
            self.writeExtended(1, data)

    def finish(self, code: int) -> None:
        """End the session with the exit status C{code}."""
        if self._done or self.conn is None:
            return
        self._done = True
        self.conn.sendRequest(self, b"exit-status", struct.pack(">L", code))
        self.loseConnection()


Begin = Callable[[Session, "str | None"], Face]
"""Begins what a session is for: a line to be done, or a shell."""


def _sized(window: tuple[int, ...]) -> tuple[int, int]:
    """Columns and rows within reason; a terminal that says 0 does not know (RFC 4254 6.2)."""
    rows, columns = window[:2]
    return min(max(columns or 80, 20), 500), min(max(rows or 24, 5), 200)
