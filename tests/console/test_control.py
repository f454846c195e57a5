"""Tests of L{appliance.console.control}, on a real unix socket."""

from __future__ import annotations

import json
import os
import socket
import stat
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import UNIXClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from appliance.config.model import NOWHERE, UnixAddress
from appliance.console.control import IDLE, MOST, ControlFactory, ControlProtocol
from appliance.console.wire import LONGEST_REQUEST
from appliance.events import CommandGiven, ConsoleRefused
from appliance.system.doors import Door, listenAt
from tests.console.fake import FakeOperator, deskFor

STATUS = b'{"v":1,"command":"status","arguments":[]}\n'


class Client(Protocol):
    """Asks at the socket, and waits for lines and for the end."""

    def __init__(self) -> None:
        self.data = b""
        self.ended: Deferred[bytes] = Deferred()
        self._waiting: list[tuple[int, Deferred[list[Any]]]] = []

    def dataReceived(self, data: bytes) -> None:
        self.data += data
        for entry in tuple(self._waiting):
            if self.data.count(b"\n") >= entry[0]:
                self._waiting.remove(entry)
                entry[1].callback(self.answers)

    @property
    def answers(self) -> list[Any]:
        """The answers so far."""
        return [json.loads(line) for line in self.data.split(b"\n")[:-1]]

    def answered(self, number: int) -> Deferred[list[Any]]:
        """Fires when there are so many answers."""
        waiting: Deferred[list[Any]] = Deferred()
        self._waiting.append((number, waiting))
        self.dataReceived(b"")
        return waiting

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.ended.callback(self.data)


class ControlTests(TestCase):
    """The socket as its callers have it."""

    timeout = 10

    def setUp(self) -> None:
        directory = TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = str(Path(directory.name) / "control")
        self.operator = FakeOperator()
        desk, self.heard = deskFor(self.operator)
        self.factory = ControlFactory(reactor, desk)
        listeners, problems = listenAt(UnixAddress(self.path), (None, None), NOWHERE, "control")
        self.assertEqual(problems, [])
        self.door = Door(tuple(listeners), self.factory, self.heard.append)  # type: ignore[arg-type]
        self.door.open(reactor)
        self.addCleanup(self.factory.endAll)
        self.addCleanup(self.door.close)

    async def client(self) -> Client:
        """A client that is connected."""
        client = await connectProtocol(UNIXClientEndpoint(reactor, self.path), Client())
        self.addCleanup(client.transport.abortConnection)
        return client

    async def test_mode(self) -> None:
        """The file is for its owner and group, and goes with the door."""
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o660)
        self.door.close()
        self.assertFalse(os.path.exists(self.path))

    async def test_request(self) -> None:
        """A line is answered by a line, and announced with who asked."""
        client = await self.client()
        client.transport.write(STATUS)
        (answer,) = await client.answered(1)
        self.assertEqual((answer["v"], answer["ok"], answer["code"]), (1, True, 0))
        self.assertEqual(answer["data"]["state"], "serving")
        self.assertTrue(answer["text"].startswith("All is well."))
        who = f"{'root' if os.getuid() == 0 else f'uid {os.getuid()}'} (pid {os.getpid()})"
        self.assertEqual(self.heard, [CommandGiven(who, "control", "status", True, False)])

    async def test_several(self) -> None:
        """Requests that come together are answered in their order."""
        client = await self.client()
        client.transport.write(STATUS + b'{"v":1,"command":"x"}\n' + STATUS)
        answers = await client.answered(3)
        self.assertEqual([each["code"] for each in answers], [0, 2, 0])

    async def test_oneAtATime(self) -> None:
        """While one is being done the next waits, and is not lost."""
        slow = self.operator.slow = Deferred()
        client = await self.client()
        client.transport.write(b'{"v":1,"command":"close","arguments":["7"]}\n' + STATUS)
        await self.until(lambda: bool(self.operator.done))
        client.transport.write(STATUS)
        for _ in range(5):
            await self.turn()
        self.assertEqual(client.data, b"")
        slow.callback(None)
        answers = await client.answered(3)
        self.assertEqual([each["code"] for each in answers], [0, 0, 0])
        self.assertEqual(answers[0]["data"], {"closed": "7"})

    async def until(self, holds: Any) -> None:
        """Wait turn by turn until C{holds}."""
        while not holds():
            await self.turn()

    @staticmethod
    def turn() -> Deferred[None]:
        """Fires in one of the next turns of the reactor."""
        turn: Deferred[None] = Deferred()
        reactor.callLater(0.001, turn.callback, None)
        return turn

    async def test_onlyJSON(self) -> None:
        """What is no request is told so, announced, and ends the connection."""
        client = await self.client()
        client.transport.write(b"status\n")
        answer = json.loads(await client.ended)
        self.assertEqual((answer["ok"], answer["code"]), (False, 2))
        self.assertIn("one line of JSON", answer["text"])
        (event,) = self.heard
        assert isinstance(event, ConsoleRefused)
        self.assertEqual(event.face, "control")

    async def test_tooLong(self) -> None:
        """A line that does not end is not waited for."""
        client = await self.client()
        client.transport.write(b"x" * (LONGEST_REQUEST + 2))
        self.assertIn("at most", json.loads(await client.ended)["text"])

    async def test_longest(self) -> None:
        """A line of just the bound is read."""
        client = await self.client()
        frame = b'{"v":1,"command":"show","arguments":["%s"]}'
        word = b"x" * (LONGEST_REQUEST - len(frame) + 2)
        client.transport.write(frame.replace(b"%s", word) + b"\n")
        (answer,) = await client.answered(1)
        self.assertEqual(answer["code"], 1)

    async def test_halfClosed(self) -> None:
        """Who says that this was all still gets the answer."""
        client = await self.client()
        client.transport.write(STATUS)
        client.transport.loseWriteConnection()
        self.assertTrue(json.loads(await client.ended)["ok"])

    async def test_tooMany(self) -> None:
        """One too many is told so; when another leaves there is room again."""
        clients = [await self.client() for _ in range(MOST)]
        for client in clients:
            client.transport.write(STATUS)
            await client.answered(1)
        extra = await self.client()
        self.assertIn("others are here", json.loads(await extra.ended)["text"])
        clients[0].transport.loseConnection()
        await clients[0].ended
        await self.until(lambda: len(self.factory.guests) < MOST)
        again = await self.client()
        again.transport.write(STATUS)
        self.assertTrue((await again.answered(1))[0]["ok"])

    async def test_stop(self) -> None:
        """At the end everybody is let go."""
        client = await self.client()
        client.transport.write(STATUS)
        await client.answered(1)
        self.factory.endAll()
        await client.ended


