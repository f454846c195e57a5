"""Tests of L{appliance.config.stunnelwords}: problems in stunnel's form.

The messages are those of stunnel 5.75, most of which 5.68 can be seen to print.
"""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from appliance.config.build import build
from appliance.config.model import About, Problem, Said
from appliance.config.stunnelwords import stunnelForm
from tests.config.memory import CONF, client, files, section

STORE = "Service [DICOM STORE]"
SLAVE = "[b]\nsni = {}\nconnect = 8\ncert = ca.pem\n"


def forms(text: str) -> list[str]:
    """Every error of C{text} in stunnel's form."""
    _, problems = build(CONF, files(text), tolerant=True)
    return [stunnelForm(problem) for problem in problems if problem.fatal]


class LineTests(SynchronousTestCase):
    """Messages about one line."""

    def line(self, line: str, message: str) -> None:
        """Assert that C{line} in a section gives C{message}."""
        self.assertEqual(forms(section(line)), [f'{CONF}:5: "{line}": {message}'])

    def glob(self, line: str, message: str) -> None:
        """Assert that C{line} before the first section gives C{message}."""
        self.assertEqual(forms(f"{line}\n{section()}"), [f'{CONF}:1: "{line}": {message}'])

    def test_wholeLine(self) -> None:
        """The line is repeated as it is written, blanks included."""
        self.line("   foo  =  bar  ", "Specified option name is not valid here")

    def test_layout(self) -> None:
        """Lines that are no settings, and settings that are out of place."""
        self.line("hello world", "No '=' found")
        self.line("pid = /run/x", "Specified option name is not valid here")
        self.glob("include = nix", "Failed to include directory")

    def test_header(self) -> None:
        """A header with something after it is no header to stunnel."""
        found = forms("[DICOM STORE] ; x\naccept = 1\nconnect = 2\ncert = ca.pem\n")
        self.assertEqual(found, [f"{CONF}:1: \"[DICOM STORE] ; x\": No '=' found"])

    def test_words(self) -> None:
        """Words that are not among the choices."""
        self.line("client = 1", "The argument needs to be either 'yes' or 'no'")
        self.line("failover = x", "The argument needs to be either 'rr' or 'prio'")
        self.line("logId = x", "Invalid connection identifier type")
        self.line("transparent = x", "Selected transparent proxy mode is not available")
        self.glob("log = x", "The argument needs to be either 'append' or 'overwrite'")
        self.glob("foreground = x", "The argument needs to be either 'yes', 'quiet' or 'no'")
        self.glob("debug = 9", "Illegal debug level")
        self.glob("debug = x.info", "Illegal syslog facility")
        self.line("debug = daemon.info", "Illegal debug level")

    def test_numbers(self) -> None:
        """Numbers that are none."""
        for what in ("busy", "close", "connect", "idle"):
            self.line(f"TIMEOUT{what} = x", f"Illegal {what} timeout")
        self.line("TIMEOUTocsp = x", "Illegal OCSP connect timeout")
        self.line("session = x", "Illegal session cache timeout")
        self.line("sessionCacheSize = x", "Illegal session cache size")
        self.line("stack = x", "Illegal thread stack size")
        self.line("retry = x", "Illegal retry delay")
        self.line("verify = 9", "Bad verify level")
        self.line("securityLevel = 9", "Illegal security level")

    def test_namesOfOpenSSLAndTheSystem(self) -> None:
        """Names that OpenSSL or the system does not know."""
        self.line("options = X", "Illegal TLS option")
        self.line("socket = X", "Illegal socket option")
        self.line("OCSPflag = X", "Illegal OCSP flag")
        self.line("sslVersion = X", "Invalid protocol version")
        self.line("setuid = nobody-at-all", "Illegal UID")
        self.line("setgid = nobody-at-all", "Illegal GID")
        self.glob("fips = yes", "FIPS support is not available")

    def test_secrets(self) -> None:
        """Files of secrets are read with the line that names them."""
        self.line("PSKsecrets = nix", "Failed to read PSK secrets")

    def test_secretLine(self) -> None:
        """A line with a secret is not repeated."""
        found = forms(section("ticketKeySecret = 0a"))[0]
        self.assertEqual(
            found, f'{CONF}:5: "ticketKeySecret = ...": Failed to read ticketKeySecret'
        )


