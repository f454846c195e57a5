"""Our reactor by itself, and wires at the other ones that Twisted has."""

from __future__ import annotations

import socket
from time import monotonic
from types import SimpleNamespace
from typing import Any

from twisted.internet.epollreactor import EPollReactor
from twisted.internet.pollreactor import PollReactor
from twisted.internet.selectreactor import SelectReactor
from twisted.trial.unittest import SynchronousTestCase

from appliance.system import reactor as module
from appliance.system.reactor import Reactor, install
from appliance.system.wire import Wire
from tests.system.test_wire import HalfHearer


class WireTests(SynchronousTestCase):
    """A connection's life, turn by turn."""

    kinds: tuple[type[Any], ...] = (Reactor, EPollReactor, PollReactor, SelectReactor)

    def made(self, kind: type[Any]) -> Any:
        """A reactor of C{kind} that leaves nothing open."""
        reactor = kind()

        def close() -> None:
            for each in tuple(reactor._internalReaders):
                reactor.removeReader(each)
                each.connectionLost(None)
            if hasattr(getattr(reactor, "_poller", None), "close"):
                reactor._poller.close()

        self.addCleanup(close)
        return reactor

    def wire(self, reactor: Any) -> tuple[Wire, HalfHearer, socket.socket]:
        """A wire, what it carries, and the other end."""
        ours, theirs = socket.socketpair()
        self.addCleanup(theirs.close)
        self.addCleanup(ours.close)
        wire, hearer = Wire(reactor, ours), HalfHearer()
        wire.carry(hearer)
        return wire, hearer, theirs

    def test_life(self) -> None:
        """Bytes come in and go out, each direction ends by itself, and then the connection."""
        for kind in self.kinds:
            reactor = self.made(kind)
            wire, hearer, theirs = self.wire(reactor)
            theirs.sendall(b"hello")
            reactor.iterate(1)
            self.assertEqual(hearer.heard, [b"hello", "done"], kind)
            while not wire.unsent:
                wire.write(b"x" * 65536)
            wire.loseWriteConnection()
            theirs.setblocking(False)
            got = 1
            while got:
                reactor.iterate(0)
                try:
                    got = len(theirs.recv(1 << 20))
                except BlockingIOError:
                    continue
            theirs.close()
            reactor.iterate(1)
            self.assertEqual(hearer.heard[2:], ["all said", "no more"], kind)
            wire.loseConnection()
            reactor.iterate(0)
            self.assertEqual(len(hearer.heard), 5, kind)
            self.assertNotIn(wire, [*reactor.getReaders(), *reactor.getWriters()], kind)

    def test_lost(self) -> None:
        """An end that shows in another way than by reading is one as well."""
        for kind in self.kinds:
            reactor = self.made(kind)
            wire, hearer, theirs = self.wire(reactor)
            while not wire.unsent:
                wire.write(b"x" * 65536)
            wire.pauseProducing()
            theirs.close()
            for _ in range(3):
                reactor.iterate(0)
            self.assertTrue(wire.lost, kind)
            self.assertEqual(len(hearer.heard), 1, kind)

    def test_forgotten(self) -> None:
        """A connection that another one has ended in the same turn hears nothing more."""
        for kind in self.kinds:
            reactor = self.made(kind)
            wires = [self.wire(reactor) for _ in range(2)]
            for wire, hearer, theirs in wires:
                theirs.sendall(b"hello")
                other = wires[wire is wires[0][0]][0]
                hearer.then = other.abortConnection
            reactor.iterate(1)
            reactor.iterate(0)
            heard = sorted(len(hearer.heard) for _, hearer, _ in wires)
            self.assertEqual(heard, [1, 2], kind)

    def test_clock(self) -> None:
        """Its time is one that nobody can set: a timer is not due because the clock was."""
        reactor = self.made(Reactor)
        self.assertApproximates(reactor.seconds(), monotonic(), 60)
        call = reactor.callLater(3600, lambda: None)
        self.assertApproximates(call.getTime(), monotonic() + 3600, 60)
        call.cancel()


class InstallTests(SynchronousTestCase):
    """Which reactor the process has."""

    def installed(self, **modules: Any) -> list[Any]:
        """What is installed in a process that has loaded C{modules} of Twisted's."""
        installed: list[Any] = []
        names = {f"twisted.internet.{name}": value for name, value in modules.items()}
        self.patch(module, "sys", SimpleNamespace(modules=names))
        self.patch(module, "installReactor", installed.append)
        self.patch(module, "Reactor", lambda: "ours")
        install()
        return installed

    def test_first(self) -> None:
        """It is ours where there is none yet."""
        self.assertEqual(self.installed(base=None), ["ours"])

    def test_later(self) -> None:
        """One that somebody has chosen stays."""
        self.assertEqual(self.installed(reactor=None), [])
