"""Audit messages against what DICOM asks of them, and whatever peers may say in them."""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from twisted.trial.unittest import SynchronousTestCase

from appliance.audit import atna
from tests.audit import conformance
from tests.audit.conformance import described, parsed
from tests.audit.happenings import NOON

BY = atna.Reporter("Ward 3", "relay.example", 4711)

# Whatever bytes may have been decoded to, lone surrogates included.
anything = st.text(st.characters(exclude_categories=()), max_size=60)


def code(root: Element, name: str) -> str | None:
    """The code of the first element of that name."""
    element = next(root.iter(name))
    return element.get("csd-code")


class MessageTests(SynchronousTestCase):
    """The three kinds of messages."""

    def test_start(self) -> None:
        """A start says which process of which machine, and who reports it."""
        root = parsed(atna.applicationActivity(BY, NOON, starts=True))
        self.assertEqual((code(root, "EventID"), code(root, "EventTypeCode")), ("110100", "110120"))
        self.assertEqual(root[0].get("EventDateTime"), "2026-11-24T12:00:00.123+01:00")
        self.assertEqual(root[0].get("EventOutcomeIndicator"), "0")
        (process,) = root.findall("ActiveParticipant")
        self.assertEqual(
            [process.get(name) for name in ("UserID", "UserName", "NetworkAccessPointID")],
            ["4711", "butterfly-tls", "relay.example"],
        )
        self.assertEqual(process.get("NetworkAccessPointTypeCode"), "1")
        self.assertEqual(
            root.findall("AuditSourceIdentification")[0].get("AuditSourceID"), "Ward 3"
        )

    def test_titles(self) -> None:
        """It says by which AE titles it calls PACS, where it has any."""
        by = evolve(BY, titles=("BUTTERFLYTLS", "GATEWAY"))
        root = parsed(atna.applicationActivity(by, NOON, starts=True))
        self.assertEqual(root[1].get("AlternativeUserID"), "AETITLES=BUTTERFLYTLS;GATEWAY")
        root = parsed(atna.applicationActivity(BY, NOON, starts=True))
        self.assertIsNone(root[1].get("AlternativeUserID"))

    def test_stop(self) -> None:
        """A stop is the same with another type."""
        root = parsed(atna.applicationActivity(BY, NOON, starts=False))
        self.assertEqual(code(root, "EventTypeCode"), "110121")

    def test_nodeAlert(self) -> None:
        """A peer that was not let in is named by address, certificate and title."""
        node = atna.Node("192.0.2.1", "CN=modality", "MODALITY")
        root = parsed(atna.nodeAlert(BY, NOON, node, "its certificate has expired"))
        self.assertEqual((code(root, "EventID"), code(root, "EventTypeCode")), ("110113", "110126"))
        self.assertEqual(root[0].get("EventOutcomeIndicator"), "4")
        _, peer = root.findall("ActiveParticipant")
        self.assertEqual(peer.get("UserIsRequestor"), "false")
        self.assertEqual(peer.get("AlternativeUserID"), "AETITLES=MODALITY")
        self.assertEqual(peer.get("UserName"), "CN=modality")
        self.assertEqual(peer.get("NetworkAccessPointTypeCode"), "2")
        (subject,) = root.findall("ParticipantObjectIdentification")
        self.assertEqual(subject.get("ParticipantObjectID"), "192.0.2.1")
        self.assertEqual(code(subject, "ParticipantObjectIDTypeCode"), "110182")
        self.assertEqual(described(root), "its certificate has expired")

    def test_nodeByName(self) -> None:
        """What is no IP address is a machine's name; the node is one of ours."""
        root = parsed(atna.nodeAlert(BY, NOON, atna.Node("unnamed socket"), "so"))
        self.assertEqual(root[2].get("NetworkAccessPointTypeCode"), "1")
        subject = root.findall("ParticipantObjectIdentification")[0]
        self.assertEqual(subject.get("ParticipantObjectID"), "unnamed socket@relay.example")

    def test_configuration(self) -> None:
        """A changed configuration is a success, a refused one a failure; both name the file."""
        for applied, outcome in ((True, "0"), (False, "4")):
            xml = atna.configurationAlert(BY, NOON, "file:///etc/b.conf", "so", applied=applied)
            root = parsed(xml)
            self.assertEqual(code(root, "EventTypeCode"), "110131")
            self.assertEqual(root[0].get("EventOutcomeIndicator"), outcome)
            subject = root.findall("ParticipantObjectIdentification")[0]
            self.assertEqual(subject.get("ParticipantObjectID"), "file:///etc/b.conf")
            self.assertEqual(code(subject, "ParticipantObjectIDTypeCode"), "12")

    def test_login(self) -> None:
        """A login names who came from where, and which process let them in, or did not."""
        good = parsed(atna.userAuthentication(BY, NOON, "admin", "192.0.2.1", arrives=True))
        bad = parsed(
            atna.userAuthentication(BY, NOON, "admin", "::1", arrives=True, failure="not let in")
        )
        self.assertEqual((code(good, "EventID"), code(good, "EventTypeCode")), ("110114", "110122"))
        self.assertEqual([root[0].get("EventOutcomeIndicator") for root in (good, bad)], ["0", "4"])
        person, process = bad.findall("ActiveParticipant")
        self.assertEqual(person.get("UserID"), "admin@relay.example")
        self.assertEqual(process.get("UserID"), "4711")
        self.assertEqual(person.get("NetworkAccessPointTypeCode"), "2")

    def test_logout(self) -> None:
        """Leaving is a type of its own."""
        root = parsed(atna.userAuthentication(BY, NOON, "admin", "192.0.2.1", arrives=False))
        self.assertEqual(code(root, "EventTypeCode"), "110123")


