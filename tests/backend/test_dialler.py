"""Sockets on their way to being connected, on loopback."""

from __future__ import annotations

import errno
import os
import socket
from tempfile import TemporaryDirectory
from typing import Any
from unittest import skipUnless

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import SynchronousTestCase, TestCase

from appliance.backend import dialler
from appliance.backend.caller import Caller
from appliance.backend.dialler import Dialler, OutOfTimeError, dialError
from appliance.backend.resolve import Target
from appliance.backend.tunnel import TunnelError

CALLER = Caller("0", "127.0.0.9", 40000)


class Greeter(Protocol):
    """Tells what it hears first."""

    def __init__(self) -> None:
        self.heard: Deferred[bytes] = Deferred()
        self.lost: Deferred[None] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.heard.callback(data)

    def connectionLost(self, reason: Any = None) -> None:
        self.lost.callback(None)


class DiallerTests(TestCase):
    """Everything that can become of one dial."""

    timeout = 5

    def listener(self, family: int = socket.AF_INET, where: Any = ("127.0.0.1", 0)) -> Any:
        """A listening socket of the test's."""
        listening = socket.socket(family, socket.SOCK_STREAM)
        self.addCleanup(listening.close)
        listening.bind(where)
        listening.listen(1)
        return listening

    async def dial(self, target: Target, caller: Caller = CALLER, **options: Any) -> Greeter:
        """A protocol that is connected to C{target}; it is gone with the test."""
        dials = Dialler(reactor, **{"timeout": 3.0, **options})
        protocol = await dials.connect(target, Factory.forProtocol(Greeter), caller)
        assert isinstance(protocol, Greeter)
        self.addCleanup(self.end, protocol)
        return protocol

    def end(self, protocol: Any) -> Deferred[None]:
        protocol.transport.abortConnection()
        return protocol.lost  # type: ignore[no-any-return]

    def at(self, listening: socket.socket) -> Target:
        """Where C{listening} listens."""
        host, port = listening.getsockname()[:2]
        return Target(host, port)

    async def test_connects(self) -> None:
        """The protocol hears what the other end says, over a socket that children do not get."""
        listening = self.listener()
        protocol = await self.dial(self.at(listening))
        peer, _ = listening.accept()
        with peer:
            peer.sendall(b"hello")
            self.assertEqual(await protocol.heard, b"hello")
        handle = protocol.transport.getHandle()  # type: ignore[union-attr]
        self.assertFalse(os.get_inheritable(handle.fileno()))

    async def test_IPv6(self) -> None:
        """An IPv6 target is dialled as such."""
        listening = self.listener(socket.AF_INET6, ("::1", 0))
        protocol = await self.dial(self.at(listening))
        self.assertEqual(protocol.transport.getPeer().host, "::1")  # type: ignore[union-attr]

    async def test_unixSocket(self) -> None:
        """A path is a unix socket."""
        directory = TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        path = f"{directory.name}/pacs"
        listening = self.listener(socket.AF_UNIX, path)
        protocol = await self.dial(Target(path, 0))
        peer, _ = listening.accept()
        with peer:
            peer.sendall(b"hello")
            self.assertEqual(await protocol.heard, b"hello")

    async def test_fullUnixSocket(self) -> None:
        """A unix socket whose queue is full is tried again until it is not."""
        directory = TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        path = f"{directory.name}/pacs"
        listening = self.listener(socket.AF_UNIX, path)
        listening.listen(0)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as first:
            first.connect(path)
            waiting = Deferred.fromCoroutine(self.dial(Target(path, 0)))
            self.assertFalse(waiting.called)
            listening.accept()[0].close()
            await waiting

    async def test_refused(self) -> None:
        """A refusal comes with the system's own number."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            error = await self.failing(self.dial(self.at(free)))
        self.assertEqual(dialError(error), "Connection refused (111)")

    async def test_noSuchPath(self) -> None:
        """A unix socket that is not there is refused at once."""
        error = await self.failing(self.dial(Target("/nonexistent/pacs", 0)))
        self.assertEqual(dialError(error), "No such file or directory (2)")

    async def failing(self, coroutine: Any) -> BaseException:
        """What C{coroutine} raises."""
        try:
            await coroutine
        except BaseException as error:
            return error
        raise AssertionError("nothing was raised")

    def stuck(self) -> Target:
        """A target that does not answer: its queue is full."""
        listening = self.listener()
        listening.listen(0)
        for _ in range(2):
            filler = socket.socket()
            self.addCleanup(filler.close)
            filler.setblocking(False)
            filler.connect_ex(listening.getsockname())
        return self.at(listening)

    async def test_outOfTime(self) -> None:
        """A target that does not answer is given up in time."""
        error = await self.failing(self.dial(self.stuck(), timeout=0.1))
        self.assertIsInstance(error, OutOfTimeError)
        self.assertIsNone(dialError(error))

    async def test_cancel(self) -> None:
        """A dial that is given up leaves no socket."""
        before = len(os.listdir("/proc/self/fd"))
        target = self.stuck()
        during = len(os.listdir("/proc/self/fd"))
        dialling = Deferred.fromCoroutine(self.dial(target))
        self.assertEqual(len(os.listdir("/proc/self/fd")), during + 1)
        dialling.cancel()
        await self.assertFailure(dialling, CancelledError)
        self.assertEqual(len(os.listdir("/proc/self/fd")), during)
        self.assertGreater(during, before)

    async def test_local(self) -> None:
        """The source address is the one of the target's family."""
        listening = self.listener()
        await self.dial(self.at(listening), local=("::1", "127.0.0.5"))
        peer, (host, _) = listening.accept()
        peer.close()
        self.assertEqual(host, "127.0.0.5")

    async def test_localOfAnotherFamily(self) -> None:
        """A source address that cannot reach the target is told as such."""
        error = await self.failing(self.dial(self.at(self.listener()), local=("::1",)))
        self.assertEqual(dialError(error), "Address family not supported by protocol (97)")

    async def test_foreignLocal(self) -> None:
        """A source address that is not ours is refused by the kernel."""
        error = await self.failing(self.dial(self.at(self.listener()), local=("192.0.2.1",)))
        self.assertEqual(dialError(error), "Cannot assign requested address (99)")

    @skipUnless(os.geteuid() == 0, "IP_TRANSPARENT needs root")
    async def test_transparent(self) -> None:
        """The backend sees the client's own address."""
        listening = self.listener()
        await self.dial(self.at(listening), transparent=True)
        peer, (host, _) = listening.accept()
        peer.close()
        self.assertEqual(host, CALLER.host)

    async def test_transparentIsRefused(self) -> None:
        """A kernel that does not allow it is told in words that help."""

        def refuse(_: socket.socket) -> None:
            raise PermissionError(errno.EPERM, "x")

        self.patch(dialler, "makeTransparent", refuse)
        error = await self.failing(self.dial(self.at(self.listener()), transparent=True))
        self.assertEqual(
            dialError(error),
            "Operation not permitted (1): transparent = source needs CAP_NET_ADMIN",
        )

    async def test_transparentForNobody(self) -> None:
        """A client without an address, as on a unix socket, is dialled for from our own."""
        listening = self.listener()
        await self.dial(self.at(listening), Caller("0"), transparent=True)
        peer, (host, _) = listening.accept()
        peer.close()
        self.assertEqual(host, "127.0.0.1")

    async def test_outOfDescriptors(self) -> None:
        """When no descriptor is left that is an error like another."""

        def refuse(*_: Any) -> None:
            raise OSError(errno.EMFILE, "x")

        target = self.at(self.listener())
        self.patch(socket, "socket", refuse)
        error = await self.failing(self.dial(target))
        self.assertEqual(dialError(error), "Too many open files (24)")


class DialErrorTests(SynchronousTestCase):
    """Failures in the system's words."""

    def test_words(self) -> None:
        """Number and text, nothing of Twisted's own."""
        self.assertEqual(dialError(OSError(13, "x")), "Permission denied (13)")
        self.assertEqual(dialError(ValueError("secret")), "connection failed")
        self.assertEqual(dialError(TunnelError("the proxy hung up")), "the proxy hung up")
        self.assertIsNone(dialError(OutOfTimeError()))
