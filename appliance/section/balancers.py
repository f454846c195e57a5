"""Load balancers that say for whom they connect, in a PROXY header ahead of each connection.

Which peers must, what becomes of those who do not, and the connections of which that is not known
yet. It serves nobody: whoever has been announced is handed on.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from attrs import frozen

from appliance.config.model import SectionConfig
from appliance.events import Announced, Closed, Events, Reason, Unannounced
from appliance.limits.networks import Networks, packed
from appliance.relay.proxyline import Hop, undressed
from appliance.section.bare import BareCount
from appliance.section.preamble import NoHeaderError, Preamble

LONGEST_WAIT: Final = 10.0
"""Seconds that a header may take, even where a handshake may take longer (C{TIMEOUTbusy})."""

_RESET: Final = struct.pack("ii", 1, 0)


@frozen
class Pending:
    """A connection that C{balancer} has yet to announce, accepted at C{since}."""

    handle: socket.socket
    preamble: Preamble
    since: float
    balancer: str


Admit = Callable[[socket.socket, str, str, "Announced | None"], None]
"""C{(socket, connection, client, announced)}: serve the client, whose address is known now."""


class Balancers:
    """The balancers in front of one section, and the connections that they are to announce.

    C{admit} gets each connection whose client is known, C{bare} those that went without a byte.
    C{quiet} is called whenever none is left of which it is not known.
    """

    def __init__(
        self,
        reactor: Any,
        config: SectionConfig,
        events: Events,
        bare: BareCount,
        admit: Admit,
        quiet: Callable[[], None],
    ) -> None:
        self._reactor = reactor
        self._events = events
        self._bare = bare
        self._admit = admit
        self._quiet = quiet
        self._pending: dict[str, Pending] = {}
        self.use(config)

    def __len__(self) -> int:
        return len(self._pending)

    def use(self, config: SectionConfig) -> None:
        """Expect headers as C{config} says, of those who connect from now on."""
        self._config = config
        self._networks = Networks(config.proxyFrom)

    def announce(self, client: str) -> bool:
        """True when C{client} (C{"address:port"}) is to say for whom it connects."""
        if not self._config.proxyAccept or not self._networks:
            return self._config.proxyAccept
        # Who comes by a unix socket has no address, and is on no list.
        address = packed(client.rpartition(":")[0])
        return address is not None and address in self._networks

    def hear(self, handle: socket.socket, connection: str, balancer: str) -> None:
        """Hear from C{balancer}, which was accepted as C{handle}, who its client is."""
        preamble = Preamble(
            self._reactor,
            handle,
            partial(self._heard, connection),
            partial(self._failed, connection),
        )
        self._pending[connection] = Pending(handle, preamble, self._reactor.seconds(), balancer)
        preamble.begin(min(self._config.timeouts.busy, LONGEST_WAIT))

    def _heard(self, connection: str, hop: Hop) -> None:
        pending = self._pending.pop(connection)
        client, called = map(_text, (hop.source, hop.destination))
        if client in ("", pending.balancer):
            # It speaks for itself, as it does when it only looks whether we are there.
            self._admit(pending.handle, connection, pending.balancer, None)
        else:
            waited = self._reactor.seconds() - pending.since
            announced = Announced(
                self._config.name, connection, client, called, pending.balancer, waited
            )
            self._events.publish(announced)
            self._admit(pending.handle, connection, client, announced)
        self._tellQuiet()

    def _failed(self, connection: str, error: NoHeaderError) -> None:
        balancer = self._pending[connection].balancer
        if not str(error):
            self._bare.saw(balancer.rpartition(":")[0])
            self._end(connection, Reason.PROBE)
            return
        what = "leave it out of" if self._networks else "name those that do in"
        advice = f"have it send one (HAProxy: send-proxy-v2), or {what} proxyProtocolFrom"
        self._events.publish(
            Unannounced(self._config.name, connection, balancer, str(error), advice)
        )
        self._end(connection, Reason.UNANNOUNCED)

    def _end(self, connection: str, reason: Reason) -> None:
        pending = self._pending.pop(connection)
        pending.preamble.stop()
        if self._config.reset and reason is not Reason.PROBE:
            with contextlib.suppress(OSError):
                pending.handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        pending.handle.close()
        name, who, dials = self._config.name, pending.balancer, self._config.client
        seconds = self._reactor.seconds() - pending.since
        self._events.publish(Closed(name, connection, who, reason, 0, 0, seconds, dials))
        self._tellQuiet()

    def _tellQuiet(self) -> None:
        if not self._pending:
            self._quiet()

    def stop(self) -> None:
        """End the connections of which it is not known yet whose they are."""
        for connection in tuple(self._pending):
            self._end(connection, Reason.STOPPED)


def _text(end: tuple[str, int] | None) -> str:
    return "" if end is None else f"{undressed(end[0])}:{end[1]}"
