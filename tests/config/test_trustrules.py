"""Tests of L{appliance.config.trustrules}, and of the other rules about more than two options."""

from __future__ import annotations

from tests.config.memory import built, client, problems, section
from tests.config.test_rules import TRUST, RulesTestCase

SLAVE = "[web]\nsni = {}\nconnect = 8\ncert = ca.pem\n"


class NeedsTests(RulesTestCase):
    """What needs a check of the peer's certificate."""

    def test_names(self) -> None:
        """A name of any kind means nothing in a certificate that nobody verified."""
        self.error(section("checkEmail = a@b.example"), "checkEmail")
        self.error(section("checkIP = 10.0.0.1"), "checkIP")

    def test_ifSentIsEnough(self) -> None:
        """Level 1 verifies, so that names, OCSP and redirect can rest on it."""
        built(
            section(
                "verify = 1",
                "CAfile = ca.pem",
                "checkHost = a.example",
                "OCSP = http://ocsp.example/",
                "redirect = 80",
            )
        )

    def test_ifSentNeedsAuthorities(self) -> None:
        """Level 1 needs something to verify against."""
        self.error(section("verify = 1"), "verify")

    def test_OCSP(self) -> None:
        """OCSP needs the chain; to know the peer itself is not enough."""
        self.error(section("OCSP = http://ocsp.example/"), "OCSP")
        self.error(section("verifyPeer = yes", "CAfile = ca.pem", "OCSPaia = yes"), "OCSPaia")

    def test_redirect(self) -> None:
        """Nobody can be sent elsewhere for a certificate that is not checked."""
        self.error(section("redirect = 80"), "redirect")

    def test_redirectingClient(self) -> None:
        """Sections with client = yes have nobody to send elsewhere."""
        self.error(client(*TRUST, "checkHost = a.example", "redirect = 80"), "redirect")


class SlaveTests(RulesTestCase):
    """Sections that serve the names of another."""

    def test_laterPrimary(self) -> None:
        """The order of sections does not matter."""
        built(SLAVE.format("DICOM STORE:a.example") + section())

    def test_noColon(self) -> None:
        """A server must say whose names."""
        self.error(section() + SLAVE.format("a.example"), "sni")
        self.error(section() + SLAVE.format(""), "sni")

    def test_unknownPrimary(self) -> None:
        """The primary must be there; the likeliest one is named."""
        problem = self.error(section() + SLAVE.format("DICOM STOR:a.example"), "sni")
        self.assertIn("[DICOM STORE]", problem.advice)

    def test_clientPrimary(self) -> None:
        """Nobody asks a client for a name."""
        trust = ("verifyPeer = yes", "CAfile = ca.pem")
        self.error(client(*trust) + SLAVE.format("out:a.example"), "sni")

    def test_slaveOfASlave(self) -> None:
        """A slave has no port where it could be asked."""
        text = section() + SLAVE.format("DICOM STORE:a.example")
        text += SLAVE.format("web:b.example").replace("[web]", "[more]")
        self.error(text, "sni")

    def test_portAsWell(self) -> None:
        """A slave has no port of its own."""
        self.error(section() + SLAVE.format("DICOM STORE:a.example") + "accept = 9\n", "sni")

    def test_clientAsSlave(self) -> None:
        """With client = yes the option is a name to ask for, and no place to listen."""
        text = section() + "[b]\nclient = yes\nverifyPeer = yes\nCAfile = ca.pem\nconnect = 1\n"
        self.error(f"{text}sni = DICOM STORE:a.example\n", "accept")

    def test_patternOfNobody(self) -> None:
        """A pattern that no name is like is told."""
        for pattern in ("", "a.*.example"):
            self.warning(section() + SLAVE.format(f"DICOM STORE:{pattern}"), "sni")


class EndpointTests(RulesTestCase):
    """Two ends, no more and no less."""

    def test_twoTargets(self) -> None:
        """A connection goes to an address or to a program."""
        self.error(section("exec = cat"), "exec")

    def test_programWithoutSource(self) -> None:
        """A program alone has nobody to serve."""
        self.error("[a]\nexec = cat\ncert = ca.pem\n", "accept")


