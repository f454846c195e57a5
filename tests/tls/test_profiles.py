"""Tests of L{appliance.tls.profiles}: what OpenSSL makes of a section's options."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

from attrs import evolve
from OpenSSL import SSL
from twisted.trial.unittest import SynchronousTestCase

from appliance.config.model import Problem, Profile, TLSConfig, TLSVersion, Where
from appliance.config.profilerules import verdict
from appliance.config.profiles import PROFILES
from appliance.tls import binding, ffdhe
from appliance.tls.context import build
from appliance.tls.issue import KeyType
from appliance.tls.profiles import objections, offer
from tests import material as m
from tests.tls.test_context import shake

V12, V13 = TLSVersion.TLSv1_2, TLSVersion.TLSv1_3
NAMED = Where("x.conf", 7)


def section(profile: Profile | None = None, **changes: Any) -> TLSConfig:
    """A section as its file would make it."""
    newest = V13 if profile is None else PROFILES[profile].newest
    places = changes.pop("places", ())
    return m.tlsConfig(
        profile=profile,
        places=(("tlsProfile", NAMED), *places),
        **{"maximum": newest, **changes},
    )


def against(tls: TLSConfig, kind: KeyType = KeyType.RSA) -> tuple[Problem, ...]:
    """What there is to say about a section that has a key of C{kind}."""
    certificate = None if tls.client else m.server(kind).certificate
    return objections("DICOM STORE", m.WHERE, tls, certificate)


class OfferTests(SynchronousTestCase):
    """What is offered in the end."""

    def test_byDefault(self) -> None:
        """Without any option a server keeps to BCP 195, and a client to the modified one."""
        certificate = m.server().certificate
        self.assertIs(verdict(offer(section(), certificate)).profile, Profile.BCP195)
        self.assertIs(verdict(offer(section(client=True))).profile, Profile.MODIFIED)

    def test_each(self) -> None:
        """With a name alone a section keeps to that profile, as a server and as a client."""
        for profile in Profile:
            for client in (False, True):
                tls = section(profile, client=client)
                self.assertEqual(against(tls), (), profile)
                made = offer(tls, None if client else m.server().certificate)
                self.assertEqual(
                    set(made.suites), set(PROFILES[profile].suites) - made.lacking, profile
                )

    def test_guide(self) -> None:
        """The guide's own configuration, TLS 1.2 alone, keeps to BCP 195."""
        made = offer(section(minimum=V12, maximum=V12), m.server().certificate)
        self.assertIs(verdict(made).profile, Profile.BCP195)

    def test_shortTags(self) -> None:
        """OpenSSL has the suites with short tags at level 0 only."""
        for level in range(4):
            made = offer(section(Profile.MODIFIED, securityLevel=level))
            lacking = {suite for suite in made.lacking if "CCM8" in suite or "CCM_8" in suite}
            self.assertEqual(len(lacking), 0 if level == 0 else 3)
            self.assertLessEqual(lacking, set(PROFILES[Profile.MODIFIED].suites))

    def test_levelInTheList(self) -> None:
        """A level within the list of ciphers counts."""
        self.assertEqual(offer(section(ciphers="ALL:@SECLEVEL=1")).level, 1)

    def test_sharedKeys(self) -> None:
        """Suites for pre-shared keys are seen, and no profile is kept to."""
        made = offer(section(pskSecrets="keys"))
        self.assertTrue(any("PSK" in suite for suite in made.suites))
        self.assertIsNone(verdict(made).profile)

    def test_finiteField(self) -> None:
        """A client offers DHE, a server where OpenSSL has a group for it: a handshake tells."""
        only = {"ciphers": "DHE-RSA-AES256-GCM-SHA384", "maximum": V12}
        server, client = section(**only), section(client=True, **only)
        self.assertEqual(offer(client).suites, (only["ciphers"],))
        try:
            shake(
                build("s", m.WHERE, server, m.material(m.server())),
                build("c", m.WHERE, client, m.material()),
            )
        except SSL.Error:
            self.assertEqual(offer(server).suites, ())
        else:
            self.assertEqual(offer(server).suites, offer(client).suites)

    def test_withoutGroups(self) -> None:
        """Where OpenSSL has none, only a profile with DHE makes a server offer it."""
        with patch("appliance.tls.profiles.findsGroups", return_value=False):
            self.assertEqual(offer(section(ciphers="DHE+AESGCM", maximum=V12)).suites, ())
            self.assertIn("DHE-RSA-AES128-GCM-SHA256", offer(section(Profile.EXTENDED)).suites)

    def test_nothing(self) -> None:
        """A list of which OpenSSL leaves nothing is an empty offer."""
        tls = section(ciphers="ECDHE-ECDSA-AES128-CCM8", maximum=V12)
        self.assertEqual(offer(tls).suites, ())

    def test_groups(self) -> None:
        """Groups are those that are written."""
        self.assertEqual(offer(section(curves="P-384")).groups, (24,))
        self.assertIn(29, offer(section()).groups)


