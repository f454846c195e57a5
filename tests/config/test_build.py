"""Tests of L{appliance.config.build}, and of C{settings} and C{paths} through it."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from appliance.config.build import build, load
from appliance.config.model import (
    ConfigError,
    Failover,
    GlobalConfig,
    InetAddress,
    KeyPermissions,
    Problem,
    SectionConfig,
    Severity,
    SocketRole,
    Timeouts,
    TLSConfig,
    TLSVersion,
    Where,
)
from appliance.config.sslops import SSL_OPS
from appliance.config.stunnelwords import stunnelForm
from tests.config.memory import CONF, GUIDE, HOME, Memory, built, client, files, problems, section

CERT = f"{HOME}/Butterfly_SCP_Cert.pem"
KEY = f"{HOME}/Butterfly_SCP_Key.pem"


def only(text: str) -> SectionConfig:
    """The one section of a configuration with one section, which may have warnings."""
    (one,) = load(CONF, files(text)).sections
    return one


class GuideTests(SynchronousTestCase):
    """The guide's own configuration."""

    def test_guide(self) -> None:
        """The guide's block and a second one for the worklist come out whole, without a warning."""
        config = built(GUIDE)
        self.assertEqual(config.path, CONF)
        self.assertEqual(config.files, (CONF,))
        self.assertEqual(config.process, GlobalConfig())
        store, worklist = config.sections
        self.assertEqual(
            store,
            SectionConfig(
                name="DICOM STORE",
                where=Where(CONF, 4),
                accept=(InetAddress("", 2761),),
                connect=(InetAddress("192.168.1.100", 104),),
                tls=TLSConfig(
                    cert=CERT,
                    key=KEY,
                    certWhere=Where(CONF, 7),
                    keyWhere=Where(CONF, 8),
                    caWhere=Where(CONF, 4),
                    minimum=TLSVersion.TLSv1_2,
                    maximum=TLSVersion.TLSv1_2,
                ),
            ),
        )
        self.assertEqual(worklist.name, "DICOM DMWL")
        self.assertEqual(worklist.connect, (InetAddress("192.168.1.100", 105),))

    def test_guideOnWindows(self) -> None:
        """The same text means the same with Windows' line ends and byte order mark."""
        data = b"\xef\xbb\xbf" + GUIDE.replace("\n", "\r\n").encode()
        self.assertEqual(built(data), built(GUIDE))


