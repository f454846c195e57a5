"""The options of a section that say how its backends are watched."""

from __future__ import annotations

from typing import Any, Final

from appliance.config import values
from appliance.config.model import HealthCheck
from appliance.config.vocabulary import Option, PathKind, Scope

DICOM_PORTS: Final = (104, 2761, 2762, 4242, 11112)
"""Where a backend is taken for a PACS even though nobody has said so."""

CHECK = Option(
    "healthCheck",
    Scope.SERVICE,
    "auto, echo, tcp or none",
    "auto",
    "How the backends are checked: with a DICOM association and a C-ECHO, or with a bare "
    "connection, which a PACS may log as a failed association. auto is echo where the AE title of "
    "the PACS is known (calledAET, or seen in an association that it accepted) or the port is one "
    "of DICOM's (104, 2761, 2762, 4242, 11112); elsewhere, and with dicom = no, the backend's "
    "state is unknown until connections tell.",
    values.choice({kind.value: kind for kind in HealthCheck}),
)
INTERVAL = Option(
    "healthInterval",
    Scope.SERVICE,
    "SECONDS",
    "30",
    "The time from one check of a backend to the next; each time is up to a tenth shorter or "
    "longer, so that many appliances do not check together.",
    values.number(1, 86400, "seconds"),
)
TIMEOUT = Option(
    "healthTimeout",
    Scope.SERVICE,
    "SECONDS",
    "5",
    "How long a check may take, all in all.",
    values.number(1, 3600, "seconds"),
)
RISE = Option(
    "healthRise",
    Scope.SERVICE,
    "COUNT",
    "2",
    "How many checks in a row must go well before a backend that is down is up again.",
    values.number(1, 100),
)
FALL = Option(
    "healthFall",
    Scope.SERVICE,
    "COUNT",
    "3",
    "How many checks or connections in a row must fail before a backend is down.",
    values.number(1, 100),
)
HOOK = Option(
    "healthHook",
    Scope.SERVICE,
    "PROGRAM",
    "none",
    "A program that is started at each change of a backend's state, with BUTTERFLY_SECTION, "
    "BUTTERFLY_BACKEND, BUTTERFLY_BEFORE, BUTTERFLY_AFTER and BUTTERFLY_WHY in its environment. It "
    "is ended after 10 seconds.",
    values.fileName,
    path=PathKind.PROGRAM,
)

OPTIONS: tuple[Option[Any], ...] = (CHECK, INTERVAL, TIMEOUT, RISE, FALL, HOOK)
