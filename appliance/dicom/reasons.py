"""Why an association was refused or aborted, in plain words (PS3.8 tables 9-21 and 9-26)."""

from __future__ import annotations

from typing import Final

PERMANENT: Final = 1
TRANSIENT: Final = 2

BY_USER: Final = 1
BY_ACSE: Final = 2
BY_PRESENTATION: Final = 3

NO_REASON: Final = (BY_USER, 1)
APPLICATION_CONTEXT: Final = (BY_USER, 2)
CALLING_TITLE: Final = (BY_USER, 3)
CALLED_TITLE: Final = (BY_USER, 7)
ACSE_NO_REASON: Final = (BY_ACSE, 1)
PROTOCOL_VERSION: Final = (BY_ACSE, 2)
CONGESTION: Final = (BY_PRESENTATION, 1)
LOCAL_LIMIT: Final = (BY_PRESENTATION, 2)

_RESULTS: Final = {PERMANENT: "refused", TRANSIENT: "refused for now"}

_REJECTION_SOURCES: Final = {
    BY_USER: "by the application",
    BY_ACSE: "by its association layer",
    BY_PRESENTATION: "by its presentation layer",
}

_REJECTIONS: Final = {
    NO_REASON: "no reason given",
    APPLICATION_CONTEXT: "application context not supported",
    CALLING_TITLE: "calling AE title not recognized",
    CALLED_TITLE: "called AE title not recognized",
    ACSE_NO_REASON: "no reason given",
    PROTOCOL_VERSION: "protocol version not supported",
    CONGESTION: "temporary congestion",
    LOCAL_LIMIT: "local limit exceeded",
}

ABORT_BY_USER: Final = 0
ABORT_BY_PROVIDER: Final = 2

UNEXPECTED_PDU: Final = 2
INVALID_PARAMETER: Final = 6

_ABORTS: Final = {
    0: "no reason given",
    1: "unrecognized PDU",
    UNEXPECTED_PDU: "unexpected PDU",
    4: "unrecognized parameter in a PDU",
    5: "unexpected parameter in a PDU",
    INVALID_PARAMETER: "invalid parameter in a PDU",
}


def rejectionWords(result: int, source: int, reason: int) -> str:
    """An A-ASSOCIATE-RJ in words, such as C{refused by the application: no reason given}."""
    how = _RESULTS.get(result, f"refused (result {result})")
    who = _REJECTION_SOURCES.get(source, f"by source {source}")
    return f"{how} {who}: {_REJECTIONS.get((source, reason), f'reason {reason}')}"


def abortWords(source: int, reason: int) -> str:
    """An A-ABORT in words; only the provider, not the application, gives a reason."""
    if source == ABORT_BY_USER:
        return "aborted by the application"
    if source == ABORT_BY_PROVIDER:
        return f"aborted by the DICOM layer: {_ABORTS.get(reason, f'reason {reason}')}"
    return f"aborted (source {source}, reason {reason})"
