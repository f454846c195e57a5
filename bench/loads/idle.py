"""Many connections that stand idle, or that send to a backend that does not read."""

from __future__ import annotations

import contextlib
import ssl
import time
from typing import Any

from bench.loads.wire import Steps, begin, dial, main, specified

QUIET = 1.0
"""Seconds without a byte taken after which all counts as stalled."""


def stall(connections: list[Any]) -> int:
    """Send until nobody takes more; returns the bytes that were taken."""
    data, taken, last = bytes(65536), 0, time.monotonic()
    for connection in connections:
        connection.setblocking(False)
    while time.monotonic() - last < QUIET:
        for connection in connections:
            with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
                for _ in range(16):
                    taken += connection.send(data)
                    last = time.monotonic()
        time.sleep(0.001)
    return taken


def load(spec: dict[str, Any]) -> Steps:
    """Each step brings the number of connections to C{count}; with C{stall} the last send.

    C{kind} is what the backend does; the first C{count} are the warm-up and never send.
    """
    tls = specified(spec)
    connections: list[Any] = []
    step = yield {}
    warm = step["count"]
    while True:
        why = ""
        try:
            while len(connections) < step["count"]:
                connection = dial(spec, tls, len(connections))
                begin(connection, spec["kind"].encode())
                connection.recv(1)
                connections.append(connection)
        except OSError as error:
            why = str(error)
        taken = stall(connections[warm:]) if step["stall"] else 0
        step = yield {"count": len(connections), "taken": taken, "why": why}


if __name__ == "__main__":
    main(load)
