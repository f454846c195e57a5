"""What the supervisor and its workers say to each other, and how it travels."""

from __future__ import annotations

import os
import resource
import socket
import struct
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase

from appliance import events as e
from appliance.config import model
from appliance.system import codec
from appliance.system.acceptor import Acceptor
from appliance.system.link import Link
from tests import material as m

CONFIG = model.Config(
    "/etc/x.conf",
    model.GlobalConfig(),
    (
        model.SectionConfig(
            "DICOM STORE",
            m.WHERE,
            (model.InetAddress("", 2762), model.UnixAddress("/run/x")),
            (model.InetAddress("192.0.2.1", 104),),
            model.TLSConfig(verifyChain=True, minimum=model.TLSVersion.TLSv1_3),
            socketOptions=(
                model.SocketOption(model.SocketRole.LOCAL, "SO_LINGER", 1, 13, b"\x01\0\0\0"),
            ),
            failover=model.Failover.RR,
        ),
    ),
)


class CodecTests(SynchronousTestCase):
    """Values as messages and back."""

    def test_configuration(self) -> None:
        """A whole configuration comes out as it went in."""
        self.assertEqual(codec.load(codec.dump(CONFIG)), CONFIG)

    def test_everyEvent(self) -> None:
        """Every event comes out as it went in."""
        peer = e.Peer("TLSv1.3", "X", 256, subject="CN=ü")
        for event in (
            e.Closed("S", "1", "a:1", e.Reason.IDLE, 1, 2, 0.5, False, None, peer),
            e.Ended("S", "1", e.Leg.TLS, e.End.FIN),
            e.Refused(("a", "b"), reload=True),
            e.TimedOut("S", "1", e.Timer.BUSY),
            e.Accepting(),
        ):
            self.assertEqual(codec.load(codec.dump(event)), event)

    def test_onlyOurClasses(self) -> None:
        """A message names nothing but our own frozen values."""
        for text in (
            b'{"_": "Popen", "args": "x"}',
            b'{"_": "Callable"}',
            b'{"_": "Closed", "nonsense": 1}',
            b'{"_": "Reason", "name": "NONSENSE"}',
            b'{"_bytes": "!"}',
            b"{",
            b"\xff",
        ):
            with self.assertRaises(codec.CodecError):
                codec.load(text)

    @given(st.binary(max_size=200))
    def test_anyBytes(self, data: bytes) -> None:
        """Whatever arrives is a value or refused."""
        try:
            codec.load(data)
        except codec.CodecError:
            pass


class LinkCase(TestCase):
    """Two links on a socketpair."""

    timeout = 10

    def setUp(self) -> None:
        one, self.raw = socket.socketpair()
        self.addCleanup(self.raw.close)
        self.got: list[tuple[dict[str, Any], socket.socket | None]] = []
        self.lost: Deferred[None] = Deferred()
        self._wanted: tuple[int, Deferred[None]] | None = None
        self.link = Link(reactor, one, self.receive, lambda: self.lost.callback(None))
        self.addCleanup(self.link.close)

    def receive(self, facts: dict[str, Any], handle: socket.socket | None) -> None:
        self.got.append((facts, handle))
        if self._wanted is not None and len(self.got) == self._wanted[0]:
            self._wanted[1].callback(None)

    def messages(self, number: int) -> Deferred[None]:
        """Fires when so many messages have come."""
        done: Deferred[None] = Deferred()
        if len(self.got) >= number:
            done.callback(None)
        else:
            self._wanted = (number, done)
        return done


