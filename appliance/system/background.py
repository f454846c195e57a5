"""Leaves the terminal: the process goes on as a daemon, and who started it hears how that went."""

from __future__ import annotations

import os
from collections.abc import Callable

FAILED = 1
"""The exit status of who started a daemon that died before it could say how it went."""


def openStandard() -> None:
    """Open those of the three standard descriptors that are closed, lest others get their numbers.

    What is written there is lost, and nothing is to be read.
    """
    for standard in (0, 1, 2):
        try:
            os.fstat(standard)
        except OSError:
            # The lowest number that is free is this one.
            os.open(os.devnull, os.O_RDWR)


class Background:
    """The way into the background. To be made before a change of the root: it opens a device."""

    def __init__(self) -> None:
        self._null = os.open(os.devnull, os.O_RDWR)

    def enter(self) -> Callable[[int], None]:
        """Go on in a process of its own, without terminal, at the root of the file system.

        The process that calls does not return: it ends with the status that the result is called
        with, which must be done once.
        """
        reading, writing = os.pipe()
        child = os.fork()
        if child:
            os.close(writing)
            os._exit(_heard(reading))
        os.close(reading)
        os.setsid()
        # Once more, since only the leader of a session can get a terminal again.
        if os.fork():
            os._exit(0)
        for standard in (0, 1, 2):
            os.dup2(self._null, standard)
        os.close(self._null)
        os.chdir("/")

        def tell(status: int) -> None:
            os.write(writing, bytes([status]))
            os.close(writing)

        return tell


def _heard(reading: int) -> int:
    status = os.read(reading, 1)
    return status[0] if status else FAILED
