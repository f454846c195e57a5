"""twistd that stands still before it gives up its rights, and says who it is at each connection.

C{python -m tests.integration.dropping ARGUMENTS} is C{twistd ARGUMENTS}. Before it changes its user
it says L{HALTS} and stops itself, as SIGSTOP does, until SIGCONT. Whenever it accepts somebody it
says by which users and groups, and whether in a root of its own.
"""

from __future__ import annotations

import os
import signal
import socket
from typing import Any, Final

HALTS: Final = "dropping: about to"

ACCEPTED: Final = (
    r"dropping: accepted, users \((\d+), (\d+), (\d+)\), groups \((\d+), (\d+), (\d+)\) "
    r"and \[(.*)\], root (\d+)"
)
"""Users and groups are the real, the effective and the saved one; the root is an inode."""


def _say(words: str) -> None:
    # Not sys.stderr, which is Twisted's by now.
    os.write(2, f"{words}\n".encode())


def main() -> None:
    """Run twistd."""
    setuid, accept = os.setuid, socket.socket.accept

    def halting(number: int) -> None:
        _say(HALTS)
        os.kill(os.getpid(), signal.SIGSTOP)
        setuid(number)

    def accepting(self: socket.socket) -> Any:
        found = accept(self)
        who = f"users {os.getresuid()}, groups {os.getresgid()} and {os.getgroups()}"
        _say(f"dropping: accepted, {who}, root {os.stat('/').st_ino}")
        return found

    os.setuid = halting
    socket.socket.accept = accepting  # type: ignore[method-assign]
    from twisted.scripts.twistd import run

    run()


if __name__ == "__main__":
    main()
