"""Bulk transfer over any number of TLS connections, in one direction at a time."""

from __future__ import annotations

import selectors
import socket
import ssl
import time
from typing import Any

from bench.loads.wire import Steps, begin, dial, main, specified

DATA = memoryview(bytearray(256 * 1024))
TURN = 32
"""Calls of TLS after which the next connection has its turn."""


def pending(connection: socket.socket) -> int:
    """Bytes that TLS holds already: they would never wake a selector."""
    return connection.pending() if isinstance(connection, ssl.SSLSocket) else 0


def move(connections: list[Any], up: bool, length: int) -> None:
    """Send (C{up}) or receive C{length} bytes on each of C{connections}, all at once."""
    selector = selectors.DefaultSelector()
    for each in connections:
        begin(each, b"u" if up else b"d", length)
        each.setblocking(False)
        wanted = selectors.EVENT_WRITE if up else selectors.EVENT_READ
        selector.register(each, wanted, [length + 1 if up else length])
    active = len(connections)
    while active:
        for key, _ in selector.select(60):
            each, left = key.fileobj, key.data
            try:
                for _turn in range(TURN):
                    if up and left[0] > 1:
                        left[0] -= each.send(DATA[: min(left[0] - 1, len(DATA))])
                        if left[0] == 1:
                            selector.modify(each, selectors.EVENT_READ, left)
                        continue
                    got = each.recv_into(DATA)
                    if not got:
                        raise ConnectionError("ended early")
                    left[0] -= got
                    if left[0] <= 0:
                        selector.unregister(each)
                        active -= 1
                        break
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                pass
            while not up and left[0] > 0 and pending(each):
                left[0] -= each.recv_into(DATA)
                if left[0] <= 0:
                    selector.unregister(each)
                    active -= 1
    for each in connections:
        each.settimeout(60)


def load(spec: dict[str, Any]) -> Steps:
    """Open C{conns} connections; each step moves C{bytes} in all, C{up} or not."""
    tls = specified(spec)
    connections = [dial(spec, tls, number) for number in range(spec["conns"])]
    step = yield {}
    while True:
        start = time.monotonic()
        move(connections, step["up"], step["bytes"] // len(connections))
        step = yield {"seconds": time.monotonic() - start}


if __name__ == "__main__":
    main(load)
