"""Bytes on their way, as a bar on a terminal and as words for people.

It draws on a terminal only; elsewhere nothing but whole lines is written.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TextIO

from attrs import define, field

WIDTH = 30  # characters of the bar
CLEAR = "\r\x1b[K"


def inWords(count: float) -> str:
    """C{count} bytes for people, in decimal units: C{59.0 MB}."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


@define
class Progress:
    """How many of C{total} bytes have gone, and since when nothing moved.

    C{advance} and C{touch} may be called from any thread.
    """

    total: int
    output: TextIO
    clock: Callable[[], float] = monotonic
    done: int = field(default=0, init=False)
    _begun: float = field(init=False)
    _moved: float = field(init=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False)

    def __attrs_post_init__(self) -> None:
        self._begun = self._moved = self.clock()

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return self.clock() - self._begun

    @property
    def still(self) -> float:
        """Seconds since something last moved."""
        return self.clock() - self._moved

    def advance(self, count: int) -> None:
        """C{count} more bytes have gone."""
        self.done += count
        self.touch()

    def touch(self) -> None:
        """Something moved."""
        self._moved = self.clock()

    def bar(self) -> str:
        """The bar as one line. Protocol overhead counts as done, so it stops at the full bar."""
        share = min(1.0, self.done / self.total) if self.total else 1.0
        full = round(share * WIDTH)
        rate = inWords(self.done / max(self.elapsed, 1e-6))
        cells = "#" * full + "." * (WIDTH - full)
        return f"[{cells}] {share:4.0%} of {inWords(self.total)}, {rate}/s"

    def draw(self) -> None:
        """Bring the bar up to date, on a terminal."""
        if self.output.isatty():
            self._write(self.bar())

    def clear(self) -> None:
        """Take the bar away."""
        self._write("")

    def say(self, line: str) -> None:
        """Print a whole line, in the bar's place on a terminal."""
        self._write(f"{line}\n")

    def _write(self, text: str) -> None:
        with self._lock:
            before = CLEAR if self.output.isatty() else ""
            print(before + text, end="", file=self.output, flush=True)


@contextmanager
def every(seconds: float, call: Callable[[], None]) -> Iterator[None]:
    """Call C{call} again and again from a thread while the block runs."""
    ended = threading.Event()

    def repeat() -> None:
        while not ended.wait(seconds):
            call()

    thread = threading.Thread(target=repeat, name="every", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
