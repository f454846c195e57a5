"""Titles put into a request and taken out of its answer again."""

from __future__ import annotations

from itertools import pairwise

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from appliance.dicom.associate import echoAssociation
from appliance.dicom.items import AnsweredContext, ContextResult
from appliance.dicom.pdu import AssociateAC, AssociateRJ, decode
from appliance.dicom.titles import Restorer, field, retitled

REQUEST = echoAssociation("MODALITY", "PACS")
ANSWER = AssociateAC("ARCHIVE", "GATE", (AnsweredContext(1, ContextResult.ACCEPTED),))


class TitleTests(SynchronousTestCase):
    """Nothing but the titles is touched."""

    def test_retitled(self) -> None:
        """The request says the new titles and is otherwise the same."""
        changed = retitled(REQUEST.encode(), field("GATE"), field("ARCHIVE"))
        self.assertEqual(decode(changed), evolve(REQUEST, calling="GATE", called="ARCHIVE"))
        self.assertEqual(len(changed), len(REQUEST.encode()))

    def test_oneTitle(self) -> None:
        """A title that is not given stays."""
        self.assertEqual(
            decode(retitled(REQUEST.encode(), None, field("ARCHIVE"))),
            evolve(REQUEST, called="ARCHIVE"),
        )

    @given(st.lists(st.integers(0, len(ANSWER.encode())), max_size=8))
    def test_restored(self, cuts: list[int]) -> None:
        """However the answer is cut, the client finds its own titles in it, and what follows."""
        stream = ANSWER.encode() + b"and so on"
        edges = [0, *sorted(cuts), len(stream)]
        given: list[bytes] = []
        restore = Restorer(REQUEST.encode(), lambda data: given.append(bytes(data)))
        for start, end in pairwise(edges):
            if start < end:
                restore(memoryview(stream[start:end]))
        whole = b"".join(given)
        self.assertEqual(whole[len(ANSWER.encode()) :], b"and so on")
        self.assertEqual(
            decode(whole[: len(ANSWER.encode())]),
            evolve(ANSWER, calling="MODALITY", called="PACS"),
        )

    def test_otherAnswers(self) -> None:
        """A rejection has no titles, and is not held back."""
        given: list[bytes] = []
        restore = Restorer(REQUEST.encode(), lambda data: given.append(bytes(data)))
        for byte in AssociateRJ(1, 1, 1).encode():
            restore(bytes([byte]))
        self.assertEqual(b"".join(given), AssociateRJ(1, 1, 1).encode())
