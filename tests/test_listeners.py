"""Reloads: what becomes of the sockets that stay open."""

from __future__ import annotations

import socket

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from appliance.config.model import (
    Config,
    GlobalConfig,
    InetAddress,
    SectionConfig,
    SocketOption,
    SocketRole,
    TLSConfig,
)
from appliance.events import Event, Events, Warned
from appliance.service import Appliance
from tests import material as m


def config(*options: SocketOption, name: str = "out") -> Config:
    """One section that listens at any port, with socket C{options}."""
    section = SectionConfig(
        name,
        m.WHERE,
        accept=(InetAddress("127.0.0.1", 0),),
        connect=(InetAddress("127.0.0.1", 9),),
        tls=TLSConfig(client=True),
        client=True,
        socketOptions=options,
    )
    return Config("x.conf", GlobalConfig(), (section,))


def keepIdle(seconds: int, role: SocketRole = SocketRole.ACCEPT) -> SocketOption:
    """An option that shows in what the listener says of itself."""
    return SocketOption(role, "TCP_KEEPIDLE", socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, seconds)


class SocketTests(TestCase):
    """C{socket = a:} on a port that stays."""

    def setUp(self) -> None:
        self.warnings: list[str] = []
        events = Events()
        events.subscribe(self._hear)
        self.appliance = Appliance(reactor, events)
        self.appliance.startService()
        self.addCleanup(self.appliance.stopService)

    def _hear(self, event: Event) -> None:
        if isinstance(event, Warned):
            self.warnings.append(event.text)

    def idle(self) -> int:
        """What the listener has for TCP_KEEPIDLE."""
        (section,) = self.appliance.sections
        (listener,) = section.listeners
        return listener.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)

    def test_changed(self) -> None:
        """A changed option counts from the reload on, and there is nothing to tell."""
        self.appliance.apply(config(keepIdle(100)))
        self.assertEqual(self.idle(), 100)
        self.appliance.apply(config(keepIdle(200)))
        self.assertEqual((self.idle(), self.warnings), (200, []))

    def test_added(self) -> None:
        """So does one that was not there before, even in a section of another name."""
        self.appliance.apply(config())
        self.appliance.apply(config(keepIdle(200), name="renamed"))
        self.assertEqual((self.idle(), self.warnings), (200, []))

    def test_otherRole(self) -> None:
        """What is for connections leaves the listener alone."""
        self.appliance.apply(config())
        before = self.idle()
        self.appliance.apply(config(keepIdle(before + 1, SocketRole.LOCAL)))
        self.assertEqual((self.idle(), self.warnings), (before, []))

    def test_gone(self) -> None:
        """A line that is gone is told to count at the next start, once."""
        self.appliance.apply(config(keepIdle(100)))
        self.appliance.apply(config())
        self.appliance.apply(config())
        (text,) = self.warnings
        self.assertIn("[out] socket: a:TCP_KEEPIDLE of 127.0.0.1:", text)
        self.assertIn("next start", text)
