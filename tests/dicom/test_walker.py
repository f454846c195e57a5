from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from appliance.dicom.command import echoRequest
from appliance.dicom.framer import Framer
from appliance.dicom.items import PDUError
from appliance.dicom.pdu import PDU, Abort, AssociateRQ, PDataTF, ReleaseRP, ReleaseRQ
from appliance.dicom.pdv import PDV
from appliance.dicom.walker import LONGEST, Walker
from tests.dicom.strategies import pdus
from tests.dicom.test_framer import cutAt

ECHO = echoRequest(1).encode()


def walking() -> tuple[Walker, list[object]]:
    """A walker, and what it tells."""
    told: list[object] = []
    walker = Walker(told.append, lambda *message: told.append(message), told.append)
    return walker, told


def data(*values: PDV) -> bytes:
    """A P-DATA-TF."""
    return PDataTF(values).encode()


def command(part: bytes, last: bool = True, context: int = 1) -> PDV:
    """A fragment of a command set."""
    return PDV(context, command=True, last=last, data=part)


def dataSet(size: int, context: int = 1, last: bool = True) -> PDV:
    """A fragment of a data set."""
    return PDV(context, command=False, last=last, data=bytes(size))


def plainly(stream: bytes) -> tuple[list[object], dict[int, int]]:
    """What a walker is to tell of C{stream} and to count in it, from its whole PDUs."""
    told: list[object] = []
    counts: dict[int, int] = {}
    parts: dict[int, bytes] = {}
    for pdu in Framer(len(stream)).feed(stream):
        if not isinstance(pdu, PDataTF):
            told.append(pdu.encode())
            parts.clear()
            continue
        for value in pdu.values:
            if not value.command:
                counts[value.contextID] = counts.get(value.contextID, 0) + len(value.data)
                continue
            whole = parts.pop(value.contextID, b"") + value.data
            if value.last:
                told.append((value.contextID, whole))
            else:
                parts[value.contextID] = whole
    return told, counts


class CutTests(SynchronousTestCase):
    """However the network cuts the stream."""

    @given(st.lists(pdus, max_size=8), st.lists(st.integers(0, 5000), max_size=10))
    def test_anyCut(self, sent: list[PDU], cuts: list[int]) -> None:
        """The walker tells and counts what plain decoding finds in the whole stream."""
        stream = b"".join(pdu.encode() for pdu in sent)
        walker, told = walking()
        for piece in cutAt(stream, cuts):
            walker.feed(memoryview(piece))
        expected, counts = plainly(stream)
        self.assertEqual(told, expected)
        self.assertEqual({c: n for c, n in walker.taken().items() if n}, nonzero(counts))
        self.assertTrue(walker.atBoundary)

    @given(st.lists(pdus, min_size=1, max_size=3))
    def test_everyByte(self, sent: list[PDU]) -> None:
        """Byte by byte it is the same, and the boundaries are where the PDUs end."""
        walker, told = walking()
        stream, ends = b"", {0}
        for pdu in sent:
            stream += pdu.encode()
            ends.add(len(stream))
        found = {0}
        for at in range(len(stream)):
            walker.feed(stream[at : at + 1])
            if walker.atBoundary:
                found.add(at + 1)
        self.assertEqual(found, ends)
        self.assertEqual(told, plainly(stream)[0])

    @given(st.integers(0, 40), st.integers(0, 40))
    def test_takenInPieces(self, first: int, second: int) -> None:
        """Bytes are counted when they have passed, not when a header promises them."""
        walker, _ = walking()
        stream = data(dataSet(20))
        total = 0
        for piece in cutAt(stream, [first, second]):
            walker.feed(piece)
            total += walker.taken().get(1, 0)
        self.assertEqual(total, 20)
        walker.feed(stream[:15])
        self.assertEqual(walker.taken()[1], 3)


def nonzero(counts: dict[int, int]) -> dict[int, int]:
    """C{counts} without contexts that had nothing but empty fragments."""
    return {context: size for context, size in counts.items() if size}


