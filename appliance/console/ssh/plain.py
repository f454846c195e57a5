"""Sessions without a terminal: one command with its exit status, or lines that a program sends."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Coroutine
from typing import Any, Final

from twisted.internet.defer import Deferred

from appliance.console.answer import MISUSED, Answer, CommandError
from appliance.console.completion import LEAVE
from appliance.console.desk import Desk
from appliance.console.line import LONGEST
from appliance.console.paint import painted
from appliance.console.ssh.connection import Session

FACE: Final = "ssh"

INTERRUPT: Final = b"\x03"
INTERRUPTED: Final = 130
"""The exit status, as a shell has it after Control-C."""

MOST_LINES: Final = 1000
"""Lines that may wait for those before them."""


def said(answer: Answer, asJSON: bool) -> str:
    """C{answer} as it was wanted, with the end of its last line."""
    return f"{json.dumps(answer.data) if asJSON else answer.text}\n"


async def refusing(why: str) -> tuple[Answer, bool]:
    """What somebody hears who may not have what he asked for."""
    return CommandError(why, code=MISUSED).answer, False


class Once:
    """Waits for an answer, and whether it is wanted as JSON; shows it, and ends the session."""

    def __init__(self, session: Session, work: Coroutine[Any, Any, tuple[Answer, bool]]) -> None:
        self._session = session
        Deferred.fromCoroutine(work).addCallback(lambda outcome: self._show(*outcome))

    def _show(self, answer: Answer, asJSON: bool) -> None:
        text = said(answer, asJSON)
        if self._session.size is not None:
            # The terminal is raw: nobody else goes back to the begin of the line.
            text = (text if asJSON else painted(text)).replace("\n", "\r\n")
        if answer.code == MISUSED and not asJSON:
            self._session.complain(text.encode())
        else:
            self._session.write(text.encode())
        self._session.finish(answer.code)

    def dataReceived(self, data: bytes) -> None:
        """Commands read nothing; but somebody at a terminal may have had enough."""
        if INTERRUPT in data and self._session.size is not None:
            self._session.finish(INTERRUPTED)

    def eofReceived(self) -> None:
        """That changes nothing."""

    def sized(self, size: tuple[int, int]) -> None:
        """There is no screen."""

    def closed(self) -> None:
        """What was begun ends by itself."""


class Lines:
    """Does line after line, up to C{exit} or the last; the exit status is the worst of all."""

    def __init__(self, session: Session, desk: Desk, who: str) -> None:
        self._session = session
        self._desk = desk
        self._who = who
        self._buffer = b""
        self._waiting: deque[str] = deque()
        self._busy = self._over = False
        self._code = 0

    def dataReceived(self, data: bytes) -> None:
        """Some more of the lines."""
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        self._waiting.extend(line.decode("utf-8", "replace").strip() for line in lines)
        longest = max(map(len, (self._buffer, *self._waiting)), default=0)
        if longest > 4 * LONGEST or len(self._waiting) > MOST_LINES:
            self._waiting.clear()
            self._buffer, self._over, self._code = b"", True, MISUSED
            self._session.complain(b"error: that is too much at once\n")
        self._work()

    def eofReceived(self) -> None:
        """That was the last line, even without an end."""
        self.dataReceived(b"\n")
        self._over = True
        self._work()

    def _work(self) -> None:
        if not self._busy:
            self._busy = True
            Deferred.fromCoroutine(self._workOff())

    async def _workOff(self) -> None:
        while self._waiting:
            line = self._waiting.popleft()
            if line in LEAVE:
                self._waiting.clear()
                self._over = True
            elif line:
                answer, asJSON = await self._desk.takeLine(self._who, FACE, line)
                self._code = max(self._code, answer.code)
                self._session.write(said(answer, asJSON).encode())
        self._busy = False
        if self._over:
            self._session.finish(self._code)

    def sized(self, size: tuple[int, int]) -> None:
        """There is no screen."""

    def closed(self) -> None:
        """What waits is not done any more."""
        self._waiting.clear()
