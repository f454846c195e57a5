"""Where the status is told."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from appliance.config.model import InetAddress, StatusConfig, UnixAddress, Where
from tests.config.memory import CONF, built, problems, section


class StatusTests(SynchronousTestCase):
    """The option C{status}."""

    def status(self, value: str) -> StatusConfig:
        """What C{value} means."""
        found = built(f"; comment\nstatus = {value}\n" + section()).process.status
        assert found is not None
        return found

    def test_absent(self) -> None:
        """Without it nothing is told."""
        self.assertIsNone(built(section()).process.status)

    def test_barePort(self) -> None:
        """A bare port is for this machine alone."""
        self.assertEqual(self.status("9176").address, InetAddress("127.0.0.1", 9176))

    def test_address(self) -> None:
        """An address is taken as it is, and so is a unix socket."""
        self.assertEqual(self.status("0.0.0.0:9176").address, InetAddress("0.0.0.0", 9176))
        self.assertEqual(self.status("[::1]:9176").address, InetAddress("::1", 9176))
        self.assertEqual(self.status("/run/s.sock").address, UnixAddress("/run/s.sock"))

    def test_where(self) -> None:
        """It knows where it was written; that alone is no difference."""
        self.assertEqual(self.status("9176").where, Where(CONF, 2))
        self.assertEqual(self.status("9176"), StatusConfig(InetAddress("127.0.0.1", 9176)))

    def test_bad(self) -> None:
        """What is neither is refused with the form, and so is one in a section."""
        (found,) = problems("status = yes\n" + section())
        self.assertIn("[HOST:]PORT or /PATH", str(found))
        (found,) = problems(section("status = 9176"))
        self.assertIn("before the first [section]", str(found))
