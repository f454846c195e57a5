"""Associations that are open and say nothing: each asks to be associated, and later to be released.

They are plain sockets and no more, so that ten thousand of them cost the load little.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterable
from typing import Any

from appliance.dicom.associate import echoAssociation
from appliance.dicom.pdu import HEADER, AssociateAC, ReleaseRP, ReleaseRQ, decode
from bench.loads.wire import Steps, context, dial, main

DIALLERS = 4
"""Associations that are opened, or released, at the same time."""


def received(connection: Any) -> object:
    """The next PDU. Raises C{OSError}."""
    data = b""
    while len(data) < HEADER.size or len(data) < HEADER.size + HEADER.unpack_from(data)[1]:
        got = connection.recv(65536)
        if not got:
            raise ConnectionError("ended early")
        data += got
    return decode(data)


def together(work: Callable[[Any], None], items: Iterable[Any]) -> list[str]:
    """Do C{work} with each of C{items}, a few at a time; what went wrong, in words."""
    left, problems = iter(items), []

    def run() -> None:
        for item in left:
            try:
                work(item)
            except OSError as error:
                problems.append(f"{type(error).__name__}: {error}")

    threads = [threading.Thread(target=run) for _ in range(DIALLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return problems


def load(spec: dict[str, Any]) -> Steps:
    """Each step brings the number of associations to C{count}: those that go are released."""
    tls = context(spec["version"])
    ask = echoAssociation("WARD", "ARCHIVE").encode()
    open_: list[ssl.SSLSocket] = []

    def begin(number: int) -> None:
        connection: Any = dial(spec, tls, spec["first"] + number)
        connection.sendall(ask)
        if not isinstance(received(connection), AssociateAC):
            raise ConnectionError("no acceptance")
        open_.append(connection)

    def release(connection: Any) -> None:
        with connection:
            connection.sendall(ReleaseRQ().encode())
            if not isinstance(received(connection), ReleaseRP):
                raise ConnectionError("no release")

    step = yield {}
    while True:
        surplus = [open_.pop() for _ in range(len(open_) - step["count"])]
        problems = together(begin, range(len(open_), step["count"]))
        problems += together(release, surplus)
        step = yield {"count": len(open_), "failed": len(problems), "why": problems[:1]}


if __name__ == "__main__":
    main(load)
