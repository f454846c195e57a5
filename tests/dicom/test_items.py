from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from appliance.dicom.items import (
    AnsweredContext,
    ContextResult,
    PDUError,
    ProposedContext,
    UserInformation,
    readItems,
    readText,
    writeItem,
    writeText,
)
from tests.dicom.strategies import answers, proposals, users


def value(item: bytes) -> bytes:
    """What is behind the header of the one item C{item}."""
    ((_, inside),) = readItems(item)
    return inside


class TextTests(SynchronousTestCase):
    """Titles, UIDs and names."""

    def test_padding(self) -> None:
        """Leading and trailing spaces and NULs do not count (PS3.8 9.3.2)."""
        self.assertEqual(readText(b" PACS\0 "), "PACS")

    def test_unprintable(self) -> None:
        """What could forge a log line, or is no ASCII, becomes U+FFFD."""
        self.assertEqual(readText(b"A\nB\x1b\xe9"), "A\ufffdB\ufffd\ufffd")

    def test_unwritable(self) -> None:
        """Text that is too long, not ASCII or not printable is refused."""
        for text in ("ABC", "\xe9", "\n"):
            self.assertRaises(PDUError, writeText, text, 2)

    @given(st.binary(max_size=40))
    def test_anything(self, data: bytes) -> None:
        """Any bytes can be read as text, all of it printable."""
        self.assertTrue(all(c.isprintable() or c == "\ufffd" for c in readText(data)))


class ItemTests(SynchronousTestCase):
    """L{readItems} and L{writeItem}."""

    def test_roundTrip(self) -> None:
        """Items come back with their types and values."""
        data = writeItem(0x30, b"abc") + writeItem(0x40, b"")
        self.assertEqual(list(readItems(data)), [(0x30, b"abc"), (0x40, b"")])

    def test_cut(self) -> None:
        """An item that ends early is an error wherever it ends."""
        data = writeItem(0x30, b"abc")
        for end in range(1, len(data)):
            self.assertRaises(PDUError, list, readItems(data[:end]))

    def test_tooLong(self) -> None:
        """A value that 16 bits cannot count is refused."""
        self.assertRaises(PDUError, writeItem, 0x30, bytes(0x10000))


class ContextTests(SynchronousTestCase):
    """Presentation contexts."""

    @given(proposals)
    def test_proposed(self, context: ProposedContext) -> None:
        """A proposed context comes back as it was."""
        self.assertEqual(ProposedContext.decode(value(context.encode())), context)

    @given(answers)
    def test_answered(self, context: AnsweredContext) -> None:
        """An answered context comes back as it was."""
        self.assertEqual(AnsweredContext.decode(value(context.encode())), context)

    def test_noTransferSyntax(self) -> None:
        """A rejection may come without a transfer syntax."""
        self.assertEqual(
            AnsweredContext.decode(b"\x01\0\x03\0"),
            AnsweredContext(1, ContextResult.ABSTRACT_SYNTAX),
        )

    def test_undefinedResult(self) -> None:
        """A result that the standard does not define is not an acceptance."""
        self.assertIs(AnsweredContext.decode(b"\x01\0\x63\0").result, ContextResult.NO_REASON)

    def test_words(self) -> None:
        """Every result has its words."""
        self.assertEqual(ContextResult.ABSTRACT_SYNTAX.words, "SOP class not supported")
        self.assertTrue(all(result.words for result in ContextResult))

    def test_noAbstractSyntax(self) -> None:
        """A proposal of nothing is an error."""
        self.assertRaises(PDUError, ProposedContext.decode, b"\x01\0\0\0")

    def test_short(self) -> None:
        """A context without room for its id and result is an error."""
        self.assertRaises(PDUError, AnsweredContext.decode, b"\x01\0")


class UserInformationTests(SynchronousTestCase):
    """L{UserInformation}."""

    @given(users)
    def test_roundTrip(self, user: UserInformation) -> None:
        """It comes back as it was."""
        self.assertEqual(UserInformation.decode(value(user.encode())), user)

    def test_identity(self) -> None:
        """A user identity is skipped and kept nowhere."""
        identity = writeItem(0x58, b"\x02\x01\x00\x05alice\x00\x06secret")
        user = UserInformation.decode(identity + writeItem(0x51, b"\0\0\x40\0"))
        self.assertEqual(user, UserInformation(16384))
        self.assertNotIn("alice", repr(user))

    def test_absent(self) -> None:
        """Without a maximum length there is no limit (PS3.8 D.1)."""
        self.assertEqual(UserInformation.decode(b"").maximumLength, 0)

    def test_wrongLength(self) -> None:
        """A maximum length that is no 32-bit number is an error."""
        self.assertRaises(PDUError, UserInformation.decode, writeItem(0x51, b"\0\0"))
