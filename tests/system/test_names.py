"""Tests of L{appliance.system.names}."""

from __future__ import annotations

import socket
import threading
from threading import Event
from typing import Any

from twisted.internet import reactor
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHostnameResolver
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from appliance.system import names as module
from appliance.system.names import Names
from appliance.system.reactor import Reactor


class Receiver:
    """Gathers what is found; C{done} fires when there is no more."""

    def __init__(self) -> None:
        self.found: list[Any] = []
        self.name = ""
        self.done: Deferred[list[Any]] = Deferred()

    def resolutionBegan(self, resolution: Any) -> None:
        self.name = resolution.name

    def addressResolved(self, address: Any) -> None:
        self.found.append(address)

    def resolutionComplete(self) -> None:
        self.done.callback(self.found)


class NamesTests(TestCase):
    """Names to addresses."""

    timeout = 10

    def setUp(self) -> None:
        self.hang = Event()
        self.addCleanup(self.hang.set)
        self.patch(module, "getaddrinfo", self.getaddrinfo)

    def getaddrinfo(self, name: str, port: int, **_: Any) -> list[Any]:
        """A resolver of which some names hang."""
        if name.startswith("slow"):
            self.hang.wait()
        if name == "none":
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        if name == "a..b":
            raise UnicodeError("label empty")
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", port)),
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("2001:db8::1", port, 0, 0)),
        ]

    def ask(self, name: str, *more: Any) -> Receiver:
        """Ask for C{name}."""
        receiver = Receiver()
        Names(reactor).resolveHostName(receiver, name, 104, *more)
        return receiver

    async def test_cancelled(self) -> None:
        """Whoever has lost interest hears nothing more; others do."""
        receiver, other = Receiver(), Receiver()
        Names(reactor).resolveHostName(receiver, "slow", 104).cancel()
        Names(reactor).resolveHostName(other, "slow", 104)
        self.hang.set()
        await other.done
        # Both threads were let go at the same time, and theirs is over when ours is told.
        for thread in threading.enumerate():
            if thread.name == "aside":
                thread.join()
        await deferLater(reactor, 0)
        self.assertEqual(receiver.found, [])
        self.assertFalse(receiver.done.called)

    async def test_found(self) -> None:
        """Addresses of both families, and of one alone where that is asked for."""
        both = [IPv4Address("TCP", "192.0.2.1", 104), IPv6Address("TCP", "2001:db8::1", 104)]
        receiver = self.ask("pacs")
        self.assertEqual(await receiver.done, both)
        self.assertEqual(receiver.name, "pacs")
        self.assertEqual(await self.ask("pacs", [IPv6Address]).done, both[1:])

    async def test_unknown(self) -> None:
        """A name that is not known, and one that cannot be a name, have none."""
        self.assertEqual(await self.ask("none").done, [])
        self.assertEqual(await self.ask("a..b").done, [])

    async def test_hanging(self) -> None:
        """Names that hang, however many, keep no other from being resolved."""
        hanging = [self.ask(f"slow{number}") for number in range(30)]
        self.assertEqual(len(await self.ask("pacs").done), 2)
        self.assertFalse(any(each.done.called for each in hanging))
        self.hang.set()
        for each in hanging:
            self.assertEqual(len(await each.done), 2)

    def test_installed(self) -> None:
        """Our reactor resolves names so."""
        ours = Reactor()
        self.addCleanup(ours._poller.close)
        for each in tuple(ours._internalReaders):
            ours.removeReader(each)
            each.connectionLost(None)
        self.assertIsInstance(ours.nameResolver, Names)
        verifyObject(IHostnameResolver, ours.nameResolver)
