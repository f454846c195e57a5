"""Tests of L{appliance.console.service}, C{doors} and C{ofdaemon}: starts that can go wrong."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path
from typing import Any

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from appliance.config.model import (
    NOWHERE,
    Config,
    ConfigError,
    ConsoleConfig,
    GlobalConfig,
    InetAddress,
    UnixAddress,
    Where,
)
from appliance.console.ofdaemon import lastEntries
from appliance.console.service import Console, consoleFor, controlPath, shellProblems
from appliance.events import Warned
from appliance.system.doors import listenAt
from tests.console import keymaking
from tests.console.fake import FakeOperator, deskFor
from tests.peers import directoryFor, freePort

KEYS, HOST_KEY, MANHOLE = Where("c.conf", 3), Where("c.conf", 4), Where("c.conf", 2)


class PathTests(SynchronousTestCase):
    """Where the control socket is."""

    def test_said(self) -> None:
        """What the configuration says counts, whatever systemd gives."""
        environment = {"RUNTIME_DIRECTORY": "/run/butterfly-tls"}
        for control in ("/run/x", None):
            self.assertEqual(controlPath(ConsoleConfig(control), environment), control)

    def test_unsaid(self) -> None:
        """Else it is in the first directory that systemd gives, or nowhere."""
        found = controlPath(ConsoleConfig(), {"RUNTIME_DIRECTORY": "/run/a:/run/b"})
        self.assertEqual(found, "/run/a/control")
        self.assertIsNone(controlPath(ConsoleConfig(), {}))
        self.assertIsNone(controlPath(ConsoleConfig(), {"RUNTIME_DIRECTORY": ""}))


class ConsoleCase(SynchronousTestCase):
    """Consoles that are put together."""

    def setUp(self) -> None:
        self.directory = directoryFor(self)
        self.desk, self.heard = deskFor(FakeOperator())

    def shell(self, **changes: Any) -> ConsoleConfig:
        """A shell that would do."""
        config = ConsoleConfig(
            control=None,
            manhole=InetAddress("127.0.0.1", freePort()),
            keys=str(keymaking.people(self.directory, alice="ed25519")),
            hostKey=str(keymaking.hostKey(self.directory)),
            manholeWhere=MANHOLE,
            keysWhere=KEYS,
            hostKeyWhere=HOST_KEY,
        )
        return evolve(config, **changes)

    def console(self, wanted: ConsoleConfig) -> Console:
        """A console as it is C{wanted}."""
        config = Config("c.conf", GlobalConfig(console=wanted), ())
        console = consoleFor(Clock(), config, self.desk, {}, {})

        def end() -> None:
            for door in console.doors:
                door.close()

        self.addCleanup(end)
        return console


class StartTests(ConsoleCase):
    """Starts that work, and starts that are refused."""

    def refused(self, wanted: ConsoleConfig, where: Where, option: str) -> str:
        """What is said of a console that cannot be had, at its place in the file."""
        error = self.assertRaises(ConfigError, self.console, wanted)
        (problem,) = [each for each in error.problems if each.fatal]
        self.assertEqual((problem.where, problem.option), (where, option))
        return str(problem)

    def test_both(self) -> None:
        """Both doors are open before the process goes to work."""
        control = str(self.directory / "control")
        wanted = self.shell(control=control)
        console = self.console(wanted)
        self.assertEqual(len(console.doors), 2)
        assert isinstance(wanted.manhole, InetAddress)
        with socket.socket() as probe:
            self.assertEqual(probe.connect_ex(("127.0.0.1", wanted.manhole.port)), 0)
        with socket.socket(socket.AF_UNIX) as probe:
            self.assertEqual(probe.connect_ex(control), 0)

    def test_shellAtAPath(self) -> None:
        """The shell may listen at a unix socket, for its owner and group."""
        path = self.directory / "manhole"
        self.console(self.shell(manhole=UnixAddress(str(path))))
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o660)

    def test_group(self) -> None:
        """The socket is given to the group that is named."""
        path = self.directory / "control"
        self.console(ConsoleConfig(control=str(path), group=str(os.getgid())))
        self.assertEqual(path.stat().st_gid, os.getgid())

    def test_stale(self) -> None:
        """A socket that was left behind is replaced."""
        path = self.directory / "control"
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(path))
        self.console(ConsoleConfig(control=str(path)))

    def test_occupied(self) -> None:
        """One that somebody listens at is not, and the message asks who."""
        path = str(self.directory / "control")
        self.console(ConsoleConfig(control=path))
        wanted = ConsoleConfig(control=path, controlWhere=Where("c.conf", 1))
        said = self.refused(wanted, Where("c.conf", 1), "control")
        self.assertIn("another appliance", said)

    def test_notASocket(self) -> None:
        """A file of another kind is left alone."""
        path = keymaking.write(self.directory / "control", b"important")
        self.refused(ConsoleConfig(control=str(path)), NOWHERE, "control")
        self.assertEqual(path.read_bytes(), b"important")

    def test_noDirectory(self) -> None:
        """A directory that is not there is told."""
        said = self.refused(ConsoleConfig(control="/nowhere/control"), NOWHERE, "control")
        self.assertIn("the directory of /nowhere/control must be there", said)

    def test_tooLong(self) -> None:
        """The kernel takes no long paths, whoever has made them."""
        wanted = ConsoleConfig(control="/" + "x" * 108)
        self.assertIn("too long", self.refused(wanted, NOWHERE, "control"))

    def test_port(self) -> None:
        """A port that is taken is told at the line that asks for it."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            wanted = self.shell(manhole=InetAddress("127.0.0.1", server.getsockname()[1]))
            self.assertIn("Address already in use", self.refused(wanted, MANHOLE, "manhole"))

    def test_allOrNothing(self) -> None:
        """When the shell cannot be had, the control socket is not left open either."""
        path = self.directory / "control"
        wanted = self.shell(control=str(path), hostKey="/nowhere")
        self.refused(wanted, HOST_KEY, "manholeHostKey")
        self.assertFalse(path.exists())

    def test_badHostKey(self) -> None:
        """A host key that others can read is refused with the command that mends it."""
        wanted = self.shell()
        os.chmod(str(wanted.hostKey), 0o644)
        self.assertIn("chmod", self.refused(wanted, HOST_KEY, "manholeHostKey"))

    def test_badKeys(self) -> None:
        """So is a file of keys that others can write to."""
        wanted = self.shell()
        os.chmod(str(wanted.keys), 0o660)
        self.assertIn("chmod", self.refused(wanted, KEYS, "manholeKeys"))

    def test_unusableLines(self) -> None:
        """A line that lets nobody in is told, with its place, and stops nothing."""
        wanted = self.shell()
        with open(str(wanted.keys), "ab") as file:
            file.write(b'from="10.0.0.1" ssh-ed25519 AAAA bob\n')
        self.console(wanted)
        (event,) = [each for each in self.heard if isinstance(each, Warned)]
        self.assertTrue(event.text.startswith(f"{wanted.keys}:4: warning: manholeKeys: "))
        self.assertIn("options", event.text)

    def test_nobody(self) -> None:
        """A shell that nobody can log in to is told of."""
        wanted = self.shell()
        Path(str(wanted.keys)).write_text("# nobody yet\n")
        (problem,) = shellProblems(wanted)
        self.assertEqual((problem.fatal, problem.where), (False, KEYS))
        self.assertEqual(shellProblems(ConsoleConfig()), [])


