"""The options of a section that say what it does with DICOM associations."""

from __future__ import annotations

from typing import Any

from appliance.config import dicomvalues, values
from appliance.config.model import Dicom
from appliance.config.vocabulary import Option, Repeat, Scope
from appliance.config.wording import anyOf
from appliance.dicom.uids import FAMILIES

DICOM = Option(
    "dicom",
    Scope.SERVICE,
    "auto, yes or no",
    "auto",
    "How much of DICOM is understood. With auto connections are relayed at once and observed, and "
    "clients that speak DICOM hear failures in DICOM. With yes the association request is read "
    "before a backend is dialled, for rules and routes; clients that speak anything else are cut "
    "off. With no bytes are bytes.",
    values.choice({mode.value: mode for mode in Dicom}),
)
ALLOW_CALLING = Option(
    "allowCallingAET",
    Scope.SERVICE,
    "AETITLE[,AETITLE...]",
    "any",
    "The AE titles that clients may call themselves, in which * stands for any characters. Needs "
    "dicom = yes.",
    dicomvalues.titles,
    Repeat.LIST,
)
ALLOW_CALLED = Option(
    "allowCalledAET",
    Scope.SERVICE,
    "AETITLE[,AETITLE...]",
    "any",
    "The AE titles that clients may call, in which * stands for any characters. Needs dicom = yes.",
    dicomvalues.titles,
    Repeat.LIST,
)
ALLOW_CLASS = Option(
    "allowSOPClass",
    Scope.SERVICE,
    "CLASS[,CLASS...]",
    "any",
    "The SOP classes that associations may propose; an association that proposes any other is "
    "rejected. Each is a UID, the name of a SOP class, or a family of them: "
    f"{anyOf(FAMILIES)}. Verification is always among them. Needs dicom = yes.",
    dicomvalues.classes,
    Repeat.LIST,
)
DENY_CLASS = Option(
    "denySOPClass",
    Scope.SERVICE,
    "CLASS[,CLASS...]",
    "none",
    "SOP classes that associations may not propose, written as in allowSOPClass; an association "
    "that proposes one is rejected, even if allowSOPClass allows it. Needs dicom = yes.",
    dicomvalues.classes,
    Repeat.LIST,
)
CERTIFICATE_AET = Option(
    "certificateAET",
    Scope.SERVICE,
    "NAME:AETITLE[,AETITLE...]",
    "none",
    "A client whose certificate has NAME as its common name or among its alternative names may "
    "call itself these AE titles only, in which * stands for any characters. NAME is written as it "
    "stands in the certificate, in any case of letters. Where this stands at all, clients with "
    "none of the names are refused. Needs dicom = yes, and verifyChain or verifyPeer.",
    dicomvalues.certificateRule,
    Repeat.LIST,
)
POLICY = Option(
    "policy",
    Scope.SERVICE,
    "enforce or report",
    "enforce",
    "Whether associations against the rules are rejected, or only told of in the log, to learn "
    "what the rules should be.",
    values.choice({"enforce": True, "report": False}),
)
ROUTE = Option(
    "route",
    Scope.SERVICE,
    "AETITLE:HOST:PORT[,HOST:PORT...]",
    "all go to connect",
    "Where associations go that are for this AE title; those for any other go to connect, or are "
    "rejected where there is none. Several addresses make a list of which failover chooses. Needs "
    "dicom = yes.",
    dicomvalues.routeRule,
    Repeat.LIST,
)
REWRITE_CALLING = Option(
    "rewriteCallingAET",
    Scope.SERVICE,
    "[AETITLE:]AETITLE",
    "titles stay as they are",
    "What the client is called towards the backend: the second title in place of the first, or one "
    "in place of all that have no line of their own. Needs dicom = yes.",
    dicomvalues.titleRule,
    Repeat.LIST,
)
REWRITE_CALLED = Option(
    "rewriteCalledAET",
    Scope.SERVICE,
    "[AETITLE:]AETITLE",
    "titles stay as they are",
    "What the PACS is called towards itself, written as in rewriteCallingAET; rules and routes go "
    "by the title that the client uses. Needs dicom = yes.",
    dicomvalues.titleRule,
    Repeat.LIST,
)

OPTIONS: tuple[Option[Any], ...] = (
    *(DICOM, ALLOW_CALLING, ALLOW_CALLED, ALLOW_CLASS, DENY_CLASS, CERTIFICATE_AET, POLICY),
    *(ROUTE, REWRITE_CALLING, REWRITE_CALLED),
)
