"""What must hold of whatever somebody types who has logged in: it is done or refused, no more.

The first byte of an input says how it comes: as one command, as the lines of a program, or as the
keys of a terminal. The rest is what comes. What an appliance would do is not done.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from appliance.console.line import LONGEST
from appliance.console.ssh.plain import FACE, MOST_LINES, Lines, Once
from appliance.console.ssh.prompt import Prompt
from appliance.console.ssh.terminal import Terminal
from appliance.events import CommandGiven, Event, InternalError
from tests.console.fake import FakeOperator, deskFor

WHO = "alice"
ONCE, LINES, KEYS = b"o", b"l", b"k"
PIECE = 3
"""Bytes: shorter than what an arrow key sends, so that each of these is cut somewhere."""


class Session:
    """A session of which nothing is real; C{said} is what its client has seen."""

    waits = False

    def __init__(self, size: tuple[int, int] | None = None) -> None:
        self.size = size
        self.said = b""
        self.finished: list[int] = []

    def write(self, data: bytes) -> None:
        """Show C{data}."""
        self.said += data

    complain = write

    def finish(self, code: int) -> None:
        """End."""
        self.finished.append(code)


Faces = dict[bytes, Callable[[bytes, int], tuple[Session, list[Event]]]]


def once(data: bytes, _: int) -> tuple[Session, list[Event]]:
    """C{data} as the one command of a session."""
    desk, heard = deskFor(FakeOperator())
    session: Any = Session()
    Once(session, desk.takeLine(WHO, FACE, data.decode("utf-8", "replace")))
    return session, heard


def lines(data: bytes, piece: int) -> tuple[Session, list[Event]]:
    """C{data} as lines of a program."""
    desk, heard = deskFor(FakeOperator())
    session: Any = Session()
    face = Lines(session, desk, WHO)
    for at in range(0, len(data), piece):
        if not session.finished:
            face.dataReceived(data[at : at + piece])
            assert len(face._buffer) <= 4 * LONGEST
            assert len(face._waiting) <= MOST_LINES
    if not session.finished:
        face.eofReceived()
    return session, heard


def keys(data: bytes, piece: int) -> tuple[Session, list[Event]]:
    """C{data} as the keys of a terminal that is 40 columns wide; then the session is closed."""
    desk, heard = deskFor(FakeOperator())
    session: Any = Session((40, 10))
    terminal = Terminal(session, lambda of: Prompt(of, desk, WHO, lambda: session.finish(0), {}))
    prompt = terminal.keys.terminalProtocol
    for at in range(0, len(data), piece):
        if not session.finished:
            terminal.dataReceived(data[at : at + piece])
            line = prompt._line
            assert 0 <= line.cursor <= len(line.text) <= LONGEST
            assert line.text.isprintable()
    if not session.finished:
        terminal.eofReceived()
    terminal.closed()
    return session, heard


FACES: Faces = {ONCE: once, LINES: lines, KEYS: keys}


def outcome(face: bytes, data: bytes, piece: int) -> tuple[bytes, list[tuple[str, bool]]]:
    """What was shown, and what was announced."""
    session, heard = FACES[face](data, piece)
    assert len(session.finished) == 1, session.finished
    assert 0 <= session.finished[0] <= 255
    session.said.decode()
    assert not [event for event in heard if isinstance(event, InternalError)], heard
    given = [event for event in heard if isinstance(event, CommandGiven)]
    assert all(event.who == WHO for event in given)
    return session.said, [(event.line, event.ok) for event in given]


def check(data: bytes) -> None:
    """Raise C{AssertionError} where something does not hold of C{data}."""
    face = data[:1] if data[:1] in FACES else KEYS
    whole = outcome(face, data[1:], len(data) or 1)
    assert outcome(face, data[1:], PIECE) == whole, "cuts make a difference"
