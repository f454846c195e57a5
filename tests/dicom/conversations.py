"""Any valid conversation of a client with a backend, for hypothesis.

A conversation is a list of turns: who speaks (C{True}: the client), and the bytes.
"""

from __future__ import annotations

from hypothesis import strategies as st

from appliance.dicom.command import (
    C_CANCEL_RQ,
    C_ECHO_RQ,
    C_FIND_RQ,
    C_GET_RQ,
    C_STORE_RQ,
    N_ACTION_RQ,
    N_EVENT_REPORT_RQ,
    RESPONSE,
    Command,
)
from appliance.dicom.items import AnsweredContext, ContextResult, ProposedContext, UserInformation
from appliance.dicom.pdu import (
    PDU,
    Abort,
    AssociateAC,
    AssociateRJ,
    AssociateRQ,
    PDataTF,
    ReleaseRP,
    ReleaseRQ,
)
from appliance.dicom.pdv import PDV

Turn = tuple[bool, bytes]

UIDS = ("1.2.840.10008.1.1", "1.2.840.10008.5.1.4.1.1.6.1", "1.2.840.10008.1.20.1")
SYNTAXES = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1")
FIELDS = (
    *(C_STORE_RQ, C_GET_RQ, C_FIND_RQ, C_ECHO_RQ),
    *(N_EVENT_REPORT_RQ, N_ACTION_RQ, C_CANCEL_RQ, 0x0042),
)
STATUSES = (0x0000, 0x0110, 0x0122, 0xA700, 0xA702, 0xB000, 0xC001, 0xFE00, 0x0107)
CONTEXTS = (1, 3, 5)

numbers = st.integers(0, 3)


def fragments(draw: st.DrawFn, context: int, command: bool, data: bytes) -> list[PDV]:
    """C{data} in one fragment or several."""
    size = draw(st.integers(1, 60)) if draw(st.booleans()) else max(1, len(data))
    pieces = [data[at : at + size] for at in range(0, len(data), size)] or [b""]
    last = len(pieces) - 1
    return [PDV(context, command, number == last, piece) for number, piece in enumerate(pieces)]


def message(draw: st.DrawFn, context: int, command: Command) -> bytes:
    """The P-DATA-TFs of one message, with a data set where it is to have one."""
    values = fragments(draw, context, True, command.encode())
    if command.hasDataSet:
        values += fragments(draw, context, False, bytes(draw(st.integers(0, 300))))
    together = draw(st.integers(1, 3))
    return b"".join(
        PDataTF(tuple(values[at : at + together])).encode()
        for at in range(0, len(values), together)
    )


@st.composite
def requests(draw: st.DrawFn) -> tuple[bool, int, Command]:
    """A request: who asks, in which context, and for what."""
    field = draw(st.sampled_from(FIELDS))
    identifier = None if field == C_CANCEL_RQ else draw(numbers)
    uid, requested = draw(st.sampled_from((*UIDS, ""))), draw(st.sampled_from((*UIDS, "")))
    command = Command(
        field, uid, identifier, None, draw(st.booleans()), None, "" if uid else requested
    )
    return draw(st.booleans()), draw(st.sampled_from(CONTEXTS)), command


def exchanges(draw: st.DrawFn) -> list[Turn]:
    """Requests and their responses; several may be outstanding, and answered in any order."""
    turns: list[Turn] = []
    open_: list[tuple[bool, int, Command]] = []
    for _ in range(draw(st.integers(0, 5))):
        asker, context, command = request = draw(requests())
        turns.append((asker, message(draw, context, command)))
        if command.messageID is not None:
            open_.append(request)
        while open_ and draw(st.booleans()):
            asker, context, command = open_.pop(draw(st.integers(0, len(open_) - 1)))
            statuses = [0xFF00] * draw(numbers) + [draw(st.sampled_from(STATUSES))]
            for status in statuses:
                response = Command(
                    command.field | RESPONSE,
                    draw(st.sampled_from((command.affectedClass, ""))),
                    None,
                    command.messageID,
                    draw(st.booleans()),
                    status,
                )
                turns.append((not asker, message(draw, context, response)))
    return turns


def ending(draw: st.DrawFn) -> list[tuple[bool, PDU]]:
    """A release by either side, an abort by either side, or nothing more."""
    who = draw(st.booleans())
    released: list[tuple[bool, PDU]] = [(who, ReleaseRQ()), (not who, ReleaseRP())]
    return draw(
        st.sampled_from(
            (
                released,
                [(True, ReleaseRQ()), (False, ReleaseRQ()), (True, ReleaseRP())],
                [(who, Abort(2, 6))],
                [(who, Abort(0))],
                released[:1],
                [],
            )
        )
    )


@st.composite
def associations(draw: st.DrawFn) -> list[Turn]:
    """One association from its request to its end, if it has one."""
    proposed = tuple(
        ProposedContext(context, draw(st.sampled_from(UIDS)), SYNTAXES) for context in CONTEXTS
    )
    user = UserInformation(draw(st.sampled_from((0, 16384))), "1.2.3", "TEST")
    said: list[Turn] = [(True, AssociateRQ("PACS", "US1", proposed, user).encode())]
    answer = draw(st.sampled_from(("accept", "accept", "accept", "reject", "abort", "none")))
    if answer == "accept":
        answers = tuple(
            AnsweredContext(context.id, draw(st.sampled_from(ContextResult)), SYNTAXES[1])
            for context in proposed[: draw(st.integers(0, 3))]
        )
        said.append((False, AssociateAC("PACS", "US1", answers, user).encode()))
        said += exchanges(draw)
        said += [(who, pdu.encode()) for who, pdu in ending(draw)]
    elif answer == "reject":
        said.append((False, AssociateRJ(draw(st.integers(1, 2)), 1, 7).encode()))
    elif answer == "abort":
        said.append((draw(st.booleans()), Abort(0).encode()))
    return said


conversations = st.lists(associations(), min_size=1, max_size=2).map(
    lambda several: [turn for association in several for turn in association]
)
