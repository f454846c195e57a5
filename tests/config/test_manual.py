"""Tests of what the options of stunnel's manual come to in the model."""

from __future__ import annotations

import socket
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from appliance.config.build import build, buildText, load, loadText
from appliance.config.model import (
    Config,
    ConfigError,
    ConnectConfig,
    InetAddress,
    LogId,
    NameRule,
    OCSPConfig,
    Preface,
    Problem,
    SectionConfig,
    UnixAddress,
)
from appliance.config.sslops import SSL_OPS
from tests.config.memory import CONF, HOME, built, client, files, problems, section

TRUST = ("verifyChain = yes", "CAfile = ca.pem")


def only(text: str, **others: str) -> SectionConfig:
    """The one section of a configuration with one section, which may have warnings."""
    (one,) = load(CONF, files(text, **others)).sections
    return one


class TrustTests(SynchronousTestCase):
    """What is checked of a peer."""

    def test_revocation(self) -> None:
        """Lists of revoked certificates are a file, a directory or both."""
        text = section(*TRUST, "CRLfile = crl.pem", "CRLpath = cas")
        config = built(text, **{"crl.pem": ""}).sections[0].tls
        self.assertEqual((config.crlFile, config.crlPath), (f"{HOME}/crl.pem", f"{HOME}/cas"))

    def test_names(self) -> None:
        """Names, e-mail addresses and IP addresses add up, each to its own list."""
        config = only(
            section(
                *TRUST,
                "checkEmail = a@b.example",
                "checkEmail = c@b.example",
                "checkIP = 10.0.0.1",
                "checkIP = 0:0:0:0:0:0:0:1",
            )
        ).tls
        self.assertEqual(config.checkEmail, ("a@b.example", "c@b.example"))
        self.assertEqual(config.checkIP, ("10.0.0.1", "::1"))

    def test_noOCSP(self) -> None:
        """Nobody is asked by default, and a server fetches what it staples."""
        self.assertEqual(built(section()).sections[0].tls.ocsp, OCSPConfig())

    def test_OCSP(self) -> None:
        """Every option of OCSP reaches its field, flags in any case and once each."""
        config = only(
            section(
                *TRUST,
                "OCSP = http://ocsp.example:8080/a",
                "OCSPaia = yes",
                "OCSPflag = noverify",
                "OCSPflag = NOINTERN",
                "OCSPflag = NOVERIFY",
                "OCSPnonce = yes",
                "OCSPrequire = no",
                "TIMEOUTocsp = 2",
                "ocspStapling = no",
            )
        ).tls.ocsp
        self.assertEqual(
            config,
            OCSPConfig(
                url="http://ocsp.example:8080/a",
                aia=True,
                flags=("NOVERIFY", "NOINTERN"),
                nonce=True,
                required=False,
                timeout=2,
                staple=False,
            ),
        )

    def test_otherOCSPFlags(self) -> None:
        """A flag that would let anybody answer is refused with that reason."""
        (problem,) = problems(section(*TRUST, "OCSPflag = NOSIGS"))
        self.assertIn("nobody signed", problem.expected)

    def test_badResponders(self) -> None:
        """A responder's address is plain HTTP and whole."""
        for url in ("https://ocsp.example/", "ocsp.example", "http://", "http:///x", "http://a b/"):
            (problem,) = problems(section(*TRUST, f"OCSP = {url}"))
            self.assertIn("http://ocsp.example/", problem.expected)

    def test_redirect(self) -> None:
        """Those who fail the checks go to a list of addresses, after their handshake."""
        one = only(section(*TRUST, "redirect = 127.0.0.1:80", "redirect = /run/x"))
        self.assertEqual(one.redirect, (InetAddress("127.0.0.1", 80), UnixAddress("/run/x")))
        self.assertTrue(one.tls.forgives)
        self.assertFalse(only(section(*TRUST)).tls.forgives)


