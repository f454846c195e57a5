"""Tests of L{appliance.section.gatekeeper}, without a connection."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from attrs import define, field
from twisted.trial.unittest import SynchronousTestCase

from appliance import events as e
from appliance.config.model import (
    Address,
    CertificateRule,
    DicomConfig,
    InetAddress,
    RouteRule,
    SectionConfig,
    TitleRule,
    TLSConfig,
)
from appliance.dicom.pdu import AssociateRJ
from appliance.relay.terms import Passage, RejectedError
from appliance.section.gatekeeper import Gatekeeper
from tests import material as m
from tests.dicom.test_policy import CT, MOVE, asking

PACS2 = (InetAddress("pacs2", 104), InetAddress("pacs3", 104))
DEFAULT: Any = "the pool for all others"


@define
class Asker:
    """Stands for the join of a client: what is known of it, and what was announced."""

    peer: e.Peer | None = None
    told: list[e.AssociationRefused] = field(factory=list)

    def publish(self, kind: Any, *facts: Any) -> None:
        self.told.append(kind("DICOM STORE", "0", *facts))


def makePool(addresses: Iterable[Address]) -> Any:
    """Stands for the pool of C{addresses}."""
    return tuple(addresses)


class GatekeeperTests(SynchronousTestCase):
    """Who gets through, where to, and by which titles."""

    def setUp(self) -> None:
        self.asker = Asker()

    def gate(self, connects: bool = True, **dicom: Any) -> Gatekeeper:
        """The gate of a section, which has a backend for all titles where it C{connects}."""
        connect = (InetAddress("pacs", 104),) if connects else ()
        rules = DicomConfig(**dicom)
        config = SectionConfig("DICOM STORE", m.WHERE, (), connect, TLSConfig(), dicom=rules)
        return Gatekeeper(config, makePool)

    def passes(self, gate: Gatekeeper, *classes: str, **titles: str) -> Passage:
        """Assert that the request is let through in silence; where to."""
        passage = gate(self.asker, DEFAULT, asking(*classes, **titles))  # type: ignore[arg-type]
        self.assertEqual(self.asker.told, [])
        return passage

    def rejected(self, gate: Gatekeeper, *classes: str, **titles: str) -> AssociateRJ:
        """Assert that the request is rejected and that this is announced once; the answer."""
        request = asking(*classes, **titles)
        error = self.assertRaises(RejectedError, gate, self.asker, DEFAULT, request)
        (told,) = self.asker.told
        self.assertEqual(told.why, error.why)
        self.assertTrue(told.enforced)
        self.assertEqual((told.calling, told.called), (request.calling, request.called))
        self.assertIsNone(told.backend)
        return error.rejection

    # --- rules -----------------------------------------------------------------------------

    def test_nothing(self) -> None:
        """Without any rule associations go where connections go, as they are."""
        self.assertEqual(self.passes(self.gate(), CT), Passage(DEFAULT))

    def test_rules(self) -> None:
        """Each kind of rule is held to."""
        for rules, rejection in (
            ({"allowCalling": ("CT02",)}, AssociateRJ(1, 1, 3)),
            ({"allowCalled": ("PACS2",)}, AssociateRJ(1, 1, 7)),
            ({"allowClasses": ("storage",)}, AssociateRJ(1, 1, 1)),
            ({"denyClasses": (MOVE,)}, AssociateRJ(1, 1, 1)),
            ({"certificates": (CertificateRule("modality", ("CT01",)),)}, AssociateRJ(1, 1, 3)),
        ):
            self.asker = Asker()
            self.assertEqual(self.rejected(self.gate(**rules), CT, MOVE), rejection)

    def test_certificate(self) -> None:
        """The names are those of the client's certificate."""
        gate = self.gate(certificates=(CertificateRule("modality", ("CT01",)),))
        self.asker.peer = e.Peer("TLSv1.3", "some", 256, names=("CT", "modality"))
        self.passes(gate)
        self.asker.peer = e.Peer("TLSv1.3", "some", 256, names=("CT",), subject="CN=modality")
        self.rejected(gate)

    def test_reported(self) -> None:
        """With policy = report all that is against the rules is told, and nothing is rejected."""
        gate = self.gate(allowCalling=("CT02",), denyClasses=("retrieve",), enforced=False)
        passage = gate(self.asker, DEFAULT, asking(MOVE))  # type: ignore[arg-type]
        self.assertEqual(passage, Passage(DEFAULT))
        self.assertEqual([told.enforced for told in self.asker.told], [False, False])
        self.assertIn("CT01", self.asker.told[0].why)
        self.assertIn("MOVE", self.asker.told[1].why)

    def test_firstOnly(self) -> None:
        """Who is rejected is told of once, whatever else there is."""
        self.rejected(self.gate(allowCalling=("CT02",), denyClasses=("retrieve",)), MOVE)

    # --- routes ----------------------------------------------------------------------------

    def test_route(self) -> None:
        """A called title that has a route takes it; others go where connections go."""
        gate = self.gate(routes=(RouteRule("PACS2", PACS2),))
        self.assertEqual(self.passes(gate, called="PACS2"), Passage(PACS2))  # type: ignore[arg-type]
        self.assertEqual(self.passes(gate, called="PACS"), Passage(DEFAULT))
        self.assertEqual(self.passes(gate, called="pacs2"), Passage(DEFAULT))

    def test_pools(self) -> None:
        """Each route has one pool, made beforehand."""
        gate = self.gate(routes=(RouteRule("PACS2", PACS2), RouteRule("PACS3", PACS2[1:])))
        self.assertEqual(gate.pools, {"PACS2": PACS2, "PACS3": PACS2[1:]})

    def test_nowhere(self) -> None:
        """Without connect a title without a route is rejected, also with policy = report."""
        for enforced in (True, False):
            self.asker = Asker()
            gate = self.gate(False, routes=(RouteRule("PACS2", PACS2),), enforced=enforced)
            self.passes(gate, called="PACS2")
            self.assertEqual(self.rejected(gate, called="PACS3"), AssociateRJ(1, 1, 7))

    def test_ruledOut(self) -> None:
        """A route is no permission."""
        gate = self.gate(routes=(RouteRule("PACS2", PACS2),), allowCalled=("PACS",))
        self.rejected(gate, called="PACS2")

    # --- titles ----------------------------------------------------------------------------

    def test_rewritten(self) -> None:
        """The line for a title counts before the one for any."""
        gate = self.gate(
            rewriteCalling=(TitleRule("CT01", "CT"), TitleRule("", "ANY")),
            rewriteCalled=(TitleRule("PACS1", "PACS"),),
        )
        self.assertEqual(self.passes(gate), Passage(DEFAULT, "CT"))
        self.assertEqual(self.passes(gate, calling="CT02"), Passage(DEFAULT, "ANY"))
        passage = self.passes(gate, calling="CT02", called="PACS1")
        self.assertEqual(passage, Passage(DEFAULT, "ANY", "PACS"))

    def test_before(self) -> None:
        """Rules and routes go by the titles that the client used."""
        gate = self.gate(
            allowCalling=("CT01",),
            allowCalled=("PACS2",),
            routes=(RouteRule("PACS2", PACS2),),
            rewriteCalling=(TitleRule("", "OTHER"),),
            rewriteCalled=(TitleRule("", "OTHER"),),
        )
        passage = self.passes(gate, called="PACS2")
        self.assertEqual(passage, Passage(PACS2, "OTHER", "OTHER"))  # type: ignore[arg-type]
