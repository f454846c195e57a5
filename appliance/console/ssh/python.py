"""A Python prompt within the process, for those whom C{manholePython = yes} trusts with it.

It is Twisted's own. Every line is announced before it runs: what it does nobody can foresee.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from twisted.conch.manhole import ColoredManhole

from appliance.console.desk import Desk

WORD: Final = "python"
"""What somebody enters to get here, and what its lines are announced under."""

LONGEST: Final = 10_000
"""Characters of a line."""

WELCOME: Final = (
    b"This is the running process: what takes long here stops all connections.\n"
    b"Names: appliance, operator, events, reactor. Control-D leaves.\n"
)


class PythonPrompt(ColoredManhole):
    """Runs what C{who} enters, with C{names} at hand; C{leave} is called at the end."""

    def __init__(
        self, desk: Desk, who: str, names: dict[str, Any], leave: Callable[[], None]
    ) -> None:
        super().__init__(dict(names))
        self._desk = desk
        self._who = who
        self._leave = leave

    def initializeScreen(self) -> None:
        """Leave what is on the screen where it is."""
        self.terminal.write(WELCOME)
        self.terminal.write(self.ps[self.pn])
        self.setInsertMode()

    def characterReceived(self, ch: bytes, moreCharactersComing: bool) -> None:
        """A character was typed."""
        if len(self.lineBuffer) < LONGEST:
            super().characterReceived(ch, moreCharactersComing)

    def lineReceived(self, line: bytes) -> None:
        """A line was entered."""
        entered = line.decode("utf-8", "replace")
        self._desk.announce(self._who, WORD, entered, ok=True, changes=True)
        super().lineReceived(line)

    def handle_QUIT(self) -> None:
        """The person has had enough."""
        # The terminal goes on without us.
        self.setTypeoverMode()
        self.terminal.nextLine()
        self._leave()

    def sized(self) -> None:
        """The terminal has another size now."""

    def connectionLost(self, reason: object) -> None:
        """The session is gone."""
