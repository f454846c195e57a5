"""What a transport on top of another passes on to the one below: all that is no byte of its own."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Protocol


class Layer(Protocol):
    """A protocol to the L{appliance.system.wire.Wire} below, a transport to what it carries."""

    transport: Any

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Pause C{producer} while much waits for the kernel. Only push producers are taken."""
        self.transport.registerProducer(producer, streaming)

    def unregisterProducer(self) -> None:
        """Forget the producer."""
        self.transport.unregisterProducer()

    @property
    def unsent(self) -> int:
        """Bytes that wait for the kernel."""
        return int(self.transport.unsent)

    def getPeer(self) -> IAddress:
        """The remote address."""
        return self.transport.getPeer()  # type: ignore[no-any-return]

    def getHost(self) -> IAddress:
        """Our own address."""
        return self.transport.getHost()  # type: ignore[no-any-return]

    def getHandle(self) -> Any:
        """The socket below."""
        return self.transport.getHandle()
