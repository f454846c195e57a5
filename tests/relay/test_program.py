"""Programs as a leg of a connection; real ones, since that is what it is about."""

from __future__ import annotations

import os
import socket
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory
from twisted.trial.unittest import SynchronousTestCase, TestCase

from appliance import events as e
from appliance.backend.caller import Caller
from appliance.backend.pool import NoBackendError
from appliance.relay.program import Program, environment
from appliance.system.wire import Wire
from tests.tls.test_transport import Recorder

CALLER = Caller("7", "192.0.2.1", 40000, "CN=modality", "CN=Hospital CA")


class ProgramTests(TestCase):
    """Started, spoken with and reaped."""

    timeout = 10

    def setUp(self) -> None:
        self.heard: list[e.Event] = []
        self.ended: Deferred[e.ChildEnded] = Deferred()
        self.events = e.Events()
        self.events.subscribe(self._hear)

    def _hear(self, event: e.Event) -> None:
        self.heard.append(event)
        if isinstance(event, e.ChildEnded):
            self.ended.callback(event)

    def program(self, path: str, *arguments: str) -> Program:
        return Program(reactor, partial(Wire, reactor), "DICOM STORE", path, arguments, self.events)

    async def said(self, *arguments: str, said: bytes = b"") -> bytes:
        """What C{sh -c} writes, its standard input being what was C{said}."""
        program = self.program("/bin/sh", "sh", "-c", *arguments)
        name, protocol = await program.dial(Factory.forProtocol(Recorder), CALLER)
        self.assertEqual(name, "/bin/sh")
        assert isinstance(protocol, Recorder)
        protocol.transport.write(said)
        protocol.transport.loseWriteConnection()
        await protocol.lost
        return bytes(protocol.received)

    async def test_speaks(self) -> None:
        """What is said to it comes back, up to its end."""
        said = b"hello" * 100_000
        self.assertEqual(await self.said("cat", said=said), said)
        await self.ended

    async def test_tellsOfItsLife(self) -> None:
        """Start and end are told, with the number of the process and its exit status."""
        await self.said("exit 3")
        ended = await self.ended
        (started,) = [event for event in self.heard if isinstance(event, e.ChildStarted)]
        self.assertEqual(started.connection, "7")
        self.assertEqual((ended.pid, ended.code, ended.signal), (started.pid, 3, None))

    async def test_killed(self) -> None:
        """A program that is killed is told as such."""
        await self.said("kill -9 $$")
        self.assertEqual((await self.ended).signal, 9)

    async def test_leavesNoZombie(self) -> None:
        """A program that has ended is reaped by the time that it is told."""
        await self.said("exit 0")
        ended = await self.ended
        self.assertFalse(Path(f"/proc/{ended.pid}").exists())

    async def test_environment(self) -> None:
        """It knows who is at the other end, and the rest of our environment."""
        text = (await self.said("env")).decode()
        for line in (
            "REMOTE_HOST=192.0.2.1",
            "REMOTE_PORT=40000",
            "SSL_CLIENT_DN=CN=modality",
            "SSL_CLIENT_I_DN=CN=Hospital CA",
        ):
            self.assertIn(f"{line}\n", text)
        self.assertIn("PATH=", text)
        await self.ended

    async def test_descriptors(self) -> None:
        """It gets its three descriptors and no other one of ours."""
        own = socket.socket()
        self.addCleanup(own.close)
        os.set_inheritable(own.fileno(), True)
        text = await self.said("ls /proc/$$/fd")
        self.assertEqual(set(text.split()) - {b"0", b"1", b"2"}, set())
        await self.ended

    async def test_blocking(self) -> None:
        """Its end of the socket blocks, as programs expect."""
        flags = await self.said("cat /proc/self/fdinfo/0")
        words = dict(line.split(b":", 1) for line in flags.splitlines())
        self.assertFalse(int(words[b"flags"], 8) & os.O_NONBLOCK)
        await self.ended

    def test_missing(self) -> None:
        """A program that is not there is no backend, and told by the system's words."""
        dialling = self.program("/nonexistent").dial(Factory.forProtocol(Recorder), CALLER)
        self.failureResultOf(dialling, NoBackendError)
        (failed,) = [event for event in self.heard if isinstance(event, e.DialFailed)]
        self.assertEqual(failed.error, "No such file or directory (2)")

    def test_notExecutable(self) -> None:
        """Neither is one that cannot be run, nor a directory."""
        directory = TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        (Path(directory.name) / "text").touch()
        for path in (directory.name, f"{directory.name}/text"):
            dialling = self.program(path).dial(Factory.forProtocol(Recorder), CALLER)
            self.failureResultOf(dialling, NoBackendError)
        failed: list[Any] = [event for event in self.heard if isinstance(event, e.DialFailed)]
        self.assertEqual({event.error for event in failed}, {"Permission denied (13)"})


class EnvironmentTests(SynchronousTestCase):
    """What a program is told."""

    def test_nobody(self) -> None:
        """Of a client without address or certificate nothing is said, not even our own story."""
        own = {"REMOTE_HOST": "somebody", "SSL_CLIENT_DN": "CN=else", "HOME": "/"}
        self.assertEqual(environment(own, Caller("0")), {"HOME": "/"})
