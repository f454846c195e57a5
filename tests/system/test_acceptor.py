"""Accepting, and how it ends."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from appliance.system.acceptor import AT_A_TIME, Acceptor


class LastTests(SynchronousTestCase):
    """The end of a socket cuts nobody off who was there before it."""

    def setUp(self) -> None:
        self.reactor: Any = MemoryReactorClock()
        self.listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.listening.setblocking(False)
        self.addCleanup(self.listening.close)
        self.accepted: list[socket.socket] = []

    def take(self, handle: socket.socket, _client: str) -> None:
        """Keep an accepted socket."""
        self.accepted.append(handle)
        self.addCleanup(handle.close)

    def test_queue(self) -> None:
        """Those who wait are accepted before it is closed, however many they are."""
        acceptor = Acceptor(self.reactor, self.listening, self.take, self.fail)
        clients = [socket.create_connection(self.listening.getsockname()) for _ in range(100)]
        self.assertGreater(len(clients), AT_A_TIME)
        for each in clients:
            self.addCleanup(each.close)
        acceptor.last()
        self.listening.close()
        self.assertEqual(len(self.accepted), len(clients))
        self.assertEqual(self.reactor.getReaders(), [])
        for each in self.accepted:
            each.sendall(b"still here")
        for each in clients:
            self.assertEqual(each.recv(100), b"still here")