class ModelTests(SynchronousTestCase):
    """What options come to in the model."""

    def test_defaults(self) -> None:
        """What is not written is as the model has it, and the key is in the certificate's file."""
        one = built(section()).sections[0]
        self.assertEqual(one.timeouts, Timeouts())
        self.assertEqual(
            (one.tls.minimum, one.tls.maximum), (TLSVersion.TLSv1_2, TLSVersion.TLSv1_3)
        )
        self.assertIsNone(one.tls.ciphers)
        self.assertEqual((one.tls.key, one.tls.keyWhere), (CERT, Where(CONF, 4)))

    def test_everythingOfASection(self) -> None:
        """Every option of a section reaches its field."""
        one = built(
            section(
                "key = Butterfly_SCP_Key.pem",
                "CAfile = ca.pem",
                "CApath = cas",
                "requireCert = yes",
                "verifyPeer = yes",
                "checkHost = a.example",
                "checkHost = b.example",
                "ciphers = HIGH:!aNULL",
                "ciphersuites = TLS_AES_256_GCM_SHA384",
                "curve = X25519:P-256",
                "securityLevel = 3",
                "sslVersionMax = TLSv1.2",
                "options = NO_TICKET",
                "options = -NO_COMPRESSION",
                "keyPermissions = strict",
                "TIMEOUTbusy = 1",
                "TIMEOUTconnect = 2",
                "TIMEOUTidle = 3",
                "TIMEOUTclose = 0",
                "failover = rr",
                "delay = yes",
                "local = 10.0.0.1",
                "debug = 7",
                "callingAET = GATE",
                "calledAET = PACS",
            )
        ).sections[0]
        self.assertEqual(
            one,
            SectionConfig(
                name="DICOM STORE",
                where=Where(CONF, 1),
                accept=(InetAddress("", 2761),),
                connect=(InetAddress("pacs", 104),),
                tls=TLSConfig(
                    cert=CERT,
                    key=KEY,
                    certWhere=Where(CONF, 4),
                    keyWhere=Where(CONF, 5),
                    caWhere=Where(CONF, 6),
                    caFile=f"{HOME}/ca.pem",
                    caPath=f"{HOME}/cas",
                    requireCert=True,
                    verifyPeer=True,
                    checkHost=("a.example", "b.example"),
                    ciphers="HIGH:!aNULL",
                    ciphersuites="TLS_AES_256_GCM_SHA384",
                    curves="X25519:P-256",
                    options=SSL_OPS["NO_TICKET"],
                    clearOptions=SSL_OPS["NO_COMPRESSION"],
                    maximum=TLSVersion.TLSv1_2,
                    securityLevel=3,
                    keyPermissions=KeyPermissions.STRICT,
                ),
                timeouts=Timeouts(busy=1, connect=2, idle=3, close=0),
                failover=Failover.RR,
                delay=True,
                local="10.0.0.1",
                debug=7,
                callingAET="GATE",
                calledAET="PACS",
            ),
        )

    def test_everythingOfTheProcess(self) -> None:
        """Every global option reaches its field, and files are made absolute without looking."""
        text = "\n".join(
            (
                "debug = local3.info",
                "output = log/tls.log",
                "log = overwrite",
                "syslog = no",
                "foreground = quiet",
                "pid = /run/tls.pid",
                "setuid = root",
                "setgid = 105",
                "chroot = cas",
                "service = dicom-tls",
                "setEnv = TZ=UTC",
                "setEnv = LANG = C",
                section(),
            )
        )
        config = built(text)
        self.assertEqual(
            config.process,
            GlobalConfig(
                debug=6,
                facility="local3",
                output=f"{HOME}/log/tls.log",
                appendLog=False,
                syslog=False,
                foreground="quiet",
                pid="/run/tls.pid",
                setuid="root",
                setgid="105",
                chroot=f"{HOME}/cas",
                service="dicom-tls",
                environment=(("TZ", "UTC"), ("LANG", "C")),
            ),
        )
        self.assertEqual(config.sections[0].debug, 6)

    def test_clientServerName(self) -> None:
        """A client asks for a name, for none if it is empty, or has not been told."""
        self.assertEqual(only(client("sni = other.example")).tls.sni, "other.example")
        self.assertEqual(only(client("sni =")).tls.sni, "")
        self.assertIsNone(only(client()).tls.sni)

    def test_client(self) -> None:
        """A client section needs no certificate, and says so to its TLS context."""
        one = built(client("verifyPeer = yes", "CAfile = ca.pem")).sections[0]
        self.assertTrue(one.client and one.tls.client)
        self.assertIsNone(one.tls.cert)

    def test_verifyLevels(self) -> None:
        """The old verify levels come to what replaced them."""
        outcomes = []
        for level in range(5):
            config = only(section("CAfile = ca.pem", f"verify = {level}")).tls
            asked = (config.requestCert, config.verifyIfSent, config.requireCert)
            outcomes.append((*asked, config.verifyChain, config.verifyPeer))
        self.assertEqual(
            outcomes,
            [
                (True, False, False, False, False),
                (True, True, False, False, False),
                (False, False, True, True, False),
                (False, False, True, True, True),
                (False, False, True, False, True),
            ],
        )

    def test_verifyIfSentAndMore(self) -> None:
        """Level 1 takes nothing away from what else is asked for."""
        for line in ("verifyChain = yes", "verifyPeer = yes"):
            config = only(section("CAfile = ca.pem", "verify = 1", line)).tls
            self.assertEqual((config.verifyIfSent, config.verifyChain), (False, True))

    def test_verifyIfSentToAClient(self) -> None:
        """A server always shows its certificate, so that level 1 checks it in any case."""
        config = only(client("CAfile = ca.pem", "verify = 1")).tls
        self.assertEqual((config.verifyIfSent, config.verifyChain), (False, True))

    def test_flagsCountByName(self) -> None:
        """Of contrary settings of one flag the last counts."""
        config = only(section("options = NO_TICKET", "options = -NO_TICKET")).tls
        self.assertEqual((config.options, config.clearOptions), (0, SSL_OPS["NO_TICKET"]))

    def test_socketOptionsCountByNameAndRole(self) -> None:
        """Of settings of one socket option for one socket the last counts."""
        one = only(
            section(
                "socket = l:SO_KEEPALIVE=1",
                "socket = r:SO_KEEPALIVE=1",
                "socket = l:SO_KEEPALIVE=0",
            )
        )
        self.assertEqual(
            [(option.role, option.value) for option in one.socketOptions],
            [(SocketRole.LOCAL, 0), (SocketRole.REMOTE, 1)],
        )

    def test_include(self) -> None:
        """Sections and settings come from included files too, which are listed."""
        config = built("include = conf.d\n", **{"conf.d/a": section()})
        self.assertEqual(config.sections[0].where, Where(f"{HOME}/conf.d/a", 1))
        self.assertEqual(config.files, (CONF, f"{HOME}/conf.d/a"))