class FragmentTests(SynchronousTestCase):
    """P-DATA-TF and what is in it."""

    def test_several(self) -> None:
        """A command, its data set and the next command may share a PDU."""
        walker, told = walking()
        walker.feed(data(command(ECHO), dataSet(9, 3), command(ECHO, context=3)))
        self.assertEqual(told, [(1, ECHO), (3, ECHO)])
        self.assertEqual(walker.taken(), {3: 9})

    def test_fragments(self) -> None:
        """A command set may be cut at any place, over fragments and PDUs."""
        for at in range(len(ECHO) + 1):
            walker, told = walking()
            head, tail = command(ECHO[:at], last=False), command(ECHO[at:])
            walker.feed(data(head) + data(tail))
            walker.feed(data(head, tail))
            self.assertEqual(told, [(1, ECHO), (1, ECHO)])

    def test_contexts(self) -> None:
        """Commands of several contexts do not get mixed up."""
        walker, told = walking()
        walker.feed(data(command(b"ab", last=False), command(b"x", context=3), command(b"c")))
        self.assertEqual(told, [(3, b"x"), (1, b"abc")])

    def test_headerAsData(self) -> None:
        """A data set that looks like PDUs is a data set."""
        walker, told = walking()
        inner = data(command(ECHO)) + ReleaseRQ().encode()
        walker.feed(data(PDV(1, command=False, last=True, data=inner)))
        self.assertEqual(told, [])
        self.assertEqual(walker.taken(), {1: len(inner)})

    def test_interrupted(self) -> None:
        """A command set that is not finished before a release is not taken up after it."""
        walker, told = walking()
        release = ReleaseRP().encode()
        walker.feed(data(command(b"ab", last=False)) + release + data(command(b"c")))
        self.assertEqual(told, [release, (1, b"c")])

    def test_endless(self) -> None:
        """Of a PDU of 4 GiB nothing is kept, and its end is found."""
        walker, told = walking()
        size = 0xFFFFFFFF
        walker.feed(struct.pack(">BxIIBB", 4, size, size - 4, 1, 0))
        left, piece = size - 6, memoryview(bytes(1 << 24))
        while left > len(piece):
            walker.feed(piece)
            left -= len(piece)
            self.assertEqual(walker.pending, 0)
            self.assertFalse(walker.atBoundary)
        walker.feed(bytes(left) + Abort(0).encode())
        self.assertEqual(told, [Abort(0).encode()])
        self.assertEqual(walker.taken(), {1: size - 6})
        self.assertTrue(walker.atBoundary)

    def test_notKept(self) -> None:
        """A view may change after the call: what was in it was copied or is not needed."""
        walker, told = walking()
        buffer = bytearray(AssociateRQ("PACS", "US1", ()).encode())
        for at in range(0, len(buffer), 7):
            piece = bytearray(buffer[at : at + 7])
            walker.feed(memoryview(piece))
            piece[:] = bytes(len(piece))
        self.assertEqual(told, [bytes(buffer)])


