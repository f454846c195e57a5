"""Tests of L{appliance.config.profilerules}: from what is offered to what is said of it."""

from __future__ import annotations

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from appliance.config.model import Profile, TLSConfig, TLSVersion
from appliance.config.profilerules import Offer, breaches, spoken, verdict
from appliance.config.profiles import PROFILES
from appliance.config.sslops import SSL_OPS

V10, V11, V12, V13 = (TLSVersion(number) for number in range(0x0301, 0x0305))
MODIFIED, BCP195, EXTENDED, OLD = Profile
CCM8 = frozenset({"TLS_AES_128_CCM_8_SHA256", "ECDHE-ECDSA-AES256-CCM8", "ECDHE-ECDSA-AES128-CCM8"})


def offered(profile: Profile, client: bool = False, **changes: object) -> Offer:
    """What a section with nothing but the name of C{profile} offers, with C{changes}."""
    facts = PROFILES[profile]
    versions = (V12, V13) if facts.newest is V13 else (V12,)
    suites = tuple(suite for suite in facts.suites if suite not in CCM8)
    key = None if client else ("RSA", 2048)
    whole = Offer(client, versions, suites, (29, 23), key=key, lacking=CCM8)
    return evolve(whole, **changes)


SERVER = offered(BCP195)
CLIENT = offered(BCP195, client=True)


class VerdictTests(SynchronousTestCase):
    """Which profile is kept to."""

    def test_each(self) -> None:
        """A server that names a profile keeps to that one, and to no stricter one."""
        for profile in Profile:
            self.assertIs(verdict(offered(profile)).profile, profile)
            self.assertEqual(breaches(profile, offered(profile, client=True)), ())

    def test_clients(self) -> None:
        """A client may do with some of the suites, so that the usual ones satisfy B.13."""
        self.assertIs(verdict(CLIENT).profile, MODIFIED)

    def test_table(self) -> None:
        """Versions, suites, groups, levels, keys and flags one by one."""
        gcm = ("ECDHE-RSA-AES256-GCM-SHA384",)
        unsafe = SSL_OPS["ALLOW_UNSAFE_LEGACY_RENEGOTIATION"]
        for offer, expected in (
            (evolve(SERVER, versions=(V12,)), BCP195),
            (evolve(SERVER, versions=(V13,)), None),
            (evolve(SERVER, versions=(V11, V12, V13)), None),
            (evolve(CLIENT, versions=(V12,)), OLD),
            (evolve(CLIENT, versions=(V13,)), MODIFIED),
            (evolve(SERVER, suites=gcm, versions=(V12,)), BCP195),
            (evolve(SERVER, suites=(*gcm, "AES128-SHA")), None),
            (evolve(SERVER, suites=(*gcm, "ECDHE-RSA-AES256-SHA384")), None),
            (evolve(SERVER, suites=(*SERVER.suites, "TLS_AES_128_CCM_SHA256")), BCP195),
            (evolve(SERVER, suites=()), None),
            (evolve(SERVER, groups=(21, 23)), BCP195),
            (evolve(offered(MODIFIED), groups=(21, 23)), BCP195),
            (evolve(SERVER, groups=(19,)), None),
            (evolve(SERVER, level=1), None),
            (evolve(SERVER, level=3), BCP195),
            (evolve(SERVER, key=("RSA", 1024)), None),
            (evolve(SERVER, key=("ECDSA", 256)), BCP195),
            (evolve(offered(MODIFIED), key=("ECDSA", 256)), MODIFIED),
            (evolve(offered(MODIFIED), key=("ECDSA", 224)), BCP195),
            (evolve(SERVER, key=("ECDSA", 256), suites=gcm), None),
            (evolve(offered(OLD), key=("ECDSA", 256)), None),
            (evolve(offered(EXTENDED), key=("ECDSA", 256)), EXTENDED),
            (evolve(offered(EXTENDED), versions=(V12, V13)), None),
            (evolve(CLIENT, suites=gcm, key=("ECDSA", 256)), MODIFIED),
            (evolve(offered(OLD), suites=(*offered(OLD).suites, *SERVER.suites)), OLD),
            (evolve(SERVER, signatureHash="sha1"), None),
            (evolve(SERVER, signatureHash="sha256"), BCP195),
            (evolve(SERVER, flags=unsafe), None),
            (evolve(SERVER, shared=True), None),
        ):
            self.assertIs(verdict(offer).profile, expected, offer)

    def test_words(self) -> None:
        """It says which profile, and what keeps from the next one, with the line to write."""
        first, second = verdict(SERVER).lines
        self.assertEqual(first, "BCP 195 (RFC 8996, 9325), PS3.15 B.12")
        for part in (
            "not modified BCP 195 (RFC 8996, 9325), since TLS_AES_128_CCM_SHA256 cannot be used",
            ': write "tlsProfile = bcp195-modified"',
        ):
            self.assertIn(part, second)

    def test_leftOut(self) -> None:
        """What OpenSSL has not at this level is named, and held against nobody."""
        (line,) = verdict(offered(MODIFIED)).lines
        self.assertIn("without TLS_AES_128_CCM_8_SHA256", line)
        self.assertIn("security level 2", line)

    def test_retired(self) -> None:
        """A retired profile is said to be one, with what keeps from one that is in force."""
        first, second = verdict(offered(EXTENDED)).lines
        self.assertIn("B.11, which is retired", first)
        self.assertIn("not BCP 195 (RFC 8996, 9325), since DHE-RSA-AES256-GCM-SHA384 and", second)

    def test_none(self) -> None:
        """Where there is no profile, every line says what to change for one."""
        first, *rest = verdict(evolve(SERVER, versions=(V10, V11, V12, V13), level=0)).lines
        self.assertIn("none", first)
        self.assertIn('TLSv1 and TLSv1.1 can be spoken: write "sslVersionMin = TLSv1.2"', rest[0])
        self.assertIn('write "securityLevel = 2"', rest[1])

    def test_manySuites(self) -> None:
        """Of many suites a few are named."""
        many = tuple(f"AES128-{number}" for number in range(30))
        self.assertIn(
            "AES128-3 and 26 more can be used", verdict(evolve(SERVER, suites=many)).lines[1]
        )

    @given(
        st.booleans(),
        st.sets(st.sampled_from([V10, V11, V12, V13])),
        st.sets(st.sampled_from(sorted({s for f in PROFILES.values() for s in f.suites}))),
        st.integers(0, 5),
        st.none() | st.tuples(st.sampled_from(["RSA", "ECDSA", "Ed25519"]), st.integers(1, 9999)),
    )
    def test_total(
        self,
        client: bool,
        versions: set[TLSVersion],
        suites: set[str],
        level: int,
        key: tuple[str, int] | None,
    ) -> None:
        """Whatever is offered, the profile is kept to and no stricter one is."""
        offer = Offer(client, tuple(sorted(versions)), tuple(sorted(suites)), level=level, key=key)
        found = verdict(offer)
        stricter = [p for p in PROFILES if found.profile is None or p is not found.profile]
        if found.profile is not None:
            self.assertEqual(breaches(found.profile, offer), ())
            stricter = list(PROFILES)[: list(PROFILES).index(found.profile)]
        for profile in stricter:
            self.assertTrue(breaches(profile, offer), profile)
        self.assertTrue(all(found.lines))


