"""The status as a service, on sockets of this machine."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase
from twisted.web.client import Agent
from twisted.web.http_headers import Headers

from appliance import events as e
from appliance.config.model import (
    Address,
    ConfigError,
    InetAddress,
    StatusConfig,
    UnixAddress,
    Where,
)
from appliance.events import Events
from appliance.status.service import Status, statusFor
from appliance.status.site import MOST
from tests.peers import directoryFor, freePort

WHERE = Where("/etc/butterfly-tls/butterfly-tls.conf", 7)


def served(case: Any, address: Address) -> tuple[Status, Events]:
    """The status at C{address}, which serves until the test ends."""
    events = Events()
    status = statusFor(reactor, events, StatusConfig(address, WHERE))
    status.startService()
    case.addCleanup(status.stopService)
    return status, events


class BindTests(SynchronousTestCase):
    """Sockets are opened at the start, or the start says why not."""

    def problem(self, address: Address) -> str:
        """What is said of an address that cannot be had."""
        error = self.assertRaises(
            ConfigError, statusFor, reactor, Events(), StatusConfig(address, WHERE)
        )
        (found,) = error.problems
        self.assertTrue(found.fatal)
        return str(found)

    def test_taken(self) -> None:
        """A port that is taken is told with file, line, option and the next step."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            said = self.problem(InetAddress("127.0.0.1", port))
        for part in (f"{WHERE}", "status", f"cannot listen at 127.0.0.1:{port}", "ss -ln"):
            self.assertIn(part, said)

    def test_noDirectory(self) -> None:
        """A unix socket whose directory is missing says so."""
        said = self.problem(UnixAddress("/nonexistent/status.sock"))
        self.assertIn(
            "the directory of /nonexistent/status.sock must be there: make it first", said
        )

    def test_mode(self) -> None:
        """A unix socket is for its owner and group, and the mask is as it was after."""
        path = directoryFor(self) / "status.sock"
        before = os.umask(0o022)
        try:
            status = statusFor(reactor, Events(), StatusConfig(UnixAddress(str(path)), WHERE))
            self.assertEqual(os.umask(0o022), 0o022)
        finally:
            os.umask(before)
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o660)
        status.stopService()
        self.assertFalse(path.exists())


class ServeTests(TestCase):
    """Answers over real sockets."""

    timeout = 10

    async def get(self, status: Status, path: str = "/healthz") -> tuple[int, bytes]:
        """What is answered."""
        url = f"http://{status.listeners[0].address}{path}".encode()
        answer = await Agent(reactor).request(b"GET", url, Headers({"Host": ["evil.example"]}))
        return answer.code, await _body(answer)

    async def test_tcp(self) -> None:
        """What is announced is told over TCP."""
        status, events = served(self, InetAddress("127.0.0.1", freePort()))
        events.publish(e.Ready("S", "x", "y", "CN=z", 90))
        self.assertEqual(await self.get(status), (200, b"alive\n"))
        self.assertIn(b">S<", (await self.get(status, "/"))[1])
        self.assertIn(b'{section="S"}', (await self.get(status, "/metrics"))[1])

    async def test_unix(self) -> None:
        """And over a unix socket."""
        path = directoryFor(self) / "status.sock"
        served(self, UnixAddress(str(path)))
        agent = Agent.usingEndpointFactory(reactor, _Unix(path))
        answer = await agent.request(b"GET", b"http://status/healthz")
        self.assertEqual(await _body(answer), b"alive\n")

    async def test_full(self) -> None:
        """With too many clients one more is closed, and served once another has gone."""
        status, _ = served(self, InetAddress("127.0.0.1", freePort()))
        host, _, port = status.listeners[0].address.rpartition(":")
        clients = []
        for _ in range(MOST):
            clients.append(socket.create_connection((host, int(port))))
        self.addCleanup(lambda: [each.close() for each in clients])
        while not status._site.full:
            await _turn()
        failure: Any = None
        try:
            await self.get(status)
        except Exception as error:
            failure = error
        self.assertIsNotNone(failure)
        clients.pop().close()
        while status._site.full:
            await _turn()
        self.assertEqual((await self.get(status))[0], 200)

    async def test_lag(self) -> None:
        """The lag is sampled while it serves."""
        status, _ = served(self, InetAddress("127.0.0.1", freePort()))
        while b"event_loop_lag_seconds_count" not in (await self.get(status, "/metrics"))[1]:
            await _turn()

    async def test_stopped(self) -> None:
        """Once stopped, nobody answers and no client is left."""
        status, _ = served(self, InetAddress("127.0.0.1", freePort()))
        host, _, port = status.listeners[0].address.rpartition(":")
        with socket.create_connection((host, int(port))) as client:
            while not status._site.open:
                await _turn()
            status.stopService()
            self.assertRaises(OSError, socket.create_connection, (host, int(port)))
            client.settimeout(5)
            while status._site.open:
                await _turn()


class _Unix:
    """Leads an agent to a unix socket."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def endpointForURI(self, uri: object) -> UNIXClientEndpoint:
        """The socket, whatever is asked for."""
        return UNIXClientEndpoint(reactor, str(self._path))


def _turn() -> Deferred[None]:
    """Let the reactor turn."""
    turned: Deferred[None] = Deferred()
    reactor.callLater(0.01, turned.callback, None)  # type: ignore[attr-defined]
    return turned


class _Body(Protocol):
    """Collects the body of an answer."""

    def __init__(self) -> None:
        self.data = b""
        self.whole: Deferred[bytes] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        """A part of it."""
        self.data += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The end of it."""
        self.whole.callback(self.data)


def _body(answer: Any) -> Deferred[bytes]:
    """The body of C{answer}."""
    collecting = _Body()
    answer.deliverBody(collecting)
    return collecting.whole
