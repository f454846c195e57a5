"""The request that an association begins with, however it is cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from appliance.dicom.associate import echoAssociation
from appliance.dicom.framer import ForeignProtocolError
from appliance.dicom.items import PDUError
from appliance.dicom.opening import LONGEST, Opening
from appliance.dicom.pdu import HEADER, ReleaseRQ

REQUEST = echoAssociation("MODALITY", "PACS")
BYTES = REQUEST.encode()


class OpeningTests(SynchronousTestCase):
    """What is kept, and what is refused."""

    def test_cutAtEveryByte(self) -> None:
        """The request is whole with its last byte, not before."""
        opening = Opening()
        for byte in BYTES[:-1]:
            self.assertFalse(opening.feed(bytes([byte])))
        self.assertTrue(opening.feed(BYTES[-1:]))
        self.assertEqual(opening.request, REQUEST)

    def test_keepsWhatFollows(self) -> None:
        """What comes in the same piece, or later, is not lost."""
        opening = Opening()
        self.assertTrue(opening.feed(BYTES + b"more"))
        self.assertTrue(opening.feed(b" of it"))
        self.assertEqual(bytes(opening.raw), BYTES + b"more of it")
        self.assertEqual(opening.request, REQUEST)

    def test_anotherProtocol(self) -> None:
        """Six bytes are enough to tell another protocol."""
        with self.assertRaises(ForeignProtocolError) as caught:
            Opening().feed(b"GET / HTTP/1.1\r\n")
        self.assertEqual(caught.exception.protocol, "HTTP")

    def test_anotherPDU(self) -> None:
        """No association begins with another PDU."""
        with self.assertRaises(PDUError):
            Opening().feed(ReleaseRQ().encode())

    def test_tooLong(self) -> None:
        """A length that no request has is refused before the request has come."""
        with self.assertRaises(PDUError):
            Opening().feed(HEADER.pack(1, LONGEST + 1))

    @given(st.binary(max_size=300))
    def test_garbage(self, data: bytes) -> None:
        """Whatever comes, it is a request, not whole yet, or refused."""
        opening = Opening()
        try:
            whole = opening.feed(data)
        except PDUError:
            return
        self.assertEqual(whole, opening.request is not None)
