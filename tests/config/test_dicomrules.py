"""Tests of L{appliance.config.dicomrules}."""

from __future__ import annotations

import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from appliance.config.model import Where
from appliance.system.codec import dump, load
from tests.config.memory import CONF, built, client, problems, section
from tests.config.test_rules import TRUST, RulesTestCase

LINES = (
    *("allowCallingAET = CT01", "allowCalledAET = PACS", "allowSOPClass = storage"),
    *("denySOPClass = retrieve", "certificateAET = modality:CT01", "route = PACS2:pacs2:104"),
    *("rewriteCallingAET = CT", "rewriteCalledAET = PACS1:PACS2"),
)


class RequestTests(RulesTestCase):
    """What needs C{dicom = yes}."""

    def test_each(self) -> None:
        """Each option says so, and which line to add."""
        for mode in ((), ("dicom = auto",), ("dicom = no",)):
            for line in LINES:
                problem = self.error(section(*TRUST, *mode, line), line.split()[0])
                self.assertIn('"dicom = yes"', problem.advice)

    def test_together(self) -> None:
        """With that line they all go together."""
        built(section(*TRUST, "dicom = yes", *LINES))

    def test_workers(self) -> None:
        """All of it reaches the workers as it was written."""
        config = built(section(*TRUST, "dicom = yes", *LINES))
        self.assertEqual(load(dump(config)), config)

    def test_defaults(self) -> None:
        """A default for all sections must suit them all."""
        text = "allowCallingAET = CT01\n" + section("dicom = yes")
        built(text)
        other = section(header="[OTHER]").replace("2761", "2762")
        (problem,) = problems(text + other)
        self.assertEqual((problem.where, problem.section), (Where(CONF, 1), "OTHER"))

    def test_misreadMode(self) -> None:
        """A mode that was not understood is not said to be the wrong one."""
        self.error(section("dicom = ja", "allowCallingAET = CT01"), "dicom")

    def test_program(self) -> None:
        """A program in exec is asked for no association."""
        text = section("exec = cat", "dicom = yes").replace("connect = pacs:104\n", "")
        self.assertIn("exec", self.error(text, "dicom").found)


class CertificateTests(RulesTestCase):
    """Titles by certificates."""

    RULE = ("dicom = yes", "certificateAET = modality:CT01")

    def test_unverified(self) -> None:
        """A name proves nothing in a certificate that nobody verified."""
        self.assertIn("verifyChain", self.error(section(*self.RULE), "certificateAET").advice)

    def test_verified(self) -> None:
        """Any kind of verification will do."""
        built(section(*TRUST, *self.RULE))
        built(section("verifyPeer = yes", "CAfile = ca.pem", *self.RULE))
        built(section("verify = 1", "CAfile = ca.pem", *self.RULE))

    def test_client(self) -> None:
        """Clients without TLS have no certificates."""
        text = client(*TRUST, "checkHost = a.example", *self.RULE)
        self.assertIn("client = yes", self.error(text, "certificateAET").found)


class RouteTests(RulesTestCase):
    """Where titles lead."""

    ROUTE = ("dicom = yes", "route = PACS2:pacs2:104")

    def test_alone(self) -> None:
        """Routes may be all that there is."""
        (config,) = built(section(*self.ROUTE).replace("connect = pacs:104\n", "")).sections
        self.assertEqual(config.connect, ())

    def test_loop(self) -> None:
        """A route must not lead back to the section itself."""
        self.error(section("dicom = yes", "route = PACS2:localhost:2761"), "route")

    def test_twice(self) -> None:
        """One title has one route; the second is told with the place of the first."""
        problem = self.error(section(*self.ROUTE, "route = PACS2:pacs3:104"), "route")
        self.assertEqual(problem.where.line, 7)
        self.assertIn(f"{CONF}:6", problem.found)

    def test_rewrittenTwice(self) -> None:
        """One title becomes one other, and so does any."""
        for option in ("rewriteCallingAET", "rewriteCalledAET"):
            for old in ("PACS:", ""):
                lines = (f"{option} = {old}A", f"{option} = {old}B")
                self.assertIn(f"{CONF}:6", self.error(section("dicom = yes", *lines), option).found)
        built(section("dicom = yes", *LINES[-2:], "rewriteCalledAET = PACS"))


class PolicyTests(RulesTestCase):
    """Rules that are only reported."""

    def test_reported(self) -> None:
        """It is told that they keep nobody out."""
        lines = ("dicom = yes", "policy = report", "allowCallingAET = CT01")
        self.assertIn("keep nobody out", self.warning(section(*lines), "policy").found)
        built(section(*lines).replace("report", "enforce"))

    def test_nothingToReport(self) -> None:
        """Without a rule there is nothing to report."""
        self.assertIn("means nothing", self.warning(section("policy = report"), "policy").found)


class PageTests(SynchronousTestCase):
    """C{docs/dicom.md}."""

    def test_examples(self) -> None:
        """Each example is accepted as it stands, but for the warning that it speaks of."""
        page = (Path(__file__).parents[2] / "docs" / "dicom.md").read_text("utf-8")
        examples = re.findall(r"^```ini\n(.*?)^```$", page, re.M | re.S)
        self.assertGreater(len(examples), 5)
        for text in examples:
            found = [(each.option, each.fatal) for each in problems(text)]
            self.assertEqual(found, [("policy", False)] * text.count("policy = report"), text)
