"""Tests of L{appliance.console.gate}."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from appliance.console.gate import FAILURES, MOST, REST, WINDOW, Gate, place


class GateTests(SynchronousTestCase):
    """Who tries too often."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.gate = Gate(self.clock.seconds)

    def fail_(self, host: str, times: int) -> list[bool]:
        """Let C{host} fail so often; what the gate says each time."""
        return [self.gate.failed(host) for _ in range(times)]

    def test_tooOften(self) -> None:
        """The last failure that is allowed shuts the gate, for that place and for a while."""
        self.assertEqual(self.fail_("10.0.0.1", FAILURES), [False] * (FAILURES - 1) + [True])
        self.assertFalse(self.gate.admits("10.0.0.1"))
        self.assertTrue(self.gate.admits("10.0.0.2"))
        self.clock.advance(REST - 1)
        self.assertFalse(self.gate.admits("10.0.0.1"))
        self.clock.advance(1)
        self.assertTrue(self.gate.admits("10.0.0.1"))

    def test_again(self) -> None:
        """Afterwards it begins anew."""
        self.fail_("10.0.0.1", FAILURES)
        self.clock.advance(REST)
        self.assertNotIn(True, self.fail_("10.0.0.1", FAILURES - 1))
        self.assertTrue(self.gate.admits("10.0.0.1"))

    def test_slowly(self) -> None:
        """Failures that are long past do not count."""
        for _ in range(3 * FAILURES):
            self.assertFalse(self.gate.failed("10.0.0.1"))
            self.clock.advance(WINDOW / (FAILURES - 1))

    def test_neighbours(self) -> None:
        """All IPv6 addresses that one subscriber has are one place."""
        for number in range(FAILURES):
            self.gate.failed(f"2001:db8::{number:x}")
        self.assertFalse(self.gate.admits("2001:db8::ffff"))
        self.assertTrue(self.gate.admits("2001:db8:0:1::1"))

    def test_places(self) -> None:
        """What is no IP address is a place of its own."""
        self.assertEqual(place("unix"), "unix")
        self.assertEqual(place("127.0.0.1"), "127.0.0.1")
        self.assertEqual(place("fe80::1%eth0"), place("fe80::2"))

    def test_bounded(self) -> None:
        """Of many places the one heard of longest ago is forgotten."""
        self.fail_("10.0.0.1", FAILURES)
        for number in range(MOST - 1):
            self.gate.failed(f"host-{number}")
        self.assertFalse(self.gate.admits("10.0.0.1"))
        self.gate.failed("one more")
        self.assertTrue(self.gate.admits("10.0.0.1"))
