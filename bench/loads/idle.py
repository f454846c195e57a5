"""Many connections that stand idle, or that send to a backend that does not read."""

from __future__ import annotations

import contextlib
import ssl
import threading
import time
from collections.abc import Iterator
from typing import Any

from bench.loads.wire import Steps, begin, dial, main, specified

QUIET = 1.0
"""Seconds without a byte taken after which all counts as stalled."""

DIALLERS = 4
"""Connections that are opened at the same time."""


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


def dialAll(
    spec: dict[str, Any],
    tls: ssl.SSLContext | None,
    numbers: Iterator[int],
    connections: list[Any],
    problems: list[str],
) -> None:
    """Open a connection for each of C{numbers}, which several threads share."""
    try:
        for number in numbers:
            connection = dial(spec, tls, number)
            begin(connection, spec["kind"].encode())
            connection.recv(1)
            connections.append(connection)
    except OSError as error:
        problems.append(str(error))


def load(spec: dict[str, Any]) -> Steps:
    """Each step brings the number of connections to C{count}; with C{stall} the last send.

    C{kind} is what the backend does; the first C{count} are the warm-up and never send.
    """
    tls = specified(spec)
    connections: list[Any] = []
    step = yield {}
    warm = step["count"]
    while True:
        numbers = iter(range(len(connections), step["count"]))
        problems: list[str] = []
        dialling = [
            threading.Thread(target=dialAll, args=(spec, tls, numbers, connections, problems))
            for _ in range(DIALLERS)
        ]
        for thread in dialling:
            thread.start()
        for thread in dialling:
            thread.join()
        why = problems[0] if problems else ""
        taken = stall(connections[warm:]) if step["stall"] else 0
        step = yield {"count": len(connections), "taken": taken, "why": why}


if __name__ == "__main__":
    main(load)
