"""The limits of a section in one line, for people, and what to think of where there are none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from appliance.config.model import LimitsConfig

UNLIMITED: Final = (
    "none: all who call are served, as far as descriptors go; where strangers can call, think of "
    "allowFrom, maxConnectionsPerClient and handshakeRate"
)


def limited(limits: LimitsConfig) -> str:
    """How many connections are taken, of whom, and how fast."""
    return ", ".join(_parts(limits)) or UNLIMITED


def _parts(limits: LimitsConfig) -> Iterator[str]:
    if limits.allow:
        yield f"only from {' and '.join(limits.allow)}"
    if limits.deny:
        yield f"not from {' and '.join(limits.deny)}"
    if limits.connections is not None:
        yield f"{limits.connections} connections"
    if limits.perClient is not None:
        yield f"{limits.perClient} of one client"
    if limits.rate is not None:
        yield f"{limits.rate.rate} new ones a second and {limits.rate.burst} at once"
    if limits.ban is not None:
        rule = limits.ban
        yield f"a ban of {limits.banFor} s after {rule.strikes} offences within {rule.within} s"