class FaultTests(SynchronousTestCase):
    """What cannot be followed."""

    def fault(self, *pieces: bytes) -> str:
        """The words for the fault in C{pieces}; there is one, and it is told once."""
        walker, told = walking()
        for piece in (*pieces, ReleaseRQ().encode(), b"rest"):
            walker.feed(piece)
        self.assertEqual(told, [walker.fault])
        self.assertFalse(walker.atBoundary)
        self.assertEqual(walker.pending, 0)
        return str(walker.fault)

    def test_protocols(self) -> None:
        """Other protocols are called by their names."""
        self.assertEqual(self.fault(b"HTTP/1.1 400 "), "HTTP instead of DICOM")
        self.assertEqual(self.fault(b"\x16\x03\x01", b"\0\xf0\x01"), "TLS instead of DICOM")
        self.assertEqual(self.fault(bytes(600)), "something unknown instead of DICOM")

    def test_overlong(self) -> None:
        """An association request beyond the bound is not waited for."""
        self.assertIn(f"more than {LONGEST}", self.fault(struct.pack(">BxI", 1, LONGEST + 1)))

    def test_longest(self) -> None:
        """One of just that size is taken as a whole."""
        walker, told = walking()
        whole = struct.pack(">BxI", 1, LONGEST) + bytes(LONGEST)
        walker.feed(whole[:-1])
        self.assertEqual((told, walker.pending), ([], len(whole) - 1))
        walker.feed(whole[-1:])
        self.assertEqual((told, walker.pending), ([whole], 0))

    def test_empty(self) -> None:
        """A P-DATA-TF without a fragment is none."""
        self.assertIn("without", self.fault(struct.pack(">BxI", 4, 0)))

    def test_fragments(self) -> None:
        """A fragment shorter than its own header, or longer than its PDU, is impossible."""
        self.assertIn("1 bytes", self.fault(struct.pack(">BxIIBB", 4, 6, 1, 1, 0)))
        self.assertIn("header", self.fault(struct.pack(">BxIIBB", 4, 5, 1, 1, 0)))
        self.assertIn("header", self.fault(struct.pack(">BxIIBB", 4, 4, 0, 1, 0)))
        self.assertIn("9 bytes", self.fault(struct.pack(">BxIIBB", 4, 6, 9, 1, 0)))
        self.assertIn("header", self.fault(struct.pack(">BxI5x", 4, 5)))
        self.assertIn("header", self.fault(struct.pack(">BxIIBBx", 4, 7, 2, 1, 0)))

    def test_endlessCommand(self) -> None:
        """A command set is followed up to a bound, in one fragment or in many."""
        size = LONGEST + 1
        self.assertIn(
            "command set", self.fault(struct.pack(">BxIIBB", 4, size + 6, size + 2, 1, 3))
        )
        half = data(command(bytes(LONGEST // 2 + 1), last=False))
        self.assertIn("command set", self.fault(half, half))
        whole = PDV(1, command=True, last=True, data=bytes(size))
        self.assertIn("command set", self.fault(data(whole)))

    def test_refused(self) -> None:
        """A PDU or a command set that its reader refuses is a fault of the stream."""

        def refuse(*_: object) -> None:
            raise PDUError("no sense")

        for stream in (ReleaseRQ().encode(), data(command(ECHO)), data(command(ECHO), dataSet(3))):
            told: list[str] = []
            walker = Walker(refuse, refuse, told.append)
            walker.feed(stream)
            walker.feed(stream)
            self.assertEqual((told, walker.fault), (["no sense"], "no sense"))

    def test_before(self) -> None:
        """What was good before the fault was told before it."""
        walker, told = walking()
        walker.feed(ReleaseRQ().encode() + b"GET / HTTP/1.1")
        self.assertEqual(told, [ReleaseRQ().encode(), "HTTP instead of DICOM"])

    def test_givenUp(self) -> None:
        """A walker that is told to give up says so once and follows no further."""
        walker, told = walking()
        walker.feed(ReleaseRQ().encode()[:3])
        walker.giveUp("enough")
        walker.giveUp("again")
        walker.feed(ReleaseRQ().encode())
        self.assertEqual((told, walker.pending), (["enough"], 0))

    @given(st.lists(st.binary(max_size=200), max_size=10), st.sampled_from((b"", b"\x04\0\0\0")))
    def test_garbage(self, pieces: list[bytes], plausible: bytes) -> None:
        """Whatever comes nothing is raised, a fault is told once, and little is kept."""
        walker, told = walking()
        for piece in (plausible, *pieces):
            walker.feed(memoryview(piece))
            self.assertLessEqual(walker.pending, 2 * LONGEST + 6)
        self.assertEqual(sum(isinstance(each, str) for each in told), walker.fault is not None)

    @given(st.lists(pdus, min_size=1, max_size=4), st.data())
    def test_damaged(self, sent: list[PDU], drawn: st.DataObject) -> None:
        """Of a stream with a changed byte the walker makes the same, however it is cut."""
        stream = bytearray(b"".join(pdu.encode() for pdu in sent))
        stream[drawn.draw(st.integers(0, len(stream) - 1))] = drawn.draw(st.integers(0, 255))
        cuts = drawn.draw(st.lists(st.integers(0, 5000), max_size=6))
        whole, cut = walking(), walking()
        whole[0].feed(bytes(stream))
        for piece in cutAt(bytes(stream), cuts):
            cut[0].feed(piece)
        self.assertEqual(cut[1], whole[1])
        self.assertEqual(cut[0].taken(), whole[0].taken())
        self.assertEqual(cut[0].atBoundary, whole[0].atBoundary)


class BoundTests(SynchronousTestCase):
    """A bound on what a P-DATA-TF may announce, where there is one."""

    @given(st.integers(1, 400), st.integers(20, 300), st.integers(1, 50), st.booleans())
    def test_bound(self, size: int, most: int, cut: int, last: bool) -> None:
        """One that is longer is a fault at its header, however it is cut; others are none."""
        stream = data(dataSet(size, last=last))
        walker, told = walking()
        walker.longestData = most
        for at in range(0, len(stream), cut):
            walker.feed(stream[at : at + cut])
        length = len(stream) - 6
        self.assertEqual(walker.fault is not None, length > most)
        self.assertEqual([str(length) in str(each) for each in told], [True] * (length > most))

    def test_atTheHeader(self) -> None:
        """It does not take the bytes that are announced, nor that one fragment is as long."""
        for rest in (b"", struct.pack(">IBB", 10, 1, 0)):
            walker, told = walking()
            walker.longestData = 1000
            walker.feed(struct.pack(">BxI", 4, 0xFFFFFFFF) + rest)
            self.assertEqual(len(told), 1)

    def test_none(self) -> None:
        """Without a bound any length will do."""
        walker, told = walking()
        walker.feed(struct.pack(">BxIIBB", 4, 0xFFFFFFFF, 0xFFFFFFFF - 4, 1, 0))
        self.assertEqual((told, walker.fault), ([], None))


class PrivacyTests(SynchronousTestCase):
    """What a walker shows of itself."""

    def test_repr(self) -> None:
        """What it keeps for a moment is not in its C{repr}."""
        walker, _ = walking()
        walker.feed(struct.pack(">BxI", 1, 200) + b"DOE^JOHN")
        self.assertNotIn("DOE", repr(walker))
