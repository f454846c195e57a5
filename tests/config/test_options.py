"""Tests of the option table and of the values that options take."""

from __future__ import annotations

import socket
import struct
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from appliance.config import options, stunnelnames, values
from appliance.config.model import InetAddress, SocketRole, TLSVersion, UnixAddress
from appliance.config.sockopts import socketOption
from appliance.config.sslops import SSL_OPS
from appliance.config.vocabulary import PathKind, Scope, Status

STUNNEL = """
    foreground syslog debug output log pid setuid setgid chroot service include fips compression
    engine engineCtrl engineDefault provider providerParameter setEnv EGD RNDbytes RNDfile
    RNDoverwrite iconActive iconError iconIdle taskbar
    accept connect client failover delay retry exec execArgs pty local transparent socket protocol
    protocolAuthentication protocolDomain protocolHeader protocolHost protocolPassword
    protocolUsername redirect sni ident libwrap
    cert key CAfile CApath CAstore CAengine CRLfile CRLpath verifyChain verifyPeer verify
    requireCert checkHost checkEmail checkIP OCSP OCSPaia OCSPflag OCSPnonce OCSPrequire TIMEOUTocsp
    PSKsecrets PSKidentity
    sslVersion sslVersionMin sslVersionMax ciphers ciphersuites curves curve securityLevel options
    config renegotiation sessionResume sessionCacheSize sessionCacheTimeout session sessiond
    ticketKeySecret ticketMacSecret reset stack engineId engineNum
    TIMEOUTbusy TIMEOUTconnect TIMEOUTidle TIMEOUTclose logId
"""
"""Every option of stunnel's manual, with the names that older ones had."""

OURS = """
    workers drainDelay drainTimeout proxyProtocolAccept proxyProtocolFrom proxyProtocolSend
    keyPermissions keyPassphrase ocspStapling callingAET calledAET
    stateDirectory journal tlsProfile status logFormat
    dicom allowCallingAET allowCalledAET allowSOPClass denySOPClass certificateAET policy route
    rewriteCallingAET rewriteCalledAET
    healthCheck healthInterval healthTimeout healthRise healthFall healthHook
    maxConnections maxConnectionsPerClient handshakeRate allowFrom denyFrom banAfter banFor neverBan
    control controlGroup manhole manholeKeys manholeHostKey manholePython
    audit auditProtocol auditCAfile auditCert auditKey auditSpool auditSpoolSize auditSource
"""

IGNORED = """
    EGD RNDbytes RNDfile RNDoverwrite iconActive iconError iconIdle taskbar stack sessionCacheSize
    sessiond ticketKeySecret ticketMacSecret protocolDomain
"""

REFUSED = """
    engine engineCtrl engineDefault engineId engineNum provider providerParameter fips compression
    pty ident libwrap CAengine CAstore
"""

NAMES = STUNNEL.split() + OURS.split()


class TableTests(SynchronousTestCase):
    """The table as a whole."""

    def test_everyNameOfStunnelsIsKnown(self) -> None:
        """No option of stunnel's manual is unknown."""
        self.assertEqual([name for name in NAMES if options.find(name) is None], [])

    def test_noOtherNames(self) -> None:
        """Nothing is in the table but stunnel's options and our own."""
        self.assertEqual(set(options.BY_NAME), {name.lower() for name in NAMES})

    def test_ours(self) -> None:
        """All that stunnel's manual has not is ours, and nothing else."""
        ours = {option.name for option in options.TABLE if options.isOurs(option)}
        self.assertEqual(ours, set(OURS.split()))
        self.assertLessEqual(stunnelnames.NAMES, set(STUNNEL.split()))

    def test_statuses(self) -> None:
        """All is supported but what is known to be ignored or refused."""
        for status, expected in ((Status.IGNORED, IGNORED), (Status.REFUSED, REFUSED)):
            found = [option.name for option in options.TABLE if option.status is status]
            self.assertEqual(sorted(found), sorted(expected.split()))

    def test_namesAreUnique(self) -> None:
        """No two options share a name, in whatever case."""
        names = [name.lower() for option in options.TABLE for name in option.names]
        self.assertEqual(len(names), len(set(names)))

    def test_anyCase(self) -> None:
        """Names are found in any case of letters, and by their aliases."""
        self.assertIs(options.find("timeoutIDLE"), options.find("TIMEOUTidle"))
        self.assertIs(options.find("Curve"), options.find("curves"))
        self.assertIs(options.find("session"), options.find("sessionCacheTimeout"))

    def test_everyOptionIsExplained(self) -> None:
        """Every option has its syntax, its default and a sentence or more about it."""
        for option in options.TABLE:
            self.assertTrue(option.syntax and option.default, option.name)
            self.assertRegex(option.doc, r"^[A-Z].*\.$", option.name)
            self.assertNotIn("  ", option.doc, option.name)

    def test_whatIsNotSupportedHasAReason(self) -> None:
        """An option has a reason when, and only when, it is ignored or refused."""
        for option in options.TABLE:
            self.assertEqual(
                bool(option.reason), option.status is not Status.SUPPORTED, option.name
            )

    def test_refusedReasonsSayWhatWouldHappen(self) -> None:
        """The reason to refuse an option is what would come of leaving it out."""
        for option in options.TABLE:
            if option.status is Status.REFUSED:
                self.assertRegex(option.reason, "going on|without it", option.name)

    def test_nearest(self) -> None:
        """A mistyped name leads to the option it is meant to be, if to any."""
        near = options.nearest("TIMEOUTidel")
        self.assertEqual(near and near.name, "TIMEOUTidle")
        self.assertIsNone(options.nearest("qqqqqqqq"))

    def test_filesAreStrings(self) -> None:
        """An option that names a file leaves its value as it is written."""
        for option in options.TABLE:
            if option.path is not None:
                self.assertEqual(option.parse("a b.pem"), "a b.pem", option.name)
                self.assertIsInstance(option.path, PathKind)

    def test_globalOptionsHaveNoSectionParser(self) -> None:
        """Only an option that may stand in both places is read differently in a section."""
        for option in options.TABLE:
            if option.parseInSection is not None:
                self.assertIs(option.scope, Scope.BOTH)


