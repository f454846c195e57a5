"""Tests of L{appliance.config.migration}, C{rewriting} and C{recommended}: stunnel's files."""

from __future__ import annotations

import re

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from appliance.config.build import build
from appliance.config.files import Given
from appliance.config.migration import Plan, plan
from appliance.config.model import Config, Dicom, Problem, SectionConfig, Where
from appliance.config.recommended import recommended
from appliance.config.rewriting import rewritten
from tests.config.memory import GUIDE, KEYS, Memory, client, section

HOME = "/etc/butterfly-tls"
ONE, TWO = f"{HOME}/pacs.conf", f"{HOME}/ris.conf"
NEW = "/srv/new/butterfly-tls.conf"

SECOND = section().replace("2761", "2762")


def disk(*texts: str) -> Memory:
    """The keys, and C{texts} as files of stunnel's."""
    return Memory(
        {**KEYS, **{path: t.encode() for path, t in zip((ONE, TWO), texts, strict=False)}}
    )


class MigrationCase(SynchronousTestCase):
    """Files of stunnel's that are taken over."""

    def plan(self, *texts: str) -> Plan:
        """The plan for C{texts}."""
        return plan((ONE, TWO)[: len(texts)], disk(*texts))

    def taken(self, *texts: str) -> Config:
        """What our file comes to, which must have nothing wrong with it at all."""
        files = disk(*texts)
        made = self.plan(*texts)
        self.assertTrue(made.possible, made.problems)
        text = rewritten(made, files)
        config, problems = build(NEW, Given(NEW, text.encode(), files))
        self.assertEqual(problems, (), text)
        assert config is not None
        return config

    def told(self, *texts: str) -> Problem:
        """The one thing that there is to say."""
        (problem,) = self.plan(*texts).problems
        return problem


def meaning(one: SectionConfig) -> str:
    """All that a section means, without where its lines stand and what it goes by."""
    return re.sub(r"Where\(path='[^']*', line=\d+\)", "", repr(evolve(one, name="")))


class OneFileTests(MigrationCase):
    """One file of stunnel's."""

    def test_guide(self) -> None:
        """The guide's file means the same wherever it is put."""
        (before,) = self.plan(GUIDE).files
        after = self.taken(GUIDE)
        self.assertEqual(after.process, before.config.process)
        self.assertEqual(
            list(map(meaning, after.sections)), list(map(meaning, before.config.sections))
        )
        self.assertEqual([each.name for each in after.sections], ["DICOM STORE", "DICOM DMWL"])

    def test_everyKindOfOption(self) -> None:
        """Lists, client sections and what holds for the process come along."""
        first = "pid = run/pid\ndebug = local3.7\nsetEnv = A=B\nsetEnv = C=D\nsocket = l:IP_TTL=9\n"
        proxy = client(
            "verifyPeer = yes",
            "CAfile = ca.pem",
            "protocol = connect",
            "protocolHost = cloud.example:2762",
            "checkHost = a.example",
            "checkHost = b.example",
        )
        text = first + section("CApath = cas", "options = NO_TICKET", "timeoutIDLE = 5") + proxy
        (before,) = self.plan(text).files
        after = self.taken(text)
        self.assertEqual(after.process, before.config.process)
        self.assertEqual(
            list(map(meaning, after.sections)), list(map(meaning, before.config.sections))
        )

    def test_windows(self) -> None:
        """Paths from Windows and names in the wrong case become those of files that are there."""
        text = section().replace("cert = B", "cert = C:\\stunnel\\config\\b")
        made = self.plan(text)
        self.assertEqual([each.option for each in made.problems], ["cert"])
        self.assertIn(f"cert = {HOME}/Butterfly_SCP_Cert.pem", rewritten(made, disk(text)))

    def test_ignored(self) -> None:
        """What does nothing here is a comment with the reason, and a secret stays one."""
        mac = f"ticketMacSecret = {'5' * 64}"
        key = f"ticketKeySecret = {'5' * 64}"
        text = f"taskbar = no\nfips = no\n{section(key, mac)}"
        self.assertTrue(self.plan(text).possible)
        made = rewritten(self.plan(text), disk(text))
        self.assertIn("\n; taskbar = no\n", made)
        self.assertIn("\n; fips = no\n", made)
        self.assertIn("\n; ticketMacSecret = ...\n", made)
        self.assertNotIn("555", made)
        self.taken(text)

    def test_refused(self) -> None:
        """What would do harm if it were left out has to be settled first."""
        made = self.plan(section("libwrap = yes"))
        self.assertFalse(made.possible)
        self.assertEqual([each.where for each in made.problems], [Where(ONE, 5)])

    def test_twice(self) -> None:
        """Two sections of one name, which stunnel takes, get names of their own."""
        after = self.taken(section() + SECOND)
        self.assertEqual([each.name for each in after.sections], ["DICOM STORE", "DICOM STORE #2"])

    def test_service(self) -> None:
        """What a section goes by is in its header from now on."""
        (one,) = self.taken("service = tls\n" + section("service = MAIN")).sections
        self.assertEqual(one.name, "MAIN")

    def test_inetd(self) -> None:
        """A file for inetd is left out, and told what can serve it."""
        made = self.plan("cert = Butterfly_SCP_Cert.pem\nconnect = 104\n")
        self.assertEqual(made.files, ())
        self.assertFalse(made.possible)
        (problem,) = made.problems
        self.assertFalse(problem.fatal)
        self.assertIn(f"butterfly-tls stunnel {ONE}", problem.advice)

    def test_missing(self) -> None:
        """A file that is not there stands in the way."""
        (problem,) = plan(["/etc/none.conf"], disk()).problems
        self.assertTrue(problem.fatal)

    def test_included(self) -> None:
        """Sections of included files are written into the one file."""
        files = disk("include = conf.d\n")
        files.content[f"{HOME}/conf.d/a.conf"] = section().encode()
        made = rewritten(plan([ONE], files), files)
        self.assertIn(f"; {HOME}/conf.d/a.conf:1\n[DICOM STORE]\n", made)
        self.assertNotIn("include", made)


