"""How many connections the file descriptors of this process allow (getrlimit(2), RLIMIT_NOFILE)."""

from __future__ import annotations

import resource
from typing import Final

MOST: Final = 65536
"""Descriptors that we raise our limit to where we may: for more than 30000 connections."""

SPARE: Final = 100
"""Descriptors for all but connections and what the configuration names: logs, files, consoles."""

EACH: Final = 2
"""Descriptors of a connection: the client's and the backend's."""


def raiseLimit() -> None:
    """Let this process and its children have as many as they may, and at the most L{MOST}.

    The usual soft limit, 1024, is there for programs that call C{select}.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST if hard == resource.RLIM_INFINITY else min(hard, MOST)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def needed(connections: int, fixed: int) -> int:
    """The limit with which L{capacity} is C{connections}."""
    return max(connections * EACH + SPARE + fixed, SPARE * 4)


def capacity(fixed: int) -> int:
    """How many connections one process can have, where C{fixed} descriptors are for other things.

    Never less than one: to serve somebody is worth a try.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = MOST if soft == resource.RLIM_INFINITY else soft
    # With few descriptors at all, what is spared may not be most of them.
    spare = min(SPARE, limit // 4) + fixed
    return max(1, (limit - spare) // EACH)
