"""Tests for L{appliance.cli.child}."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from twisted.trial.unittest import SynchronousTestCase

from appliance.cli import child
from appliance.cli.child import ChildError, running

HERE = Path(__file__).parent
TALKER = "print('ready at 42', flush=True); input()"  # its input is empty: it ends at once
WAITER = "import signal; print('ready', flush=True); signal.pause()"
STUBBORN = (
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "print('ready', flush=True)\nwhile True: signal.pause()"
)


def python(code: str) -> list[str]:
    """A program of ours."""
    return [sys.executable, "-c", code]


@pytest.mark.real
class ChildTests(SynchronousTestCase):
    """Programs that a command starts."""

    def test_waitFor(self) -> None:
        """A line is found whether it came before or comes later."""
        with running("talker", python(TALKER), HERE) as talker:
            self.assertEqual(talker.waitFor(r"^ready at (\d+)$", 20)[1], "42")
            self.assertEqual(talker.waitFor("ready", 0)[0], "ready")

    def test_ended(self) -> None:
        """A program that ends without the line is told with its last words."""
        with running("talker", python(TALKER), HERE) as talker:
            error = self.assertRaises(ChildError, talker.waitFor, "listening", 20)
        self.assertIn("talker ended; it said:", str(error))
        self.assertIn("  EOFError: EOF when reading a line", str(error))

    def test_late(self) -> None:
        """A program that is not ready in time is told too."""
        with running("waiter", python(WAITER), HERE) as waiter:
            waiter.waitFor("ready", 20)
            error = self.assertRaises(ChildError, waiter.waitFor, "listening", 0.01)
        self.assertEqual(str(error), "waiter was not ready after 0.01 s; it said:\n  ready")

    def test_end(self) -> None:
        """It has ended when the block has, also when that raised."""
        with (
            self.assertRaises(KeyboardInterrupt),
            running("waiter", python(WAITER), HERE) as waiter,
        ):
            waiter.waitFor("ready", 20)
            raise KeyboardInterrupt
        self.assertIsNotNone(waiter.process.returncode)

    def test_stubborn(self) -> None:
        """Who does not end when asked is made to."""
        self.patch(child, "PATIENCE", 0.1)
        with running("stubborn", python(STUBBORN), HERE) as stubborn:
            stubborn.waitFor("ready", 20)
        self.assertEqual(stubborn.process.returncode, -9)

    def test_missing(self) -> None:
        """A program that does not exist is named."""
        with (
            self.assertRaisesRegex(
                ChildError, "twistd cannot be started: /nowhere/twistd: No such"
            ),
            running("twistd", ["/nowhere/twistd"], HERE),
        ):
            self.fail("it cannot run")

    def test_package(self) -> None:
        """A child finds this package from any directory."""
        code = "import appliance; print('found', appliance.__file__, flush=True)"
        with running("finder", python(code), Path("/")) as finder:
            found = finder.waitFor("found (.*)", 20)[1]
        self.assertEqual(Path(found).parent, Path(child.__file__).parents[1])
