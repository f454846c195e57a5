"""Factories of tests on loopback sockets, each connection of which is a wire of ours."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from typing import Any

from twisted.internet import reactor
from twisted.internet.interfaces import IProtocol, IProtocolFactory
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import TestCase

from appliance.backend.caller import Caller
from appliance.backend.dialler import Dialler
from appliance.backend.resolve import Target
from appliance.config.model import SocketOption
from appliance.system.acceptor import Acceptor
from appliance.system.wire import Wire


class StringWire(StringTransport):
    """A wire in memory, that sends whatever it is given."""

    unsent = 0

    def write(self, data: Any) -> None:
        """Send C{data}, any buffer."""
        super().write(bytes(data))


def listen(case: TestCase, factory: IProtocolFactory, options: Iterable[SocketOption] = ()) -> int:
    """Serve with C{factory} until the end of C{case}, at the port that is returned."""
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setblocking(False)

    def accepted(handle: socket.socket, _client: str) -> None:
        protocol = factory.buildProtocol(None)  # type: ignore[arg-type]
        assert protocol is not None
        Wire(reactor, handle, options).carry(protocol)

    def failed(why: str) -> None:
        raise AssertionError(why)

    acceptor = Acceptor(reactor, listening, accepted, failed)
    case.addCleanup(listening.close)
    case.addCleanup(acceptor.stopListening)
    port: int = listening.getsockname()[1]
    return port


async def connect(port: int, factory: IProtocolFactory, **more: Any) -> IProtocol:
    """A protocol of C{factory} that is connected to C{port}."""
    dialler = Dialler(reactor, 5.0, **more)
    return await dialler.connect(Target("127.0.0.1", port), factory, Caller(""))
