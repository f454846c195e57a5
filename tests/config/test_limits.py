"""Tests of the options about limits: their values, what they come to, what is only unwise."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from appliance.config import limitoptions as limit
from appliance.config.limitwords import UNLIMITED, limited
from appliance.config.model import BanRule, LimitsConfig, RateLimit
from appliance.system.codec import dump, load
from tests.config.memory import built, section
from tests.config.test_rules import RulesTestCase

SLAVE = "[web]\nsni = DICOM STORE:a.example\nconnect = 8\ncert = ca.pem\n"


class ValueTests(SynchronousTestCase):
    """Values of the options."""

    def test_rate(self) -> None:
        """A rate, and how many at once; where nothing is said of that, enough for a modality."""
        self.assertEqual(limit.rate("50:200"), RateLimit(50, 200))
        self.assertEqual(limit.rate("50"), RateLimit(50, 100))
        self.assertEqual(limit.rate("2"), RateLimit(2, 20))
        for text in ("", "0", "-1", "1.5", "50:", "50:1", ":5", "50/200", "a:b", "1:2:3"):
            with self.assertRaisesRegex(ValueError, "50:200"):
                limit.rate(text)

    def test_strikes(self) -> None:
        """How often within how many seconds."""
        self.assertEqual(limit.strikes("5/60"), BanRule(5, 60))
        for text in ("", "5", "0/60", "5/0", "101/60", "5/60/7", "a/b", "5:60"):
            with self.assertRaisesRegex(ValueError, "5/60"):
                limit.strikes(text)

    def test_none(self) -> None:
        """A default of the part before all sections can be taken back."""
        for option in (limit.MAX_CONNECTIONS, limit.HANDSHAKE_RATE, limit.BAN_AFTER):
            self.assertIsNone(option.parse("None"))
            with self.assertRaisesRegex(ValueError, "^none, or "):
                option.parse("0")

    def test_documented(self) -> None:
        """All are options of a section, with a default from before it."""
        self.assertEqual({option.scope.name for option in limit.OPTIONS}, {"SERVICE"})


class BuildTests(SynchronousTestCase):
    """What they come to."""

    def limits(self, *lines: str) -> LimitsConfig:
        """The limits of a section with such lines."""
        return built(section(*lines)).sections[0].limits

    def test_pasted(self) -> None:
        """A file that says nothing of limits has none: nobody is kept out by a default of ours."""
        self.assertEqual(self.limits(), LimitsConfig())
        self.assertEqual(LimitsConfig(), LimitsConfig(None, None, None, (), (), None, 600, ()))

    def test_all(self) -> None:
        """Each has its place."""
        found = self.limits(
            "maxConnections = 200",
            "maxConnectionsPerClient = 40",
            "handshakeRate = 50:200",
            "allowFrom = 192.0.2.0/24, 2001:db8::/32",
            "allowFrom = 198.51.100.7",
            "denyFrom = 192.0.2.66",
        )
        self.assertEqual(
            found,
            LimitsConfig(
                200,
                40,
                RateLimit(50, 200),
                ("192.0.2.0/24", "2001:db8::/32", "198.51.100.7/32"),
                ("192.0.2.66/32",),
            ),
        )
        bans = self.limits("banAfter = 5/60", "banFor = 3600", "neverBan = 198.51.100.7")
        expected = LimitsConfig(ban=BanRule(5, 60), banFor=3600, neverBan=("198.51.100.7/32",))
        self.assertEqual(bans, expected)

    def test_inherited(self) -> None:
        """Before the first section they are the default for all, which a section can change."""
        text = "maxConnectionsPerClient = 40\ndenyFrom = 192.0.2.66\n" + section(
            "denyFrom = 192.0.2.67"
        )
        self.assertEqual(
            built(text).sections[0].limits,
            LimitsConfig(perClient=40, deny=("192.0.2.66/32", "192.0.2.67/32")),
        )
        text = "maxConnectionsPerClient = 40\n" + section("maxConnectionsPerClient = none")
        self.assertIsNone(built(text).sections[0].limits.perClient)

    def test_workers(self) -> None:
        """They go to workers as they are, though nobody there needs them."""
        found = self.limits("handshakeRate = 50", "banAfter = 5/60", "denyFrom = ::/0")
        self.assertEqual(load(dump(found)), found)


class RuleTests(RulesTestCase):
    """What is told though it works."""

    def test_withoutAccept(self) -> None:
        """A section that accepts nobody limits nobody; a default for all is no mistake."""
        self.warning(section() + SLAVE + "maxConnections = 5\n", "maxConnections")
        built("maxConnections = 5\n" + section() + SLAVE)

    def test_neverReached(self) -> None:
        """One client cannot have more than all."""
        both = ("maxConnections = 10", "maxConnectionsPerClient = 20")
        self.warning(section(*both), "maxConnectionsPerClient")

    def test_denied(self) -> None:
        """Who is denied is not allowed, whatever is said."""
        problem = self.warning(
            section("allowFrom = 192.0.2.0/25,198.51.100.7", "denyFrom = 192.0.2.0/24"), "allowFrom"
        )
        self.assertIn("192.0.2.0/25", problem.found)
        built(section("allowFrom = 192.0.2.0/24", "denyFrom = 192.0.2.0/25,2001:db8::/32"))

    def test_nobodyToBan(self) -> None:
        """What is said of bans means nothing without any."""
        self.warning(section("banFor = 5"), "banFor")
        self.warning(section("neverBan = 192.0.2.1"), "neverBan")
        built("banFor = 5\n" + section())
        built("banAfter = 5/60\n" + section("banFor = 5", "banAfter = none"))

    def test_allowedAreNotBanned(self) -> None:
        """Where only those on a list are let in there is nobody to ban."""
        self.warning(section("banAfter = 5/60", "allowFrom = 192.0.2.0/24"), "banAfter")

    def test_libwrap(self) -> None:
        """Who misses stunnel's lists is shown ours."""
        problem = self.error(section("libwrap = yes"), "libwrap")
        self.assertIn("allowFrom and denyFrom", problem.found)

    def test_network(self) -> None:
        """What is no network is an error."""
        for text in ("pacs.example", "192.0.2.1/24", "192.0.2.0/33", ""):
            self.error(section(f"denyFrom = {text}"), "denyFrom")


class WordTests(SynchronousTestCase):
    """Limits in words, as C{butterfly-tls check} shows them."""

    def test_none(self) -> None:
        """Where there are none it is told what there could be."""
        self.assertEqual(limited(LimitsConfig()), UNLIMITED)

    def test_all(self) -> None:
        """All that there are."""
        limits = LimitsConfig(
            200,
            40,
            RateLimit(50, 100),
            ("192.0.2.0/24", "::/0"),
            ("192.0.2.66/32",),
            BanRule(5, 60),
        )
        self.assertEqual(
            limited(limits),
            "only from 192.0.2.0/24 and ::/0, not from 192.0.2.66/32, 200 connections, 40 of one "
            "client, 50 new ones a second and 100 at once, a ban of 600 s after 5 offences within "
            "60 s",
        )