class TLSTests(SynchronousTestCase):
    """The context itself."""

    def test_sharedKeys(self) -> None:
        """A server with shared keys needs no certificate."""
        text = "[a]\naccept = 1\nconnect = 104\nPSKsecrets = psk\nPSKidentity = ward\n"
        config = built(text, psk="").sections[0].tls
        self.assertEqual((config.pskSecrets, config.pskIdentity), (f"{HOME}/psk", "ward"))
        self.assertIsNone(config.cert)

    def test_sessions(self) -> None:
        """Resumption can be turned off, and has a time."""
        config = only(section("sessionResume = no", "session = 60")).tls
        self.assertEqual((config.sessionResume, config.sessionTimeout), (False, 60))
        self.assertEqual(only(section("sessionCacheTimeout = 9")).tls.sessionTimeout, 9)

    def test_passphrase(self) -> None:
        """The passphrase of a key is in a file."""
        config = only(section("keyPassphrase = secret"), secret="").tls
        self.assertEqual(config.keyPassphrase, f"{HOME}/secret")

    def test_renegotiation(self) -> None:
        """Renegotiation is a flag of OpenSSL's, and to write that flag itself says more."""
        flag = SSL_OPS["NO_RENEGOTIATION"]
        for line, expected in {
            "renegotiation = no": (flag, 0),
            "renegotiation = yes": (0, flag),
            "renegotiation = yes\noptions = NO_RENEGOTIATION": (flag, 0),
        }.items():
            config = only(section(line)).tls
            self.assertEqual((config.options, config.clearOptions), expected)

    def test_ticketKeys(self) -> None:
        """Ticket keys are taken when they are right, with a warning that they change nothing."""
        keys = [f"ticket{which}Secret = {'0a:' * 15}0a" for which in ("Key", "Mac")]
        found = problems(section(*keys))
        self.assertEqual([problem.fatal for problem in found], [False, False])
        self.assertIn("is ignored", found[0].found)

    def test_badTicketKeys(self) -> None:
        """A ticket key has 16 or 32 bytes."""
        for key in ("", "0a0b", "xy" * 16, "0a" * 17, "0a " * 16):
            found = problems(section(f"ticketKeySecret = {key}", f"ticketMacSecret = {key}"))
            self.assertTrue(all(problem.fatal for problem in found), key)

    def test_ticketKeysGoTogether(self) -> None:
        """One ticket key alone is an error."""
        found = problems(section("ticketKeySecret = " + "0a" * 32))
        self.assertEqual([problem.fatal for problem in found], [False, True])

    def test_ignoredValuesAreChecked(self) -> None:
        """A value that nobody could have meant is an error even where it would be ignored."""
        for line in ("stack = big", "sessionCacheSize = all"):
            (problem,) = problems(section(line))
            self.assertTrue(problem.fatal)


