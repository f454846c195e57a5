"""Clients for whom there is no place, and who are told so."""

from __future__ import annotations

from attrs import evolve

from appliance import events as e
from appliance.dicom.associate import echoAssociation
from appliance.relay.join import ARTIM
from appliance.relay.meeting import REQUEST_WITHIN
from tests.relay.test_join import JoinCase

REJECTION = bytes.fromhex("03 00 00000004 00 02 03 02")
"""Rejected transient, by the presentation layer: local limit exceeded (PS3.8 table 9-21)."""


class CrowdedTests(JoinCase):
    """C{Terms.crowded}."""

    def setUp(self) -> None:
        super().setUp()
        self.join.terms = evolve(self.join.terms, crowded=True)

    def test_told(self) -> None:
        """A DICOM client hears that a limit is reached, whatever backends there are."""
        self.front.handshakeCompleted()
        self.assertTrue(self.client.producing)
        self.front.dataReceived(echoAssociation("MODALITY", "PACS").encode())
        self.assertEqual(self.client.written, REJECTION)
        (declined,) = self.of(e.Declined)
        self.assertIn("local limit exceeded", declined.why)
        self.assertEqual(self.pool.dials, [])
        self.front.readConnectionLost()
        self.lose(self.front)
        self.assertEqual(self.closed().reason, e.Reason.LIMIT)
        (ended,) = self.of(e.AssociationEnded)
        self.assertEqual(ended.association.outcome, e.Outcome.DECLINED)

    def test_stays(self) -> None:
        """One that does not go then is reset after the ARTIM time."""
        self.front.handshakeCompleted()
        self.front.dataReceived(echoAssociation("MODALITY", "PACS").encode())
        self.clock.advance(ARTIM)
        self.assertTrue(self.client.aborted)
        self.lose(self.front)

    def test_others(self) -> None:
        """Who speaks something else, or nothing, is reset, as where no backend is there."""
        for said in (b"GET / HTTP/1.1\r\n\r\n", b""):
            self.setUp()
            self.front.handshakeCompleted()
            if said:
                self.front.dataReceived(said)
            else:
                self.clock.advance(REQUEST_WITHIN)
            self.assertTrue(self.client.aborted, said)
            self.lose(self.front)
            self.assertEqual(self.closed().reason, e.Reason.LIMIT)
            self.assertEqual(self.of(e.Misplaced), [])

    def test_noDicom(self) -> None:
        """Where no DICOM is spoken it is reset at once."""
        self.join.terms = evolve(self.join.terms, speaks=False)
        self.front.handshakeCompleted()
        self.assertTrue(self.client.aborted)
        self.lose(self.front)
        self.assertEqual(self.closed().reason, e.Reason.LIMIT)


class CrowdedClientTests(JoinCase):
    """The same with C{client = yes}, where clients are plain."""

    dials = True

    def setUp(self) -> None:
        super().setUp()
        # The terms are there from the start, and with them begins what is done for the client.
        self.join.abort(e.Reason.STOPPED)
        self.lose(self.front)
        self.gone.clear()
        self.heard.clear()
        self.join = type(self.join)(
            evolve(self.join.terms, crowded=True), self.join.caller, self.gone.append
        )
        self.front = self.join.front
        self.client = type(self.client)()
        self.front.makeConnection(self.client)

    def test_told(self) -> None:
        """It hears the same."""
        self.front.dataReceived(echoAssociation("MODALITY", "PACS").encode())
        self.assertEqual(self.client.written, REJECTION)
        self.front.readConnectionLost()
        self.lose(self.front)
        self.assertEqual(self.closed().reason, e.Reason.LIMIT)
