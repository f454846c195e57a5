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
from appliance.console.answer import FAILED

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
    answer = asking.ask("top")
    if asJSON or not (answer.ok and sys.stdin.isatty() and sys.stdout.isatty()):
        show(answer, asJSON)
        return answer.code
    before: live.View | None = None
    with _screen() as left:
        while answer.ok:
            columns, rows = shutil.get_terminal_size()
            _draw(live.frame(before, answer.data, (columns, rows)))
            if left():
                return 0
            before, answer = answer.data, asking.ask("top")
    show(answer)
    return answer.code


def _draw(text: str) -> None:
    sys.stdout.write(text.replace("\n", "\r\n"))
    sys.stdout.flush()


@contextmanager
def _screen() -> Iterator[Callable[[], bool]]:
    """A screen of our own, and what waits for a while; true when it was left meanwhile.

    A change of the size ends the wait too.
    """
    keyboard = sys.stdin.fileno()
    resized, resizing = os.pipe()
    os.set_blocking(resizing, False)
    settings = termios.tcgetattr(keyboard)
    wakeUp = signal.set_wakeup_fd(resizing, warn_on_full_buffer=False)
    former = signal.signal(signal.SIGWINCH, lambda *_: None)
    # Who is told to end gives the terminal back first.
    ending = signal.signal(signal.SIGTERM, lambda *_: sys.exit(FAILED))
    try:
        tty.setraw(keyboard)
        _draw(live.BEGIN)
        yield lambda: _pressed(keyboard, resized)
    finally:
        _draw(live.END)
        termios.tcsetattr(keyboard, termios.TCSADRAIN, settings)
        signal.signal(signal.SIGTERM, ending)
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