class ValueTests(SynchronousTestCase):
    """What values mean."""

    def refuses(self, option: str, value: str) -> str:
        """Assert that C{option} does not take C{value}; what is expected instead."""
        found = options.find(option)
        assert found is not None
        return str(self.assertRaises(ValueError, found.parse, value))

    def test_barePort(self) -> None:
        """A port alone has no host."""
        self.assertEqual(values.address("2761"), InetAddress("", 2761))

    def test_lastColon(self) -> None:
        """An address is split at its last colon, so that IPv6 needs no brackets."""
        self.assertEqual(values.address("pacs:104"), InetAddress("pacs", 104))
        self.assertEqual(values.address("::1:2762"), InetAddress("::1", 2762))
        self.assertEqual(values.address(":::2762"), InetAddress("::", 2762))

    def test_brackets(self) -> None:
        """An IPv6 address may stand in brackets."""
        self.assertEqual(values.address("[::1]:2762"), InetAddress("::1", 2762))

    def test_unixSocket(self) -> None:
        """An absolute path is a unix socket."""
        self.assertEqual(values.address("/run/pacs.sock"), UnixAddress("/run/pacs.sock"))

    def test_longUnixSocket(self) -> None:
        """A path that the system could not bind is refused."""
        self.assertIn("107 bytes", self.refuses("accept", "/" + "x" * 107))

    def test_serviceName(self) -> None:
        """A port may be the name of a service."""
        with patch.object(socket, "getservbyname", return_value=104) as lookUp:
            self.assertEqual(values.address("pacs:acr-nema"), InetAddress("pacs", 104))
        lookUp.assert_called_once_with("acr-nema", "tcp")

    def test_badPorts(self) -> None:
        """Ports that are none, and addresses without one, are refused."""
        for value in (
            "0",
            "70000",
            "65536",
            "pacs:",
            "192.168.1.1",
            "",
            "[::1]",
            "-1",
            "\N{FULLWIDTH DIGIT ONE}",
        ):
            self.assertIn("port from 1 to 65535", self.refuses("connect", value), value)

    def test_badHosts(self) -> None:
        """A host with blanks, slashes or half a pair of brackets is refused."""
        for value in ("a b:104", "http://pacs:104", "[::1:104"):
            self.assertIn("host name", self.refuses("connect", value), value)

    def test_yesNo(self) -> None:
        """Switches are yes or no in any case, and nothing else."""
        self.assertIs(values.yesNo("YES"), True)
        self.assertIs(values.yesNo("no"), False)
        self.assertEqual(self.refuses("client", "true"), "yes or no")

    def test_seconds(self) -> None:
        """Times are whole numbers of seconds, and nought is one."""
        self.assertEqual(values.seconds("0"), 0)
        for value in ("-1", "1.5", "5 ; five", "", "9" * 5000):
            self.assertIn("seconds", self.refuses("TIMEOUTidle", value))

    def test_debug(self) -> None:
        """A level is a name or a number, and a facility may stand before it."""
        self.assertEqual(values.debug("debug"), values.Debug(7))
        self.assertEqual(values.debug("Local3.5"), values.Debug(5, "local3"))
        for value in ("8", "loud", "nowhere.info", ".info"):
            self.refuses("debug", value)

    def test_debugInSection(self) -> None:
        """A section names no facility."""
        self.assertEqual(values.debugInSection("7"), values.Debug(7))
        self.assertRaises(ValueError, values.debugInSection, "daemon.info")

    def test_versions(self) -> None:
        """Versions are spelled as in stunnel.conf; all is the first or the last there is."""
        parse = values.version(all_=TLSVersion.TLSv1)
        self.assertIs(parse("tlsv1.2"), TLSVersion.TLSv1_2)
        self.assertIs(parse("all"), TLSVersion.TLSv1)

    def test_noSSL(self) -> None:
        """SSLv3 is refused when the file is read, not when the first peer fails."""
        self.assertIn("OpenSSL no longer has SSL", self.refuses("sslVersion", "SSLv3"))

    def test_flags(self) -> None:
        """Flags are set, or cleared after a minus sign, in any case and with dots for C{_}."""
        self.assertEqual(values.flag("NO_TICKET"), values.Flag("NO_TICKET", on=True))
        self.assertEqual(values.flag("-no_tlsv1.2"), values.Flag("NO_TLSv1_2", on=False))
        self.assertIn("NO_TLSv1_3", self.refuses("options", "NO_TLS1_3"))

    def test_flagNumbers(self) -> None:
        """The numbers of flags are those of the OpenSSL we run on."""
        from OpenSSL import SSL

        for name, number in SSL_OPS.items():
            self.assertEqual(getattr(SSL, f"OP_{name}", number), number, name)

    def test_retry(self) -> None:
        """Yes is one second, a number is milliseconds."""
        self.assertEqual([values.retry(text) for text in ("yes", "no", "2500")], [1.0, None, 2.5])
        self.refuses("retry", "soon")

    def test_levels(self) -> None:
        """Security and verification levels have their bounds."""
        self.refuses("securityLevel", "6")
        self.refuses("verify", "5")

    def test_aeTitles(self) -> None:
        """AE titles are at most sixteen printable characters without backslash."""
        self.assertEqual(values.aeTitle("STORE SCP"), "STORE SCP")
        for value in ("", "X" * 17, "A\\B", "Ä"):
            self.refuses("calledAET", value)

    def test_tokensAreNoFiles(self) -> None:
        """A key in a token is refused as what it is, not as a missing file."""
        self.assertEqual(self.refuses("key", "pkcs11:token=x"), "the name of a file")

    def test_emptyValues(self) -> None:
        """An empty value clears what can be cleared, and is refused elsewhere."""
        for name in ("pid", "CAfile", "CApath"):
            option = options.find(name)
            assert option is not None
            self.assertIsNone(option.parse(""))
        for name in ("cert", "ciphers", "checkHost", "service", "setuid"):
            self.refuses(name, "")


