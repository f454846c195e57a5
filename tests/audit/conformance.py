"""What DICOM asks of an audit message (PS3.15 A.5), as checks.

The schema of A.5.1 is in C{audit-message.rng}. What stands here beside it is stricter: the shapes
of what we write ourselves, without the elements that we never do, and what A.5.2 and A.5.3 ask for.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element, fromstring

from attrs import frozen
from lxml import etree

SCHEMA = etree.RelaxNG(etree.parse(Path(__file__).with_name("audit-message.rng")))

Check = Callable[[str], bool]


def token(text: str) -> bool:
    """True for text without blanks at its ends, or several in a row, and not empty."""
    return bool(text) and text == " ".join(text.split())


def moment(text: str) -> bool:
    """True for a date and time that says its offset."""
    return datetime.fromisoformat(text).tzinfo is not None


def base64Binary(text: str) -> bool:
    """True for what decodes."""
    return bool(base64.b64decode(text, validate=True))


def oneOf(*values: str) -> Check:
    """True for one of C{values}."""
    return lambda text: text in values


def matching(pattern: str) -> Check:
    """True for what C{pattern} matches as a whole."""
    return lambda text: re.fullmatch(pattern, text) is not None


@frozen
class Shape:
    """What an element must and may have; children stand in this order.

    C{children} gives, by name, how many there are at least and at most (-1: any number).
    """

    required: dict[str, Check]
    optional: dict[str, Check]
    children: dict[str, tuple[int, int]]
    text: bool = False


_CODED = Shape(
    {"csd-code": token, "codeSystemName": token, "originalText": token}, {"displayName": token}, {}
)
_BOOLEAN = oneOf("true", "false")

SHAPES: dict[str, Shape] = {
    "AuditMessage": Shape(
        {},
        {},
        {
            "EventIdentification": (1, 1),
            "ActiveParticipant": (1, -1),
            "AuditSourceIdentification": (1, 1),
            "ParticipantObjectIdentification": (0, -1),
        },
    ),
    "EventIdentification": Shape(
        {"EventDateTime": moment, "EventOutcomeIndicator": oneOf("0", "4", "8", "12")},
        {"EventActionCode": oneOf("C", "R", "U", "D", "E")},
        {"EventID": (1, 1), "EventTypeCode": (0, -1), "EventOutcomeDescription": (0, 1)},
    ),
    "EventID": _CODED,
    "EventTypeCode": _CODED,
    "EventOutcomeDescription": Shape({}, {}, {}, text=True),
    "ActiveParticipant": Shape(
        {"UserID": token, "UserIsRequestor": _BOOLEAN},
        {
            "AlternativeUserID": token,
            "UserName": token,
            "NetworkAccessPointID": token,
            "NetworkAccessPointTypeCode": oneOf("1", "2", "3", "4", "5"),
        },
        {"RoleIDCode": (0, -1)},
    ),
    "RoleIDCode": _CODED,
    "AuditSourceIdentification": Shape(
        {"AuditSourceID": token}, {"AuditEnterpriseSiteID": token}, {"AuditSourceTypeCode": (0, -1)}
    ),
    "AuditSourceTypeCode": Shape({"csd-code": matching("[1-9]")}, {}, {}),
    "ParticipantObjectIdentification": Shape(
        {"ParticipantObjectID": token},
        {
            "ParticipantObjectTypeCode": oneOf("1", "2", "3", "4"),
            "ParticipantObjectTypeCodeRole": matching("[1-9]|1[0-9]|2[0-6]"),
            "ParticipantObjectDataLifeCycle": matching("[1-9]|1[0-5]"),
            "ParticipantObjectSensitivity": token,
        },
        {
            "ParticipantObjectIDTypeCode": (1, 1),
            "ParticipantObjectName": (1, 1),
            "ParticipantObjectDetail": (0, -1),
        },
    ),
    "ParticipantObjectIDTypeCode": _CODED,
    "ParticipantObjectName": Shape({}, {}, {}, text=True),
    "ParticipantObjectDetail": Shape({"type": token, "value": base64Binary}, {}, {}),
}


def faults(element: Element) -> Iterator[str]:
    """What of C{element} and all below is not as the schema has it."""
    name = element.tag
    shape = SHAPES.get(name)
    if shape is None:
        yield f"there is no {name}"
        return
    for attribute in shape.required.keys() - element.attrib.keys():
        yield f"{name} has no {attribute}"
    for attribute, value in element.attrib.items():
        check = (shape.required | shape.optional).get(attribute)
        if check is None:
            yield f"{name} must have no {attribute}"
        elif not check(value):
            yield f"{name} has {attribute}={value!r}"
    if bool((element.text or "").strip()) is not shape.text:
        yield f"{name} has the text {element.text!r}"
    yield from _children(element, shape)


def _children(element: Element, shape: Shape) -> Iterator[str]:
    order = list(shape.children)
    names = [child.tag for child in element]
    if [name for name in names if name not in order]:
        yield f"{element.tag} must not have all of {names}"
    elif names != sorted(names, key=order.index):
        yield f"{element.tag} has its children in the order {names}"
    for name, (least, most) in shape.children.items():
        if not least <= names.count(name) or -1 < most < names.count(name):
            yield f"{element.tag} has {names.count(name)} {name}"
    for child in element:
        yield from faults(child)


EVENTS = {
    "110100": ("Application Activity", ("110120", "110121")),
    "110113": ("Security Alert", ("110126", "110131")),
    "110114": ("User Authentication", ("110122", "110123")),
}
"""The events of ours by their codes, with their meanings and the types that each may have."""


def byEvent(root: Element) -> Iterator[str]:
    """What A.5.3 asks of this kind of message beyond the schema."""
    event = root[0]
    code = event[0].get("csd-code", "")
    meaning, kinds = EVENTS[code]
    if event[0].get("originalText") != meaning or event.get("EventActionCode") != "E":
        yield f"{code} is {event[0].get('originalText')!r}, {event.get('EventActionCode')!r}"
    if event[1].get("csd-code") not in kinds:
        yield f"{code} of the type {event[1].get('csd-code')}"
    yield from _participants(root)
    yield from {"110100": _activity, "110113": _alert, "110114": _authentication}[code](root)


def _participants(root: Element) -> Iterator[str]:
    """A.5.2: one has asked for it at most; where each is, is said as what it is."""
    people = root.findall("ActiveParticipant")
    if sum(person.get("UserIsRequestor") == "true" for person in people) > 1:
        yield "there are several requestors"
    for person in people:
        kind = "2" if isIP(person.get("NetworkAccessPointID", "")) else "1"
        if person.get("NetworkAccessPointTypeCode") != kind:
            yield f"{person.get('NetworkAccessPointID')} is not of the kind {kind}"
        if not (person.get("AlternativeUserID") or "AETITLES=X").startswith("AETITLES="):
            yield f"AE titles are not written as {person.get('AlternativeUserID')}"


def _activity(root: Element) -> Iterator[str]:
    """Table A.5.3.1-1."""
    (*people,) = root.findall("ActiveParticipant")
    roles = [role.get("csd-code") for role in root.iter("RoleIDCode")]
    if len(people) != 1 or people[0].get("UserIsRequestor") != "false" or roles != ["110150"]:
        yield "the application that starts or stops is no requestor, and has the role Application"
    if root.findall("ParticipantObjectIdentification"):
        yield "there is no object"


def _alert(root: Element) -> Iterator[str]:
    """Table A.5.3.11-1."""
    reporter, *performing = root.findall("ActiveParticipant")
    if [role.get("csd-code") for role in reporter.iter("RoleIDCode")] != ["110150"]:
        yield "the first participant is the application that reports"
    if any(person.get("UserIsRequestor") != "false" for person in performing):
        yield "who performed what is reported is never the requestor"
    subjects = root.findall("ParticipantObjectIdentification")
    details = [detail.get("type") for detail in root.iter("ParticipantObjectDetail")]
    if len(subjects) != len(details) or set(details) != {"Alert Description"}:
        yield "each subject of an alert has a description"
    for each in subjects:
        if each.get("ParticipantObjectTypeCode") != "2":
            yield "the subject of an alert is a system"
        identifier = each.get("ParticipantObjectID", "")
        kind = [each[0].get(name) for name in ("csd-code", "codeSystemName", "originalText")]
        role = each.get("ParticipantObjectTypeCodeRole")
        if kind == ["110182", "DCM", "Node ID"]:
            if role != "13" or not (isIP(identifier) or re.fullmatch(".+@.+", identifier)):
                yield f"{identifier} ({role}) is no node that is a security resource"
        elif kind != ["12", "RFC-3881", "URI"]:
            yield f"the subject of an alert has no ID of the kind {kind}"
        elif role != "5" or not urlsplit(identifier).scheme:
            yield f"{identifier} ({role}) is no URI of a master file"


def _authentication(root: Element) -> Iterator[str]:
    """Table A.5.3.12-1, and A.5.2.1."""
    person, node = root.findall("ActiveParticipant")
    if person.get("UserIsRequestor") != "true" or node.get("UserIsRequestor") != "false":
        yield "who logs in is the requestor"
    if not re.fullmatch("(?s).+@.+", person.get("UserID", "")):
        yield f"{person.get('UserID')} is not loginName@domain-name"
    if not person.get("NetworkAccessPointID"):
        yield "where the person is, is not said"
    if root.findall("ParticipantObjectIdentification"):
        yield "there is no object"


def isIP(text: str) -> bool:
    """True for an address of IPv4 or IPv6."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def parsed(xml: bytes) -> Element:
    """The message C{xml}; fails unless it is what DICOM asks for."""
    assert xml.startswith(b'<?xml version="1.0" encoding="UTF-8"?><AuditMessage>')
    SCHEMA.assertValid(etree.fromstring(xml))
    root = fromstring(xml)  # noqa: S314 # our own
    found = [*faults(root), *byEvent(root)]
    assert found == [], found
    return root


def described(root: Element) -> str:
    """The words of an alert."""
    (detail,) = root.iter("ParticipantObjectDetail")
    return base64.b64decode(detail.attrib["value"]).decode()
