"""Where people and programs reach the process itself: the console, the status.

The sockets are opened early, while the process has all its rights. A unix socket is its owner's and
its group's. Who comes in is handed to the factory behind the door.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from attrs import define, field
from twisted.internet.protocol import Factory

from appliance.config.model import Address, Problem, Severity, UnixAddress, Where
from appliance.system.acceptor import Acceptor
from appliance.system.heritage import NOTHING, Heritage
from appliance.system.sockets import Listener, ListenError, listen, places

_OTHERS: int = 0o117
"""What others than owner and group may not, and nobody may: to connect is to write."""

Owner = tuple[str | None, str | None]
"""A user and a group, each by name or number; C{None} leaves what the process has."""


@define(eq=False)
class Door:
    """Open sockets; those who come in get a protocol of C{factory}, unless it is C{full}.

    C{failed} hears, in the system's words, that nobody can be let in for a while.
    """

    listeners: tuple[Listener, ...]
    factory: Factory[Any]
    failed: Callable[[str], None] = lambda _: None
    full: Callable[[], bool] = lambda: False
    _acceptors: list[Acceptor] = field(factory=list, init=False)

    def open(self, reactor: Any) -> None:
        """Let people in."""

        def accepted(handle: socket.socket, _client: str) -> None:
            with handle:
                if self.full():
                    return
                handle.setblocking(False)
                reactor.adoptStreamConnection(handle.fileno(), handle.family, self.factory)

        for each in self.listeners:
            self._acceptors.append(Acceptor(reactor, each.socket, accepted, self.failed))

    def close(self) -> None:
        """Let nobody in any more, and take the sockets away."""
        self._shut(Listener.close)

    def letGo(self) -> None:
        """Let nobody in any more: another process does that at the same sockets."""
        self._shut(Listener.letGo)

    def giveBack(self) -> None:
        """Undo that the sockets were opened: nothing came of it."""
        self._shut(Listener.giveBack)

    def _shut(self, how: Callable[[Listener], None]) -> None:
        for acceptor in self._acceptors:
            acceptor.stopListening()
        self._acceptors.clear()
        for each in self.listeners:
            how(each)
        self.listeners = ()


def listenAt(
    address: Address, owner: Owner, where: Where, option: str, heritage: Heritage = NOTHING
) -> tuple[list[Listener], list[Problem]]:
    """Listen at C{address}, and what is wrong with that; C{where} is the line of C{option}.

    What is in the C{heritage} is taken from there.
    """
    found: list[Listener] = []
    text = str(address)
    try:
        for place in places(address):
            text = place[1] if isinstance(place[1], str) else f"{place[1][0]}:{place[1][1]}"
            with _private(address):
                found.append(listen(*place, owner=owner, heritage=heritage))
    except ListenError as error:
        for each in found:
            each.giveBack()
        problem = Problem(
            Severity.ERROR,
            where,
            f"cannot listen at {text}: {error}",
            "",
            _advice(error, text),
            option=option,
        )
        return [], [problem]
    return found, []


@contextmanager
def _private(address: Address) -> Iterator[None]:
    """Keep others out from the first moment, where C{address} is a file."""
    if not isinstance(address, UnixAddress):
        yield
        return
    before = os.umask(_OTHERS)
    try:
        yield
    finally:
        os.umask(before)


def _advice(error: ListenError, text: str) -> str:
    return {
        1: "only root can give it to another user or group; start as root, or join the group",
        2: f"the directory of {text} must be there: make it first, or let systemd do so with "
        "RuntimeDirectory",
        13: f"the user that starts the appliance must be able to write to the directory of {text}, "
        "and ports below 1024 are for root",
        98: "another program listens there; is another appliance running? See ss -lntxp",
        99: "this machine has no such address: see 'ip address'",
    }.get(error.code, "")