class DefaultsTests(SynchronousTestCase):
    """Service options before the first section."""

    def test_inherited(self) -> None:
        """They are defaults for every section, which may say otherwise."""
        config = built(
            "cert = Butterfly_SCP_Cert.pem\nTIMEOUTidle = 60\n"
            "[a]\naccept = 1\nconnect = 104\n[b]\naccept = 2\nconnect = 104\nTIMEOUTidle = 5\n"
        )
        self.assertEqual([one.timeouts.idle for one in config.sections], [60, 5])
        self.assertEqual([one.tls.cert for one in config.sections], [CERT, CERT])
        self.assertEqual(config.sections[0].tls.certWhere, Where(CONF, 1))

    def test_listsAreCopied(self) -> None:
        """A section adds to its own copy of a list, not to the next section's."""
        config = built(
            "connect = first:104\n"
            + section().replace("pacs", "second")
            + section(header="[b]").replace("2761", "2762").replace("pacs", "third")
        )
        self.assertEqual(
            [[str(address) for address in one.connect] for one in config.sections],
            [["first:104", "second:104"], ["first:104", "third:104"]],
        )

    def test_pinAndLaterMaximum(self) -> None:
        """The pin is both bounds at once; what is written later counts."""
        text = "sslVersion = TLSv1.2\n" + section("sslVersionMax = TLSv1.3")
        config = only(text).tls
        self.assertEqual((config.minimum, config.maximum), (TLSVersion.TLSv1_2, TLSVersion.TLSv1_3))

    def test_laterPin(self) -> None:
        """A pin in a section overrides bounds before it."""
        config = only("sslVersionMin = TLSv1.2\n" + section("sslVersion = TLSv1.3")).tls
        self.assertEqual((config.minimum, config.maximum), (TLSVersion.TLSv1_3, TLSVersion.TLSv1_3))

    def test_facilityIsNotInherited(self) -> None:
        """A section's level does not change that of the process."""
        config = built("debug = daemon.info\n" + section("debug = 3"))
        self.assertEqual((config.process.debug, config.sections[0].debug), (6, 3))