class ObjectionTests(SynchronousTestCase):
    """Options beside a profile."""

    def one(self, tls: TLSConfig, kind: KeyType = KeyType.RSA) -> Problem:
        """The one objection to C{tls}."""
        (problem,) = against(tls, kind)
        return problem

    def test_laxList(self) -> None:
        """A list that lets in more is an error that names both lines."""
        where = Where("x.conf", 9)
        for option, value in (
            ("ciphers", "ECDHE-RSA-AES256-GCM-SHA384:AES128-SHA"),
            ("ciphers", "HIGH"),
        ):
            tls = section(Profile.BCP195, places=((option, where),), **{option: value})
            problem = self.one(tls)
            self.assertEqual((problem.fatal, problem.where, problem.option), (True, where, option))
            self.assertIn(f'"tlsProfile = bcp195" at {NAMED}', problem.found)
            self.assertIn("tlsProfile = none", problem.advice)

    def test_laxLevel(self) -> None:
        """So is a low level, however it is written."""
        self.assertEqual(self.one(section(Profile.BCP195, securityLevel=1)).option, "securityLevel")
        low = section(Profile.MODIFIED, ciphers="ECDHE-RSA-AES256-GCM-SHA384:@SECLEVEL=1")
        self.assertIn("securityLevel", [p.option for p in against(low) if p.fatal])

    def test_oldVersion(self) -> None:
        """So is an old version, where the level admits it."""
        tls = section(Profile.NON_DOWNGRADING, minimum=TLSVersion.TLSv1, securityLevel=0)
        found = [problem.option for problem in against(tls) if problem.fatal]
        self.assertEqual(found, ["sslVersionMin", "securityLevel"])

    def test_narrowList(self) -> None:
        """A list that asks for less is fine."""
        one = "ECDHE-RSA-AES256-GCM-SHA384"
        self.assertEqual(against(section(Profile.BCP195, ciphers=one)), ())
        tls = section(Profile.BCP195, ciphersuites="TLS_AES_256_GCM_SHA384", curves="P-256")
        self.assertEqual(against(tls), ())
        self.assertEqual(against(section(Profile.BCP195, securityLevel=3), KeyType.ECDSA), ())

    def test_lessThanAProfileAsks(self) -> None:
        """Less than the profile asks for is told, and starts all the same."""
        problem = self.one(section(Profile.BCP195, client=True, maximum=V12))
        self.assertEqual((problem.fatal, problem.option), (False, "sslVersionMax"))
        self.assertIn("TLSv1.3 is not spoken", problem.found)
        self.assertIn("sslVersionMax = TLSv1.3", problem.advice)

    def test_otherKey(self) -> None:
        """A key that no suite of TLS 1.2 goes with is told, with the kind that does."""
        problem = self.one(section(Profile.NON_DOWNGRADING), KeyType.ECDSA)
        self.assertEqual((problem.fatal, problem.option), (False, "cert"))
        self.assertIn("--type rsa", problem.advice)

    def test_sharedKeys(self) -> None:
        """No profile speaks of pre-shared keys."""
        tls = section(Profile.BCP195, pskSecrets="keys", cert="c")
        self.assertEqual([(p.option, p.fatal) for p in against(tls)], [("PSKsecrets", True)])

    def test_nothingLeft(self) -> None:
        """A start fails when OpenSSL leaves nothing to offer."""
        tls = section(Profile.MODIFIED, ciphers="ECDHE-ECDSA-AES128-CCM8", maximum=V12)
        self.assertIn(("ciphers", True), [(p.option, p.fatal) for p in against(tls)])

    def test_missingSuites(self) -> None:
        """What this OpenSSL lacks altogether is left out, and no reason to complain."""
        facts = PROFILES[Profile.BCP195]
        more = evolve(
            facts,
            ciphers=("ECDHE-RSA-NONSENSE-GCM", *facts.ciphers),
            ciphersuites=(*facts.ciphersuites, "TLS_NONSENSE"),
            whole=True,
        )
        with patch.dict(PROFILES, {Profile.BCP195: more}):
            self.addCleanup(offer.__globals__["_lacking"].cache_clear)
            offer.__globals__["_lacking"].cache_clear()
            tls = section(Profile.BCP195)
            self.assertEqual(against(tls), ())
            self.assertLessEqual({"ECDHE-RSA-NONSENSE-GCM", "TLS_NONSENSE"}, offer(tls).lacking)

    def test_refusedOptions(self) -> None:
        """What OpenSSL refuses is told without any file, and is all there is to say then."""
        tls = section(Profile.BCP195, ciphers="NONSENSE", curves="nonsense", maximum=V12)
        told = objections("DICOM STORE", m.WHERE, tls)
        self.assertEqual([problem.option for problem in told], ["ciphers", "curves"])

    def test_noProfile(self) -> None:
        """Who names no profile hears of none."""
        self.assertEqual(against(section(ciphers="HIGH", securityLevel=0)), ())