class LinkTests(LinkCase):
    """Messages, sockets, and the end."""

    def other(self) -> tuple[Link, list[Any]]:
        """A link on the far end."""
        heard: list[Any] = []
        far = Link(reactor, self.raw.dup(), lambda *each: heard.append(each), lambda: None)
        self.addCleanup(far.close)
        return far, heard

    async def test_messages(self) -> None:
        """Messages arrive whole and in order, however they were cut."""
        far, _ = self.other()
        far.send("a", number=1)
        far.send("b", config=CONFIG)
        await self.messages(2)
        self.assertEqual(self.got[0][0], {"kind": "a", "number": 1})
        self.assertEqual(self.got[1][0]["config"], CONFIG)

    async def test_byteByByte(self) -> None:
        """A message may come one byte at a time."""
        message = codec.dump({"kind": "a"})
        for byte in struct.pack(">I", len(message)) + message:
            self.raw.send(bytes([byte]))
        await self.messages(1)

    async def test_sockets(self) -> None:
        """Each socket arrives with the message that is about it, and works."""
        far, _ = self.other()
        pairs = [socket.socketpair() for _ in range(300)]
        for number, (mine, _theirs) in enumerate(pairs):
            far.send("between")
            far.sendSocket(mine, number=number)
        await self.messages(600)
        taken = [(facts["number"], handle) for facts, handle in self.got if handle is not None]
        self.assertEqual([number for number, _ in taken], list(range(300)))
        for number, handle in taken:
            handle.send(b"%d" % number)
            self.assertEqual(pairs[number][1].recv(10), b"%d" % number)
            handle.close()
            pairs[number][1].close()

    async def test_ourCopyIsClosed(self) -> None:
        """A socket that was sent is closed here: the receiver's is the only one."""
        far, _ = self.other()
        mine, theirs = socket.socketpair()
        far.sendSocket(mine)
        await self.messages(1)
        self.assertEqual(mine.fileno(), -1)
        handle = self.got[0][1]
        assert handle is not None
        handle.close()
        self.assertEqual(theirs.recv(1), b"")
        theirs.close()

    async def test_full(self) -> None:
        """What the socketpair cannot take at once waits, in order."""
        far, _ = self.other()
        for number in range(2000):
            far.send("a", number=number, filler="x" * 1000)
        await self.messages(2000)
        self.assertEqual([facts["number"] for facts, _ in self.got], list(range(2000)))

    async def test_otherEndGone(self) -> None:
        """The end of the other process is told once; sending to it then is harmless."""
        self.raw.close()
        await self.lost
        mine, theirs = socket.socketpair()
        self.link.sendSocket(mine)
        self.link.send("a")
        self.assertEqual(theirs.recv(1), b"")
        theirs.close()

    async def test_nonsense(self) -> None:
        """A message that nobody of ours sends ends the link."""
        self.raw.send(struct.pack(">I", 3) + b"abc")
        await self.lost

    async def test_tooLong(self) -> None:
        """A message beyond the bound ends the link before it is collected."""
        self.raw.send(struct.pack(">I", codec.MAX_MESSAGE + 1))
        await self.lost


class AcceptorTests(TestCase):
    """Accepting without serving."""

    timeout = 10

    async def test_accepts(self) -> None:
        """Each connection is handed on with its client's address."""
        with socket.create_server(("127.0.0.1", 0)) as listening:
            listening.setblocking(False)
            came: Deferred[tuple[socket.socket, str]] = Deferred()
            acceptor = Acceptor(reactor, listening, lambda *x: came.callback(x), self.fail)
            with socket.create_connection(listening.getsockname()) as client:
                handle, address = await came
                host, port = client.getsockname()
                self.assertEqual(address, f"{host}:{port}")
                handle.close()
            acceptor.stopListening()

    async def test_outOfDescriptors(self) -> None:
        """Out of descriptors it says so once, rests, and accepts again."""
        await deferLater(reactor, 0)  # the reactor takes what it needs itself before the limit
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        with socket.create_server(("127.0.0.1", 0)) as listening:
            listening.setblocking(False)
            told: Deferred[str] = Deferred()
            came: Deferred[Any] = Deferred()
            client = socket.create_connection(listening.getsockname())
            acceptor = Acceptor(
                reactor, listening, lambda handle, _: came.callback(handle), told.callback
            )
            # The limit is on numbers, and there may be gaps below those that are in use.
            lowestFree = os.dup(client.fileno())
            os.close(lowestFree)
            resource.setrlimit(resource.RLIMIT_NOFILE, (lowestFree, hard))
            try:
                self.assertEqual(await told, "Too many open files (24)")
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            (await came).close()
            client.close()
            acceptor.stopListening()
