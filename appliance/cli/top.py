"""Watch the running appliance: what is wrong, its sections, its connections and their speeds.

It is drawn anew each second; q leaves. Without a terminal it is printed once.
"""

from __future__ import annotations

import argparse
import os
import select
import shutil
import signal
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from appliance.cli.asking import Asking, addJSON, addSocket, asked, show
from appliance.console import live

SUMMARY = "watch the running appliance in the terminal"

LEAVE = b"qQ\x03\x04"
"""Keys that end it."""


def addArguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's arguments."""
    addSocket(parser)
    addJSON(parser)


def run(arguments: argparse.Namespace) -> int:
    """Watch until a key ends it, and return the exit status."""
    return asked("top", arguments, lambda asking: _watch(asking, arguments.json))


def _watch(asking: Asking, asJSON: bool) -> int:
    if asJSON or not (sys.stdin.isatty() and sys.stdout.isatty()):
        answer = asking.ask("top")
        show(answer, asJSON)
        return answer.code
    before: live.View | None = None
    with _screen() as wait:
        while True:
            now = asking.ask("top").data
            _draw(live.frame(before, now, tuple(shutil.get_terminal_size())))
            before = now
            if wait():
                return 0


def _draw(text: str) -> None:
    sys.stdout.write(text.replace("\n", "\r\n"))
    sys.stdout.flush()


@contextmanager
def _screen() -> Iterator[Callable[[], bool]]:
    """A screen of our own; gives what waits for a key, and is true when that is one of L{LEAVE}.

    A change of the size ends the wait too.
    """
    keyboard = sys.stdin.fileno()
    resized, resizing = os.pipe()
    os.set_blocking(resizing, False)
    settings = termios.tcgetattr(keyboard)
    wakeUp = signal.set_wakeup_fd(resizing, warn_on_full_buffer=False)
    former = signal.signal(signal.SIGWINCH, lambda *_: None)
    try:
        tty.setraw(keyboard)
        _draw(live.BEGIN)
        yield lambda: _pressed(keyboard, resized)
    finally:
        _draw(live.END)
        termios.tcsetattr(keyboard, termios.TCSADRAIN, settings)
        signal.signal(signal.SIGWINCH, former)
        signal.set_wakeup_fd(wakeUp)
        os.close(resized)
        os.close(resizing)


def _pressed(keyboard: int, resized: int) -> bool:
    ready, _, _ = select.select([keyboard, resized], [], [], live.EVERY)
    if resized in ready:
        os.read(resized, 1024)
    if keyboard not in ready:
        return False
    keys = os.read(keyboard, 64)
    return not keys or any(key in LEAVE for key in keys)
