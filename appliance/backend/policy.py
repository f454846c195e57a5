"""In which order a section's backends are tried: pure functions of their loads.

C{loads} are the connections that each backend has, C{turn} counts the clients. The result is an
order of indexes into C{loads}.
"""

from __future__ import annotations

from collections.abc import Sequence


def byPriority(loads: Sequence[int], _turn: int) -> tuple[int, ...]:
    """Always the first one first (C{failover = prio})."""
    return tuple(range(len(loads)))


def roundRobin(loads: Sequence[int], turn: int) -> tuple[int, ...]:
    """Each connection starts one further than the last (C{failover = rr})."""
    return tuple((turn + step) % len(loads) for step in range(len(loads)))


def leastConnections(loads: Sequence[int], turn: int) -> tuple[int, ...]:
    """Who has the fewest connections first, equals in turn (C{failover = leastconn})."""
    return tuple(sorted(roundRobin(loads, turn), key=loads.__getitem__))
