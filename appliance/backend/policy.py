"""In which order a section's backends are tried: pure functions of counts."""

from __future__ import annotations


def byPriority(count: int, _turn: int) -> tuple[int, ...]:
    """Always the first one first (C{failover = prio})."""
    return tuple(range(count))


def roundRobin(count: int, turn: int) -> tuple[int, ...]:
    """Each connection starts one further than the last (C{failover = rr})."""
    return tuple((turn + step) % count for step in range(count))
