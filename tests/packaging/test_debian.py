"""C{debian/} says the same as the code and its other files do."""

from __future__ import annotations

import configparser
import re
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from appliance.cli.check import NOTHING
from appliance.config.build import build
from appliance.config.processoptions import DRAIN_DELAY, DRAIN_TIMEOUT
from appliance.tap import DEFAULT_CONFIG
from tests.config.memory import CONF, HOME, Memory
from tests.peers import runCommand

ROOT = Path(__file__).parent.parent.parent

DEBIAN_NAMES = {"pyopenssl": "openssl", "attrs": "attr"}
"""What Debian calls a package of PyPI's after C{python3-}, where the names differ."""


def read(name: str) -> str:
    """The text of a file of the repository."""
    return (ROOT / name).read_text("utf-8")


def unit() -> str:
    """The unit of the service."""
    return read("etc/systemd/butterfly-tls.service")


def setting(name: str) -> str:
    """What the unit says for C{name}."""
    (value,) = re.findall(f"^{name}=(.*)$", unit(), re.MULTILINE)
    return str(value)


class DependencyTests(SynchronousTestCase):
    """What the native package depends on."""

    def test_floor(self) -> None:
        """Everything in setup.cfg is there, in the oldest release that setup.cfg allows."""
        parser = configparser.ConfigParser()
        parser.read_string(read("setup.cfg"))
        rules = read("debian/rules")
        for line in filter(None, parser["options"]["install_requires"].splitlines()):
            name, least = re.findall(r"^([\w-]+)(?:\[\w+\])? >= ([\d.]+)$", line)[0]
            debian = DEBIAN_NAMES.get(name.lower(), name.lower())
            self.assertIn(f"python3-{debian} (>= {least})", rules)


class ConfigurationTests(SynchronousTestCase):
    """The configuration file that the package installs."""

    def setUp(self) -> None:
        self.text = read("etc/butterfly-tls.conf") + read("debian/include.conf")

    def test_empty(self) -> None:
        """As it is installed it serves nothing, and C{check --has-sections} says so."""
        with tempfile.TemporaryDirectory() as home:
            (Path(home) / "conf.d").mkdir()
            path = Path(home) / "butterfly-tls.conf"
            path.write_text(self.text, "utf-8")
            self.assertEqual(runCommand("check", "--has-sections", path).status, NOTHING)

    def test_uncommented(self) -> None:
        """The guide's sections and those in conf.d stand beside each other."""
        text = re.sub("^;", "", self.text, flags=re.MULTILINE)
        more = b"[MORE]\naccept = 2763\nconnect = 192.168.1.100:106\n"
        more += b"cert = Butterfly_SCP_Cert.pem\nkey = Butterfly_SCP_key.pem\n"
        pair = {f"{HOME}/Butterfly_SCP_Cert.pem": b"", f"{HOME}/Butterfly_SCP_key.pem": b""}
        files = Memory({CONF: text.encode(), f"{HOME}/conf.d/more": more, **pair})
        config, problems = build(CONF, files)
        self.assertEqual(problems, ())
        assert config is not None
        self.assertEqual([s.name for s in config.sections], ["DICOM STORE", "DICOM DMWL", "MORE"])


class UnitTests(SynchronousTestCase):
    """The unit of the service and what it has to agree with."""

    def test_configuration(self) -> None:
        """It starts with the configuration that is the program's own default."""
        own = setting("Environment").replace("%N", "butterfly-tls")
        self.assertEqual(own.split(), [f"CONFIG={DEFAULT_CONFIG}", "OVERLAY="])
        self.assertTrue(setting("ExecStart").endswith(" --config ${CONFIG} --overlay=${OVERLAY}"))

    def test_condition(self) -> None:
        """Nothing to serve is what check says by its exit status, and nothing else is skipped."""
        self.assertIn(f'--has-sections "$$CONFIG"; [ $$? != {NOTHING} ]', unit())

    def test_drain(self) -> None:
        """A stop leaves the time that connections have by default."""
        least = int(DRAIN_DELAY.default) + int(DRAIN_TIMEOUT.default)
        self.assertGreater(int(setting("TimeoutStopSec")), least)

    def test_instances(self) -> None:
        """The unit for several instances is the same file."""
        for name in ("butterfly-tls.service", "butterfly-tls@.service"):
            self.assertTrue((ROOT / "debian" / name).samefile(ROOT / "etc/systemd" / UNIT))

    def test_explained(self) -> None:
        """What systemd would count against it, and is left out, is explained there."""
        for name in (
            "MemoryDenyWriteExecute=",
            "PrivateUsers=",
            "PrivateNetwork=",
            "IPAddressDeny=",
        ):
            self.assertRegex(unit(), f"(?m)^# {name} ")


UNIT = "butterfly-tls.service"