class _Transport(StringTransport):
    """A transport in memory that can be aborted."""

    aborted = False

    def __init__(self) -> None:
        super().__init__()
        self.socket = socket.socket(socket.AF_UNIX)

    def abortConnection(self) -> None:
        self.aborted = True


class InMemory(SynchronousTestCase):
    """The same where time and bytes are ours."""

    def connected(self) -> tuple[ControlProtocol, _Transport, Clock]:
        """A caller that is connected."""
        clock = Clock()
        desk, _ = deskFor(FakeOperator())
        protocol = ControlFactory(clock, desk).buildProtocol(None)
        transport = _Transport()
        self.addCleanup(transport.socket.close)
        assert protocol is not None
        protocol.makeConnection(transport)
        return protocol, transport, clock

    def test_idle(self) -> None:
        """A caller that is silent is let go in time; each request gives it more."""
        protocol, transport, clock = self.connected()
        clock.advance(IDLE - 1)
        protocol.dataReceived(STATUS)
        clock.advance(IDLE - 1)
        self.assertFalse(transport.aborted)
        clock.advance(1)
        self.assertTrue(transport.aborted)
        protocol.connectionLost()
        self.assertEqual(clock.getDelayedCalls(), [])

    @settings(deadline=None)
    @given(st.lists(st.binary(max_size=40) | st.just(STATUS), max_size=8), st.integers(1, 50))
    def test_anything(self, parts: list[bytes], size: int) -> None:
        """Whatever comes, in whatever pieces: each line is answered, until one that is wrong."""
        protocol, transport, _ = self.connected()
        data = b"".join(parts)
        for start in range(0, len(data), size):
            if not transport.disconnecting:
                protocol.dataReceived(data[start : start + size])
        answers = [json.loads(line) for line in transport.value().split(b"\n")[:-1]]
        self.assertTrue(len(answers) <= data.count(b"\n"))
        for answer in answers:
            self.assertEqual(set(answer), {"v", "ok", "data", "text", "code"})
