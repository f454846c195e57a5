"""The option of the process that says where it tells how it is."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from appliance.config import values
from appliance.config.model import Address, InetAddress
from appliance.config.vocabulary import Option, Scope

LOOPBACK = "127.0.0.1"


def _status(value: str) -> Address:
    """Where to tell; a bare port is for this machine alone."""
    address = values.address(value)
    if isinstance(address, InetAddress) and not address.host:
        return evolve(address, host=LOOPBACK)
    return address


STATUS = Option(
    "status",
    Scope.GLOBAL,
    "[HOST:]PORT or /PATH",
    "it is told nowhere",
    "Where the appliance tells over HTTP how it is: a page for people, /status.json, /metrics for "
    "Prometheus, /healthz and /readyz. All of it is for reading only and there is no password, so "
    "that whoever can connect can read; a bare port is for this machine alone, and the unix socket "
    "for its owner and group. It counts at the start, not at a reload.",
    _status,
)

OPTIONS: tuple[Option[Any], ...] = (STATUS,)
