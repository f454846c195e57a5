"""What systemd hears, on a socket of the test's own."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from appliance import events as e
from appliance.system.notify import HEARD, Notifier


class NotifyTests(SynchronousTestCase):
    """The protocol of sd_notify(3)."""

    def setUp(self) -> None:
        directory = TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = str(Path(directory.name) / "notify")
        self.systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.addCleanup(self.systemd.close)
        self.systemd.bind(self.path)
        self.clock = Clock()
        self.events = e.Events(onError=lambda error: self.fail(repr(error)))

    def notifier(self, **environment: str) -> Notifier:
        made = Notifier(self.clock, {"NOTIFY_SOCKET": self.path} | environment)
        self.events.subscribe(made, HEARD)
        return made

    def said(self) -> list[list[str]]:
        """The messages so far, as lists of lines."""
        found = []
        while True:
            try:
                found.append(self.systemd.recv(4096).decode().split("\n"))
            except BlockingIOError:
                return found

    def test_life(self) -> None:
        """Ready once it serves, reloading and ready again, stopping."""
        self.notifier()
        self.events.publish(e.Reading("/etc/x.conf"))
        self.events.publish(e.Configured())
        self.assertEqual(self.said(), [])
        self.events.publish(e.Accepting())
        self.events.publish(e.Reading("/etc/x.conf"))
        self.events.publish(e.Configured())
        self.events.publish(e.Reading("/etc/x.conf"))
        self.events.publish(e.Refused(("bad",), reload=True))
        self.events.publish(e.Stopping("SIGTERM", 3))
        said = self.said()
        self.assertEqual(
            [lines[0] for lines in said],
            ["READY=1", "RELOADING=1", "READY=1", "RELOADING=1", "READY=1", "STOPPING=1"],
        )
        self.assertRegex(said[1][1], r"^MONOTONIC_USEC=\d+$")
        self.assertIn("refused", said[4][1])
        self.assertIn("3 connection(s)", said[5][1])

    def test_handedOver(self) -> None:
        """It names the process that serves now, and leaves the word to it."""
        self.notifier()
        self.events.publish(e.Accepting())
        self.events.publish(e.HandedOver(4711, 3))
        self.events.publish(e.Stopping("SIGTERM", 3))
        self.assertEqual([lines[0] for lines in self.said()], ["READY=1", "MAINPID=4711"])

    def test_watchdog(self) -> None:
        """The watchdog hears of us twice in its period, until we stop."""
        notifier = self.notifier(WATCHDOG_USEC="10000000", WATCHDOG_PID=str(os.getpid()))
        notifier.startService()
        self.clock.pump([4.9, 0.2, 5])
        self.assertEqual(self.said(), [["WATCHDOG=1"]] * 3)
        notifier.stopService()
        self.clock.advance(60)
        self.assertEqual(self.said(), [])

    def test_watchdogOfAnother(self) -> None:
        """A watchdog that is for another process is none of ours."""
        self.notifier(WATCHDOG_USEC="10000000", WATCHDOG_PID="1").startService()
        self.assertEqual(self.said(), [])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_nobodyAsks(self) -> None:
        """Without systemd nothing is sent, and nothing fails."""
        notifier = Notifier(self.clock, {})
        notifier(e.Accepting())
        notifier.startService()
        gone = Notifier(self.clock, {"NOTIFY_SOCKET": self.path + "-gone"})
        gone(e.Accepting())
        self.assertEqual(self.said(), [])

    def test_abstractSocket(self) -> None:
        """A name that begins with @ is in the abstract name space."""
        name = f"butterfly-tls-test-{os.getpid()}"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as abstract:
            abstract.bind("\0" + name)
            Notifier(self.clock, {"NOTIFY_SOCKET": "@" + name})(e.Accepting())
            self.assertTrue(abstract.recv(4096).startswith(b"READY=1"))
