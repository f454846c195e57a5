"""Lists of addresses and networks as values of options. Pure."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Final

from appliance.config.wording import quoted

SYNTAX: Final = "ADDRESS[/BITS][,ADDRESS[/BITS]...]"


def networks(value: str) -> tuple[str, ...]:
    """Addresses and networks between commas, each as a network is written."""
    return tuple(_network(part.strip()) for part in value.split(","))


def _network(text: str) -> str:
    try:
        # The scope of a link-local address would be lost.
        network = ip_network("" if "%" in text else text, strict=False)
    except ValueError:
        raise ValueError(
            f"IP addresses, or networks such as 192.0.2.0/24, not {quoted(text)}"
        ) from None
    address = text.partition("/")[0]
    if ip_address(address) != network.network_address:
        raise ValueError(f"{network} or {address}, not {quoted(text)}, which is a bit of both")
    return str(network)
