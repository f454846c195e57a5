"""Tests of L{appliance.config.rules} and L{appliance.config.cautions}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from appliance.config.model import Address, InetAddress, Problem, UnixAddress, Where
from appliance.config.sections import WILDCARDS, overlap
from tests.config.memory import CONF, GUIDE, built, client, problems, section

ALL_IPV4, ALL_IPV6 = WILDCARDS

TRUST = ("verifyChain = yes", "CAfile = ca.pem")


class RulesTestCase(SynchronousTestCase):
    """Something that looks at what is said about a configuration."""

    def error(self, text: str, option: str) -> Problem:
        """Assert that an error about C{option} is the one problem of C{text}, and return it."""
        (problem,) = problems(text)
        self.assertEqual((problem.option, problem.fatal), (option, True), str(problem))
        return problem

    def warning(self, text: str, option: str) -> Problem:
        """Assert that a warning about C{option} is the one problem of C{text}, and return it."""
        (problem,) = problems(text)
        self.assertEqual((problem.option, problem.fatal), (option, False), str(problem))
        return problem


class EndpointTests(RulesTestCase):
    """Where sections listen and connect."""

    def test_noAccept(self) -> None:
        """A section without accept is told at its header."""
        problem = self.error(section().replace("accept = 2761\n", ""), "accept")
        self.assertEqual(problem.where, Where(CONF, 1))

    def test_noConnect(self) -> None:
        """A section without connect is told at its header."""
        self.error(section().replace("connect = pacs:104\n", ""), "connect")

    def test_misreadEndpointIsNotMissing(self) -> None:
        """An accept that was not understood is not said to be missing as well."""
        self.error(section().replace("2761", "99999"), "accept")

    def test_loop(self) -> None:
        """A section that connects to where it listens would call itself for ever."""
        self.error(section().replace("pacs:104", "localhost:2761"), "connect")

    def test_sameNumberElsewhere(self) -> None:
        """The PACS may have the same port on another machine."""
        built(section().replace("pacs:104", "pacs:2761"))

    def test_duplicateNames(self) -> None:
        """Two sections of one name are an error that names both lines."""
        (problem,) = problems(GUIDE.replace("DMWL", "STORE"))
        self.assertEqual((problem.where, problem.section), (Where(CONF, 10), "DICOM STORE"))
        self.assertIn(f"{CONF}:4", problem.found)

    def test_onePortTwice(self) -> None:
        """Two sections on one port are an error at the second accept that names the first."""
        problem = self.error(GUIDE.replace("accept = 2762", "accept = 2761"), "accept")
        self.assertEqual(problem.where, Where(CONF, 11))
        self.assertIn(f"[DICOM STORE] at {CONF}:5", problem.found)

    def test_onePortTwiceInOneSection(self) -> None:
        """One section cannot listen on one port twice either."""
        self.error(section("accept = 127.0.0.1:2761"), "accept")

    def test_inheritedAccept(self) -> None:
        """An accept that two sections inherit is one port for both."""
        text = "accept = 104\ncert = ca.pem\n[a]\nconnect = pacs:104\n[b]\nconnect = pacs:104\n"
        self.error(text, "accept")

    def test_overlap(self) -> None:
        """Bare ports overlap all, wildcards their family, and hosts themselves."""

        def host(text: str) -> Address:
            return InetAddress(text, 104)

        for one, other, expected in (
            ("", "10.0.0.1", True),
            ("", "::1", True),
            (ALL_IPV4, "10.0.0.1", True),
            (ALL_IPV4, "gate.example", True),
            (ALL_IPV6, "fe80::1", True),
            (ALL_IPV4, ALL_IPV6, False),
            ("10.0.0.1", "10.0.0.2", False),
            ("::1", "0:0:0:0:0:0:0:1", True),
            ("Gate.example", "gate.example", True),
            ("gate.example", "10.0.0.1", False),
        ):
            self.assertIs(overlap(host(one), host(other)), expected, (one, other))
            self.assertIs(overlap(host(other), host(one)), expected, (other, one))

    def test_otherPortsDoNotOverlap(self) -> None:
        """Ports that differ never overlap."""
        self.assertFalse(overlap(InetAddress("", 104), InetAddress("", 105)))

    def test_unixSocketsOverlapByPath(self) -> None:
        """Unix sockets are one when their paths are."""
        self.assertTrue(overlap(UnixAddress("/a"), UnixAddress("/a")))
        self.assertFalse(overlap(UnixAddress("/a"), UnixAddress("/b")))
        self.assertFalse(overlap(UnixAddress("/a"), InetAddress("", 104)))


class CertificateTests(RulesTestCase):
    """Certificates of our own."""

    def test_serverWithoutCertificate(self) -> None:
        """A server needs one."""
        self.error(section().replace("cert = Butterfly_SCP_Cert.pem\n", ""), "cert")

    def test_missingFileIsNotAMissingOption(self) -> None:
        """A certificate that is not there is told once."""
        self.error(section("cert = nix.pem"), "cert")

    def test_keyWithoutCertificate(self) -> None:
        """A client's key is of no use without a certificate, which is told."""
        self.warning(client("verifyPeer = yes", "CAfile = ca.pem", "key = ca.pem"), "key")


