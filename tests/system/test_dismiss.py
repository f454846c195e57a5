"""How a connection is closed that was accepted and is not served."""

from __future__ import annotations

import socket

from twisted.trial.unittest import SynchronousTestCase

from appliance.system.acceptor import dismiss


class DismissTests(SynchronousTestCase):
    """L{dismiss}."""

    def accepted(self) -> tuple[socket.socket, socket.socket]:
        """A client's socket, and the one that it was accepted as."""
        with socket.create_server(("127.0.0.1", 0)) as listening:
            client = socket.create_connection(listening.getsockname(), timeout=5)
            self.addCleanup(client.close)
            return client, listening.accept()[0]

    def test_silent(self) -> None:
        """Who has said nothing sees an end, at once."""
        client, handle = self.accepted()
        dismiss(handle)
        self.assertEqual(client.recv(1), b"")
        self.assertEqual(handle.fileno(), -1)

    def test_greeted(self) -> None:
        """What has been said already makes no reset of it."""
        client, handle = self.accepted()
        client.sendall(bytes(5000))
        dismiss(handle)
        self.assertEqual(client.recv(1), b"")

    def test_gone(self) -> None:
        """Who has gone is closed all the same."""
        client, handle = self.accepted()
        client.close()
        dismiss(handle)
        self.assertEqual(handle.fileno(), -1)
