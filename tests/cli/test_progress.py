"""Tests for L{appliance.cli.progress}."""

from __future__ import annotations

import threading
from io import StringIO

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from appliance.cli.progress import Progress, every, inWords


class Terminal(StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        """It is."""
        return True


class WordsTests(SynchronousTestCase):
    """Sizes for people."""

    def test_units(self) -> None:
        """Units are decimal, with one digit after the point from kB on."""
        for count, words in (
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (58_982_400, "59.0 MB"),
            (12_345_678_901, "12.3 GB"),
        ):
            self.assertEqual(inWords(count), words)


class ProgressTests(SynchronousTestCase):
    """How far it is, and how it is shown."""

    def setUp(self) -> None:
        """A progress over 10 MB whose time stands still."""
        self.clock = Clock()
        self.output = Terminal()
        self.progress = Progress(10_000_000, self.output, self.clock.seconds)

    def test_bar(self) -> None:
        """The bar shows the share, the total and the rate."""
        self.clock.advance(2)
        self.progress.advance(5_000_000)
        self.assertEqual(
            self.progress.bar(), "[" + "#" * 15 + "." * 15 + "]  50% of 10.0 MB, 2.5 MB/s"
        )

    def test_overhead(self) -> None:
        """More bytes than the files have, which is protocol, do not go beyond the end."""
        self.clock.advance(1)
        self.progress.advance(10_400_000)
        self.assertIn("#] 100% of", self.progress.bar())

    def test_nothing(self) -> None:
        """Nothing to do is done."""
        self.assertIn("100% of 0 B", Progress(0, self.output, self.clock.seconds).bar())

    def test_still(self) -> None:
        """It knows since when nothing moved, in either direction."""
        self.clock.advance(3)
        self.assertEqual(self.progress.still, 3)
        self.progress.touch()
        self.clock.advance(1)
        self.assertEqual(self.progress.still, 1)
        self.progress.advance(1)
        self.assertEqual(self.progress.still, 0)

    def test_terminal(self) -> None:
        """On a terminal the bar is drawn over itself, and a line takes its place."""
        self.progress.draw()
        self.progress.say("one line")
        first, second = self.output.getvalue().split("\r\x1b[K")[1:]
        self.assertTrue(first.startswith("[....") and not first.endswith("\n"))
        self.assertEqual(second, "one line\n")

    def test_file(self) -> None:
        """Elsewhere there are lines only."""
        output = StringIO()
        progress = Progress(1, output, self.clock.seconds)
        progress.draw()
        progress.say("one line")
        self.assertEqual(output.getvalue(), "one line\n")


class EveryTests(SynchronousTestCase):
    """Doing something again and again."""

    def test_repeats(self) -> None:
        """It is called while the block runs and not after it."""
        calls: list[int] = []
        twice = threading.Event()

        def call() -> None:
            calls.append(1)
            if len(calls) >= 2:
                twice.set()

        with every(0.001, call):
            self.assertTrue(twice.wait(20))
        number = len(calls)
        self.assertFalse(any(thread.name == "every" for thread in threading.enumerate()))
        self.assertEqual(len(calls), number)