class PathTests(SynchronousTestCase):
    """File names and the slips that people make with them."""

    def problem(self, *lines: str, **others: str) -> Problem:
        """The one problem of a section with further C{lines}."""
        (problem,) = problems(section(*lines), **others)
        return problem

    def test_otherCase(self) -> None:
        """The guide's key, downloaded with a small k, is used; both spellings are told."""
        text = GUIDE.replace("[DICOM DMWL]", "; [DICOM DMWL]").split("; [DICOM")[0]
        memory = Memory({CONF: text.encode(), CERT: b"", f"{HOME}/Butterfly_SCP_key.pem": b""})
        config = load(CONF, memory)
        self.assertEqual(config.sections[0].tls.key, f"{HOME}/Butterfly_SCP_key.pem")
        (warning,) = config.warnings
        self.assertIs(warning.severity, Severity.WARNING)
        self.assertEqual((warning.where, warning.option), (Where(CONF, 8), "key"))
        self.assertIn("Butterfly_SCP_Key.pem", str(warning))
        self.assertIn("Butterfly_SCP_key.pem", str(warning))

    def test_twoOtherCases(self) -> None:
        """Two files that fit but for case, and none that fits, are an error naming both."""
        problem = self.problem("key = a.pem", **{"A.pem": "", "a.PEM": ""})
        self.assertTrue(problem.fatal)
        self.assertIn("A.pem and a.PEM", problem.found)

    def test_exactNameWins(self) -> None:
        """A file of the very name is used without a word, whatever else is there."""
        built(section("key = a.pem"), **{"a.pem": "", "A.pem": ""})

    def test_missing(self) -> None:
        """A missing file is named in full, with the names there that come near."""
        problem = self.problem("key = Butterfly_SCP_Kez.pem")
        self.assertTrue(problem.fatal)
        self.assertEqual(problem.where, Where(CONF, 5))
        self.assertIn(f"{HOME}/Butterfly_SCP_Kez.pem", problem.found)
        self.assertIn("Butterfly_SCP_Key.pem", problem.advice)

    def test_missingDirectory(self) -> None:
        """A file in a directory that is not there is missing too."""
        self.assertIn("/nowhere/a.pem", self.problem("key = /nowhere/a.pem").found)

    def test_directoryForAFile(self) -> None:
        """A directory is no key."""
        self.assertIn("is not a file", self.problem("key = cas").found)

    def test_fileForADirectory(self) -> None:
        """A file is no CApath."""
        self.assertIn("is not a directory", self.problem("CApath = ca.pem").found)

    def test_windowsPath(self) -> None:
        """A path from Windows leads to the file of that name beside the configuration file."""
        text = section(r"key = C:\stunnel\config\Butterfly_SCP_Key.pem")
        self.assertEqual(only(text).tls.key, KEY)
        (warning,) = problems(text)
        self.assertFalse(warning.fatal)
        self.assertIn(KEY, warning.advice)

    def test_windowsPathInOtherCase(self) -> None:
        """Both slips at once still are one warning."""
        text = section(r"key = config\butterfly_scp_key.pem")
        self.assertEqual(only(text).tls.key, KEY)
        self.assertEqual(len(problems(text)), 1)

    def test_windowsPathToNothing(self) -> None:
        """A path from Windows whose file is not here is an error naming the path looked for."""
        problem = self.problem("key = C:/stunnel/nix.pem")
        self.assertTrue(problem.fatal)
        self.assertIn(f"{HOME}/nix.pem", problem.found)

    def test_windowsLog(self) -> None:
        """A log file on Windows becomes one beside the configuration file."""
        config = load(CONF, files("output = C:\\stunnel\\stunnel.log\n" + section()))
        self.assertEqual(config.process.output, f"{HOME}/stunnel.log")

    def test_aDefaultIsLookedUpOnce(self) -> None:
        """A missing file that every section inherits is told once, where it is written."""
        found = problems("CAfile = nix.pem\n" + GUIDE)
        self.assertEqual([problem.where for problem in found], [Where(CONF, 1)])


class ProblemTests(SynchronousTestCase):
    """What is told, and how."""

    def test_unknownOption(self) -> None:
        """An unknown option is told with the nearest known one and where that may stand."""
        (problem,) = problems(section("TIMEOUTidel = 3"))
        self.assertEqual((problem.section, problem.option), ("DICOM STORE", "TIMEOUTidel"))
        self.assertIn("TIMEOUTidle", problem.advice)
        self.assertIn("in a [section]", problem.advice)

    def test_unlikeAnyOption(self) -> None:
        """An unknown option that is near to none is told all the same."""
        (problem,) = problems(section("qqqqqqqq = 3"))
        self.assertIn("no such option", problem.found)

    def test_globalOptionInASection(self) -> None:
        """An option of the process must stand before the first section."""
        (problem,) = problems(section("pid = /run/x.pid"))
        self.assertTrue(problem.fatal)
        self.assertIn("before the first [section]", problem.expected)

    def test_facilityInASection(self) -> None:
        """A section names no syslog facility."""
        (problem,) = problems(section("debug = daemon.info"))
        self.assertIn("level", problem.expected)

    def test_ignored(self) -> None:
        """An option that is ignored is a warning with the reason."""
        (problem,) = problems("taskbar = yes\n" + section())
        self.assertFalse(problem.fatal)
        self.assertIn("Windows", problem.found)

    def test_refused(self) -> None:
        """An option that would weaken security if left out is an error with the reason."""
        (problem,) = problems(section("CAstore = file:/ca"))
        self.assertTrue(problem.fatal)
        self.assertIn("would not trust", problem.found)

    def test_refusedThatCanBeTurnedOff(self) -> None:
        """Where a value would do no harm, it is named."""
        (problem,) = problems("fips = yes\n" + section())
        self.assertIn("fips = no", problem.advice)

    def test_harmlessValues(self) -> None:
        """A value that asks for what is done anyway passes in silence."""
        built(
            "fips = no\ntaskbar = no\n"
            + section("OCSPaia = No", "pty = no", "CRLfile =", "libwrap = NO")
        )

    def test_secretsAreNotRepeated(self) -> None:
        """Neither a password nor a key gets into a message, ours or stunnel's."""
        for line in ("protocolPassword = tops3cret", "ticketKeySecret = tops3cret"):
            for problem in problems(section(line)):
                self.assertNotIn("tops3cret", str(problem) + stunnelForm(problem))

    def test_badValue(self) -> None:
        """A bad value is told with its place, itself, what is expected, and the form."""
        (problem,) = problems(section("connect = 70000"))
        self.assertEqual(
            str(problem),
            f'{CONF}:5: error: [DICOM STORE] connect: "70000" is not valid; expected a port from '
            '1 to 65535 or the name of a service; the form is "connect = [HOST:]PORT or /PATH"',
        )

    def test_badValueIsToldOnce(self) -> None:
        """A bad value of an option that stands for two is told once."""
        self.assertEqual(len(problems(section("sslVersion = SSLv3"))), 1)

    def test_allAreCollectedInTheirOrder(self) -> None:
        """One look at a file tells all that is wrong with it, line by line."""
        found = problems(
            "foo = 1\n[a]\naccept = 99999\nnonsense\nclient = maybe\ncert = nix.pem\n[b]\n"
        )
        self.assertEqual(
            [(problem.where.line, problem.option) for problem in found],
            [
                (1, "foo"),
                (2, "connect"),
                (3, "accept"),
                (4, ""),
                (5, "client"),
                (6, "cert"),
                (7, "accept"),
                (7, "connect"),
                (7, "cert"),
            ],
        )

    def test_nothingToServe(self) -> None:
        """A file without sections has nothing to serve."""
        config, (problem,) = build(CONF, files("debug = 7\n"))
        self.assertIsNone(config)
        self.assertIn("nothing to serve", problem.found)

    def test_loadRaises(self) -> None:
        """C{load} raises all the problems when one of them is an error."""
        text = "taskbar = yes\n" + section("foo = 1", "bar = 2")
        error = self.assertRaises(ConfigError, load, CONF, files(text))
        self.assertEqual(error.problems, problems(text))
        self.assertEqual(len(str(error).splitlines()), 3)

    def test_loadKeepsWarnings(self) -> None:
        """C{load} gives warnings along with the configuration."""
        config = load(CONF, files("taskbar = yes\n" + section()))
        self.assertEqual([warning.option for warning in config.warnings], ["taskbar"])


