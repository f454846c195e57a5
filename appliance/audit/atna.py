"""Audit messages of IHE's ATNA profile as XML, by DICOM's schema (PS3.15 A.5).

Three kinds, those that a relay can vouch for. Instances Transferred (A.5.3.7) is none of them: it
must name the study and the patient, which are never read here. Pure: nothing is sent.
"""

from __future__ import annotations

import re
from base64 import b64encode
from datetime import datetime
from ipaddress import ip_address
from typing import Final
from xml.etree.ElementTree import Element, SubElement, tostring

from attrs import frozen

LONGEST: Final = 1024
"""Characters of one text: what a peer says must not fill a collector."""

SUCCESS: Final = "0"
MINOR_FAILURE: Final = "4"
"""EventOutcomeIndicator: for an alert, that what was kept out was kept out (A.5.3.11)."""

# No XML 1.0 document may have these characters, not even as references (XML 1.0 2.2).
_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_DECLARATION: Final = b'<?xml version="1.0" encoding="UTF-8"?>'
_APPLICATION_SERVER: Final = "4"
_SYSTEM_OBJECT: Final = "2"
_MASTER_FILE: Final = "5"
_SECURITY_RESOURCE: Final = "13"


@frozen
class Code:
    """A coded value: of PS3.16's dictionary (DCM), unless C{system} is another."""

    value: str
    meaning: str
    system: str = "DCM"


APPLICATION_ACTIVITY: Final = Code("110100", "Application Activity")
APPLICATION_START: Final = Code("110120", "Application Start")
APPLICATION_STOP: Final = Code("110121", "Application Stop")
SECURITY_ALERT: Final = Code("110113", "Security Alert")
NODE_AUTHENTICATION: Final = Code("110126", "Node Authentication")
SOFTWARE_CONFIGURATION: Final = Code("110131", "Software Configuration")
USER_AUTHENTICATION: Final = Code("110114", "User Authentication")
LOGIN: Final = Code("110122", "Login")
LOGOUT: Final = Code("110123", "Logout")
_APPLICATION: Final = Code("110150", "Application")
_NODE: Final = Code("110182", "Node ID")
_URI: Final = Code("12", "URI", "RFC-3881")


@frozen
class Reporter:
    """Who reports: the process C{pid} of C{name} on the machine C{host}; C{source} is its id.

    C{titles} are the AE titles by which it calls PACS itself.
    """

    source: str
    host: str
    pid: int
    name: str = "butterfly-tls"
    titles: tuple[str, ...] = ()


@frozen
class Node:
    """The other side: its C{address}, and where known its certificate's C{subject} and a title."""

    address: str
    subject: str | None = None
    title: str | None = None


def applicationActivity(by: Reporter, when: datetime, *, starts: bool) -> bytes:
    """The process starts or stops (A.5.3.1)."""
    kind = APPLICATION_START if starts else APPLICATION_STOP
    root = _event(APPLICATION_ACTIVITY, kind, when, SUCCESS)
    process = _reporter(root, by, requestor=False)
    if by.titles:
        _titled(process, *by.titles)
    return _finished(root, by)


def nodeAlert(by: Reporter, when: datetime, node: Node, what: str) -> bytes:
    """C{node} was not let in, or we did not trust it, for C{what} (A.5.3.11)."""
    root = _event(SECURITY_ALERT, NODE_AUTHENTICATION, when, MINOR_FAILURE, what)
    _reporter(root, by, requestor=True)
    other = _participant(root, node.address, requestor=False, address=node.address)
    if node.title:
        _titled(other, node.title)
    if node.subject:
        other.set("UserName", _text(node.subject))
    _source(root, by)
    # A peer without an IP address is on this machine.
    identity = node.address if _isIP(_text(node.address)) else _at(node.address, by)
    name = node.subject or node.address
    _alertSubject(root, _NODE, _SECURITY_RESOURCE, identity, name, what)
    return _encoded(root)


def configurationAlert(
    by: Reporter, when: datetime, uri: str, what: str, *, applied: bool
) -> bytes:
    """The configuration at C{uri} was applied or refused, of which C{what} tells (A.5.3.11)."""
    outcome = SUCCESS if applied else MINOR_FAILURE
    root = _event(SECURITY_ALERT, SOFTWARE_CONFIGURATION, when, outcome, what)
    _reporter(root, by, requestor=True)
    _source(root, by)
    _alertSubject(root, _URI, _MASTER_FILE, uri, "configuration", what)
    return _encoded(root)


