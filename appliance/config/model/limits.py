"""How many connections a section takes, of whom, and how fast."""

from __future__ import annotations

from attrs import frozen


@frozen
class RateLimit:
    """So many new connections a second in the long run, and C{burst} of them at once."""

    rate: int
    burst: int


@frozen
class BanRule:
    """Who is bad C{strikes} times within so many seconds is banned."""

    strikes: int
    within: int


@frozen
class LimitsConfig:
    """The limits of one section; C{None} is no limit.

    C{connections} and C{perClient} are how many may be open, C{rate} how fast they may come.
    C{allow}, C{deny} and C{neverBan} are networks (C{"192.0.2.0/24"}); nothing in C{allow} lets
    everybody in. C{banFor} is seconds.
    """

    connections: int | None = None
    perClient: int | None = None
    rate: RateLimit | None = None
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    ban: BanRule | None = None
    banFor: int = 600
    neverBan: tuple[str, ...] = ()