class WindowsTests(SynchronousTestCase):
    """A file that was written for stunnel on Windows."""

    text = "\r\n".join(
        (
            "; made on Windows",
            "TaskBar = No",
            "iconActive = C:\\stunnel\\active.ico",
            "Output = stunnel.log",
            "CAfile = C:\\Program Files\\stunnel\\config\\CA.pem",
            "[DICOM STORE]",
            "Accept = 2761",
            "CONNECT = pacs:104",
            "Cert = config\\butterfly_scp_cert.PEM",
            "Key = D:/keys/Butterfly_SCP_Key.pem",
            "VerifyChain = YES",
            "",
        )
    )

    def test_isTaken(self) -> None:
        """Its files are found beside it, whatever their directories and case were."""
        config = load(CONF, files(b"\xef\xbb\xbf" + self.text.encode()))
        one = config.sections[0].tls
        self.assertEqual((one.cert, one.key, one.caFile), (CERT, KEY, f"{HOME}/ca.pem"))
        self.assertTrue(one.verifyChain)
        self.assertEqual(config.process.output, f"{HOME}/stunnel.log")

    def test_isTold(self) -> None:
        """Each line that means something else here is told once."""
        found = problems(b"\xef\xbb\xbf" + self.text.encode())
        self.assertEqual(
            [(problem.where.line, problem.fatal) for problem in found],
            [(3, False), (5, False), (9, False), (10, False)],
        )

    def test_programBeside(self) -> None:
        """A program by its name alone is not the one beside the file, and that is told."""
        text = section("healthHook = tell-me")
        self.assertEqual(problems(text), ())
        (problem,) = problems(text, **{"tell-me": ""})
        self.assertFalse(problem.fatal)
        self.assertIn("./tell-me", problem.advice)
        self.assertEqual(problems(section("healthHook = bin/it"), **{"bin/it": ""}), ())

    def test_program(self) -> None:
        """A program of Windows is looked for beside the file, and missed if it is not there."""
        text = section("exec = C:\\tools\\x.exe").replace("connect = pacs:104\n", "")
        (problem,) = problems(text)
        self.assertTrue(problem.fatal)
        self.assertIn(f"{HOME}/x.exe", problem.found)
        self.assertEqual(problems(text, **{"x.exe": ""})[0].fatal, False)
