"""Tests of L{appliance.config.dicomvalues}."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from appliance.config import dicomvalues as v
from appliance.config.model import (
    CertificateRule,
    InetAddress,
    RouteRule,
    TitleRule,
    UnixAddress,
)
from appliance.dicom.policy import Rules, permitted
from appliance.dicom.sopclasses import SOP_CLASSES
from appliance.dicom.uids import FAMILIES, name
from tests.config.memory import built, problems, section

PARSERS: tuple[Callable[[str], object], ...] = (
    *(v.titles, v.classes, v.certificateRule, v.routeRule, v.titleRule),
)


class ValuesCase(SynchronousTestCase):
    """Something that parses values."""

    def refused(self, parse: Callable[[str], object], value: str) -> str:
        """Assert that C{value} is refused; what was expected instead."""
        return str(self.assertRaises(ValueError, parse, value))


class AnythingTests(ValuesCase):
    """All parsers alike."""

    @given(st.text(st.sampled_from("AB1.:,*[]/ CN=\\\u212a"), max_size=24))
    def test_garbage(self, value: str) -> None:
        """Whatever is written is taken or refused with words, and nothing else happens."""
        for parse in PARSERS:
            try:
                parse(value)
            except ValueError as error:
                self.assertTrue(str(error))


class TitleTests(ValuesCase):
    """Lists of titles."""

    def test_list(self) -> None:
        """Titles are parted at commas; blanks around them are no part of them."""
        self.assertEqual(v.titles("CT01"), ("CT01",))
        self.assertEqual(v.titles(" CT01 , MR 2,US* "), ("CT01", "MR 2", "US*"))

    def test_wrongOne(self) -> None:
        """The one that is wrong among several is named."""
        for wrong in ("SEVENTEEN_LETTERS", "Ü1", "A\\B", ""):
            self.assertIn(f'not "{wrong}"', self.refused(v.titles, f"CT01,{wrong}"))

    def test_asterisks(self) -> None:
        """Asterisks do not count as characters of the title that they stand in."""
        self.assertEqual(v.titles("*SIXTEEN_LETTERS1*"), ("*SIXTEEN_LETTERS1*",))
        self.assertEqual(v.titles("*"), ("*",))


class ClassTests(ValuesCase):
    """SOP classes by UID, name and family."""

    def test_uid(self) -> None:
        """A UID stands for itself, known or not."""
        self.assertEqual(v.classes("1.2.840.10008.1.1,1.2.3"), ("1.2.840.10008.1.1", "1.2.3"))

    def test_names(self) -> None:
        """Every name that the log shows can be written, in any case."""
        for uid in SOP_CLASSES:
            for words in (name(uid), name(uid).upper()):
                denied = Rules(denyClasses=v.classes(words))
                self.assertFalse(permitted(uid, denied), words)
                self.assertTrue(permitted("1.2.3", denied), words)

    def test_families(self) -> None:
        """Families keep their names, since some have members that nobody knows yet."""
        for family in FAMILIES:
            self.assertEqual(v.classes(family.upper()), (family,))

    def test_unknown(self) -> None:
        """For a name that is not known the nearest ones are told, with the name itself."""
        expected = self.refused(v.classes, "storage,CT Imag Storage")
        self.assertIn("CT Image Storage", expected)
        self.assertIn('"CT Imag Storage"', expected)
        self.assertIn("retrieve", self.refused(v.classes, "retreive"))

    def test_unlike(self) -> None:
        """Where nothing is near, it is told what can be written."""
        for value in ("qqqq", "1.2.", "1..2", "1.02", f"1.{'2' * 63}", ""):
            expected = self.refused(v.classes, value)
            self.assertIn("a UID, the name of a SOP class", expected)
            self.assertIn("retrieve", expected)


class CertificateTests(ValuesCase):
    """Names in certificates and their titles."""

    def test_names(self) -> None:
        """The last colon parts name and titles, so that a name may have colons itself."""
        for own in (
            "modality",
            "ct01.hospital.example",
            "urn:uuid:1-2",
            "Doe, CT",
            "a@b.example",
        ):
            expected = CertificateRule(own, ("CT01", "CT02*"))
            self.assertEqual(v.certificateRule(f"{own} : CT01,CT02*"), expected)

    def test_addresses(self) -> None:
        """An IP address is the same however it is spelled."""
        for spelling in ("2001:DB8:0::5", "[2001:db8::5]", "2001:db8::5"):
            self.assertEqual(v.certificateRule(f"{spelling}:CT01").name, "2001:db8::5")

    def test_incomplete(self) -> None:
        """Name and titles must both be there."""
        for value in ("modality", ":CT01", "modality:", ""):
            self.refused(v.certificateRule, value)

    def test_prefix(self) -> None:
        """A common name is written without what stands before it in a subject."""
        self.assertIn('"CN="', self.refused(v.certificateRule, "CN=modality:CT01"))


class RouteTests(ValuesCase):
    """Titles and where they lead."""

    def test_addresses(self) -> None:
        """Addresses are written as in connect, with brackets around IPv6 or without."""
        both = (InetAddress("::1", 104), InetAddress("10.0.0.2", 104))
        self.assertEqual(v.routeRule("AET:[::1]:104,10.0.0.2:104"), RouteRule("AET", both))
        self.assertEqual(v.routeRule("AET: ::1:104 , 10.0.0.2:104"), RouteRule("AET", both))
        self.assertEqual(v.routeRule("MY PACS:pacs:dicom").called, "MY PACS")
        self.assertEqual(v.routeRule("A:/run/p").addresses, (UnixAddress("/run/p"),))

    def test_withoutTitle(self) -> None:
        """An address without a title is no route, though it may look like one."""
        self.assertIn("10.0.0.2", self.refused(v.routeRule, "10.0.0.2:104"))
        self.assertIn("HOST:PORT", self.refused(v.routeRule, "pacs:104"))

    def test_wrong(self) -> None:
        """The address that is wrong among several is named."""
        self.assertIn('not "b:99999"', self.refused(v.routeRule, "PACS:a:104,b:99999"))
        for value in ("PACS", "PACS:", ":a:104", "", "PACS:a:104,", "P*:a:104"):
            self.refused(v.routeRule, value)


class RewriteTests(ValuesCase):
    """One title in place of another."""

    def test_both(self) -> None:
        """One title is put in place of the other, or of any."""
        self.assertEqual(v.titleRule("PACS1:PACS"), TitleRule("PACS1", "PACS"))
        self.assertEqual(v.titleRule("PACS 1 : PACS"), TitleRule("PACS 1", "PACS"))
        self.assertEqual(v.titleRule("PACS"), TitleRule("", "PACS"))

    def test_wrong(self) -> None:
        """Both must be titles; any title is not written as an asterisk."""
        for value in ("", ":", ":PACS", "PACS:", "*:PACS", "A:B:C", "A:SEVENTEEN_LETTERS"):
            self.refused(v.titleRule, value)


class MessageTests(SynchronousTestCase):
    """What becomes of all this in a configuration."""

    def test_model(self) -> None:
        """Each line adds to the list."""
        text = section("dicom = yes", "allowSOPClass = storage", "allowSOPClass = CT Image Storage")
        (config,) = built(text).sections
        self.assertEqual(config.dicom.allowClasses, ("storage", "1.2.840.10008.5.1.4.1.1.2"))

    def test_message(self) -> None:
        """A mistake is told with its line, the part that is wrong and what is expected."""
        (problem,) = problems(section("dicom = yes", "denySOPClass = query,retreive"))
        self.assertEqual((problem.option, problem.where.line), ("denySOPClass", 6))
        self.assertEqual(problem.found, '"query,retreive" is not valid')
        self.assertTrue(problem.expected.endswith('perhaps retrieve, not "retreive"'))
