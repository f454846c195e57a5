"""Tests of the book of bans."""

from __future__ import annotations

from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from appliance.limits import bans
from appliance.limits.bans import Ban, BanBook

ONE, OTHER = b"\x01\x01\x01\x01", b"\x02\x02\x02\x02"


class BanBookTests(SynchronousTestCase):
    """C{BanBook}."""

    def test_thirdTime(self) -> None:
        """So many strikes within the time are a ban, with the last reason, and no one else's."""
        book = BanBook(3, 60, 600)
        self.assertIsNone(book.strike(ONE, "a", 0))
        self.assertIsNone(book.strike(OTHER, "b", 1))
        self.assertIsNone(book.strike(ONE, "c", 59))
        ban = book.strike(ONE, "d", 60)
        self.assertEqual(ban, Ban(ONE, "d", 660))
        self.assertEqual(book.banned(ONE, 659), ban)
        self.assertIsNone(book.banned(OTHER, 60))
        self.assertEqual(book.all(60), (ban,))

    def test_tooSlow(self) -> None:
        """Strikes over a longer time are none."""
        book = BanBook(2, 60, 600)
        book.strike(ONE, "a", 0)
        self.assertIsNone(book.strike(ONE, "b", 61))
        self.assertIsNotNone(book.strike(ONE, "c", 62))

    def test_once(self) -> None:
        """One strike may be enough."""
        self.assertIsNotNone(BanBook(1, 1, 5).strike(ONE, "a", 0))

    def test_over(self) -> None:
        """A ban ends by itself, and the next one takes as many strikes again."""
        book = BanBook(2, 60, 10)
        book.strike(ONE, "a", 0)
        book.strike(ONE, "b", 0)
        self.assertIsNone(book.banned(ONE, 10))
        self.assertEqual(book.all(10), ())
        self.assertIsNone(book.strike(ONE, "c", 10))
        self.assertIsNotNone(book.strike(ONE, "d", 10))

    def test_whileBanned(self) -> None:
        """Strikes of who is banned already, by a connection from before, change nothing."""
        book = BanBook(1, 60, 10)
        ban = book.strike(ONE, "a", 0)
        self.assertIsNone(book.strike(ONE, "b", 5))
        self.assertEqual(book.all(5), (ban,))

    def test_end(self) -> None:
        """An administrator ends a ban, and with it what was held against the client."""
        book = BanBook(2, 60, 10)
        book.strike(ONE, "a", 0)
        self.assertFalse(book.end(ONE))
        self.assertIsNone(book.strike(ONE, "b", 0))
        book.strike(ONE, "c", 0)
        self.assertTrue(book.end(ONE))
        self.assertIsNone(book.banned(ONE, 0))
        self.assertFalse(book.end(OTHER))

    def test_bounded(self) -> None:
        """Neither strikes nor bans of ever new addresses fill memory; the oldest give way."""
        with patch.object(bans, "MOST", 4):
            book, watching = BanBook(1, 60, 10), BanBook(2, 60, 10)
            for number in range(10):
                book.strike(number.to_bytes(4), "x", number / 10)
                watching.strike(number.to_bytes(4), "x", number / 10)
            self.assertEqual([ban.client[-1] for ban in book.all(1)], [6, 7, 8, 9])
            self.assertEqual(len(watching._struck), 4)

    @given(
        st.integers(1, 5),
        st.integers(1, 60),
        st.lists(st.tuples(st.booleans(), st.floats(0, 30)), max_size=60),
    )
    def test_asDefined(self, strikes: int, within: int, calls: list[tuple[bool, float]]) -> None:
        """A client is banned exactly when it had so many strikes within so many seconds."""
        book, now = BanBook(strikes, within, 100), 0.0
        times: dict[bytes, list[float]] = {ONE: [], OTHER: []}
        until = dict.fromkeys(times, 0.0)
        for first, wait in calls:
            now += wait
            client = ONE if first else OTHER
            ban = book.strike(client, "x", now)
            if now < until[client]:
                self.assertIsNone(ban)
                continue
            times[client].append(now)
            last = times[client][-strikes:]
            if len(last) == strikes and now - last[0] <= within:
                self.assertEqual(ban, Ban(client, "x", now + 100))
                times[client], until[client] = [], now + 100
            else:
                self.assertIsNone(ban)
