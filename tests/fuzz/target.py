"""What must hold of any input: nothing is raised, little is kept, and cuts change nothing.

An input is a conversation, turn by turn: a byte of which the lowest bit says who speaks (1: the
client), 16 bits that say how much, and what is said.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import suppress
from itertools import takewhile
from typing import Any

from appliance.dicom.command import Command
from appliance.dicom.framer import Framer
from appliance.dicom.inspect import Inspector
from appliance.dicom.items import PDUError
from appliance.dicom.pdu import decode
from appliance.dicom.walker import LONGEST
from appliance.events import AssociationEnded, AssociationRequested, Outcome, Unreadable
from tests.dicom.plain import Reader

Turn = tuple[bool, bytes]
Facts = list[tuple[Any, ...]]

PIECE = 7
"""Bytes: shorter than any header, so that each of them is cut somewhere."""
COMPARED = 2048
"""Bytes of an input in which the inspector's bounds cannot be reached, which plain has not got."""

_TURN = struct.Struct(">BH")


def written(turns: list[Turn]) -> bytes:
    """The input that C{turns} are."""
    return b"".join(_TURN.pack(who, len(said)) + said for who, said in turns)


def read(data: bytes) -> Iterator[Turn]:
    """The turns of an input; the last may be shorter than it says."""
    at = 0
    while at + _TURN.size <= len(data):
        who, size = _TURN.unpack_from(data, at)
        at += _TURN.size
        yield bool(who & 1), data[at : at + size]
        at += size


def inspected(turns: list[Turn], piece: int) -> Facts:
    """What the inspector tells of C{turns}, fed in pieces."""
    facts: Facts = []
    inspector = Inspector(lambda *fact: facts.append(fact), lambda: 0.0)
    for who, said in turns:
        for at in range(0, len(said), piece):
            hear = inspector.fromClient if who else inspector.fromBackend
            hear(memoryview(said)[at : at + piece])
            kept = inspector._client.pending + inspector._backend.pending
            assert kept <= 4 * LONGEST + 12, f"{kept} bytes are kept"
    inspector.connectionEnded(Outcome.CUT_BY_US, "")
    return facts


def check(data: bytes) -> None:
    """Raise C{AssertionError} where something does not hold of C{data}."""
    turns = list(read(data))
    facts = inspected(turns, 1 << 16)
    kinds = [fact[0] for fact in facts]
    assert "a defect" not in repr(facts), facts
    assert kinds.count(AssociationEnded) == kinds.count(AssociationRequested), kinds
    assert kinds.count(Unreadable) <= 2, kinds
    assert inspected(turns, PIECE) == facts, "cuts make a difference"
    if len(data) <= COMPARED:
        compare(turns, facts)
    codec(data)


def compare(turns: list[Turn], facts: Facts) -> None:
    """The facts are those that plain decoding finds, as far as it comes."""
    reader = Reader(lambda: 0.0)
    try:
        for who, said in turns:
            reader.turn(who, said)
            if reader.pending:
                # The inspector knows already what is in a PDU that is not whole yet.
                return
        reader.end(Outcome.CUT_BY_US)
    except PDUError:
        before = list(takewhile(lambda fact: fact[0] is not Unreadable, facts))
        assert before != facts, "a fault is not told"
        assert before[: len(reader.facts)] == reader.facts, (reader.facts, facts)
    else:
        assert reader.facts == facts, (reader.facts, facts)


def codec(data: bytes) -> None:
    """Whatever C{data} is, decoding it raises nothing but what it may."""
    framer = Framer(LONGEST)
    with suppress(PDUError):
        for pdu in framer.feed(data):
            assert decode(pdu.encode()) is not None
    with suppress(PDUError):
        Command.decode(data)