class DoorTests(SynchronousTestCase):
    """Addresses that cannot be had."""

    def problem(self, address: InetAddress | UnixAddress) -> str:
        """What is said about C{address}."""
        found, (problem,) = listenAt(address, (None, None), MANHOLE, "manhole")
        self.assertEqual((found, problem.fatal), ([], True))
        return str(problem)

    def test_notOurs(self) -> None:
        """An address of another machine is told."""
        self.assertIn("ip address", self.problem(InetAddress("192.0.2.1", 8022)))

    def test_unknownOwner(self) -> None:
        """So is a group that is not there; then no socket is left behind."""
        path = directoryFor(self) / "control"
        owner = (None, "no such group")
        found, (problem,) = listenAt(UnixAddress(str(path)), owner, MANHOLE, "control")
        self.assertEqual(found, [])
        self.assertIn("no such group", str(problem))
        self.assertFalse(path.exists())


class JournalTests(SynchronousTestCase):
    """The end of the journal's file."""

    def entries(self, data: bytes, count: int = 1000) -> list[Any]:
        """The last entries of C{data}."""
        path = keymaking.write(directoryFor(self) / "journal", data)
        return list(lastEntries(str(path), count))

    def test_last(self) -> None:
        """The last lines, in their order, without those that are damaged."""
        data = b'{"n":1}\nnonsense\n[1]\n{"n":2}\n{"n":3}\n{"n":'
        self.assertEqual(self.entries(data), [{"n": 1}, {"n": 2}, {"n": 3}])
        self.assertEqual(self.entries(data, 2), [{"n": 2}, {"n": 3}])

    def test_large(self) -> None:
        """Of a large file only the end is read, and no line of it is cut."""
        line = b'{"n":"%s"}\n' % (b"x" * 1000)
        found = self.entries(line * 2000)
        self.assertEqual(len(found), 1000)
        self.assertEqual({len(each["n"]) for each in found}, {1000})

    def test_missing(self) -> None:
        """A file that is not there cannot be read."""
        self.assertRaises(FileNotFoundError, lastEntries, "/nowhere/journal", 1)

    @given(st.binary(), st.integers(1, 5))
    def test_anything(self, data: bytes, count: int) -> None:
        """Anything in the file does no harm."""
        self.assertTrue(len(self.entries(data, count)) <= count)
