"""How connections come to a section other than by its own socket, and what they are called."""

from __future__ import annotations

import re
import socket
from typing import Any

from appliance import events as e
from appliance.config.model import LogId, SocketOption, SocketRole, TLSConfig
from appliance.system.sockets import listen
from tests.house import SectionCase
from tests.tls.test_transport import BULK


class TakeTests(SectionCase):
    """Connections that somebody else has accepted."""

    async def pair(self) -> tuple[Any, socket.socket]:
        """A client, and the socket that it was accepted as."""
        listener = listen(socket.AF_INET, ("127.0.0.1", 0))
        self.addCleanup(listener.close)
        self.port = int(listener.address.rpartition(":")[2])
        client = await self.client()
        listener.socket.setblocking(True)
        handle, _ = listener.socket.accept()
        return client, handle

    async def test_serves(self) -> None:
        """It is served like any other, and what was said before it was taken is not lost."""
        pacs = self.pacs()
        section = self.section(listens=False)
        client, handle = await self.pair()
        client.transport.write(BULK)
        join = section.take(handle)
        await pacs.upTo(len(BULK))
        self.assertEqual(pacs.received, BULK)
        assert join is not None
        port = client.transport.getHost().port
        self.assertEqual(join.client, f"127.0.0.1:{port}")
        self.assertEqual(section.joins, {"0": join})
        client.transport.abortConnection()
        await self.event(e.Closed)
        self.assertEqual(handle.fileno(), -1)

    async def test_namedByOthers(self) -> None:
        """Whoever hands it over may know better who it is and what it is called."""
        self.pacs()
        section = self.section(listens=False)
        _, handle = await self.pair()
        section.take(handle, "worker-7", "192.0.2.1:4711")
        opened = await self.event(e.Opened)
        self.assertEqual((opened.connection, opened.client), ("worker-7", "192.0.2.1:4711"))

    async def test_gone(self) -> None:
        """One that is gone already has its end all the same."""
        section = self.section(connect=1, listens=False)
        handle = socket.socket()
        section.take(handle, "7")
        closed = await self.event(e.Closed)
        self.assertEqual(handle.fileno(), -1)
        self.assertEqual((closed.connection, closed.reason), ("7", e.Reason.PROBE))

    async def test_unixSocket(self) -> None:
        """A socketpair is as good; options that only TCP has are passed over."""
        pacs = self.pacs()
        option = SocketOption(SocketRole.LOCAL, "x", socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 9)
        ours, theirs = socket.socketpair()
        tls = TLSConfig(client=True)
        section = self.section(tls, listens=False, socketOptions=(option,))
        with ours:
            join = section.take(theirs)
            await pacs.upTo(1)
        assert join is not None
        self.assertEqual(join.client, "unnamed socket")

    async def test_whenIdle(self) -> None:
        """Whoever waits for the last connection's end hears of it."""
        self.pacs()
        section = self.section(listens=False)
        self.assertTrue(section.whenIdle().called)
        client, handle = await self.pair()
        section.take(handle)
        idle = section.whenIdle()
        self.assertFalse(idle.called)
        client.transport.abortConnection()
        await idle
        self.assertEqual(len(self.of(e.Closed)), 1)


