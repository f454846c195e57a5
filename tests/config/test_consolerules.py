"""Tests of L{appliance.config.consoleoptions} and L{appliance.config.consolerules}."""

from __future__ import annotations

from appliance.config.model import (
    RUNTIME_CONTROL,
    ConsoleConfig,
    InetAddress,
    UnixAddress,
    Where,
)
from tests.config.memory import CONF, HOME, built, problems, section
from tests.config.test_rules import RulesTestCase

FILES = {"keys": "ssh-ed25519 AAAA alice\n", "hostkey": "secret"}
SHELL = "manhole = 8022\nmanholeKeys = keys\nmanholeHostKey = hostkey\n"


def console(text: str) -> ConsoleConfig:
    """What C{text}, before the first section, says of the console."""
    return built(text + section(), **FILES).process.console


class OptionTests(RulesTestCase):
    """What the options mean."""

    def test_nothing(self) -> None:
        """Without any option there is the socket where systemd wants it, and no shell."""
        found = console("")
        self.assertEqual(found, ConsoleConfig())
        self.assertEqual(
            (found.control, found.manhole, found.python), (RUNTIME_CONTROL, None, False)
        )

    def test_control(self) -> None:
        """The socket is named by its whole path, or unwanted."""
        found = console("control = /run/x/control\ncontrolGroup = 0\n")
        self.assertEqual((found.control, found.group), ("/run/x/control", "0"))
        self.assertEqual(found.controlWhere, Where(CONF, 1))
        self.assertIsNone(console("control = No\n").control)
        for value in ("run/control", "yes", "2761", "/" + "x" * 108):
            self.error(f"control = {value}\n" + section(), "control")

    def test_controlGroup(self) -> None:
        """The group must be one of this machine."""
        self.error("controlGroup = no such group\n" + section(), "controlGroup")

    def test_manhole(self) -> None:
        """A bare port is for this machine; all that accept takes may be written."""
        found = console(SHELL)
        self.assertEqual(found.manhole, InetAddress("127.0.0.1", 8022))
        self.assertEqual((found.keys, found.hostKey), (f"{HOME}/keys", f"{HOME}/hostkey"))
        self.assertEqual(found.keysWhere, Where(CONF, 2))
        self.assertEqual(found.hostKeyWhere, Where(CONF, 3))
        wanted = {"0.0.0.0:22": InetAddress("0.0.0.0", 22), "[::1]:8022": InetAddress("::1", 8022)}
        for value, address in wanted.items():
            self.assertEqual(console(SHELL.replace("8022", value)).manhole, address)
        self.assertEqual(console(SHELL.replace("8022", "/run/m")).manhole, UnixAddress("/run/m"))

    def test_inSections(self) -> None:
        """They concern the process, not a section."""
        self.assertIn("[section]", self.error(section("manhole = 8022"), "manhole").found)

    def test_comparedByMeaning(self) -> None:
        """A configuration whose lines have moved says the same as before."""
        self.assertEqual(console(SHELL), console("\n\n" + SHELL))
        self.assertNotEqual(console(SHELL), console(SHELL + "manholePython = yes\n"))

    def test_words(self) -> None:
        """What is told of a change names the options."""
        said = str(console(SHELL + "manholePython = yes\n"))
        self.assertIn("manhole = 127.0.0.1:8022", said)
        self.assertIn("manholePython = yes", said)
        self.assertEqual(str(ConsoleConfig(control=None)), "control = no")


class RuleTests(RulesTestCase):
    """Options together."""

    def test_filesAreMissing(self) -> None:
        """A shell needs both of its files, and the error says how they are made."""
        for missing in ("manholeKeys", "manholeHostKey"):
            text = "".join(x for x in SHELL.splitlines(keepends=True) if missing not in x)
            (problem,) = problems(text + section(), **FILES)
            self.assertEqual((problem.option, problem.fatal), ("manhole", True))
            self.assertIn(missing, problem.found)
            self.assertIn("butterfly-tls hostkey", problem.advice)

    def test_noSuchFile(self) -> None:
        """A file that is not there is an error at its own line."""
        (problem,) = problems(SHELL + section(), keys="")
        self.assertEqual((problem.option, problem.where), ("manholeHostKey", Where(CONF, 3)))

    def test_withoutManhole(self) -> None:
        """What is for the shell alone is told to mean nothing."""
        text = SHELL.replace("manhole = 8022\n", "manholePython = yes\n")
        found = problems(text + section(), **FILES)
        self.assertEqual(
            [(problem.option, problem.fatal) for problem in found],
            [("manholePython", False), ("manholeKeys", False), ("manholeHostKey", False)],
        )

    def test_groupOfNothing(self) -> None:
        """A group for a socket that is unwanted is told to mean nothing."""
        self.warning("control = no\ncontrolGroup = 0\n" + section(), "controlGroup")

    def test_pythonForAll(self) -> None:
        """A Python prompt for other machines gets a warning, one for this machine none."""
        text = SHELL + "manholePython = yes\n" + section()
        for local in ("8022", "127.0.0.2:8022", "/run/manhole", "[::1]:22"):
            self.assertEqual(problems(text.replace("8022", local), **FILES), ())
        (problem,) = problems(text.replace("8022", "0.0.0.0:8022"), **FILES)
        self.assertEqual((problem.option, problem.fatal), ("manholePython", False))
