"""Tests of L{appliance.config.opensslconf}: the C{config} option."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from appliance.config.build import load
from appliance.config.model import Problem, TLSConfig, TLSVersion
from appliance.config.opensslconf import KNOWN, OPTION_NAMES, opensslCommand
from appliance.config.sslops import SSL_OPS
from tests.config.memory import CONF, files, problems, section


def tls(*lines: str) -> TLSConfig:
    """What a section with C{lines} has for its context."""
    return load(CONF, files(section(*lines))).sections[0].tls


class CommandTests(SynchronousTestCase):
    """Commands that have an option of ours."""

    def test_versions(self) -> None:
        """Both bounds of versions can be set; None lifts one."""
        config = tls("config = MinProtocol:TLSv1.3", "config = maxprotocol:None")
        self.assertEqual((config.minimum, config.maximum), (TLSVersion.TLSv1_3,) * 2)

    def test_texts(self) -> None:
        """Lists of names are passed on as they are, colons included."""
        config = tls(
            "config = CipherString:HIGH:@SECLEVEL=1",
            "config = Ciphersuites:TLS_AES_128_GCM_SHA256",
            "config = Groups:X25519:P-256",
            "config = SignatureAlgorithms:RSA+SHA256:ECDSA+SHA256",
        )
        self.assertEqual(config.ciphers, "HIGH:@SECLEVEL=1")
        self.assertEqual(config.ciphersuites, "TLS_AES_128_GCM_SHA256")
        self.assertEqual(config.curves, "X25519:P-256")
        self.assertEqual(config.signatureAlgorithms, "RSA+SHA256:ECDSA+SHA256")
        self.assertEqual(tls("config = Curves:P-256").curves, "P-256")

    def test_beatsOptions(self) -> None:
        """A command beats the option that does the same, wherever it stands."""
        config = tls("config = Groups:P-384", "curves = X25519")
        self.assertEqual(config.curves, "P-384")

    def test_flags(self) -> None:
        """Some names say what to have where OpenSSL's flag says what not to have."""
        config = tls("config = Options:-SessionTicket,ServerPreference, +Compression")
        self.assertEqual(config.options, SSL_OPS["NO_TICKET"] | SSL_OPS["CIPHER_SERVER_PREFERENCE"])
        self.assertEqual(config.clearOptions, SSL_OPS["NO_COMPRESSION"])

    def test_flagsBeatOptions(self) -> None:
        """A flag is set or cleared, never both."""
        config = tls("options = NO_TICKET", "config = Options:SessionTicket")
        self.assertEqual((config.options, config.clearOptions), (0, SSL_OPS["NO_TICKET"]))

    def test_lastWordOnAFlag(self) -> None:
        """Within one command too the last word counts."""
        self.assertEqual(opensslCommand("Options:KTLS,-KTLS").on, 0)

    def test_everyFlagIsKnown(self) -> None:
        """Every name stands for a flag that we know."""
        self.assertTrue({flag for flag, _ in OPTION_NAMES.values()} <= set(SSL_OPS))


class RefusedTests(SynchronousTestCase):
    """Commands that cannot be followed."""

    def problem(self, line: str) -> Problem:
        """The one problem of a section with C{line}."""
        (problem,) = problems(section(line))
        self.assertTrue(problem.fatal)
        return problem

    def test_otherCommands(self) -> None:
        """Commands without an option of ours are refused with the names of those that have one."""
        self.assertIn("MinProtocol", self.problem("config = VerifyMode:Require").expected)

    def test_nearCommand(self) -> None:
        """A mistyped command leads to the one that is meant."""
        self.assertIn("Ciphersuites", self.problem("config = Ciphersuits:X").expected)

    def test_noValue(self) -> None:
        """Every command needs a value."""
        for name in KNOWN:
            self.problem(f"config = {name}")

    def test_badValues(self) -> None:
        """Values that our own options would refuse are refused here."""
        self.assertIn("TLSv1.2", self.problem("config = MinProtocol:TLSv9").expected)
        self.assertIn("SessionTicket", self.problem("config = Options:SessionTickets").expected)

    def test_versionsStillFit(self) -> None:
        """What commands set is judged as a whole like everything else."""
        (problem,) = problems(
            section("config = MinProtocol:TLSv1.3", "config = MaxProtocol:TLSv1.2")
        )
        self.assertIn("no version", problem.found)