class EscapingTests(SynchronousTestCase):
    """What others say stays what it is, and harms nothing."""

    @given(anything, anything, anything, anything)
    def test_anything(self, address: str, subject: str, title: str, what: str) -> None:
        """Whatever a peer is called and has done, there is one good message without line ends."""
        xml = atna.nodeAlert(BY, NOON, atna.Node(address, subject, title), what)
        parsed(xml)
        self.assertNotIn(b"\n", xml)

    @given(st.text(st.sampled_from("<>&'\"]]>\t\n\x00\x1b\u2028é\U0001f600 x"), min_size=1))
    def test_specials(self, name: str) -> None:
        """Characters that mean something to XML come out as they went in, blanks folded."""
        root = parsed(atna.userAuthentication(BY, NOON, name, "::1", arrives=True))
        plain = name.replace("\x00", "\ufffd").replace("\x1b", "\ufffd")[: atna.LONGEST]
        expected = " ".join(plain.split()) or "unknown"
        self.assertEqual(root[1].get("UserID"), f"{expected}@relay.example")

    def test_noMarkup(self) -> None:
        """A name cannot end its attribute and begin another."""
        evil = '" UserIsRequestor="true"/><ActiveParticipant UserID="root'
        root = parsed(atna.nodeAlert(BY, NOON, atna.Node("192.0.2.1", evil), "so"))
        self.assertEqual(len(root.findall("ActiveParticipant")), 2)
        self.assertEqual(root[2].get("UserName"), evil)

    def test_bounded(self) -> None:
        """However much a peer says, a message fits into what every collector takes (32768)."""
        node = atna.Node("a" * 10000, "\U0001f600" * 10000, "&" * 10000)
        xml = atna.nodeAlert(BY, NOON, node, '"' * 10000)
        parsed(xml)
        self.assertLess(len(xml), 32768)


CODES = (
    *(atna.APPLICATION_ACTIVITY, atna.APPLICATION_START, atna.APPLICATION_STOP),
    *(atna.SECURITY_ALERT, atna.NODE_AUTHENTICATION, atna.SOFTWARE_CONFIGURATION),
    *(atna.USER_AUTHENTICATION, atna.LOGIN, atna.LOGOUT, atna._APPLICATION, atna._NODE),
)


class CodeTests(SynchronousTestCase):
    """Codes and what they mean."""

    def test_meanings(self) -> None:
        """They are those of PS3.16 annex D, as pydicom has it."""
        codes = pytest.importorskip("pydicom.sr._concepts_dict").concepts["DCM"]
        known = {code: meaning for each in codes.values() for code, (meaning, _) in each.items()}
        for code in CODES:
            self.assertEqual(known[code.value], code.meaning)