class HandshakeTests(SynchronousTestCase):
    """Profiles at work."""

    def cipher(self, profile: Profile, ciphers: str, kind: KeyType = KeyType.RSA) -> str | None:
        """What a server with C{profile} agrees on with a client of TLS 1.2, if on anything."""
        server = build("s", m.WHERE, section(profile), m.material(m.server(kind)))
        client = m.tlsConfig(client=True, ciphers=ciphers, maximum=V12)
        try:
            there, _ = shake(server, build("c", m.WHERE, client, m.material()))
        except SSL.Error:
            return None
        return there.get_cipher_name()

    def test_newest(self) -> None:
        """Server and client agree on TLS 1.3 where their profile has it."""
        for profile, facts in PROFILES.items():
            server = build("s", m.WHERE, section(profile), m.material(m.server()))
            client = build("c", m.WHERE, section(profile, client=True), m.material())
            there, _ = shake(server, client)
            self.assertEqual(there.get_protocol_version_name(), facts.newest.text)

    def test_finiteField(self) -> None:
        """Retired profiles serve those who know DHE alone; those in force do not."""
        for profile in Profile:
            agreed = self.cipher(profile, "DHE-RSA-AES128-GCM-SHA256")
            expected = "DHE-RSA-AES128-GCM-SHA256" if PROFILES[profile].retired else None
            self.assertEqual(agreed, expected, profile)

    def test_ownParameters(self) -> None:
        """The group is set, whether or not OpenSSL has one by itself."""
        with patch("appliance.tls.context.setDH") as setDH:
            for profile in Profile:
                setDH.reset_mock()
                build("s", m.WHERE, section(profile), m.material(m.server()))
                self.assertEqual(setDH.called, PROFILES[profile].retired, profile)

    def test_finiteFieldAtAHigherLevel(self) -> None:
        """At a level that refuses the group the others go on."""
        tls = section(Profile.EXTENDED, securityLevel=3)
        pair = m.server(KeyType.ECDSA)
        there, _ = shake(
            build("s", m.WHERE, tls, m.material(pair)),
            build("c", m.WHERE, section(client=True), m.material()),
        )
        self.assertEqual(there.get_cipher_name(), "ECDHE-ECDSA-AES256-GCM-SHA384")

    def test_ownOrder(self) -> None:
        """A server chooses by the order of its profile."""
        client = "ECDHE-RSA-CHACHA20-POLY1305:ECDHE-RSA-AES256-GCM-SHA384"
        self.assertEqual(self.cipher(Profile.BCP195, client), "ECDHE-RSA-AES256-GCM-SHA384")

    def test_ccm(self) -> None:
        """The modified profile serves CCM to those who have nothing else."""
        suite = "ECDHE-ECDSA-AES128-CCM"
        self.assertEqual(self.cipher(Profile.MODIFIED, suite, KeyType.ECDSA), suite)
        self.assertIsNone(self.cipher(Profile.BCP195, suite, KeyType.ECDSA))


class FiniteFieldTests(SynchronousTestCase):
    """The group for DHE."""

    def test_prime(self) -> None:
        """It is the one of RFC 7919 A.1: a safe prime with known ends."""
        prime = ffdhe.prime()
        self.assertEqual(prime.bit_length(), 2048)
        text = f"{prime:X}"
        self.assertTrue(text.startswith("FFFFFFFFFFFFFFFFADF85458A2BB4A9A"))
        self.assertTrue(text.endswith("886B423861285C97FFFFFFFFFFFFFFFF"))
        for number in (prime, prime // 2):
            self.assertEqual(pow(3, number - 1, number), 1)

    def test_refused(self) -> None:
        """What is no group is refused in words."""
        with self.assertRaisesRegex(ValueError, "Diffie-Hellman"):
            binding.setDH(SSL.Context(SSL.TLS_SERVER_METHOD), b"nonsense")

    def test_missingCall(self) -> None:
        """A release without the calls goes without DHE."""

        class Bare:
            """A library without any call."""

        with patch.object(binding, "_lib", Bare()):
            binding.setDH(SSL.Context(SSL.TLS_SERVER_METHOD), ffdhe.parameters())
