"""A program started by a command: its output as lines to wait for, and its end.

A child never outlives the block that it was started in.
"""

from __future__ import annotations

import os
import re
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from attrs import define, field

import appliance

TAIL = 15  # lines of output that explain a failure
PATIENCE = 10.0  # seconds between asking a child to end and making it


class ChildError(Exception):
    """A child did not do what was expected of it; the text ends with what it last said."""


@define
class Child:
    """A running program; C{lines} is what it wrote so far, output and errors together."""

    name: str
    process: subprocess.Popen[str]
    lines: list[str] = field(factory=list, init=False)
    _ended: bool = field(default=False, init=False)
    _changed: threading.Condition = field(factory=threading.Condition, init=False)

    def read(self, output: IO[str]) -> None:
        """Collect C{output} to its end."""
        with output:
            for line in output:
                self._append([line.rstrip("\n")], ended=False)
        self._append([], ended=True)

    def _append(self, lines: list[str], *, ended: bool) -> None:
        with self._changed:
            self.lines.extend(lines)
            self._ended = ended
            self._changed.notify_all()

    def waitFor(self, pattern: str, seconds: float) -> re.Match[str]:
        """The first match of C{pattern} in a line of the output, past or to come.

        @raise ChildError: There is none within C{seconds}, or the program ended without one.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._find(pattern) or self._ended, seconds)
            match = self._find(pattern)
            if match is not None:
                return match
            how = "ended" if self._ended else f"was not ready after {seconds:g} s"
        raise ChildError(f"{self.name} {how}; it said:\n{self.tail()}")

    def tail(self) -> str:
        """The last lines of the output, indented."""
        return "\n".join(f"  {line}" for line in self.lines[-TAIL:]) or "  (nothing)"

    def _find(self, pattern: str) -> re.Match[str] | None:
        return next(filter(None, (re.search(pattern, line) for line in self.lines)), None)

    def end(self) -> int:
        """Ask the program to end, make it after a while, and return its exit status."""
        self.process.terminate()
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


def environment() -> dict[str, str]:
    """Our own environment, in which a child finds this very package, installed or not."""
    root = str(Path(appliance.__file__).parents[1])
    rest = os.environ.get("PYTHONPATH")
    return os.environ | {"PYTHONPATH": f"{root}{os.pathsep}{rest}" if rest else root}


@contextmanager
def running(name: str, command: Sequence[str | Path], directory: Path) -> Iterator[Child]:
    """C{command} as a child that runs in C{directory} until the block ends.

    @raise ChildError: It cannot be started.
    """
    try:
        process = subprocess.Popen(
            command,
            cwd=directory,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    except OSError as error:
        raise ChildError(f"{name} cannot be started: {command[0]}: {error.strerror}") from error
    child = Child(name, process)
    reader = threading.Thread(target=child.read, args=[process.stdout], daemon=True)
    reader.start()
    try:
        yield child
    finally:
        child.end()
        reader.join(PATIENCE)  # not for ever: a grandchild may hold the output open