class ExecTests(SectionCase):
    """Programs instead of a PACS, or instead of a client."""

    async def test_insteadOfThePACS(self) -> None:
        """What a client says goes to the program, and back."""
        self.section(connect=0, exec="/bin/cat", execArgs=("cat",))
        client = await self.client()
        client.transport.write(BULK)
        await client.upTo(len(BULK))
        client.transport.loseWriteConnection()
        await client.readEnded
        self.assertEqual(client.received, BULK)
        closed = await self.event(e.Closed)
        self.assertEqual((closed.reason, closed.backend), (e.Reason.COMPLETED, "/bin/cat"))
        self.assertEqual((await self.event(e.ChildEnded)).code, 0)

    async def test_missing(self) -> None:
        """A program that is not there resets the client."""
        self.section(connect=0, exec="/nonexistent")
        client = await self.client()
        await client.lost
        self.assertEqual((await self.event(e.Closed)).reason, e.Reason.NO_BACKEND)

    async def test_insteadOfAClient(self) -> None:
        """With C{connect} the program is the client, from the start on."""
        pacs = self.pacs()
        self.section(
            TLSConfig(client=True), listens=False, exec="/bin/echo", execArgs=("echo", "hello")
        )
        await pacs.upTo(50)
        pacs.transport.abortConnection()
        self.assertEqual((await self.event(e.ChildStarted)).connection, "0_0")
        await self.event(e.Closed)
        await self.event(e.ChildEnded)

    async def again(self, number: int, **changes: Any) -> None:
        """Return when the program was started C{number} times."""
        self.section(TLSConfig(client=True), connect=1, listens=False, retry=0.01, **changes)
        await self.event(e.Retrying, number)

    async def test_retry(self) -> None:
        """With C{retry} it is started again after its connection's end."""
        await self.again(2, exec="/bin/cat", execArgs=("cat",))
        started = [event.connection for event in self.of(e.ChildStarted)]
        self.assertEqual(started[:2], ["0_0", "0_1"])
        await self.event(e.ChildEnded, len(started))

    async def test_retryOfAMissingOne(self) -> None:
        """So is one that could not be started; a stop ends it."""
        await self.again(3, exec="/nonexistent")

    async def test_noRetry(self) -> None:
        """Without C{retry} it is started once."""
        self.section(TLSConfig(client=True), connect=1, listens=False, exec="/bin/cat")
        await self.event(e.Closed)
        await self.event(e.ChildEnded)
        self.assertEqual(len(self.of(e.ChildStarted)), 1)

    async def test_stop(self) -> None:
        """A stop leaves no program waiting for more."""
        pacs = self.pacs()
        section = self.section(TLSConfig(client=True), listens=False, exec="/bin/cat", retry=0.01)
        await pacs.upTo(1)
        await section.stopService()
        await self.event(e.ChildEnded)
        self.assertEqual(len(self.of(e.ChildStarted)), 1)


class IdentityTests(SectionCase):
    """What stands in the brackets (C{logId})."""

    async def ids(self, kind: LogId) -> list[str]:
        """The ids of two connections."""
        self.pacs()
        self.section(logId=kind)
        for number in (1, 2):
            client = await self.client(plain=True)
            client.transport.loseConnection()
            await self.event(e.Closed, number)
        return [event.connection for event in self.of(e.Closed)]

    async def test_sequential(self) -> None:
        """Numbers."""
        self.assertEqual(await self.ids(LogId.SEQUENTIAL), ["0", "1"])

    async def test_unique(self) -> None:
        """Twenty-two letters and digits, never the same."""
        one, other = await self.ids(LogId.UNIQUE)
        for text in (one, other):
            self.assertTrue(re.fullmatch(r"[A-Za-z0-9]{22}", text), text)
        self.assertNotEqual(one, other)

    async def test_process(self) -> None:
        """The process, and for all but its first connection their number."""
        one, other = await self.ids(LogId.PROCESS)
        self.assertEqual(other, f"{one}.1")

    async def test_thread(self) -> None:
        """The thread, likewise."""
        one, other = await self.ids(LogId.THREAD)
        self.assertEqual(other, f"{one}.1")


class ResetTests(SectionCase):
    """How a client hears of a PACS that is gone."""

    async def afterReset(self, reset: bool) -> Any:
        """The client of a section whose PACS has just been killed."""
        pacs = self.pacs()
        self.section(reset=reset)
        client = await self.client()
        client.transport.write(b"hello")
        await pacs.upTo(5)
        pacs.transport.abortConnection()
        self.assertEqual((await self.event(e.Closed)).reason, e.Reason.SOCKET_RESET)
        return client

    async def test_RST(self) -> None:
        """By a RST."""
        client = await self.afterReset(reset=True)
        await client.lost
        self.assertFalse(client.readEnded.called)

    async def test_FIN(self) -> None:
        """With C{reset = no} by a FIN, without the close_notify that would feign a good end."""
        client = await self.afterReset(reset=False)
        await client.readEnded
        self.assertFalse(client.transport.cleanEnd)
        client.transport.abortConnection()
