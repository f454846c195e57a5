"""The SSH server: who may come in, how many at a time, and what becomes of their sessions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from twisted.conch.ssh.factory import SSHFactory
from twisted.conch.ssh.keys import Key

from appliance.console.desk import Desk
from appliance.console.gate import REST, Gate
from appliance.console.guests import Guests
from appliance.console.ssh.connection import Connection, Face, Person, Session
from appliance.console.ssh.keys import HOST_KEY, Authorized
from appliance.console.ssh.login import Login
from appliance.console.ssh.plain import FACE, Lines, Once, refusing
from appliance.console.ssh.prompt import Prompt
from appliance.console.ssh.python import WORD, PythonPrompt
from appliance.console.ssh.terminal import Terminal, View
from appliance.console.ssh.transport import Transport
from appliance.console.ssh.watching import Watching
from appliance.events import ConsoleLogin, ConsoleLogout, ConsoleRefused

MOST: Final = 16
"""Connections at a time, logged in or not."""

WATCH: Final = "top"


class ConsoleFactory(SSHFactory):
    """Serves the C{desk} to those who have one of the keys that C{authorized} gives.

    C{python} are the names that a Python prompt starts with; without them there is none.
    """

    protocol = Transport
    noisy = False
    primes = None

    def __init__(
        self,
        reactor: Any,
        desk: Desk,
        hostKey: Key,
        authorized: Callable[[], tuple[Authorized, ...]],
        python: Mapping[str, Any] | None = None,
    ) -> None:
        self.reactor = reactor
        self.desk = desk
        self.privateKeys = {HOST_KEY: hostKey}
        self.publicKeys = {HOST_KEY: hostKey.public()}
        self._authorized = authorized
        self._python = python
        self._gate = Gate(reactor.seconds)
        self.guests: Guests[Transport] = Guests()
        self._full = False

    def getService(self, transport: Any, service: bytes) -> Callable[[], Any] | None:
        """What makes the service that a client asks for; C{None} where it may not have it."""
        if service == b"ssh-userauth" and transport.user is None:
            return partial(Login, self._authorized)
        return Connection if service == b"ssh-connection" and transport.user else None

    # --- coming and going ------------------------------------------------------------------

    def admit(self, client: Transport) -> bool:
        """Let C{client} try; one that is not let in is told of once, not each time."""
        if not self._gate.admits(hostOf(client.address)):
            return False
        if len(self.guests) >= MOST:
            if not self._full:
                self._full = True
                self.refused(client.address, f"{MOST} others are here")
            return False
        self.guests.add(client)
        return True

    def leave(self, client: Transport) -> None:
        """C{client} is gone."""
        if client not in self.guests:
            return
        self.guests.discard(client)
        self._full = False
        if client.refusal and not client.silent:
            self.refused(client.address, client.refusal)
        if client.user is not None:
            self.desk.events.publish(ConsoleLogout(client.user, client.address))
            return
        if client.denied is not None:
            self.desk.events.publish(ConsoleLogin(client.denied[0], client.address, ok=False))
        if not client.silent and self._gate.failed(hostOf(client.address)):
            why = f"it has failed too often: nobody from there is heard for {REST:g} s"
            self.refused(client.address, why)

    def refused(self, address: str, why: str) -> None:
        """Tell that somebody at C{address} was refused something, for C{why}."""
        self.desk.events.publish(ConsoleRefused(FACE, address, why))

    def welcome(self, client: Transport, user: str) -> Person:
        """C{client} has shown that it is C{user}."""
        client.loggedIn(user)
        self.desk.events.publish(ConsoleLogin(user, client.address, ok=True))
        return Person(partial(self._begin, user))

    def defect(self, error: BaseException) -> None:
        """Tell of a defect of ours."""
        self.desk.defect(error)

    def endAll(self) -> None:
        """Let everybody go."""
        for client in self.guests:
            client.transport.abortConnection()

    # --- sessions --------------------------------------------------------------------------

    def _begin(self, user: str, session: Session, line: str | None) -> Face:
        """What is at our end of a C{session} of C{user}, who has sent C{line} along."""
        word = (line or "").strip()
        if word == WORD:
            return self._beginPython(user, session)
        if session.size is not None and word == WATCH:
            self.desk.announce(user, FACE, word, ok=True, changes=False)
            return Terminal(session, lambda of: self._watching(of, partial(session.finish, 0)))
        if line is not None:
            return Once(session, self.desk.takeLine(user, FACE, line))
        if session.size is None:
            return Lines(session, self.desk, user)
        return Terminal(session, partial(self._prompt, user, session))

    def _prompt(self, user: str, session: Session, of: Terminal) -> View:
        views = {WATCH: partial(self._watching, of)}
        return Prompt(of, self.desk, user, partial(session.finish, 0), views)

    def _watching(self, of: Terminal, leave: Callable[[], None]) -> View:
        return Watching(of, self.desk, self.reactor, leave)

    def _beginPython(self, user: str, session: Session) -> Face:
        allowed = self._python is not None and session.size is not None
        self.desk.announce(user, FACE, WORD, ok=allowed, changes=True)
        if self._python is None:
            return Once(session, refusing("Python is not to be had; manholePython = yes allows it"))
        if session.size is None:
            return Once(session, refusing("Python needs a terminal: ssh -t"))
        prompt = PythonPrompt(self.desk, user, dict(self._python), partial(session.finish, 0))
        return Terminal(session, lambda _: prompt)


def hostOf(address: str) -> str:
    """The host of C{"address:port"}."""
    return address.rpartition(":")[0] or address
