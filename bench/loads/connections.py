"""New connections: each shakes hands, has one byte echoed, and closes."""

from __future__ import annotations

import ssl
import threading
import time
from typing import Any

from bench.loads.wire import Steps, begin, context, dial, main


def once(
    spec: dict[str, Any], tls: ssl.SSLContext, session: ssl.SSLSession | None
) -> tuple[float, bool, ssl.SSLSession | None]:
    """One connection: seconds to the first echoed byte, whether resumed, and its session."""
    start = time.monotonic()
    connection: Any = dial(spec, tls, 0, session)
    with connection:
        begin(connection, b"e")
        connection.sendall(b"x")
        connection.recv(1)
        took = time.monotonic() - start
        return took, bool(connection.session_reused), connection.session


def load(spec: dict[str, Any]) -> Steps:
    """Each step makes C{count} connections, C{parallel} at a time, C{resumed} or not."""
    tls = context(spec["version"])
    step = yield {}
    while True:
        session = once(spec, tls, None)[2] if step["resumed"] else None
        step = step | (yield {})
        times: list[float] = []
        resumed: list[bool] = []
        left = iter(range(step["count"]))

        def work(
            session: ssl.SSLSession | None = session,
            left: Any = left,
            times: list[float] = times,
            resumed: list[bool] = resumed,
        ) -> None:
            for _ in left:
                took, again, _session = once(spec, tls, session)
                times.append(took)
                resumed.append(again)

        start = time.monotonic()
        threads = [threading.Thread(target=work) for _ in range(step["parallel"] - 1)]
        for thread in threads:
            thread.start()
        work()
        for thread in threads:
            thread.join()
        took = time.monotonic() - start
        step = yield {"seconds": took, "times": times, "resumed": sum(resumed)}


if __name__ == "__main__":
    main(load)