class SeverityTests(SynchronousTestCase):
    """What lets more in, and what only lacks something."""

    def test_each(self) -> None:
        """To let in more is forbidden; what is missing is not."""
        for offer, option, forbidden in (
            (evolve(SERVER, versions=(V11, V12, V13)), "sslVersionMin", True),
            (evolve(SERVER, versions=(V13,)), "sslVersionMin", False),
            (evolve(CLIENT, versions=(V12,)), "sslVersionMax", False),
            (evolve(SERVER, suites=(*SERVER.suites, "AES128-SHA")), "ciphers", True),
            (evolve(SERVER, suites=()), "ciphers", True),
            (evolve(SERVER, key=("ECDSA", 256), suites=SERVER.suites[4:5]), "cert", False),
            (evolve(SERVER, level=0), "securityLevel", True),
            (evolve(SERVER, shared=True), "PSKsecrets", True),
        ):
            (breach,) = breaches(BCP195, offer)
            self.assertEqual((breach.option, breach.forbidden), (option, forbidden), breach)

    def test_missingSuites(self) -> None:
        """A server of B.13 owes all suites, each at the option that lists its like."""
        found = breaches(MODIFIED, SERVER)
        self.assertEqual(
            [(b.option, b.forbidden) for b in found], [("ciphersuites", False), ("ciphers", False)]
        )

    def test_missingVersionIsToldOnce(self) -> None:
        """Without TLS 1.3 its suites are not missed as well."""
        options = [breach.option for breach in breaches(MODIFIED, evolve(SERVER, versions=(V12,)))]
        self.assertEqual(options, ["sslVersionMax", "ciphers"])


class SpokenTests(SynchronousTestCase):
    """Versions that are allowed, and those that come to anything."""

    def test_level(self) -> None:
        """Those before 1.2 are spoken at level 0 only."""
        old = TLSConfig(minimum=V10)
        self.assertEqual(spoken(old, 0), (V10, V11, V12, V13))
        self.assertEqual(spoken(old, 1), (V12, V13))

    def test_flags(self) -> None:
        """What a flag takes out is not spoken."""
        self.assertEqual(spoken(TLSConfig(options=SSL_OPS["NO_TLSv1_3"]), 2), (V12,))
