from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from appliance.dicom import uids


class NameTests(SynchronousTestCase):
    """L{uids.name}."""

    def test_known(self) -> None:
        """Common SOP classes and transfer syntaxes have their names."""
        self.assertEqual(uids.name("1.2.840.10008.1.1"), "Verification")
        self.assertEqual(uids.name("1.2.840.10008.5.1.4.1.1.2"), "CT Image Storage")
        self.assertEqual(uids.name("1.2.840.10008.1.2.1"), "Explicit VR Little Endian")
        self.assertEqual(uids.name("1.2.840.10008.3.1.1.1"), "DICOM Application Context")

    def test_unknown(self) -> None:
        """A UID that nobody has named is shown as it is."""
        self.assertEqual(uids.name("1.2.3"), "1.2.3")


class OwnTests(SynchronousTestCase):
    """What we say about ourselves."""

    def test_limits(self) -> None:
        """The implementation's UID and name keep to PS3.7 D.3.3.2."""
        self.assertLessEqual(len(uids.IMPLEMENTATION_CLASS), 64)
        self.assertRegex(uids.IMPLEMENTATION_CLASS, r"\A2\.25\.[1-9][0-9]*\Z")
        self.assertLessEqual(len(uids.IMPLEMENTATION_VERSION), 16)
