"""Times and sizes as people read them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from appliance.status.words import age, day, duration, moment, number, size


class WordTests(SynchronousTestCase):
    """Numbers to words."""

    def test_durations(self) -> None:
        """They are as precise as is of use, and never say 1000 of a smaller unit."""
        for seconds, words in {
            0.0: "0.0 ms",
            0.00042: "0.4 ms",
            0.0123: "12 ms",
            0.9996: "1.0 s",
            3.21: "3.2 s",
            9.96: "10 s",
            59.4: "59 s",
            61.0: "1 min",
            7320.0: "2 h 2 min",
            7200.0: "2 h",
            200_000.0: "2 d 7 h",
        }.items():
            self.assertEqual(duration(seconds), words, seconds)

    def test_ages(self) -> None:
        """They are whole, and at least a second."""
        self.assertEqual([age(x) for x in (-3, 0.2, 8.2, 59.7)], ["1 s", "1 s", "8 s", "1 min"])

    def test_sizes(self) -> None:
        """They are told in thousands."""
        for count, words in {0: "0 B", 999: "999 B", 1000: "1.0 kB", 123456: "123 kB"}.items():
            self.assertEqual(size(count), words)
        self.assertEqual(size(999_600), "1.0 MB")
        self.assertEqual(size(10**19), "10000 PB")

    def test_numbers(self) -> None:
        """One is one, and thousands are set apart."""
        self.assertEqual(number(1, "day"), "1 day")
        self.assertEqual(number(1200, "day"), "1,200 days")

    def test_never(self) -> None:
        """A certificate that never expires has a day all the same."""
        self.assertTrue(day(253_402_300_799).startswith("9999-12-"))
        self.assertTrue(moment(1e15).startswith("9999-"))
