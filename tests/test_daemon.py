"""The process around the sections."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from appliance.config.model import GlobalConfig
from appliance.daemon import onlyAtTheStart, stateDirectory


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


class StateTests(SynchronousTestCase):
    """Where state is kept."""

    def test_written(self) -> None:
        """Where the file says."""
        process = GlobalConfig(stateDirectory="/var/lib/x")
        self.assertEqual(stateDirectory(process, {"STATE_DIRECTORY": "/y"}), "/var/lib/x")

    def test_systemd(self) -> None:
        """Else where systemd does, which may name several."""
        for value, found in (("/y", "/y"), ("/y:/z", "/y"), ("", None)):
            directory = stateDirectory(GlobalConfig(), {"STATE_DIRECTORY": value})
            self.assertEqual(directory, found)
        self.assertIsNone(stateDirectory(GlobalConfig(), {}))
