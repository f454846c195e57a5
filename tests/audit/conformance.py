"""What DICOM asks of an audit message (PS3.15 A.5.1 and A.5.3), as a check of its structure.

Written down from what the standard's schema means; elements that we never write are not known.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from xml.etree.ElementTree import Element, fromstring

from attrs import frozen

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
    people = root.findall("ActiveParticipant")
    requestors = [person for person in people if person.get("UserIsRequestor") == "true"]
    roles = [role.get("csd-code") for role in root.iter("RoleIDCode")]
    if code == "110100" and (requestors or roles != ["110150"]):
        yield "the application that starts or stops is no requestor, and has the role Application"
    if code == "110113":
        subjects = root.findall("ParticipantObjectIdentification")
        details = [detail.get("type") for detail in root.iter("ParticipantObjectDetail")]
        if len(subjects) != len(details) or set(details) != {"Alert Description"}:
            yield "each subject of an alert has a description"
        if any(each.get("ParticipantObjectTypeCode") != "2" for each in subjects):
            yield "the subject of an alert is a system"
    if code == "110114" and people[0] not in requestors:
        yield "who logs in is the requestor"


def parsed(xml: bytes) -> Element:
    """The message C{xml}; fails unless it is what DICOM asks for."""
    assert xml.startswith(b'<?xml version="1.0" encoding="UTF-8"?><AuditMessage>')
    root = fromstring(xml)  # noqa: S314 # our own
    found = [*faults(root), *byEvent(root)]
    assert found == [], found
    return root


def described(root: Element) -> str:
    """The words of an alert."""
    (detail,) = root.iter("ParticipantObjectDetail")
    return base64.b64decode(detail.attrib["value"]).decode()
