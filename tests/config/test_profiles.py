"""Tests of L{appliance.config.profiles}: the option, the table and what is made of them."""

from __future__ import annotations

from appliance.config.model import Profile, TLSConfig, TLSVersion, Where
from appliance.config.profiles import PROFILES
from appliance.system import codec
from tests.config.memory import CONF, built, problems, section
from tests.config.test_rules import RulesTestCase


def tls(*lines: str) -> TLSConfig:
    """The TLS settings of a section with C{lines}, which may have warnings."""
    (one,) = built(section(*lines)).sections
    return one.tls


class OptionTests(RulesTestCase):
    """The option C{tlsProfile}."""

    def test_names(self) -> None:
        """Each profile goes by its name, in any case of letters."""
        for profile in (Profile.BCP195, Profile.MODIFIED):
            self.assertIs(tls(f"tlsProfile = {profile.value.upper()}").profile, profile)

    def test_none(self) -> None:
        """A section may go without what holds for all the others."""
        (one,) = built(f"tlsProfile = bcp195\n{section('tlsProfile = none')}").sections
        self.assertIsNone(one.tls.profile)
        self.assertIsNone(tls().profile)

    def test_unknown(self) -> None:
        """Another name is refused with those that there are."""
        problem = self.error(section("tlsProfile = modern"), "tlsProfile")
        for profile in Profile:
            self.assertIn(profile.value, problem.expected)

    def test_retired(self) -> None:
        """Profiles that DICOM has retired are told, with what to have instead."""
        for name in ("extended", "non-downgrading"):
            problem = self.warning(section(f"tlsProfile = {name}"), "tlsProfile")
            self.assertIn("retired", problem.found)
            self.assertIn("tlsProfile = bcp195", problem.advice)

    def test_versions(self) -> None:
        """All begin at TLS 1.2; the extended one, whose list is closed, ends there."""
        for profile, facts in PROFILES.items():
            text = section(f"tlsProfile = {profile.value}")
            self.assertEqual([p for p in problems(text) if p.fatal], [])
            newest = "TLSv1_2" if profile is Profile.EXTENDED else "TLSv1_3"
            self.assertEqual(facts.newest, TLSVersion[newest])

    def test_newest(self) -> None:
        """The newest version is that of the profile, unless one is written."""
        self.assertEqual(tls("tlsProfile = bcp195").maximum, TLSVersion.TLSv1_3)
        self.assertEqual(
            tls("tlsProfile = bcp195", "sslVersion = TLSv1.2").maximum, TLSVersion.TLSv1_2
        )

    def test_workers(self) -> None:
        """Workers hear of it."""
        config = tls("tlsProfile = bcp195")
        self.assertIs(codec.load(codec.dump(config)).profile, Profile.BCP195)

    def test_places(self) -> None:
        """Where the options were that a profile may quarrel with is remembered."""
        text = "sslVersion = TLSv1.2\n" + section("tlsProfile = bcp195", "securityLevel = 2")
        (one,) = built(text).sections
        places = dict(one.tls.places)
        self.assertEqual(places["sslVersionMax"], Where(CONF, 1))
        self.assertEqual(places["tlsProfile"], Where(CONF, 6))
        self.assertEqual(places["securityLevel"], Where(CONF, 7))
        self.assertNotIn("ciphers", places)


class TableTests(RulesTestCase):
    """The table of profiles."""

    def test_strictestFirst(self) -> None:
        """What is in force comes before what is retired."""
        self.assertEqual(list(PROFILES), list(Profile))
        self.assertEqual([f.retired for f in PROFILES.values()], [False, False, True, True])

    def test_suites(self) -> None:
        """B.13 has the suites that PS3.15 lists, but for Camellia, which OpenSSL has not."""
        facts = PROFILES[Profile.MODIFIED]
        self.assertEqual((len(facts.ciphersuites), len(facts.ciphers)), (5, 10))
        self.assertLess(set(PROFILES[Profile.BCP195].suites), set(facts.suites))

    def test_forwardSecrecy(self) -> None:
        """Every suite for TLS 1.2 has forward secrecy and authenticated encryption."""
        for facts in PROFILES.values():
            for suite in facts.ciphers:
                self.assertRegex(suite, "^(EC)?DHE-.*-(GCM-SHA(256|384)|CCM8?|CHACHA20-POLY1305)$")
