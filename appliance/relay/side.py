"""What the two legs' protocols have in common: they tell the join what happens to them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import IHalfCloseableProtocol, IHandshakeListener
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from appliance.events import End, Leg

if TYPE_CHECKING:
    from appliance.relay.join import Join


@implementer(IHalfCloseableProtocol, IHandshakeListener)
class Side(Protocol):
    """One leg of a L{Join}; C{leg} says which kind its transport is.

    C{viewReceived} takes a memoryview that is good during the call only. It starts as the join's
    look at the first bytes and becomes its mover.
    """

    transport: Any

    def __init__(self, join: Join, leg: Leg) -> None:
        self.join = join
        self.leg = leg
        self.viewReceived: Callable[[Any], None] = partial(join.first, self)

    def dataReceived(self, data: bytes) -> None:
        """Move C{data}; transports that know no views call this."""
        self.viewReceived(data)

    def handshakeCompleted(self) -> None:
        """Our transport is TLS and has shaken hands."""
        self.join.shaken(self.transport)

    def readConnectionLost(self) -> None:
        """The other end has no more to say."""
        clean = getattr(self.transport, "cleanEnd", False)
        self.join.ended(self.leg, End.CLOSE_NOTIFY if clean else End.FIN)

    def writeConnectionLost(self) -> None:
        """What we had to say is said."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The leg is gone."""
        self.join.lost(self, reason)