class SeveralFilesTests(MigrationCase):
    """Several daemons' files become one."""

    def test_names(self) -> None:
        """A name that is taken gets that of its file behind it, which is told."""
        config = self.taken(section(), SECOND)
        self.assertEqual(
            [each.name for each in config.sections], ["DICOM STORE", "DICOM STORE ris"]
        )
        problem = self.told(section(), SECOND)
        self.assertEqual((problem.where, problem.fatal), (Where(TWO, 1), False))
        self.assertIn(f"a section of this name in {ONE}", problem.found)
        self.assertIn('becomes "DICOM STORE ris"', problem.advice)

    def test_namesAgain(self) -> None:
        """Even where that one is taken too."""
        third = section(header="[DICOM STORE ris]").replace("2761", "2763")
        names = [each.name for each in self.taken(section() + third, SECOND).sections]
        self.assertEqual(names, ["DICOM STORE", "DICOM STORE ris", "DICOM STORE ris #2"])

    def test_serverNames(self) -> None:
        """Who serves names of a section follows it to its new name."""
        slave = "[b]\nsni = DICOM STORE:*.B.example\nconnect = 105\ncert = Butterfly_SCP_Cert.pem\n"
        found = [each.slave for each in self.taken(section() + slave, SECOND + slave).sections]
        self.assertEqual(
            [each and (each.primary, each.pattern) for each in found],
            [None, ("DICOM STORE", "*.b.example"), None, ("DICOM STORE ris", "*.b.example")],
        )

    def test_defaults(self) -> None:
        """Each section keeps the defaults of its own file."""
        one, two = "sslVersion = TLSv1.2\n" + section(), "TIMEOUTidle = 9\n" + SECOND
        before = [each.config.sections[0] for each in self.plan(one, two).files]
        after = self.taken(one, two)
        self.assertEqual(list(map(meaning, after.sections)), list(map(meaning, before)))

    def test_sameDefaults(self) -> None:
        """Defaults that all files have are written once."""
        one, two = "TIMEOUTidle = 9\n" + section(), "timeoutidle = 9\n" + SECOND
        made = rewritten(self.plan(one, two), disk(one, two))
        self.assertEqual(made.count("TIMEOUTidle"), 1)
        self.assertEqual([each.timeouts.idle for each in self.taken(one, two).sections], [9, 9])

    def test_levels(self) -> None:
        """The log of each section says as much as before."""
        after = self.taken("debug = 7\n" + section(), SECOND)
        self.assertEqual(after.process.debug, 7)
        self.assertEqual([each.debug for each in after.sections], [7, 5])

    def test_process(self) -> None:
        """What one process has only once is the first file's, and the other's word is told."""
        one, two = (
            f"pid = /run/a\nsetEnv = A=B\n{section()}",
            f"pid = /run/b\nsetEnv = C=D\n{SECOND}",
        )
        config = self.taken(one, two)
        self.assertEqual(config.process.pid, "/run/a")
        self.assertEqual(config.process.environment, (("A", "B"), ("C", "D")))
        pids = [each for each in self.plan(one, two).problems if each.option == "pid"]
        self.assertEqual([each.where for each in pids], [Where(TWO, 1)])
        self.assertIn(f"{ONE}:1 has another", pids[0].found)

    def test_ports(self) -> None:
        """One port in two files has to be settled first."""
        made = self.plan(section(), section(header="[b]").replace("2761", "127.0.0.1:2761"))
        self.assertFalse(made.possible)
        (problem,) = made.problems
        self.assertEqual((problem.where, problem.option), (Where(TWO, 1), "accept"))
        self.assertIn(f'"accept = 2761" of [DICOM STORE] in {ONE}', problem.found)

    def test_sameFile(self) -> None:
        """A file that is named twice is taken once."""
        made = plan([ONE, "/etc/../etc/butterfly-tls/pacs.conf"], disk(section()))
        self.assertEqual([each.path for each in made.files], [ONE])


