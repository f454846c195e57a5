"""The shell of the console on a loopback port, and OpenSSH's own client in front of it."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import frozen
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone, ProcessExitedAlready, ProcessTerminated
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from appliance.config.model import NOWHERE, InetAddress
from appliance.console.ssh.factory import ConsoleFactory
from appliance.console.ssh.keys import readAuthorized, readHostKey
from appliance.events import Event
from appliance.system.doors import Door, listenAt
from tests.console import keymaking
from tests.console.fake import FakeOperator, deskFor
from tests.peers import directoryFor, freePort, program


@frozen
class Done:
    """What the client said, and its exit status."""

    status: int
    out: str
    err: str


class Running(ProcessProtocol):
    """The client at work: what it says is waited for, what is typed goes to it."""

    def __init__(self) -> None:
        self.out = self.err = b""
        self.done: Deferred[Done] = Deferred()
        self._waiting: list[tuple[re.Pattern[str], Deferred[None]]] = []
        self._seen = 0

    def outReceived(self, data: bytes) -> None:
        self.out += data
        self._look()

    def errReceived(self, data: bytes) -> None:
        self.err += data

    def says(self, pattern: str) -> Deferred[None]:
        """Fires when what it said since the last time has C{pattern} in it."""
        waiting: Deferred[None] = Deferred()
        self._waiting.append((re.compile(pattern), waiting))
        self._look()
        return waiting

    def _look(self) -> None:
        while self._waiting:
            pattern, waiting = self._waiting[0]
            text = self.out.decode("utf-8", "replace")
            found = pattern.search(text, self._seen)
            if found is None:
                return
            self._seen = found.end()
            del self._waiting[0]
            waiting.callback(None)

    def type(self, text: str) -> None:
        """Press keys."""
        self.transport.write(text.encode())  # type: ignore[union-attr]

    def processEnded(self, reason: Failure) -> None:
        value: Any = reason.value
        assert isinstance(value, ProcessDone | ProcessTerminated)
        for _, waiting in self._waiting:
            waiting.errback(AssertionError(f"it ended, having said {self.out + self.err!r}"))
        status = value.exitCode if value.exitCode is not None else -1
        out, err = (data.decode("utf-8", "replace") for data in (self.out, self.err))
        self.done.callback(Done(status, out, err))


class ShellCase(TestCase):
    """A shell for alice, whose key is in the file, and a client that has keys of his own."""

    timeout = 30

    def setUp(self) -> None:
        self.directory = directoryFor(self)
        self.keys = keymaking.people(self.directory, alice="ed25519", bob="rsa", carol="ecdsa")
        self.operator = FakeOperator()
        self.desk, self.heard = deskFor(self.operator)
        self.port = 0

    def serve(self, python: bool = False) -> ConsoleFactory:
        """Let people in."""
        hostKey = readHostKey(str(keymaking.hostKey(self.directory)))
        factory = ConsoleFactory(
            reactor,
            self.desk,
            hostKey,
            lambda: readAuthorized(str(self.keys))[0],
            {"operator": self.operator} if python else None,
        )
        where = InetAddress("127.0.0.1", freePort())
        listeners, problems = listenAt(where, (None, None), NOWHERE, "manhole")
        self.assertEqual(problems, [])
        self.port = int(listeners[0].address.rpartition(":")[2])
        door = Door(tuple(listeners), factory, self.fail)
        door.open(reactor)
        self.addCleanup(factory.endAll)
        self.addCleanup(door.close)
        return factory

    def of(self, kind: type[Event]) -> list[Any]:
        """The events of C{kind} so far."""
        return [event for event in self.heard if isinstance(event, kind)]

    async def until(self, holds: Callable[[], object]) -> None:
        """Wait turn by turn until C{holds}."""
        while not holds():
            turn: Deferred[None] = Deferred()
            reactor.callLater(0.005, turn.callback, None)
            await turn

    # --- the client ------------------------------------------------------------------------

    def command(self, user: str, *words: str, key: Path | None = None, kind: str = "") -> list[str]:
        """The command line of a client of C{user}'s; never with anything of who runs the test."""
        kinds = {"alice": "ed25519", "bob": "rsa", "carol": "ecdsa"}
        if key is None:
            data = keymaking.private(kind or kinds[user])
            key = keymaking.write(self.directory / f"{user}-key", data)
        options = {
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "IdentityFile": str(key),
            "UserKnownHostsFile": str(self.directory / "known_hosts"),
            "GlobalKnownHostsFile": "/dev/null",
            "StrictHostKeyChecking": "accept-new",
            "LogLevel": "ERROR",
            "ConnectTimeout": "20",
        }
        argv = [program("ssh"), "-F", "none", "-p", str(self.port)]
        for name, value in options.items():
            argv += ["-o", f"{name}={value}"]
        return [*argv, *words[:-1], f"{user}@127.0.0.1", *words[-1:]]

    def start(self, argv: list[str], terminal: bool = False) -> Running:
        """Start the client."""
        running = Running()
        environment = {"PATH": os.environ["PATH"], "TERM": "xterm", "HOME": str(self.directory)}
        process = reactor.spawnProcess(running, argv[0], argv, environment, usePTY=terminal)

        def end() -> None:
            with contextlib.suppress(ProcessExitedAlready):
                process.signalProcess("KILL")

        self.addCleanup(end)
        return running

    async def ssh(self, user: str, *words: str, given: bytes | None = None, **more: Any) -> Done:
        """Run the client to its end; C{given} is its standard input."""
        running = self.start(self.command(user, *words, **more))
        transport: Any = running.transport
        if given is not None:
            transport.write(given)
        transport.closeStdin()
        return await running.done
