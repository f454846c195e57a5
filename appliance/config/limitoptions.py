"""The options of a section that say how many connections it takes, of whom, and how fast."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from appliance.config import networks, values
from appliance.config.model import BanRule, RateLimit
from appliance.config.vocabulary import Option, Repeat, Scope

T = TypeVar("T")

LEAST_BURST: Final = 20
"""Connections at once where nothing is said of that: a modality may well open so many."""


def orNone(parse: Callable[[str], T]) -> Callable[[str], T | None]:
    """A parser for what C{parse} takes, or for C{none}, which takes a default back."""

    def parseOrNone(value: str) -> T | None:
        if value.lower() == "none":
            return None
        try:
            return parse(value)
        except ValueError as error:
            raise ValueError(f"none, or {error}") from None

    return parseOrNone


_count = values.number(1, 1_000_000)
_perSecond = values.number(1, 100_000)
_burst = values.number(2, 1_000_000)
_strikes = values.number(1, 100)
_seconds = values.number(1, 30 * 86400, "seconds")


def rate(value: str) -> RateLimit:
    """C{RATE[:BURST]}; without a burst it is twice the rate, and not less than a modality needs."""
    left, colon, right = value.partition(":")
    try:
        number = _perSecond(left)
        return RateLimit(number, _burst(right) if colon else max(2 * number, LEAST_BURST))
    except ValueError:
        raise ValueError(
            "connections a second from 1 to 100000, and after a colon how many may come at once, "
            "such as 50:200"
        ) from None


def strikes(value: str) -> BanRule:
    """C{TIMES/SECONDS}."""
    left, _, right = value.partition("/")
    try:
        return BanRule(_strikes(left), _seconds(right))
    except ValueError:
        raise ValueError("how often from 1 to 100, and within how many seconds: 5/60") from None


MAX_CONNECTIONS = Option(
    "maxConnections",
    Scope.SERVICE,
    "NUMBER or none",
    "none; the file descriptors of the process are the limit of all sections together",
    "How many connections the section may have at the same time. One more that speaks DICOM hears "
    "that it is to come again later, any other is closed at once.",
    orNone(_count),
)
MAX_PER_CLIENT = Option(
    "maxConnectionsPerClient",
    Scope.SERVICE,
    "NUMBER or none",
    "none",
    "How many of them one client may have: an IPv4 address, or a /64 of IPv6. One more is treated "
    "in the same way.",
    orNone(_count),
)
HANDSHAKE_RATE = Option(
    "handshakeRate",
    Scope.SERVICE,
    "RATE[:BURST] or none",
    f"none; BURST is twice the rate, or {LEAST_BURST} where that is more",
    "How many new connections a second the section serves in the long run, and how many may come "
    "at once. Those beyond are closed at once, first those of clients that take more than their "
    "share.",
    orNone(rate),
)
ALLOW_FROM = Option(
    "allowFrom",
    Scope.SERVICE,
    networks.SYNTAX,
    "everybody",
    "Who may connect, by address; others are closed at once. These are never banned.",
    networks.networks,
    Repeat.LIST,
)
DENY_FROM = Option(
    "denyFrom",
    Scope.SERVICE,
    networks.SYNTAX,
    "nobody",
    "Who may not connect, by address, also where allowFrom has it.",
    networks.networks,
    Repeat.LIST,
)
BAN_AFTER = Option(
    "banAfter",
    Scope.SERVICE,
    "TIMES/SECONDS or none",
    "none; nobody is banned",
    "How often within so many seconds a client may speak something else than TLS and DICOM, show a "
    "certificate that is not trusted, or break the rules of the section. After that it is closed "
    "at once for as long as banFor says. A client with an association open is not banned.",
    orNone(strikes),
)
BAN_FOR = Option(
    "banFor",
    Scope.SERVICE,
    "SECONDS",
    "600",
    "How long a ban lasts; it is forgotten at a restart.",
    _seconds,
)
NEVER_BAN = Option(
    "neverBan",
    Scope.SERVICE,
    networks.SYNTAX,
    "those in allowFrom",
    "Who is never banned, by address: a gateway behind which there are many, for one.",
    networks.networks,
    Repeat.LIST,
)

OPTIONS: tuple[Option[Any], ...] = (
    *(MAX_CONNECTIONS, MAX_PER_CLIENT, HANDSHAKE_RATE, ALLOW_FROM, DENY_FROM),
    *(BAN_AFTER, BAN_FOR, NEVER_BAN),
)
