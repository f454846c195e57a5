"""Calls beside the reactor."""

from __future__ import annotations

import threading

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from appliance.system.aside import aside


class AsideTests(TestCase):
    """Where they run, and how they end."""

    timeout = 10

    async def test_result(self) -> None:
        """What it gives comes back to the reactor's thread, from another that nobody waits for."""
        here = threading.current_thread()
        there = await aside(reactor, threading.current_thread)
        self.assertIsNot(there, here)
        self.assertTrue(there.daemon)
        self.assertIs(threading.current_thread(), here)

    async def test_exception(self) -> None:
        """So does what it raises."""
        with self.assertRaises(ZeroDivisionError):
            await aside(reactor, lambda: 1 // 0)