def userAuthentication(
    by: Reporter, when: datetime, user: str, address: str, *, arrives: bool, failure: str = ""
) -> bytes:
    """C{user}, at C{address}, logged in or left, or could not for C{failure} (A.5.3.12).

    It is a login name on the machine of C{by}, and is written so (A.5.2.1).
    """
    kind = LOGIN if arrives else LOGOUT
    outcome = MINOR_FAILURE if failure else SUCCESS
    root = _event(USER_AUTHENTICATION, kind, when, outcome, failure)
    _participant(root, _at(user, by), requestor=True, address=address)
    _reporter(root, by, requestor=False)
    return _finished(root, by)


# --- the parts of a message -------------------------------------------------------------------


def _event(id_: Code, kind: Code, when: datetime, outcome: str, description: str = "") -> Element:
    root = Element("AuditMessage")
    event = SubElement(
        root,
        "EventIdentification",
        EventActionCode="E",
        EventDateTime=when.isoformat(timespec="milliseconds"),
        EventOutcomeIndicator=outcome,
    )
    _coded(event, "EventID", id_)
    _coded(event, "EventTypeCode", kind)
    if description:
        SubElement(event, "EventOutcomeDescription").text = _text(description)
    return root


def _participant(root: Element, user: str, *, requestor: bool, address: str) -> Element:
    return SubElement(
        root,
        "ActiveParticipant",
        UserID=_text(user),
        UserIsRequestor="true" if requestor else "false",
        NetworkAccessPointID=_text(address),
        NetworkAccessPointTypeCode="2" if _isIP(_text(address)) else "1",
    )


def _reporter(root: Element, by: Reporter, *, requestor: bool) -> Element:
    process = _participant(root, str(by.pid), requestor=requestor, address=by.host)
    process.set("UserName", _text(by.name))
    _coded(process, "RoleIDCode", _APPLICATION)
    return process


def _titled(participant: Element, *titles: str) -> None:
    """Say by which AE titles a participant goes (A.5.2.2)."""
    participant.set("AlternativeUserID", _text(f"AETITLES={';'.join(titles)}"))


def _source(root: Element, by: Reporter) -> None:
    source = SubElement(root, "AuditSourceIdentification", AuditSourceID=_text(by.source))
    SubElement(source, "AuditSourceTypeCode", {"csd-code": _APPLICATION_SERVER})


def _alertSubject(root: Element, kind: Code, role: str, id_: str, name: str, what: str) -> None:
    subject = SubElement(
        root,
        "ParticipantObjectIdentification",
        ParticipantObjectID=_text(id_),
        ParticipantObjectTypeCode=_SYSTEM_OBJECT,
        ParticipantObjectTypeCodeRole=role,
    )
    _coded(subject, "ParticipantObjectIDTypeCode", kind)
    SubElement(subject, "ParticipantObjectName").text = _text(name)
    detail = b64encode(_text(what).encode()).decode("ascii")
    SubElement(subject, "ParticipantObjectDetail", type="Alert Description", value=detail)


def _coded(parent: Element, name: str, code: Code) -> None:
    values = {
        "csd-code": code.value,
        "codeSystemName": code.system,
        "originalText": code.meaning,
    }
    SubElement(parent, name, values)


def _finished(root: Element, by: Reporter) -> bytes:
    _source(root, by)
    return _encoded(root)


def _encoded(root: Element) -> bytes:
    return _DECLARATION + tostring(root, "unicode").encode()


def _text(text: str) -> str:
    """C{text} as a token: without what XML forbids, on one line, of bounded length, never empty."""
    plain = " ".join(_FORBIDDEN.sub("\ufffd", text[:LONGEST]).split())
    return plain or "unknown"


def _at(name: str, by: Reporter) -> str:
    """C{name} as one on the machine of C{by} (A.5.2.1)."""
    return f"{_text(name[: LONGEST - len(by.host) - 1])}@{by.host}"


def _isIP(address: str) -> bool:
    try:
        ip_address(address)
    except ValueError:
        return False
    return True
