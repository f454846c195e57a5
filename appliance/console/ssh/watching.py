"""The live view on a terminal: C{top} anew each second, until a key ends it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from appliance.console import live
from appliance.console.desk import Desk
from appliance.console.ssh.terminal import CTRL_C, CTRL_D, Terminal, View


class Watching(View):
    """Shows what C{top} gives at the C{desk}, again and again."""

    def __init__(
        self, terminal: Terminal, desk: Desk, reactor: Any, leave: Callable[[], None]
    ) -> None:
        super().__init__(terminal, leave)
        self._desk = desk
        self._reactor = reactor
        self._before: live.View | None = None
        self._next: IDelayedCall | None = None
        self._ended = False

    def connectionMade(self) -> None:
        """Take a screen of our own."""
        self.write(live.BEGIN)
        self._look()

    def _look(self) -> None:
        self._next = None
        if self.of.session.waits:
            # Who reads slowly sees less often.
            self._later()
        else:
            Deferred.fromCoroutine(self._draw())

    async def _draw(self) -> None:
        answer = await self._desk.look(["top"])
        if self._ended:
            return
        if answer.ok:
            self.write(live.frame(self._before, answer.data, self.of.size))
            self._before = answer.data
        else:
            self.write(live.framed(answer.text))
        self._later()

    def _later(self) -> None:
        self._next = self._reactor.callLater(live.EVERY, self._look)

    def sized(self) -> None:
        """The terminal has another size now."""
        if self._next is not None:
            self._next.reset(0)

    def keystrokeReceived(self, keyID: bytes, modifier: bytes | None) -> None:
        """A key was pressed."""
        _ = modifier
        if keyID in (b"q", b"Q", CTRL_C, CTRL_D) and not self._ended:
            self._end()
            self.write(live.END)
            self.leave()

    def connectionLost(self, reason: Failure) -> None:
        """The session is gone."""
        _ = reason
        self._end()

    def _end(self) -> None:
        self._ended = True
        if self._next is not None:
            self._next.cancel()
            self._next = None
