"""Names to addresses, by the reactor's resolver."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.trial.unittest import SynchronousTestCase

from appliance.backend.resolve import isLiteral, resolver


class ResolverTests(SynchronousTestCase):
    """The reactor's resolver as ours."""

    def test_collects(self) -> None:
        """Every address that the reactor's resolver finds, once each."""

        class Names:
            def resolveHostName(self, receiver: Any, name: str, port: int) -> None:
                receiver.resolutionBegan(None)
                for host in ("192.0.2.1", "192.0.2.2", "192.0.2.1"):
                    receiver.addressResolved(IPv4Address("TCP", host, port))
                receiver.resolutionComplete()

        reactor = type("Reactor", (), {"nameResolver": Names()})()
        found = self.successResultOf(resolver(reactor)("pacs", 104))
        self.assertEqual([str(target) for target in found], ["192.0.2.1:104", "192.0.2.2:104"])

    def test_literals(self) -> None:
        """Addresses of both families need no resolving; names do."""
        self.assertTrue(isLiteral("192.0.2.1") and isLiteral("2001:db8::1"))
        self.assertFalse(isLiteral("pacs"))