class PrefaceTests(RulesTestCase):
    """Who speaks which protocol."""

    def test_proxyOfAClient(self) -> None:
        """The PROXY protocol is for servers."""
        self.error(client("verifyPeer = yes", "CAfile = ca.pem", "protocol = proxy"), "protocol")

    def test_proxyOrNot(self) -> None:
        """A header cannot be asked for and refused at once; its version can be said."""
        self.error(section("protocol = proxy", "proxyProtocolSend = no"), "proxyProtocolSend")
        built(section("protocol = proxy", "proxyProtocolSend = v2"))

    def test_connectOfAServer(self) -> None:
        """A web proxy is for clients."""
        self.error(section("protocol = connect", "protocolHost = a:1"), "protocol")

    def test_connectWhere(self) -> None:
        """A web proxy must be told where to."""
        self.error(client("verifyPeer = yes", "CAfile = ca.pem", "protocol = connect"), "protocol")


class IdleTests(RulesTestCase):
    """Options that mean nothing alone are told."""

    def test_each(self) -> None:
        """Each is told with what it lacks."""
        for line in (
            "CRLpath = cas",
            "protocolUsername = me",
            "execArgs = cat",
            "PSKidentity = me",
            "retry = yes",
            "proxyProtocolFrom = 192.0.2.7",
        ):
            problem = self.warning(section(line), line.split()[0])
            self.assertIn("means nothing without", problem.found)

    def test_withWhatTheyNeed(self) -> None:
        """Beside what they need they are no matter."""
        built(section(*TRUST, "CRLpath = cas"))

    def test_retryNo(self) -> None:
        """What is turned off is no matter either."""
        built(section("retry = no"))

    def test_idleFlags(self) -> None:
        """Flags for OCSP that change nothing are told."""
        problem = self.warning(section("OCSPflag = NOTIME", "OCSPflag = notime"), "OCSPflag")
        self.assertIn("NOTIME changes nothing", problem.found)

    def test_laxAnswers(self) -> None:
        """A flag for OCSP that believes anybody is told."""
        self.warning(section("OCSPflag = NOVERIFY"), "OCSPflag")
        built(section("OCSPflag = NOINTERN"))

    def test_headersOfNobody(self) -> None:
        """A section that accepts nobody by itself hears no headers."""
        expecting = ("proxyProtocolAccept = yes", "proxyProtocolFrom = 192.0.2.7")
        slave = SLAVE.format("DICOM STORE:a.example")
        lines = "\n".join(expecting) + "\n"
        problem = self.warning(section() + slave + lines, "proxyProtocolAccept")
        self.assertIn("expects no header", problem.found)
        built(section(*expecting) + slave + lines)
        built(section(*expecting) + slave)
        alone = "[a]\nexec = cat\nconnect = pacs:104\ncert = ca.pem\n"
        self.warning(alone + lines, "proxyProtocolAccept")

    def test_anybodysWord(self) -> None:
        """That anybody may announce anybody is told, where anybody can connect."""
        expecting = "proxyProtocolAccept = yes"
        problem = self.warning(section(expecting), "proxyProtocolAccept")
        self.assertIn("somebody else", problem.found)
        built(section(expecting, "proxyProtocolFrom = 192.0.2.7"))
        for here in ("127.0.0.1:2761", "::1:2761", "localhost:2761", "/run/balancer.sock"):
            built(section(expecting).replace("accept = 2761", f"accept = {here}"))
        self.warning(
            section(expecting, "accept = 192.0.2.1:2763").replace(
                "accept = 2761", "accept = ::1:1"
            ),
            "proxyProtocolAccept",
        )

    def test_clearPassword(self) -> None:
        """A password for a web proxy is told to be in the clear."""
        text = client(
            *("verifyPeer = yes", "CAfile = ca.pem", "protocol = connect"),
            *("protocolHost = a:1", "protocolPassword = tops3cret"),
        )
        self.warning(text, "protocolPassword")

    def test_sharedKeysNeedNoCertificates(self) -> None:
        """A client with shared keys knows its server by them."""
        (problem,) = problems(client("PSKsecrets = nix"))
        self.assertEqual(problem.option, "PSKsecrets")
        built(client("PSKsecrets = ca.pem"))
