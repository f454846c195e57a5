"""Tests of L{appliance.dicom.policy}."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from appliance.dicom.items import ProposedContext
from appliance.dicom.pdu import AssociateRJ, AssociateRQ
from appliance.dicom.policy import SHOWN, Breach, Rules, breaches, fits, permitted, unrouted
from appliance.dicom.uids import VERIFICATION
from tests.dicom import strategies as s

CT = "1.2.840.10008.5.1.4.1.1.2"
MR = "1.2.840.10008.5.1.4.1.1.4"
MOVE = "1.2.840.10008.5.1.4.1.2.2.2"
GET = "1.2.840.10008.5.1.4.1.2.2.3"
PRIVATE = "1.2.3.4"

CALLING = AssociateRJ(1, 1, 3)
CALLED = AssociateRJ(1, 1, 7)
NO_REASON = AssociateRJ(1, 1, 1)


def asking(*classes: str, calling: str = "CT01", called: str = "PACS") -> AssociateRQ:
    """A request that proposes C{classes}."""
    contexts = tuple(ProposedContext(2 * k + 1, uid, ()) for k, uid in enumerate(classes))
    return AssociateRQ(called, calling, contexts)


class PolicyCase(SynchronousTestCase):
    """Something that looks at what is against the rules."""

    def allowed(self, request: AssociateRQ, rules: Rules, *names: str) -> None:
        """Assert that nothing is against C{rules}."""
        self.assertEqual(list(breaches(request, names, rules)), [])

    def breach(self, request: AssociateRQ, rules: Rules, *names: str) -> Breach:
        """Assert that one thing is against C{rules}, and return it."""
        (breach,) = breaches(request, names, rules)
        return breach


class TitleTests(PolicyCase):
    """Who calls whom."""

    def test_noRules(self) -> None:
        """Without rules everybody may ask for everything."""
        self.allowed(asking(CT, MOVE, PRIVATE), Rules())

    def test_calling(self) -> None:
        """A calling title that is not allowed is answered as such, and named."""
        rules = Rules(allowCalling=("CT01", "CT02"))
        self.allowed(asking(calling="CT02"), rules)
        breach = self.breach(asking(calling="CT03"), rules)
        self.assertEqual(breach.rejection, CALLING)
        self.assertIn("CT03", breach.why)
        self.assertIn("allowCallingAET", breach.advice)

    def test_called(self) -> None:
        """So is a called one."""
        rules = Rules(allowCalled=("PACS",))
        self.allowed(asking(), rules)
        breach = self.breach(asking(called="PACS2"), rules)
        self.assertEqual(breach.rejection, CALLED)
        self.assertIn("PACS2", breach.why)
        self.assertIn("allowCalledAET", breach.advice)

    def test_case(self) -> None:
        """Titles are case-sensitive (PS3.5 section 6.2)."""
        self.breach(asking(calling="ct01"), Rules(allowCalling=("CT01",)))
        self.breach(asking(calling="ct01"), Rules(allowCalling=("CT*",)))

    def test_padding(self) -> None:
        """The padding of a title on the wire is no part of it."""
        request = AssociateRQ.decodeBody(asking(calling="CT01", called="PACS").encode()[6:])
        self.allowed(request, Rules(allowCalling=("CT01",), allowCalled=("PACS",)))

    def test_all(self) -> None:
        """Whoever asks for all that is against the rules hears of all, the caller first."""
        rules = Rules(("A",), ("B",), (CT,), (), (("name", ("C",)),))
        found = [breach.rejection for breach in breaches(asking(MR), (), rules)]
        self.assertEqual(found, [CALLING, CALLING, CALLED, NO_REASON])

    def test_unrouted(self) -> None:
        """A title that leads nowhere is not recognized."""
        breach = unrouted("PACS9")
        self.assertEqual(breach.rejection, CALLED)
        self.assertIn("PACS9", breach.why)


class PatternTests(SynchronousTestCase):
    """L{fits}."""

    def test_examples(self) -> None:
        """An asterisk stands for any characters or none; all else stands for itself."""
        for title, pattern, expected in (
            ("CT01", "CT01", True),
            ("CT01", "CT0", False),
            ("CT01", "*", True),
            ("CT01", "CT*", True),
            ("CT", "CT*", True),
            ("ACT", "CT*", False),
            ("ACT1", "*CT*", True),
            ("A-B-C", "A*C", True),
            ("A-B-D", "A*C", False),
            ("CT01", "CT0?", False),
            ("CT01", "C?01*", False),
            ("CT01", "CT[0-9]*", False),
            ("CT[0-9]", "CT[0-9]*", True),
            ("WHY?", "*Y?", True),
        ):
            self.assertIs(fits(title, (pattern,)), expected, (title, pattern))

    def test_none(self) -> None:
        """Nothing fits no pattern."""
        self.assertFalse(fits("CT01", ()))

    @given(s.titles, st.lists(s.titles, max_size=4))
    def test_oracle(self, title: str, patterns: list[str]) -> None:
        """It agrees with a regular expression in which C{*} is C{.*}."""
        expected = any(
            re.fullmatch(".*".join(map(re.escape, each.split("*"))), title) for each in patterns
        )
        self.assertIs(fits(title, patterns), expected)


class ClassTests(PolicyCase):
    """What an association proposes."""

    def test_deny(self) -> None:
        """One denied class among others is enough, and is named."""
        rules = Rules(denyClasses=("retrieve",))
        self.allowed(asking(CT, PRIVATE), rules)
        breach = self.breach(asking(CT, MOVE, GET), rules)
        self.assertEqual(breach.rejection, NO_REASON)
        self.assertIn("Query/Retrieve - MOVE and Study Root Query/Retrieve - GET", breach.why)
        self.assertNotIn("CT Image", breach.why)

    def test_allow(self) -> None:
        """With a list of what is allowed, all else is not."""
        rules = Rules(allowClasses=("ultrasound", CT))
        self.allowed(asking(CT, "1.2.840.10008.5.1.4.1.1.6.1"), rules)
        self.assertIn("MR Image Storage", self.breach(asking(CT, MR), rules).why)
        self.assertIn(PRIVATE, self.breach(asking(PRIVATE), rules).why)

    def test_verification(self) -> None:
        """Everybody may test, unless that itself is denied."""
        self.allowed(asking(VERIFICATION), Rules(allowClasses=("storage",), denyClasses=("query",)))
        for name in (VERIFICATION, "verification"):
            self.breach(asking(VERIFICATION), Rules(denyClasses=(name,)))

    def test_denyWins(self) -> None:
        """What is denied is so also where it is allowed."""
        self.breach(asking(CT), Rules(allowClasses=("storage",), denyClasses=(CT,)))

    def test_nothing(self) -> None:
        """Who proposes nothing proposes nothing that is denied."""
        self.allowed(asking(), Rules(allowClasses=("storage",)))

    def test_twice(self) -> None:
        """A class that is proposed with several transfer syntaxes is named once."""
        breach = self.breach(asking(MOVE, MOVE), Rules(denyClasses=(MOVE,)))
        self.assertEqual(breach.why.count("MOVE"), 1)

    def test_many(self) -> None:
        """A long list is cut short, so that a line of the log can hold it."""
        breach = self.breach(
            asking(*(f"1.2.{k}" for k in range(50))), Rules(allowClasses=("mpps",))
        )
        self.assertIn(f"1.2.{SHOWN - 1} and {50 - SHOWN} more", breach.why)
        self.assertNotIn(f"1.2.{SHOWN},", breach.why)

    @given(st.lists(s.uids, max_size=5), st.lists(s.uids, max_size=3), st.lists(s.uids, max_size=3))
    def test_onlyPermitted(self, proposed: list[str], allow: list[str], deny: list[str]) -> None:
        """An association goes through just when each of its classes may be proposed."""
        rules = Rules(allowClasses=tuple(allow), denyClasses=tuple(deny))
        expected = all(permitted(uid, rules) for uid in proposed)
        self.assertIs(not list(breaches(asking(*proposed), (), rules)), expected)


class CertificateTests(PolicyCase):
    """Whose certificate may use which title."""

    RULES = Rules(
        certificates=(
            ("ct01.hospital.example", ("CT01",)),
            ("ct01.hospital.example", ("CT01_*",)),
            ("Echo", ("US01", "US02")),
        )
    )

    def test_own(self) -> None:
        """Each certificate may use its titles, in all its lines, whichever of its names fits."""
        self.allowed(asking(), self.RULES, "some name", "ct01.hospital.example")
        self.allowed(asking(calling="CT01_A"), self.RULES, "ct01.hospital.example")
        self.allowed(asking(calling="US02"), self.RULES, "Echo", "ct01.hospital.example")

    def test_anothers(self) -> None:
        """It may not use those of another one."""
        breach = self.breach(asking(calling="US01"), self.RULES, "ct01.hospital.example")
        self.assertEqual(breach.rejection, CALLING)
        self.assertEqual(breach.why.count("ct01.hospital.example"), 1)
        self.assertIn("US01", breach.why)

    def test_unknown(self) -> None:
        """A certificate with none of the names may use no title at all."""
        breach = self.breach(asking(), self.RULES, "modality", "modality.example")
        self.assertEqual(breach.rejection, CALLING)
        self.assertIn("modality and modality.example", breach.why)

    def test_none(self) -> None:
        """Nor may a client without a certificate."""
        self.assertIn("no certificate", self.breach(asking(), self.RULES).why)

    def test_case(self) -> None:
        """Names are the same in any case of letters, but not of letters that look alike."""
        self.allowed(asking(), self.RULES, "CT01.Hospital.Example")
        kelvin = Rules(certificates=(("kiosk", ("CT01",)),))
        self.allowed(asking(), kelvin, "KIOSK")
        self.breach(asking(), kelvin, "\N{KELVIN SIGN}IOS\N{KELVIN SIGN}")

    def test_partial(self) -> None:
        """A name is compared as a whole, and an asterisk in it is only an asterisk."""
        self.breach(asking(), self.RULES, "ct01.hospital.example.org")
        self.breach(asking(), self.RULES, "*.hospital.example")
        rules = Rules(certificates=(("*.hospital.example", ("CT01",)),))
        self.breach(asking(), rules, "ct01.hospital.example")
        self.allowed(asking(), rules, "*.hospital.example")

    def test_besideTitles(self) -> None:
        """A title that a certificate may use must be allowed as well, where that is asked."""
        rules = Rules(allowCalling=("US*",), certificates=(("Echo", ("*",)),))
        self.allowed(asking(calling="US01"), rules, "Echo")
        self.breach(asking(calling="CT01"), rules, "Echo")
