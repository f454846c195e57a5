from __future__ import annotations

import contextlib
import struct

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from appliance.dicom.command import (
    C_ECHO_RQ,
    RESPONSE,
    Command,
    echoRequest,
    echoResponse,
    statusName,
)
from appliance.dicom.items import PDUError
from tests.dicom.strategies import commands

ECHO_RQ = bytes.fromhex(
    "00000000 04000000 38000000"
    "00000200 12000000" + b"1.2.840.10008.1.1\0".hex() + "00000001 02000000 3000"
    "00001001 02000000 0700"
    "00000008 02000000 0101"
)


def element(number: int, value: bytes, group: int = 0) -> bytes:
    """One element in Implicit VR Little Endian."""
    return struct.pack("<HHI", group, number, len(value)) + value


class EchoTests(SynchronousTestCase):
    """C-ECHO, byte by byte."""

    def test_request(self) -> None:
        """A C-ECHO-RQ has the elements of PS3.7 table 9.3-12 in their order."""
        self.assertEqual(echoRequest(7).encode(), ECHO_RQ)

    def test_response(self) -> None:
        """A C-ECHO-RSP says what it answers, that no data follows, and the status."""
        response = Command.decode(echoResponse(7, 0x0122).encode())
        self.assertEqual(response.field, C_ECHO_RQ | RESPONSE)
        self.assertEqual((response.respondedTo, response.status), (7, 0x0122))
        self.assertFalse(response.hasDataSet)


class DecodeTests(SynchronousTestCase):
    """L{Command.decode}."""

    @given(commands)
    def test_roundTrip(self, command: Command) -> None:
        """Every command set comes back as it was."""
        self.assertEqual(Command.decode(command.encode()), command)

    @given(st.binary(max_size=100))
    def test_arbitrary(self, data: bytes) -> None:
        """Arbitrary bytes decode or are a L{PDUError}."""
        with contextlib.suppress(PDUError):
            Command.decode(data)

    def test_cut(self) -> None:
        """A command set cut anywhere within its last element is an error."""
        whole = echoRequest(1).encode()
        for missing in range(1, len(element(0x0800, b"\1\1"))):
            self.assertRaises(PDUError, Command.decode, whole[:-missing])

    def test_noField(self) -> None:
        """A command set without a command is an error."""
        self.assertRaises(PDUError, Command.decode, element(0x0110, b"\1\0"))

    def test_otherGroup(self) -> None:
        """A data set is not a command set."""
        self.assertRaises(PDUError, Command.decode, element(0x0010, b"DOE^JOHN", group=0x10))

    def test_notANumber(self) -> None:
        """A command field that is not 16 bits long is an error."""
        self.assertRaises(PDUError, Command.decode, element(0x0100, b"\x30"))

    def test_private(self) -> None:
        """Error comments and instance UIDs are not kept."""
        data = echoResponse(1).encode() + element(0x0902, b"DOE^JOHN") + element(0x1000, b"1.2.3.4")
        self.assertEqual(Command.decode(data), echoResponse(1))


class StatusTests(SynchronousTestCase):
    """L{statusName}."""

    def test_names(self) -> None:
        """Statuses have names, one by one or by their class."""
        for status, name in (
            (0x0000, "success"),
            (0x0122, "SOP class not supported"),
            (0xA702, "out of resources"),
            (0xA900, "data set does not match SOP class"),
            (0xB007, "warning"),
            (0xC123, "unable to process"),
            (0xFF00, "pending"),
            (0x0999, "status 0999H"),
        ):
            self.assertEqual(statusName(status), name)
