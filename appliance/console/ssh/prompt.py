"""The prompt of the shell: a line is typed, with the help of Tab and of what was typed before."""

from __future__ import annotations

from codecs import getincrementaldecoder
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

from twisted.internet.defer import Deferred

from appliance.console.completion import LEAVE, complete
from appliance.console.desk import Desk
from appliance.console.line import Line
from appliance.console.paint import painted, prompt
from appliance.console.ssh.plain import FACE, said
from appliance.console.ssh.terminal import CTRL_C, CTRL_D, Terminal, View
from appliance.console.tables import shown

PROMPT: Final = "butterfly-tls> "

WELCOME: Final = "'help' lists the commands, Tab completes them, 'exit' leaves.\n"

MOST_KEYS: Final = 4096
"""Keys that are kept while a command is being done."""

_NAMED: Final = {
    "LEFT_ARROW": Line.left,
    "RIGHT_ARROW": Line.right,
    "UP_ARROW": Line.up,
    "DOWN_ARROW": Line.down,
    "HOME": Line.home,
    "END": Line.end,
    "DELETE": Line.delete,
}
_CONTROL: Final = {
    "A": Line.home,
    "B": Line.left,
    "E": Line.end,
    "F": Line.right,
    "H": Line.backspace,
    "K": Line.deleteAfter,
    "N": Line.down,
    "P": Line.up,
    "U": Line.deleteBefore,
    "W": Line.deleteWord,
}
KEYS: Final[dict[bytes, Callable[[Line], None]]] = {
    # As insults spells them.
    **{f"[{name}]".encode(): do for name, do in _NAMED.items()},
    **{bytes([ord(letter) - 0x40]): do for letter, do in _CONTROL.items()},
    b"\x7f": Line.backspace,
}
"""What keys do to the line, as elsewhere: the arrows, and Emacs' letters with Control."""


class Prompt(View):
    """Takes lines of C{who} to the C{desk}; C{views} are the words that show something else."""

    def __init__(
        self,
        terminal: Terminal,
        desk: Desk,
        who: str,
        leave: Callable[[], None],
        views: Mapping[str, Callable[[Callable[[], None]], View]],
    ) -> None:
        super().__init__(terminal, leave)
        self._desk = desk
        self._who = who
        self._views = views
        self._line = Line()
        self._decoder = getincrementaldecoder("utf-8")("replace")
        self._busy = False
        self._waiting: deque[bytes] = deque()
        self._catchingUp = False

    def connectionMade(self) -> None:
        """Greet with what matters most: how everything is."""
        self.write(WELCOME)
        self._do(self._greet())

    async def _greet(self) -> None:
        answer = await self._desk.look(["status"])
        self.write(painted(said(answer, asJSON=False)))

    # --- keys ------------------------------------------------------------------------------

    def keystrokeReceived(self, keyID: bytes, modifier: bytes | None) -> None:
        """A key was pressed."""
        _ = modifier
        if not self._busy:
            self._press(keyID)
        elif keyID == CTRL_C:
            self._waiting.clear()
        elif len(self._waiting) < MOST_KEYS:
            self._waiting.append(keyID)

    def _press(self, key: bytes) -> None:
        if key in KEYS:
            KEYS[key](self._line)
        elif key in (b"\r", b"\n"):
            self._enter()
            return
        elif key == b"\t":
            self._complete()
        elif key == CTRL_C:
            self._line.end()
            self._line.deleteBefore()
            self.write("^C\n")
        elif key == CTRL_D and not self._line.text:
            self._end()
            return
        elif key == b"\x0c":
            self.write("\x1b[H\x1b[2J")
        else:
            text = self._decoder.decode(key) if len(key) == 1 else ""
            self._line.insert("".join(char for char in text if char.isprintable()))
        self._draw()

    def _complete(self) -> None:
        more, choices = complete(self._line.before, self._desk.operator)
        self._line.insert(more)
        if choices and not more:
            self.write(f"\n{shown('   '.join(choices))}\n")

    def _draw(self) -> None:
        """Write the line anew, and put the cursor into its place."""
        room = max(self.of.size[0] - len(PROMPT) - 1, 5)
        text, column = self._line.view(room)
        self.write(f"\r\x1b[K{prompt(PROMPT)}{shown(text)}\r\x1b[{len(PROMPT) + column}C")

    def sized(self) -> None:
        """The terminal has another size now."""
        if not self._busy:
            self._draw()

    # --- lines -----------------------------------------------------------------------------

    def _enter(self) -> None:
        line = self._line.take().strip()
        self.write("\n")
        if line in LEAVE:
            self._end()
        elif line in self._views:
            self._desk.announce(self._who, FACE, line, ok=True, changes=False)
            self.of.show(self._views[line](self._return))
        elif line:
            self._do(self._answer(line))
        else:
            self._draw()

    async def _answer(self, line: str) -> None:
        answer, asJSON = await self._desk.takeLine(self._who, FACE, line)
        text = said(answer, asJSON)
        self.write(text if asJSON else painted(text))

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        self._busy = True
        Deferred.fromCoroutine(work).addCallback(lambda _: self._done())

    def _done(self) -> None:
        self._busy = False
        self._draw()
        if self._catchingUp:
            return
        self._catchingUp = True
        while self._waiting and not self._busy and not self.of.over:
            self._press(self._waiting.popleft())
        self._catchingUp = False

    def _return(self) -> None:
        self.of.back(self)
        self._draw()

    def _end(self) -> None:
        self._busy = True
        self.leave()
