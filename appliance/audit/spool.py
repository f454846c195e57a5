"""Messages that wait for a collector, in their order, in a directory or in memory.

A message is a file of its own, so that a process that dies leaves whole ones to the next. Nothing
is synced to the disk for a single message: what an outage of power takes is not promised.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from attrs import define, field

_NAME: Final = re.compile(r"(\d{16})\.audit")
_UNFINISHED: Final = "unfinished"


class Store(Protocol):
    """Where the messages are, by their numbers."""

    def sizes(self) -> dict[int, int]:
        """The bytes of each message that is there, in the order of their numbers."""

    def put(self, number: int, message: bytes) -> None:
        """Keep C{message}."""

    def get(self, number: int) -> bytes | None:
        """The message of this number; C{None} when somebody has taken it away."""

    def remove(self, number: int) -> None:
        """Keep it no longer."""

    def close(self) -> None:
        """Let another process have what is kept."""


@define
class Memory:
    """Messages in memory alone."""

    _messages: dict[int, bytes] = field(factory=dict)

    def sizes(self) -> dict[int, int]:
        """See L{Store.sizes}."""
        return {number: len(message) for number, message in self._messages.items()}

    def put(self, number: int, message: bytes) -> None:
        """See L{Store.put}."""
        self._messages[number] = message

    def get(self, number: int) -> bytes | None:
        """See L{Store.get}."""
        return self._messages.get(number)

    def remove(self, number: int) -> None:
        """See L{Store.remove}."""
        self._messages.pop(number, None)

    def close(self) -> None:
        """Nobody else can have it."""


class Directory:
    """Messages as files in the directory C{path}; what it does not take is kept in memory.

    C{failed} hears of that, once until it takes something again. Opening it raises C{OSError},
    also when another process has it. It is known by its descriptor from then on, so that it is
    found in another root too.
    """

    def __init__(self, path: str, failed: Callable[[OSError], None]) -> None:
        self._failed = failed
        self._memory = Memory()
        self._fails = False
        self._directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(self._directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._directory)
            raise

    def close(self) -> None:
        """Let another process have it; what comes now is kept in memory."""
        # The number may be another file's soon.
        directory, self._directory = self._directory, -1
        os.close(directory)

    def sizes(self) -> dict[int, int]:
        """See L{Store.sizes}."""
        found = {}
        for name in os.listdir(self._directory):
            match = _NAME.fullmatch(name)
            size = os.stat(name, dir_fd=self._directory).st_size if match else 0
            if match and size:
                found[int(match[1])] = size
        return dict(sorted(found.items()))

    def put(self, number: int, message: bytes) -> None:
        """See L{Store.put}."""
        try:
            self._write(_name(number), message)
        except OSError as error:
            self._memory.put(number, message)
            if not self._fails:
                self._fails = True
                self._failed(error)
        else:
            self._fails = False

    def _write(self, name: str, message: bytes) -> None:
        # Under its name there is always a whole one.
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        file = os.open(_UNFINISHED, flags, 0o600, dir_fd=self._directory)
        try:
            if os.write(file, message) < len(message):
                raise OSError(0, "written in part only")
        finally:
            os.close(file)
        os.rename(_UNFINISHED, name, src_dir_fd=self._directory, dst_dir_fd=self._directory)

    def get(self, number: int) -> bytes | None:
        """See L{Store.get}."""
        kept = self._memory.get(number)
        if kept is not None:
            return kept
        try:
            file = os.open(_name(number), os.O_RDONLY, dir_fd=self._directory)
        except OSError:
            return None
        with open(file, "rb") as opened:
            return opened.read()

    def remove(self, number: int) -> None:
        """See L{Store.remove}."""
        self._memory.remove(number)
        try:
            os.unlink(_name(number), dir_fd=self._directory)
        except OSError:
            # Gone already, or never there. One that cannot be removed is sent again another time.
            return


def _name(number: int) -> str:
    return f"{number:016d}.audit"


class Queue:
    """The messages in C{store}, at most C{most} bytes of them: the oldest give way."""

    def __init__(self, store: Store, most: int) -> None:
        self._store = store
        self._most = most
        self._sizes = store.sizes()
        self._bytes = sum(self._sizes.values())
        self._next = max(self._sizes, default=0) + 1
        self._untaken = deque(self._sizes)

    def __len__(self) -> int:
        return len(self._sizes)

    def add(self, message: bytes) -> int:
        """Let C{message} wait; returns how many others were given up for it."""
        lost = 0
        while self._sizes and self._bytes + len(message) > self._most:
            self.remove(next(iter(self._sizes)))
            lost += 1
        number, self._next = self._next, self._next + 1
        self._sizes[number] = len(message)
        self._bytes += len(message)
        self._store.put(number, message)
        self._untaken.append(number)
        return lost

    def take(self) -> tuple[int, bytes] | None:
        """The next message that was not taken yet, and its number."""
        while self._untaken:
            number = self._untaken.popleft()
            message = self._store.get(number) if number in self._sizes else None
            if message is not None:
                return number, message
            self.remove(number)
        return None

    def remove(self, number: int) -> None:
        """The message of this number is done with."""
        if number in self._sizes:
            self._bytes -= self._sizes.pop(number)
            self._store.remove(number)

    def close(self) -> None:
        """Let another process have what is kept on disk."""
        self._store.close()

    def rewind(self) -> None:
        """What was taken and not removed is to be taken again."""
        self._untaken = deque(self._sizes)