class WayTests(SynchronousTestCase):
    """Where connections come from and go to."""

    def test_program(self) -> None:
        """Connections go to a program, which knows itself by its own name."""
        text = section("exec = /bin/cat").replace("connect = pacs:104\n", "")
        memory = files(text)
        memory.content["/bin/cat"] = b""
        (one,) = load(CONF, memory).sections
        self.assertEqual((one.exec, one.execArgs), ("/bin/cat", ("/bin/cat",)))

    def test_programOnPath(self) -> None:
        """A program without a slash is looked for on PATH later, and its arguments are words."""
        text = section("exec = cat", "execArgs = cat  -u -").replace("connect = pacs:104\n", "")
        one = built(text).sections[0]
        self.assertEqual((one.exec, one.execArgs), ("cat", ("cat", "-u", "-")))

    def test_missingProgram(self) -> None:
        """A program that is not there is told, but may be there later."""
        (problem,) = problems(section("exec = /nix").replace("connect = pacs:104\n", ""))
        self.assertFalse(problem.fatal)
        self.assertIn("/nix", problem.found)

    def test_startingProgram(self) -> None:
        """A program and an address without accept is a section that starts by itself."""
        text = "[a]\nexec = cat\nconnect = 104\ncert = ca.pem\nretry = 500\n"
        one = built(text).sections[0]
        self.assertEqual((one.exec, one.accept, one.retry), ("cat", (), 0.5))

    def test_slave(self) -> None:
        """A section without accept serves names of another, whose patterns are in small letters."""
        text = section() + "[web]\nsni = DICOM STORE:*.Web.example\nconnect = 8\ncert = ca.pem\n"
        config = built(text)
        self.assertEqual(config.sections[1].slave, NameRule("DICOM STORE", "*.web.example"))
        self.assertIsNone(config.sections[1].tls.sni)
        self.assertIsNone(config.sections[0].slave)

    def test_clientNameIsNoRule(self) -> None:
        """What a client asks for is a name, whatever is in it."""
        one = only(client("sni = a:b"))
        self.assertEqual((one.slave, one.tls.sni), (None, "a:b"))

    def test_proxyLine(self) -> None:
        """A server can tell the PACS first where clients come from."""
        one = only(section("protocol = PROXY"))
        self.assertIs(one.protocol, Preface.PROXY)
        self.assertEqual(one.proxySend, 1)

    def test_proxySend(self) -> None:
        """Both kinds of section can, in either version; the name of our own says which."""
        for value, version in (("no", 0), ("V1", 1), ("v2", 2)):
            self.assertEqual(only(section(f"proxyProtocolSend = {value}")).proxySend, version)
        server = client("verifyPeer = yes", "CAfile = ca.pem", "proxyProtocolSend = v2")
        self.assertEqual(only(server).proxySend, 2)
        both = section("protocol = proxy", "proxyProtocolSend = v2")
        self.assertEqual(only(both).proxySend, 2)
        self.assertEqual(only(section()).proxySend, 0)

    def test_proxyAccept(self) -> None:
        """Load balancers in front are written down one by one or as networks."""
        one = only(
            section(
                "proxyProtocolAccept = yes",
                "proxyProtocolFrom = 192.0.2.7, 198.51.100.0/24",
                "proxyProtocolFrom = 2001:db8::/32,192.0.2.7",
            )
        )
        self.assertTrue(one.proxyAccept)
        self.assertEqual(one.proxyFrom, ("192.0.2.7/32", "198.51.100.0/24", "2001:db8::/32"))
        self.assertEqual((only(section()).proxyAccept, only(section()).proxyFrom), (False, ()))

    def test_proxyFrom(self) -> None:
        """Names are none, and an address with the wrong length of its network is asked about."""
        for value, expected in (
            ("balancer.example", "IP addresses, or networks such as 192.0.2.0/24"),
            ("192.0.2.7,", "IP addresses"),
            ("192.0.2.0/33", "IP addresses"),
            ("fe80::1%eth0", "IP addresses"),
            ("192.0.2.7/24", "192.0.2.0/24 or 192.0.2.7, not"),
        ):
            found = problems(section("proxyProtocolAccept = yes", f"proxyProtocolFrom = {value}"))
            fatal = [each for each in found if each.fatal]
            self.assertEqual([each.option for each in fatal], ["proxyProtocolFrom"], value)
            self.assertIn(expected, fatal[0].expected)

    def test_webProxy(self) -> None:
        """A client can ask a web proxy for a way through."""
        one = only(
            client(
                "protocol = connect",
                "protocolHost = cloud.example:2762",
                "protocolUsername = ward",
                "protocolPassword = tops3cret",
                "protocolHeader = X-A: 1",
                "protocolHeader = X-B: 2",
                "protocolAuthentication = Basic",
            )
        )
        self.assertIs(one.protocol, Preface.CONNECT)
        self.assertEqual(
            one.proxyRequest,
            ConnectConfig("cloud.example:2762", "ward", "tops3cret", ("X-A: 1", "X-B: 2")),
        )

    def test_otherProtocols(self) -> None:
        """Protocols that talk before TLS are refused with that reason."""
        for name in ("smtp", "SOCKS", "cifs"):
            (problem,) = problems(section(f"protocol = {name}"))
            self.assertIn(f"{name.lower()} would talk before it", problem.expected)

    def test_ntlm(self) -> None:
        """NTLM is refused with its reason."""
        found = problems(
            client("protocol = connect", "protocolHost = a:1", "protocolAuthentication = NTLM")
        )
        self.assertIn("MD4", next(problem.expected for problem in found if problem.fatal))

    def test_badHeaders(self) -> None:
        """A header has a name, and cannot smuggle in a second one."""
        for value in ("X", ": 1", "X Y: 1", "X: 1\x0bY: 2"):
            found = problems(client("protocol = connect", f"protocolHeader = {value}"))
            self.assertIn("protocolHeader", [problem.option for problem in found], value)

    def test_transparent(self) -> None:
        """The client's own address can be kept, and nothing else of that kind."""
        self.assertTrue(only(section("transparent = source")).transparent)
        self.assertTrue(only(section("transparent = yes")).transparent)
        self.assertFalse(only(section("transparent = none")).transparent)
        (problem,) = problems(section("transparent = destination"))
        self.assertIn("where connect says", problem.expected)

    def test_smallThings(self) -> None:
        """Resets, names in the log, and the owner of a unix socket."""
        one = only(section("reset = no", "logId = Unique", "setuid = root", "setgid = 0"))
        self.assertEqual((one.reset, one.logId), (False, LogId.UNIQUE))
        self.assertEqual((one.setuid, one.setgid), ("root", "0"))

    def test_ownersAreNotInherited(self) -> None:
        """Who the process becomes does not own the sockets of sections."""
        config = built("setuid = root\nsetgid = root\nservice = tls\n" + section())
        one = config.sections[0]
        self.assertEqual((one.setuid, one.setgid, one.name), (None, None, "DICOM STORE"))
        self.assertEqual((config.process.setuid, config.process.service), ("root", "tls"))

    def test_serviceNamesASection(self) -> None:
        """In a section service is the name that it goes by, in the sni of others too."""
        text = (
            section("service = store") + "[b]\nsni = store:b.example\nconnect = 8\ncert = ca.pem\n"
        )
        self.assertEqual([one.name for one in built(text).sections], ["store", "b"])

    def test_localName(self) -> None:
        """A name for an address of this machine becomes that address."""
        answer = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.1.2.3", 0))]
        with patch.object(socket, "getaddrinfo", return_value=answer):
            self.assertEqual(only(section("local = gate")).local, "10.1.2.3")

    def test_unknownPeople(self) -> None:
        """Users and groups must be known to this machine."""
        for line in ("setuid = nobody-at-all", "setgid = nobody-at-all"):
            (problem,) = problems(f"{line}\n{section()}")
            self.assertIn("of this machine", problem.expected)