class VerificationTests(RulesTestCase):
    """Certificates of the peer."""

    def test_nothingToVerifyAgainst(self) -> None:
        """To verify needs CAfile or CApath, however it is asked for."""
        for line in ("verifyChain = yes", "verifyPeer = yes", "verify = 2"):
            self.error(section(line), line.split()[0])

    def test_eitherWillDo(self) -> None:
        """One of the two is enough."""
        built(section("verifyChain = yes", "CApath = cas"))
        built(section("verifyPeer = yes", "CAfile = ca.pem"))

    def test_clearedCAfile(self) -> None:
        """An empty CAfile is none."""
        (problem,) = problems("CAfile = ca.pem\n" + section("verifyPeer = yes", "CAfile ="))
        self.assertEqual(problem.option, "verifyPeer")

    def test_missingCAfileIsToldOnce(self) -> None:
        """A CAfile that is not there is not said to be unwritten as well."""
        self.error(section("verifyPeer = yes", "CAfile = nix.pem"), "CAfile")

    def test_hostWithoutVerification(self) -> None:
        """A name proves nothing in a certificate that nobody verified."""
        self.error(section("checkHost = cloud.example"), "checkHost")

    def test_unverifiedServer(self) -> None:
        """A client that verifies nobody is warned."""
        self.warning(client(), "verifyChain")

    def test_unnamedServer(self) -> None:
        """A client that takes any name is warned, with the name it most likely wants."""
        problem = self.warning(client(*TRUST), "verifyChain")
        self.assertIn("checkHost = cloud.example", problem.advice)

    def test_namedServer(self) -> None:
        """A client that verifies chain and name is left in peace."""
        built(client(*TRUST, "checkHost = cloud.example"))

    def test_anyCertificate(self) -> None:
        """A required certificate alone may be any certificate, which is told."""
        self.warning(section("requireCert = yes"), "requireCert")


class TimeoutTests(RulesTestCase):
    """Times that leave none."""

    def test_none(self) -> None:
        """No time for a handshake, for a connect or between bytes is told, with the usual one."""
        for option, usual in (("busy", 300), ("connect", 10), ("idle", 43200)):
            problem = self.warning(section(f"TIMEOUT{option} = 0"), f"TIMEOUT{option}")
            self.assertIn(f"TIMEOUT{option} = {usual}", problem.advice)

    def test_atOnce(self) -> None:
        """A close that does not wait for the other side is known from stunnel's manual."""
        built(section("TIMEOUTclose = 0"))

    def test_some(self) -> None:
        """A second is time enough."""
        built(section("TIMEOUTbusy = 1", "TIMEOUTconnect = 1", "TIMEOUTidle = 1"))


class StrengthTests(RulesTestCase):
    """Versions, ciphers, levels."""

    def test_contraryVersions(self) -> None:
        """The oldest version must not be newer than the newest."""
        text = section("sslVersionMin = TLSv1.3", "sslVersionMax = TLSv1.2")
        problem = self.error(text, "sslVersionMin")
        self.assertIn("TLSv1.3 or newer and TLSv1.2 or older", problem.found)

    def test_noVersionLeft(self) -> None:
        """Flags must leave a version to speak."""
        self.error(section("sslVersion = TLSv1.2", "options = NO_TLSv1_2"), "options")

    def test_oldVersions(self) -> None:
        """Versions before 1.2 are named, and the level that they need."""
        problem = self.warning(section("sslVersion = all"), "sslVersionMin")
        self.assertIn("TLSv1 and TLSv1.1", problem.found)
        self.assertIn("securityLevel = 0", problem.advice)

    def test_oldVersionsTakenOut(self) -> None:
        """Flags that take the old versions out leave nothing to warn of."""
        built(section("sslVersion = all", "options = NO_TLSv1", "options = NO_TLSv1.1"))

    def test_weakCiphers(self) -> None:
        """Weak ciphers are named."""
        for ciphers, weak in {
            "RC4:HIGH": "RC4",
            "HIGH:DES-CBC3-SHA": "DES",
            "NULL-SHA256,AES128-SHA": "NULL",
            "ECDHE+3DES": "3DES",
            "aNULL eNULL": "eNULL and aNULL",
        }.items():
            problem = self.warning(section(f"ciphers = {ciphers}"), "ciphers")
            self.assertIn(f"offers {weak},", problem.found)

    def test_excludedCiphers(self) -> None:
        """Weak ciphers that are taken out are no matter."""
        built(section("ciphers = HIGH:!aNULL:!RC4:-3DES:@STRENGTH"))
        built(section("ciphers = RC4:HIGH:!RC4"))

    def test_lowSecurityLevel(self) -> None:
        """Levels below OpenSSL's own are told."""
        self.warning(section("securityLevel = 1"), "securityLevel")
        built(section("securityLevel = 2"))

    def test_unsafeFlags(self) -> None:
        """Flags that open holes are told."""
        self.warning(section("options = ALLOW_UNSAFE_LEGACY_RENEGOTIATION"), "options")
