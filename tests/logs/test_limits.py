"""The lines about limits and bans."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from appliance import events as e
from tests.logs.test_logs import texts


class LimitTests(SynchronousTestCase):
    """Who is kept out is told once, with the reason and what to do."""

    def limited(self, limit: e.LimitKind, count: int = 1) -> e.Limited:
        """Somebody was turned away."""
        return e.Limited("S", "192.0.2.1", limit, "it is full", "raise the limit", count)

    def test_words(self) -> None:
        """The first time, and then how often."""
        self.assertEqual(
            texts(self.limited(e.LimitKind.CLIENT)),
            ["4 Service [S] turned 192.0.2.1 away: it is full; raise the limit"],
        )
        self.assertEqual(
            texts(self.limited(e.LimitKind.RATE, 1234)),
            ["4 Service [S] turned 192.0.2.1 away 1,234 times more: it is full; raise the limit"],
        )

    def test_levels(self) -> None:
        """What was asked for calls for nobody; to be out of descriptors does."""
        expected = {
            **dict.fromkeys((e.LimitKind.ADDRESS, e.LimitKind.BAN), "5"),
            **dict.fromkeys((e.LimitKind.RATE, e.LimitKind.CONNECTIONS, e.LimitKind.CLIENT), "4"),
            e.LimitKind.DESCRIPTORS: "3",
        }
        found = {limit: texts(self.limited(limit))[0][0] for limit in e.LimitKind}
        self.assertEqual(found, expected)

    def test_bans(self) -> None:
        """A ban says how to end it."""
        (line,) = texts(e.Banned("S", "2001:db8::/64", "it speaks HTTP", 600.0))
        self.assertEqual(
            line,
            "4 Service [S] bans 2001:db8::/64 for 600 s: it speaks HTTP; 'butterfly-tls ask unban "
            "2001:db8::/64' ends that",
        )
        self.assertEqual(
            texts(e.Unbanned("S", "192.0.2.1")), ["5 Service [S] lets 192.0.2.1 in again"]
        )
