"""How a section dials its backends, for its clients and for its checks alike."""

from __future__ import annotations

from typing import Any

from appliance.backend.dialler import Dialler
from appliance.backend.policy import byPriority, leastConnections, roundRobin
from appliance.backend.pool import Policy
from appliance.backend.tunnel import Tunnel, connectRequest
from appliance.config.model import Failover, Preface, SectionConfig, SocketOption, SocketRole
from appliance.section.settings import Settings

_POLICIES = {
    Failover.PRIO: byPriority,
    Failover.RR: roundRobin,
    Failover.LEASTCONN: leastConnections,
}


def diallerFor(reactor: Any, settings: Settings, timeout: float) -> Dialler:
    """A dialler from the addresses and through the proxy that a section wants.

    C{timeout} is the limit in seconds for each target.
    """
    config = settings.config
    tunnel = None
    if config.protocol is Preface.CONNECT and config.proxyRequest is not None:
        tunnel = Tunnel(connectRequest(config.proxyRequest), config.timeouts.busy)
    local = settings.local or (() if config.local is None else (config.local,))
    options = optionsFor(config, SocketRole.REMOTE)
    return Dialler(reactor, timeout, local, config.transparent, tunnel, options)


def optionsFor(config: SectionConfig, role: SocketRole) -> tuple[SocketOption, ...]:
    """The options of sockets in C{role}."""
    return tuple(option for option in config.socketOptions if option.role is role)


def policyFor(config: SectionConfig) -> Policy:
    """The order that C{failover} asks for; with C{delay} it is that of C{connect} (stunnel)."""
    return byPriority if config.delay else _POLICIES[config.failover]
