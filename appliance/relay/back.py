"""The dialled leg's protocol and its factory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory

from appliance.events import Leg
from appliance.relay.side import Side

if TYPE_CHECKING:
    from appliance.relay.join import Join


class Back(Side):
    """Sits under the dialled socket's transport (plain, unless the section dials TLS)."""

    def connectionMade(self) -> None:
        """The backend is there."""
        self.join.dialled(self)


class BackFactory(Factory):
    """Builds the one L{Back} of a join."""

    noisy = False

    def __init__(self, join: Join, leg: Leg) -> None:
        self.join = join
        self.leg = leg

    def buildProtocol(self, addr: IAddress | None) -> Back:  # noqa: ARG002
        """The dialled leg."""
        return Back(self.join, self.leg)