class SocketOptionTests(SynchronousTestCase):
    """The C{socket} option."""

    def value(self, text: str) -> int | bytes:
        """The value that C{setsockopt} is to be given for C{text}."""
        return socketOption(text).value

    def test_flag(self) -> None:
        """A switch is yes, no, 1 or 0, and all of the option is ready for setsockopt."""
        option = socketOption("l:SO_KEEPALIVE=yes")
        self.assertIs(option.role, SocketRole.LOCAL)
        self.assertEqual((option.level, option.number), (socket.SOL_SOCKET, socket.SO_KEEPALIVE))
        self.assertEqual(option.value, 1)

    def test_number(self) -> None:
        """Numbers are numbers."""
        self.assertEqual(self.value("r:TCP_KEEPIDLE=60"), 60)

    def test_linger(self) -> None:
        """SO_LINGER is a switch and seconds."""
        self.assertEqual(self.value("l:SO_LINGER=1:60"), struct.pack("@ii", 1, 60))

    def test_times(self) -> None:
        """Times are seconds and microseconds."""
        self.assertEqual(self.value("l:SO_RCVTIMEO=5:250000"), struct.pack("@ll", 5, 250000))
        self.assertEqual(self.value("l:SO_SNDTIMEO=5"), struct.pack("@ll", 5, 0))

    def test_device(self) -> None:
        """SO_BINDTODEVICE takes a device's name."""
        self.assertEqual(self.value("a:SO_BINDTODEVICE=eth0"), b"eth0\0")

    def test_theSystemTakesThem(self) -> None:
        """The packed values are what the system itself reads and writes."""
        with socket.socket() as one:
            for text in ("l:SO_LINGER=1:7", "l:SO_RCVTIMEO=3:0", "l:SO_SNDBUF=65536", "l:IP_TTL=9"):
                option = socketOption(text)
                one.setsockopt(option.level, option.number, option.value)
            self.assertEqual(
                one.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8), struct.pack("@ii", 1, 7)
            )
            self.assertEqual(one.getsockopt(socket.IPPROTO_IP, socket.IP_TTL), 9)

    def test_refused(self) -> None:
        """Anything else says which part of it is wrong."""
        for text, expected in {
            "SO_KEEPALIVE=1": "a, l or r in front",
            "x:SO_KEEPALIVE=1": "a, l or r in front",
            "l:SO_KEEPALIVE": "a, l or r in front",
            "l:SO_KEEPALIV=1": "SO_KEEPALIVE",
            "l:SO_KEEPALIVE=2": "for SO_KEEPALIVE yes, no, 1 or 0",
            "l:SO_LINGER=60": "1:60",
            "l:SO_RCVTIMEO=soon": "seconds",
            "a:SO_BINDTODEVICE=" + "x" * 16: "15 bytes",
            "l:SO_SNDBUF=-1": "a whole number",
        }.items():
            self.assertIn(expected, str(self.assertRaises(ValueError, socketOption, text)))
