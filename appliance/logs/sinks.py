"""Where log lines go: the terminal, a file, syslog. A sink takes a line and never raises."""

from __future__ import annotations

import os
import sys
import syslog
from collections.abc import Callable
from datetime import datetime
from io import FileIO
from typing import Final, Protocol, TextIO

from appliance.events import LogGap, LogLost
from appliance.logs.shapes import STUNNEL, Shape
from appliance.logs.vocabulary import Line, lines

MODE: Final = 0o640
"""What others may do with a log file that was not there: its group reads it."""


class Sink(Protocol):
    """Something that takes log lines, and writes them in its C{shape}."""

    shape: Shape

    def write(self, line: Line) -> None:
        """Write C{line} at once."""

    def reopen(self) -> LogLost | None:
        """Close and open again what can be, after the file was moved away; tell a failure."""

    def close(self) -> None:
        """Take no more lines."""


class Stream:
    """Lines with their time to an open stream; C{now} tells the local time."""

    shape: Shape = STUNNEL

    def __init__(self, stream: TextIO, now: Callable[[], datetime] = datetime.now) -> None:
        self._stream = stream
        self._now = now

    def write(self, line: Line) -> None:
        """Write and flush C{line}; a stream that takes no more is given up silently."""
        try:
            self._stream.write(f"{self.shape.stamped(line, self._now())}\n")
            self._stream.flush()
        except (OSError, ValueError):
            # There is no better place to say that the log is gone.
            return

    def reopen(self) -> LogLost | None:
        """A stream stays what it is."""
        return None

    def close(self) -> None:
        """The stream is somebody else's."""


class File:
    """The C{output} file; opening it raises C{OSError}.

    C{owner} and C{group} are the numbers of whom the process becomes: they must open it again.
    One that is not there yet is made with L{MODE}. Lines that it does not take are counted, and the
    count stands where they would be.
    """

    shape: Shape = STUNNEL

    def __init__(
        self,
        path: str,
        append: bool = True,
        owner: int | None = None,
        group: int | None = None,
        now: Callable[[], datetime] = datetime.now,
    ) -> None:
        self._path = os.path.abspath(path)
        self._append = append
        self._now = now
        self._lost = 0
        self._torn = False
        self._stream = self._opened()
        if owner is not None or group is not None:
            os.fchown(self._stream.fileno(), _or(owner, -1), _or(group, -1))

    def _opened(self) -> FileIO:
        def create(path: str, flags: int) -> int:
            return os.open(path, flags, MODE)

        return FileIO(self._path, "a" if self._append else "w", opener=create)

    def write(self, line: Line) -> None:
        """Write C{line} at once, and before it how many are missing, if any are."""
        if self._lost and self._put(next(lines(LogGap(self._path, self._lost)))):
            self._lost = 0
        if self._lost or not self._put(line):
            self._lost += 1

    def _put(self, line: Line) -> bool:
        """Write C{line}; true where the file has taken all of it."""
        try:
            # What a full disk has cut short must not take the next line with it.
            text = "\n" * self._torn + self.shape.stamped(line, self._now()) + "\n"
            data = text.encode("utf-8", "backslashreplace")
            written = self._stream.write(data) or 0
        except (OSError, ValueError):
            return False
        if written:
            self._torn = written < len(data)
        return written == len(data)

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def reopen(self) -> LogLost | None:
        """Open the path anew; the old file goes on where that fails."""
        try:
            fresh = self._opened()
        except OSError as error:
            return LogLost(self._path, error.strerror or "unknown error")
        self._stream.close()
        self._stream, self._torn = fresh, False
        return None


class Syslog:
    """The local syslog; C{facility} is its name without the prefix, in lower case."""

    shape: Shape = STUNNEL

    def __init__(self, ident: str, facility: str) -> None:
        # At once: after a change of the root it could not be found.
        syslog.openlog(ident, syslog.LOG_PID | syslog.LOG_NDELAY, facilityNumber(facility))

    def write(self, line: Line) -> None:
        """Hand C{line} to syslog with its own level as priority."""
        syslog.syslog(line.level, self.shape.message(line, datetime.now()))

    def reopen(self) -> LogLost | None:
        """Syslog looks after its own files."""
        return None

    def close(self) -> None:
        """Syslog is the process's own, and another of these may use it."""


def facilityNumber(name: str) -> int:
    """The number that syslog has for the facility C{name}, as it is added to a level."""
    return int(getattr(syslog, f"LOG_{name.upper()}", syslog.LOG_DAEMON))


def _or(number: int | None, default: int) -> int:
    return default if number is None else number


def terminal() -> Stream:
    """The standard error stream."""
    return Stream(sys.stderr)
