"""The process around the sections."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from appliance.config.model import GlobalConfig
from appliance.daemon import onlyAtTheStart


class ReloadTests(SynchronousTestCase):
    """What a reload cannot follow is told."""

    def test_nothing(self) -> None:
        """An unchanged process has nothing to tell, nor has what a reload does follow."""
        self.assertEqual(list(onlyAtTheStart(GlobalConfig(), GlobalConfig(debug=7))), [])

    def test_changed(self) -> None:
        """Each changed option is named, with both its values."""
        told = list(onlyAtTheStart(GlobalConfig(), GlobalConfig(output="/x.log", workers=2)))
        self.assertEqual(len(told), 2)
        self.assertIn("output has changed from None to /x.log", told[0])
        self.assertIn("workers has changed from 1 to 2", told[1])
