from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from appliance.dicom.pdu import Abort, AssociateRJ


class WordsTests(SynchronousTestCase):
    """Rejections and aborts in words."""

    def test_rejections(self) -> None:
        """Result, source and reason are all in the words."""
        for numbers, words in (
            ((1, 1, 7), "refused by the application: called AE title not recognized"),
            ((1, 1, 3), "refused by the application: calling AE title not recognized"),
            ((2, 3, 1), "refused for now by its presentation layer: temporary congestion"),
            ((1, 2, 2), "refused by its association layer: protocol version not supported"),
        ):
            self.assertEqual(AssociateRJ(*numbers).words, words)

    def test_undefinedRejection(self) -> None:
        """Numbers that the standard does not define are shown as numbers."""
        self.assertEqual(AssociateRJ(9, 8, 7).words, "refused (result 9) by source 8: reason 7")

    def test_aborts(self) -> None:
        """Only the provider's abort has a reason."""
        self.assertEqual(Abort(0).words, "aborted by the application")
        self.assertEqual(Abort(2, 2).words, "aborted by the DICOM layer: unexpected PDU")
        self.assertEqual(Abort(2, 9).words, "aborted by the DICOM layer: reason 9")
        self.assertEqual(Abort(1, 3).words, "aborted (source 1, reason 3)")
