from __future__ import annotations

import contextlib
import itertools

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from appliance.dicom.framer import ForeignProtocolError, Framer, foreignProtocol
from appliance.dicom.items import PDUError
from appliance.dicom.pdu import HEADER, PDU, Abort, AssociateRJ, ReleaseRP, ReleaseRQ
from tests.dicom.strategies import pdus

MAXIMUM = 200


def cutAt(data: bytes, cuts: list[int]) -> list[bytes]:
    """C{data} in pieces that end at C{cuts}."""
    ends = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(ends)]


class FramerTests(SynchronousTestCase):
    """L{Framer}."""

    @given(st.lists(pdus, max_size=4), st.lists(st.integers(0, 5000), max_size=8))
    def test_anyCut(self, sent: list[PDU], cuts: list[int]) -> None:
        """The same PDUs come out however the stream was cut."""
        framer = Framer(100_000)
        data = b"".join(pdu.encode() for pdu in sent)
        self.assertEqual([p for piece in cutAt(data, cuts) for p in framer.feed(piece)], sent)
        self.assertEqual(framer.pending, 0)

    @given(pdus)
    def test_everyByte(self, sent: PDU) -> None:
        """A PDU comes out with its last byte, when they come one by one, and not before."""
        framer = Framer(100_000)
        *first, last = sent.encode()
        for byte in first:
            self.assertEqual(list(framer.feed(bytes((byte,)))), [])
        self.assertEqual(list(framer.feed(bytes((last,)))), [sent])

    @given(st.lists(st.binary(max_size=300), max_size=20), st.booleans())
    def test_arbitrary(self, pieces: list[bytes], plausible: bool) -> None:
        """Whatever comes, nothing but L{PDUError} is raised and the bound holds."""
        framer = Framer(MAXIMUM)
        if plausible:
            pieces = [b"\x04\0\0\0", *pieces]
        for piece in pieces:
            with contextlib.suppress(PDUError):
                list(framer.feed(piece))
            self.assertLess(framer.pending, HEADER.size + MAXIMUM)

    def test_bound(self) -> None:
        """A PDU that is longer than allowed is refused with its header, before its body."""
        framer = Framer(MAXIMUM)
        error = self.assertRaises(PDUError, list, framer.feed(HEADER.pack(4, MAXIMUM + 1)))
        self.assertIn("201 bytes; at most 200", str(error))
        self.assertEqual(framer.pending, 0)

    def test_stuck(self) -> None:
        """After an error every further byte meets the same error."""
        framer = Framer(MAXIMUM)
        error = self.assertRaises(PDUError, list, framer.feed(bytes(6)))
        self.assertIs(self.assertRaises(PDUError, framer.feed, ReleaseRQ().encode()), error)
        self.assertEqual(framer.pending, 0)

    def test_goodBeforeBad(self) -> None:
        """PDUs before the faulty one are given first."""
        framer = Framer(MAXIMUM)
        stream = framer.feed(AssociateRJ(1, 1, 7).encode() + b"\x15\x03\x03\x00\x02\x01\x00")
        self.assertEqual(next(stream), AssociateRJ(1, 1, 7))
        self.assertRaises(ForeignProtocolError, next, stream)

    def test_twoInOne(self) -> None:
        """Two PDUs in one read are two."""
        data = ReleaseRP().encode() + Abort(0).encode()
        self.assertEqual(list(Framer(MAXIMUM).feed(data)), [ReleaseRP(), Abort(0)])


class ForeignProtocolTests(SynchronousTestCase):
    """Other protocols on a DICOM port."""

    def test_named(self) -> None:
        """TLS, HTTP and SSH are called by their names."""
        for start, protocol in (
            (b"\x15\x03\x01\x00\x02\x02\x28", "TLS"),
            (b"\x16\x03\x03\x00\x7a\x02", "TLS"),
            (b"HTTP/1.1 400 Bad Request", "HTTP"),
            (b"GET / HTTP/1.1", "HTTP"),
            (b"SSH-2.0-OpenSSH", "SSH"),
            (b"220 smtp ready", ""),
        ):
            error = self.assertRaises(ForeignProtocolError, list, Framer(MAXIMUM).feed(start))
            self.assertEqual(error.protocol, protocol)

    def test_dicom(self) -> None:
        """DICOM is not foreign."""
        self.assertIsNone(foreignProtocol(ReleaseRQ().encode()))

    def test_words(self) -> None:
        """The error says what it saw."""
        self.assertEqual(str(ForeignProtocolError("TLS")), "TLS instead of DICOM")
        self.assertEqual(str(ForeignProtocolError("")), "something unknown instead of DICOM")