class TextTests(SynchronousTestCase):
    """Configurations that do not come from a file."""

    def test_text(self) -> None:
        """Text is a configuration too; what it names is looked up from the directory given."""
        memory = files("")
        config, found = buildText("0", section().encode(), HOME, memory)
        assert config is not None
        self.assertEqual((config.path, config.files, found), ("0", ("0",), ()))
        self.assertEqual(config.sections[0].tls.cert, f"{HOME}/Butterfly_SCP_Cert.pem")

    def test_placesInText(self) -> None:
        """Problems are told by the name that was given."""
        error = self.assertRaises(ConfigError, loadText, "0", b"\nfoo = 1\n[a", HOME, files(""))
        self.assertIn("0:2: error: foo: ", str(error))

    def test_includesInText(self) -> None:
        """Text can include files."""
        memory = files("", **{"conf.d/a": section()})
        config = loadText("-", b"include = conf.d", HOME, memory)
        self.assertEqual(len(config.sections), 1)
        self.assertTrue(memory.exists(CONF))


class TolerantTests(SynchronousTestCase):
    """What stunnel takes and we only take where its place is filled."""

    def tolerant(self, text: str) -> tuple[Config | None, tuple[Problem, ...]]:
        """What C{text} comes to when asked to be tolerant."""
        return build(CONF, files(text), tolerant=True)

    def test_duplicateNames(self) -> None:
        """The second section of a name gets another, and a warning tells it."""
        config, (problem,) = self.tolerant(
            section()
            + section(header="[DICOM STORE #2]").replace("2761", "1")
            + section()[:13]
            + "\naccept = 2\nconnect = pacs:104\ncert = ca.pem\n"
        )
        assert config is not None
        names = [one.name for one in config.sections]
        self.assertEqual(names, ["DICOM STORE", "DICOM STORE #2", "DICOM STORE #3"])
        self.assertFalse(problem.fatal)
        self.assertIn('"DICOM STORE #3"', problem.advice)

    def test_inetd(self) -> None:
        """A file without sections is for one connection, which goes by the process's name."""
        config, _ = self.tolerant("service = tls\ncert = ca.pem\nconnect = pacs:104\n")
        assert config is not None
        assert config.inetd is not None
        self.assertEqual(config.sections, ())
        self.assertEqual(config.inetd.name, "tls")
        self.assertEqual(config.inetd.connect, (InetAddress("pacs", 104),))

    def test_noInetdBesideSections(self) -> None:
        """Where there are sections, there is nothing for inetd."""
        config, _ = self.tolerant(section())
        assert config is not None
        self.assertIsNone(config.inetd)

    def test_inetdEndpoint(self) -> None:
        """It needs one place to go to, and is not asked to listen."""
        for lines, option in (
            ("", "connect"),
            ("connect = 1\nexec = cat\n", "connect"),
            ("accept = 1\nconnect = 2\n", "accept"),
        ):
            config, (problem,) = self.tolerant("cert = ca.pem\n" + lines)
            self.assertIsNone(config)
            self.assertEqual(problem.option, option)

    def test_inetdRules(self) -> None:
        """All other rules hold."""
        config, (problem,) = self.tolerant("connect = pacs:104\n")
        self.assertIsNone(config)
        self.assertEqual(problem.option, "cert")

    def test_misreadIsNotInetd(self) -> None:
        """A file whose headers could not be read is told that, and no more."""
        _, found = self.tolerant("hello\n")
        self.assertEqual([problem.option for problem in found], [""])
