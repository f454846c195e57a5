from __future__ import annotations

import contextlib

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from appliance.dicom.items import PDUError, ProposedContext, writeItem
from appliance.dicom.pdu import (
    PDU,
    Abort,
    AssociateRJ,
    AssociateRQ,
    PDataTF,
    ReleaseRP,
    ReleaseRQ,
    decode,
)
from appliance.dicom.pdv import PDV
from tests.dicom.strategies import pdus

REQUEST = AssociateRQ(
    "PACS", "CT1", (ProposedContext(1, "1.2.840.10008.1.1", ("1.2.840.10008.1.2",)),)
)


class RoundTripTests(SynchronousTestCase):
    """C{encode} and L{decode}."""

    @given(pdus)
    def test_every(self, pdu: PDU) -> None:
        """Every PDU comes back as it was."""
        self.assertEqual(decode(pdu.encode()), pdu)

    @given(pdus, st.data())
    def test_damaged(self, pdu: PDU, data: st.DataObject) -> None:
        """A PDU with a changed byte is another PDU or a L{PDUError}, never anything else."""
        damaged = bytearray(pdu.encode())
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
        with contextlib.suppress(PDUError):
            decode(bytes(damaged))

    @given(st.integers(0, 9), st.binary(max_size=300))
    def test_arbitrary(self, kind: int, body: bytes) -> None:
        """Any body behind a well-formed header decodes or is a L{PDUError}."""
        with contextlib.suppress(PDUError):
            decode(bytes((kind, 0)) + len(body).to_bytes(4, "big") + body)


class BytesTests(SynchronousTestCase):
    """The bytes themselves, against the standard's tables."""

    def test_associateRQ(self) -> None:
        """An A-ASSOCIATE-RQ has its titles and items where PS3.8 table 9-11 puts them."""
        data = REQUEST.encode()
        self.assertEqual(data[:2], b"\x01\0")
        self.assertEqual(int.from_bytes(data[2:6], "big"), len(data) - 6)
        self.assertEqual(data[6:10], b"\0\x01\0\0")
        self.assertEqual(data[10:42], b"PACS            CT1             ")
        self.assertEqual(data[42:74], bytes(32))
        self.assertEqual(data[74:78], b"\x10\0\0\x15")

    def test_temporaryCongestion(self) -> None:
        """The rejection for a PACS that is down is the one that senders understand."""
        self.assertEqual(AssociateRJ(2, 3, 1).encode(), bytes.fromhex("03000000000400020301"))

    def test_release(self) -> None:
        """A release is ten bytes."""
        self.assertEqual(ReleaseRQ().encode(), bytes.fromhex("05000000000400000000"))
        self.assertEqual(ReleaseRP().encode(), bytes.fromhex("06000000000400000000"))
        self.assertNotEqual(ReleaseRQ(), ReleaseRP())

    def test_abort(self) -> None:
        """An A-ABORT has source and reason last."""
        self.assertEqual(Abort(2, 6).encode(), bytes.fromhex("07000000000400000206"))

    def test_data(self) -> None:
        """A fragment's length counts its context id and its control header."""
        pdu = PDataTF((PDV(3, command=True, last=True, data=b"ab"),))
        self.assertEqual(pdu.encode(), bytes.fromhex("0400000000080000000403036162"))


class FaultTests(SynchronousTestCase):
    """What is not a PDU."""

    def fails(self, hexadecimal: str) -> str:
        """Why the bytes are no PDU."""
        return str(self.assertRaises(PDUError, decode, bytes.fromhex(hexadecimal)))

    def test_header(self) -> None:
        """Less than a header is an error."""
        self.assertIn("header", self.fails("0300"))

    def test_type(self) -> None:
        """Types beyond the seven are an error."""
        self.assertIn("08H", self.fails("080000000000"))

    def test_length(self) -> None:
        """A length that is not that of the body is an error."""
        self.assertIn("has 3", self.fails("030000000004000101"))

    def test_fixedLength(self) -> None:
        """A release or rejection with another length than four is an error."""
        self.assertIn("not 5", self.fails("0600000000050000000000"))

    def test_noFragment(self) -> None:
        """A P-DATA-TF has at least one fragment."""
        self.assertIn("without", self.fails("040000000000"))

    def test_impossibleFragment(self) -> None:
        """A fragment shorter than its own header, or longer than the PDU, is an error."""
        self.assertIn("1 bytes", self.fails("040000000006000000010303"))
        self.assertIn("9 bytes", self.fails("040000000006000000090303"))
        self.assertIn("header", self.fails("0400000000020000"))

    def test_unwritableTitle(self) -> None:
        """A title that is empty, too long or not ASCII cannot be sent."""
        for title in ("", "  ", "SEVENTEEN LETTERS", "RÖNTGEN"):
            self.assertRaises(PDUError, AssociateRQ(title, "CT1", ()).encode)


class PrivacyTests(SynchronousTestCase):
    """What a PDU shows of itself."""

    def test_data(self) -> None:
        """Data is not part of a C{repr}."""
        pdu = PDataTF((PDV(1, command=False, last=True, data=b"DOE^JOHN"),))
        self.assertNotIn("DOE", repr(pdu))

    def test_identity(self) -> None:
        """An association request with a user identity decodes, without it."""
        request = REQUEST.encode()
        identity = writeItem(0x50, writeItem(0x58, b"\x01\0\0\x05alice"))
        body = request[6:] + identity
        decoded = decode(b"\x01\0" + len(body).to_bytes(4, "big") + body)
        self.assertIsInstance(decoded, AssociateRQ)
        self.assertNotIn("alice", repr(decoded))