class SectionTests(SynchronousTestCase):
    """Messages about a section as a whole."""

    def said(self, text: str, message: str, of: str = STORE) -> None:
        """Assert that C{message} is all that there is to say of C{text}."""
        self.assertEqual(forms(text), [f"{of}: {message}"])

    def test_endpoints(self) -> None:
        """A section has two ends."""
        two = "Each service must define two endpoints"
        self.said(section("exec = cat"), two)
        self.said(section().replace("connect = pacs:104\n", ""), two)
        self.said(section().replace("accept = 2761\n", ""), two)

    def test_inetd(self) -> None:
        """A file without sections has one."""
        self.said("cert = ca.pem\n", "Inetd mode must define one endpoint", "Inetd mode")
        self.said("connect = 1\n", "TLS server needs a certificate", "Inetd mode")
        self.said(
            "cert = ca.pem\naccept = 1\n",
            "'accept' option is only allowed in a [section]",
            "Inetd mode",
        )

    def test_verification(self) -> None:
        """What needs what of verification."""
        either = 'Either "verifyChain" or "verifyPeer" has to be enabled'
        self.said(section("checkHost = a"), either)
        self.said(section("redirect = 80"), f'{either} for "redirect" to work')
        self.said(
            client("verify = 2", "CAfile = ca.pem", "redirect = 80"),
            '"redirect" is unsupported in client sections',
            "Service [out]",
        )
        self.said(section("OCSPaia = yes"), '"verifyChain" has to be enabled for OCSP support')
        self.said(
            section("verify = 2"),
            'Either "CAengine", "CAfile", "CApath" or "CAstore" has to be configured',
        )

    def test_names(self) -> None:
        """Sections that serve the names of others."""
        for value, message in {
            "a": "Invalid SNI parameter format",
            "a:b": "SNI section name not found",
        }.items():
            self.said(section() + SLAVE.format(value), message, "Service [b]")
        text = client() + SLAVE.format("out:b")
        self.said(text, "SNI primary service is a TLS client", "Service [b]")

    def test_rest(self) -> None:
        """Certificates, versions, protocols, ticket keys."""
        text = section().replace("cert = Butterfly_SCP_Cert.pem\n", "")
        self.said(text, "TLS server needs a certificate")
        self.said(
            section("sslVersionMin = TLSv1.3", "sslVersionMax = TLSv1.2"),
            "Invalid protocol version range",
        )
        self.said(section("protocol = x"), "Protocol not supported")
        self.said(
            client("protocol = proxy"),
            "The configured protocol is not supported in the client mode",
            "Service [out]",
        )
        self.said(
            section("ticketMacSecret = " + "0a" * 16),
            '"ticketKeySecret" and "ticketMacSecret" must be set together',
        )


class ContextTests(SynchronousTestCase):
    """Messages about what only shows when a TLS context is made."""

    def test_files(self) -> None:
        """A file that is not there is the cause why there is no context."""
        for line, cause in {
            "cert = nix.pem": "Failed to load certificate from: nix.pem",
            "key = nix.pem": "Failed to load private key from: nix.pem",
            "CRLfile = nix.pem": "Failed to load nix.pem revocation lookup file",
            "CAfile = nix.pem": "No trusted certificates found",
        }.items():
            (found,) = forms(section(line))
            self.assertEqual(found, f"{cause}\n{STORE}: Failed to initialize TLS context")

    def test_commands(self) -> None:
        """So is a command that OpenSSL does not know."""
        (found,) = forms(section("config = Junk:1"))
        self.assertTrue(found.startswith('OpenSSL config command "Junk" was not recognised\n'))


class FormTests(SynchronousTestCase):
    """The form itself."""

    def test_ourOwn(self) -> None:
        """Where stunnel has no message our own words stand."""
        _, (problem,) = build(CONF, files(section("checkIP = x")))
        self.assertEqual(stunnelForm(problem), str(problem))

    def test_process(self) -> None:
        """What concerns the whole process has a prefix of its own."""
        problem = self.any()
        said = Said("Pid file must include full path name", About.PROCESS)
        self.assertEqual(
            stunnelForm(evolve(problem, said=said)),
            "Global options: Pid file must include full path name",
        )

    def any(self) -> Problem:
        """Some problem."""
        return build(CONF, files(""))[1][0]
