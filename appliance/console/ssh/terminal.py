"""A session with a terminal: keys come in, and go to what is on the screen at that time.

Twisted's C{insults} tells the keys apart.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from twisted.conch.insults.insults import ServerProtocol, TerminalProtocol
from twisted.internet.protocol import connectionDone

from appliance.console.ssh.connection import Session

ESCAPE, CTRL_C, CTRL_D = b"\x1b", b"\x03", b"\x04"

_LONGEST_SEQUENCE: Final = 32
"""Bytes of what one key sends."""


class Keys(ServerProtocol):
    """Bytes of a terminal to keys; C{terminalProtocol} is who gets them."""

    terminalProtocol: Any

    def dataReceived(self, data: bytes) -> None:
        """Take C{data}; a sequence without an end is no key."""
        for number in range(len(data)):
            if self.state == b"bracket-escaped" and len(self.escBuf) > _LONGEST_SEQUENCE:
                self.state = b"data"
            super().dataReceived(data[number : number + 1])


class View(TerminalProtocol):
    """Something that is on the screen, and gets the keys; it ends with the session.

    C{leave} is called when the person is done with it.
    """

    def __init__(self, terminal: Terminal, leave: Callable[[], None]) -> None:
        self.of = terminal
        self.leave = leave

    def write(self, text: str) -> None:
        """Show C{text}."""
        if not self.of.over:
            self.of.keys.write(text)

    def sized(self) -> None:
        """The terminal has another size now."""


class Terminal:
    """The terminal of C{session}; C{begin} makes what is on the screen at first."""

    def __init__(self, session: Session, begin: Callable[[Terminal], Any]) -> None:
        self.session = session
        self.over = False
        self.keys = Keys()
        self.keys.makeConnection(session)
        self.show(begin(self))

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows."""
        return self.session.size or (80, 24)

    def show(self, view: Any) -> None:
        """Let C{view} have the screen and the keys."""
        self.keys.terminalProtocol = view
        view.makeConnection(self.keys)

    def back(self, view: View) -> None:
        """Let C{view}, which was there before, have them again."""
        self.keys.terminalProtocol = view

    def dataReceived(self, data: bytes) -> None:
        """Some keys were pressed."""
        self.keys.dataReceived(data)

    def eofReceived(self) -> None:
        """Nobody will press a key any more."""
        self.session.finish(0)

    def sized(self, size: tuple[int, int]) -> None:
        """The terminal has another C{size} now."""
        _ = size
        self.keys.terminalProtocol.sized()

    def closed(self) -> None:
        """The session is gone."""
        self.over = True
        self.keys.terminalProtocol.connectionLost(connectionDone)