class ConformanceTests(SynchronousTestCase):
    """The check of these tests can tell good from bad."""

    def test_refuses(self) -> None:
        """A message with something missing, wrong, too many or in the wrong order is found out."""

        def refused(change: object) -> None:
            root = parsed(atna.nodeAlert(BY, NOON, atna.Node("192.0.2.1"), "so"))
            change(root)  # type: ignore[operator]
            found = [*conformance.faults(root), *conformance.byEvent(root)]
            self.assertNotEqual(found, [])

        refused(lambda root: root.remove(root.find("AuditSourceIdentification")))
        refused(lambda root: root.append(root[1]))
        refused(lambda root: root[0].set("EventOutcomeIndicator", "1"))
        refused(lambda root: root[0].attrib.pop("EventDateTime"))
        refused(lambda root: root[0].set("EventDateTime", "2026-11-24T12:00:00"))
        refused(lambda root: root[0][0].attrib.pop("originalText"))
        refused(lambda root: root[0][1].set("csd-code", "110120"))
        refused(lambda root: SubElement(root[1], "Password"))
        refused(lambda root: root[2].set("UserIsRequestor", "maybe"))

    def test_rules(self) -> None:
        """So is one that the tables of A.5.3 forbid though the schema has nothing against it."""
        node = atna.nodeAlert(BY, NOON, atna.Node("192.0.2.1"), "so")
        file = atna.configurationAlert(BY, NOON, "file:///b.conf", "so", applied=True)
        start = atna.applicationActivity(BY, NOON, starts=True)
        login = atna.userAuthentication(BY, NOON, "admin", "::1", arrives=True)
        for xml, path, name, value in (
            (start, "ActiveParticipant", "UserIsRequestor", "true"),
            (start, "ActiveParticipant/RoleIDCode", "csd-code", "110151"),
            (start, "ActiveParticipant", "NetworkAccessPointTypeCode", "2"),
            (node, "ActiveParticipant[2]", "UserIsRequestor", "true"),
            (node, "ParticipantObjectIdentification", "ParticipantObjectTypeCode", "1"),
            (node, "ParticipantObjectIdentification", "ParticipantObjectID", "many addresses"),
            (node, "*/ParticipantObjectIDTypeCode", "csd-code", "110180"),
            (file, "ParticipantObjectIdentification", "ParticipantObjectID", "b.conf"),
            (file, "ParticipantObjectIdentification", "ParticipantObjectTypeCodeRole", "1"),
            (file, "*/ParticipantObjectDetail", "type", "Description"),
            (login, "ActiveParticipant[1]", "UserID", "admin"),
            (login, "ActiveParticipant[1]", "UserIsRequestor", "false"),
            (login, "ActiveParticipant[1]", "AlternativeUserID", "CT01"),
            (login, "EventIdentification", "EventActionCode", "R"),
        ):
            document = etree.fromstring(xml)
            (element,) = document.findall(path)
            element.set(name, value)
            conformance.SCHEMA.assertValid(document)
            self.assertRaises(AssertionError, parsed, written(document))

    def test_schema(self) -> None:
        """The schema refuses what it does not name, and what stands at the wrong place."""

        def invalid(change: object) -> None:
            document = etree.fromstring(atna.nodeAlert(BY, NOON, atna.Node("192.0.2.1"), "so"))
            change(document)  # type: ignore[operator]
            self.assertFalse(conformance.SCHEMA.validate(document))

        invalid(lambda root: root.append(root[0]))
        invalid(lambda root: root.append(root[1]))
        invalid(lambda root: root.remove(root[3]))
        invalid(lambda root: root[0].set("EventOutcomeIndicator", "1"))
        invalid(lambda root: root[0].set("EventDateTime", "2026-11-24T12:00:00"))
        invalid(lambda root: root[0].set("EventDateTime", "24.11.2026"))
        invalid(lambda root: root[0][0].attrib.pop("codeSystemName"))
        invalid(lambda root: root[1].attrib.pop("UserIsRequestor"))
        invalid(lambda root: root[2].set("NetworkAccessPointTypeCode", "6"))
        invalid(lambda root: root[3][0].set("csd-code", "10"))
        invalid(lambda root: root[4].append(root[4][1]))
        invalid(lambda root: root[4].remove(root[4][1]))
        invalid(lambda root: root[4][2].set("value", "eA"))


def written(document: object) -> bytes:
    """A document as our own messages begin."""
    return b'<?xml version="1.0" encoding="UTF-8"?>' + etree.tostring(document)
