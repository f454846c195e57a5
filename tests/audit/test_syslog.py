"""Syslog messages and their frames."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from appliance.audit.syslog import Origin, framed, message
from tests.audit.happenings import NOON

XML = b"<AuditMessage/>"


class SyslogTests(SynchronousTestCase):
    """RFC 5424 and the frames of RFC 5425."""

    def test_message(self) -> None:
        """Priority 85, version 1, DICOM's message id, no structured data, and XML in UTF-8."""
        self.assertEqual(
            message(XML, NOON, Origin("relay.example", "butterfly-tls", 4711)),
            b"<85>1 2026-11-24T12:00:00.123+01:00 relay.example butterfly-tls 4711 DICOM+RFC3881 - "
            b"\xef\xbb\xbf<AuditMessage/>",
        )

    @given(st.text(max_size=300), st.text(max_size=300))
    def test_header(self, host: str, name: str) -> None:
        """Whatever machine and program are called, the header has its fields."""
        found = message(XML, NOON, Origin(host, name, 1))
        header = rb"<85>1 \S{29} [!-~]{1,255} [!-~]{1,48} 1 DICOM\+RFC3881 - "
        self.assertIsNotNone(re.fullmatch(header + b"\xef\xbb\xbf" + XML, found))

    def test_frame(self) -> None:
        """A frame begins with the number of octets, not of characters."""
        self.assertEqual(framed("é".encode()), b"2 \xc3\xa9")