class RecommendedTests(MigrationCase):
    """The overlay that goes with it."""

    def overlaid(self, text: str, overlay: str) -> Config:
        """Our file with C{overlay} over it, without any error."""
        files = disk(text)
        made = rewritten(self.plan(text), files).encode()
        above = "/srv/new/overlay.conf"
        given = Given(NEW, made, Given(above, overlay.encode(), files))
        config, problems = build(NEW, given, overlay=above)
        self.assertEqual(problems, ())
        assert config is not None
        return config

    def test_nothing(self) -> None:
        """As it is written nothing in it counts."""
        overlay = recommended(self.plan(GUIDE), "x.conf")
        self.assertEqual(self.overlaid(GUIDE, overlay).sections, self.taken(GUIDE).sections)

    def test_all(self) -> None:
        """With every sign taken away it still is a good overlay."""
        overlay = re.sub("^;(?! )", "", recommended(self.plan(GUIDE), "x.conf"), flags=re.MULTILINE)
        config = self.overlaid(GUIDE, overlay)
        self.assertEqual([each.dicom.mode for each in config.sections], [Dicom.YES, Dicom.YES])
        self.assertEqual(config.process.workers, 0)

    def test_written(self) -> None:
        """What a file has already is not offered again."""
        text = "workers = 2\n" + section("dicom = auto")
        overlay = recommended(self.plan(text), "x.conf")
        self.assertNotIn(";workers", overlay)
        self.assertNotIn(";dicom", overlay)

    def test_chroot(self) -> None:
        """Workers and a root of our own do not go together."""
        text = f"chroot = {HOME}/cas\n{section()}"
        self.assertNotIn(";workers", recommended(self.plan(text), "x.conf"))

    def test_statusPort(self) -> None:
        """The port for the status is none that a section has."""
        text = section().replace("2761", "9176")
        self.assertIn(";status = 9177\n", recommended(self.plan(text), "x.conf"))

    def test_notDicom(self) -> None:
        """Where no port is one of DICOM's the bytes are left alone."""
        text = section().replace("2761", "995").replace(":104", ":110")
        overlay = recommended(self.plan(text), "x.conf")
        self.assertIn(";dicom = no\n", overlay)
        self.assertNotIn("healthCheck", overlay)
