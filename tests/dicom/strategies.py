"""Any valid PDU, for hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

from appliance.dicom.command import Command
from appliance.dicom.items import (
    AnsweredContext,
    ContextResult,
    ProposedContext,
    UserInformation,
)
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

bytesOf = st.integers(0, 0xFF)
words = st.integers(0, 0xFFFF)


def text(longest: int, shortest: int = 0) -> st.SearchStrategy[str]:
    """Printable ASCII that padding would not change."""
    characters = st.characters(min_codepoint=0x20, max_codepoint=0x7E)
    padded = st.text(characters, min_size=shortest, max_size=longest)
    return padded.filter(lambda value: value == value.strip(" "))


uids = st.text("0123456789.", max_size=64)
titles = text(16, 1)
users = st.builds(UserInformation, st.integers(0, 0xFFFFFFFF), uids, text(16))
proposals = st.builds(ProposedContext, bytesOf, uids, st.lists(uids, max_size=4).map(tuple))
answers = st.builds(AnsweredContext, bytesOf, st.sampled_from(ContextResult), uids)


def _associations(
    kind: type[AssociateRQ] | type[AssociateAC], contexts: st.SearchStrategy[object]
) -> st.SearchStrategy[PDU]:
    several = st.lists(contexts, max_size=5).map(tuple)
    return st.builds(kind, titles, titles, several, users, uids, words)


fragments = st.builds(PDV, bytesOf, st.booleans(), st.booleans(), st.binary(max_size=50))
pdus: st.SearchStrategy[PDU] = st.one_of(
    _associations(AssociateRQ, proposals),
    _associations(AssociateAC, answers),
    st.builds(AssociateRJ, bytesOf, bytesOf, bytesOf),
    st.builds(PDataTF, st.lists(fragments, min_size=1, max_size=5).map(tuple)),
    st.just(ReleaseRQ()),
    st.just(ReleaseRP()),
    st.builds(Abort, bytesOf, bytesOf),
)

_maybe = st.none() | words
commands = st.builds(Command, words, uids, _maybe, _maybe, st.booleans(), _maybe)
