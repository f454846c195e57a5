"""What stands in the brackets of a connection's log lines (C{logId}).

Whatever is asked for, no two connections of a process have the same: events are told apart by it.
"""

from __future__ import annotations

import os
import secrets
import string
import threading
from collections.abc import Iterator

from appliance.config.model import LogId

ALPHABET = string.ascii_letters + string.digits
UNIQUE_LENGTH = 22
"""Characters of a C{unique} id: 62 to the power of 22 is more than 2 to the power of 128."""


def identities(kind: LogId, numbers: Iterator[str]) -> Iterator[str]:
    """Ids of C{kind}; C{numbers} are those of the process, one for each connection.

    A process or thread that has more than one connection, as ours has, gets their number appended.
    """
    if kind is LogId.SEQUENTIAL:
        return numbers
    if kind is LogId.UNIQUE:
        return (_unique() for _ in numbers)
    return map(_process if kind is LogId.PROCESS else _thread, numbers)


def _unique() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(UNIQUE_LENGTH))


def _process(number: str) -> str:
    return _numbered(os.getpid(), number)


def _thread(number: str) -> str:
    return _numbered(threading.get_ident(), number)


def _numbered(own: int, number: str) -> str:
    return str(own) if number == "0" else f"{own}.{number}"
