"""Small messages: 100 bytes there and back, one after the other, on one connection."""

from __future__ import annotations

import time
from typing import Any

from bench.loads.wire import Steps, begin, dial, main, specified

MESSAGE = b"m" * 100


def load(spec: dict[str, Any]) -> Steps:
    """Each step makes C{count} round trips, or fewer where C{seconds} pass first."""
    connection = dial(spec, specified(spec))
    begin(connection, b"e")
    step = yield {}
    while True:
        times = []
        until = time.monotonic() + step["seconds"]
        while len(times) < step["count"]:
            start = time.monotonic()
            connection.sendall(MESSAGE)
            got = 0
            while got < len(MESSAGE):
                got += len(connection.recv(len(MESSAGE)))
            times.append(time.monotonic() - start)
            if start > until:
                break
        step = yield {"times": times}


if __name__ == "__main__":
    main(load)
