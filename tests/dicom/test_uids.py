from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from appliance.dicom import uids
from appliance.dicom.sopclasses import SOP_CLASSES

US, CT = "1.2.840.10008.5.1.4.1.1.6.1", "1.2.840.10008.5.1.4.1.1.2"
STUDY_FIND = "1.2.840.10008.5.1.4.1.2.2.1"


def familyOf(uid: str) -> str | None:
    """The first family that the SOP class C{uid} belongs to, if any."""
    return next((family for family in uids.FAMILIES if uids.inFamily(uid, family)), None)


class NameTests(SynchronousTestCase):
    """L{uids.name}."""

    def test_known(self) -> None:
        """Common SOP classes and transfer syntaxes have their names."""
        self.assertEqual(uids.name("1.2.840.10008.1.1"), "Verification")
        self.assertEqual(uids.name(CT), "CT Image Storage")
        self.assertEqual(uids.name("1.2.840.10008.1.2.1"), "Explicit VR Little Endian")
        self.assertEqual(uids.name("1.2.840.10008.3.1.1.1"), "DICOM Application Context")

    def test_unknown(self) -> None:
        """A UID that nobody has named is shown as it is."""
        self.assertEqual(uids.name("1.2.3"), "1.2.3")


class ByNameTests(SynchronousTestCase):
    """L{uids.byName}."""

    def test_every(self) -> None:
        """Each name leads back to its UID, in any case: no two SOP classes share one."""
        for uid, words in SOP_CLASSES.items():
            self.assertEqual(uids.byName(words.upper()), uid)

    def test_asInStandard(self) -> None:
        """What PS3.6 adds to names may be there, and spaces may be many."""
        words = "Study Root  Query/Retrieve Information Model - FIND "
        self.assertEqual(uids.byName(words), STUDY_FIND)
        self.assertEqual(uids.byName("Verification SOP Class"), uids.VERIFICATION)

    def test_unknown(self) -> None:
        """A name that no SOP class has leads nowhere."""
        self.assertIsNone(uids.byName("CT Image"))


class TableTests(SynchronousTestCase):
    """The table of SOP classes."""

    def test_numbers(self) -> None:
        """Each is a UID of DICOM's own, in the order of their numbers."""
        numbers = [tuple(map(int, uid.split("."))) for uid in SOP_CLASSES]
        self.assertEqual({each[:4] for each in numbers}, {(1, 2, 840, 10008)})
        self.assertEqual(numbers, sorted(numbers))

    def test_names(self) -> None:
        """A name can stand in a list between commas."""
        self.assertEqual([words for words in SOP_CLASSES.values() if "," in words], [])


class FamilyTests(SynchronousTestCase):
    """L{uids.inFamily}, and the first family that a class is in."""

    def test_members(self) -> None:
        """Each kind of work has its classes."""
        for uid, family in (
            (CT, "storage"),
            (STUDY_FIND, "query"),
            ("1.2.840.10008.5.1.4.1.2.3.1", "query"),
            ("1.2.840.10008.5.1.4.1.2.1.2", "retrieve"),
            ("1.2.840.10008.5.1.4.1.2.5.3", "retrieve"),
            ("1.2.840.10008.5.1.4.31", "worklist"),
            (uids.VERIFICATION, "verification"),
            ("1.2.840.10008.3.1.2.3.3", "mpps"),
            ("1.2.840.10008.1.20.1", "commitment"),
            ("1.2.840.10008.5.1.1.9", "print"),
        ):
            self.assertTrue(uids.inFamily(uid, family))
            self.assertEqual(familyOf(uid), family)

    def test_ultrasound(self) -> None:
        """Ultrasound is a part of storage."""
        self.assertTrue(uids.inFamily(US, "ultrasound"))
        self.assertTrue(uids.inFamily(US, "Storage"))
        self.assertFalse(uids.inFamily(CT, "ultrasound"))
        self.assertEqual(familyOf(US), "storage")

    def test_unknownStorage(self) -> None:
        """A storage class that is newer than our table is storage."""
        self.assertTrue(uids.inFamily("1.2.840.10008.5.1.4.1.1.999.1", "storage"))

    def test_queriesAmongStorage(self) -> None:
        """Queries that were given a number among the storage classes are queries."""
        self.assertEqual(familyOf("1.2.840.10008.5.1.4.1.1.200.4"), "query")
        self.assertEqual(familyOf("1.2.840.10008.5.1.4.1.1.201.4"), "retrieve")

    def test_none(self) -> None:
        """Other UIDs belong to no family, and other words are none."""
        self.assertIsNone(familyOf("1.2.3"))
        self.assertFalse(uids.inFamily(CT, "images"))

    def test_apart(self) -> None:
        """But for ultrasound no SOP class is in two families."""
        for uid in SOP_CLASSES:
            found = [family for family in uids.FAMILIES if uids.inFamily(uid, family)]
            self.assertLessEqual(len([f for f in found if f != "ultrasound"]), 1, uid)


class OwnTests(SynchronousTestCase):
    """What we say about ourselves."""

    def test_limits(self) -> None:
        """The implementation's UID and name keep to PS3.7 D.3.3.2."""
        self.assertLessEqual(len(uids.IMPLEMENTATION_CLASS), 64)
        self.assertRegex(uids.IMPLEMENTATION_CLASS, r"\A2\.25\.[1-9][0-9]*\Z")
        self.assertLessEqual(len(uids.IMPLEMENTATION_VERSION), 16)
