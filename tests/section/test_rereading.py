"""Whether files can be read again later, as the user that the process becomes."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from appliance.config.model import Config, GlobalConfig, InetAddress, SectionConfig, TLSConfig
from appliance.section import rereading as module
from appliance.section.rereading import rereadProblems
from appliance.system.access import Identity
from tests import material as m
from tests.peers import directoryFor

STRANGER = Identity("dicom", 54321, frozenset({54321}))
PLACE = evolve(m.WHERE, line=7)


class RereadTests(SynchronousTestCase):
    """What is told at the start."""

    def setUp(self) -> None:
        self.root = directoryFor(self)  # type: ignore[arg-type]
        self.root.chmod(0o755)
        self.become(STRANGER)

    def become(self, who: Identity | None) -> None:
        """Let the process become C{who}."""
        self.asked: list[Any] = []

        def of(*names: Any, member: bool) -> Identity | None:
            self.asked.append((*names, member))
            return who

        self.patch(module.Identity, "of", of)

    def file(self, name: str, mode: int) -> Path:
        """A file in the test's own root."""
        path = self.root / name
        path.touch()
        path.chmod(mode)
        return path

    def problems(self, *names: str, chroot: bool = True, **more: Any) -> list[str]:
        """What is said of sections with the files C{/cert} and C{/key}, seen from their root."""
        inside = "" if chroot else str(self.root)
        tls = TLSConfig(cert=f"{inside}/cert", key=f"{inside}/key", certWhere=PLACE)
        accept, connect = InetAddress("", 2762), InetAddress("192.0.2.1", 104)
        sections = tuple(
            SectionConfig(name, m.WHERE, (accept,), (connect,), tls) for name in names or ("A",)
        )
        root = str(self.root) if chroot else None
        process = GlobalConfig(setuid="dicom", setgid="imaging", chroot=root)
        problems = list(rereadProblems(Config("/etc/x.conf", process, sections), **more))
        self.assertFalse(any(problem.fatal for problem in problems))
        return [str(problem) for problem in problems]

    def test_readable(self) -> None:
        """Nothing, where that user may read all."""
        for name in ("cert", "key"):
            self.file(name, 0o644)
        self.assertEqual(self.problems(), [])
        self.assertEqual(self.asked, [("dicom", "imaging", True)])

    def test_unreadable(self) -> None:
        """A file that only we may read: who, where, what, and what comes of it."""
        self.file("cert", 0o644)
        self.file("key", 0o600)
        (text,) = self.problems()
        self.assertTrue(text.startswith("butterfly-tls.conf:7: warning: [A] key: /key can be "))
        self.assertIn("read at the start only, not as the user dicom within", text)
        self.assertIn(f"{self.root}/key may not be read (", text)
        self.assertIn("mode 0600)", text)
        self.assertIn("a reload will be refused and a new file not be taken up", text)

    def test_once(self) -> None:
        """A file of many sections is told once."""
        self.file("cert", 0o644)
        self.file("key", 0o600)
        self.assertEqual(len(self.problems("A", "B", "C")), 1)

    def test_otherRoot(self) -> None:
        """A file that is not there in the other root cannot be read again by anybody."""
        self.become(Identity("root", 0, frozenset()))
        self.file("cert", 0o600)
        (text,) = self.problems()
        self.assertIn(
            f"not as the user root within {self.root}: {self.root}/key: No such file", text
        )

    def test_theSame(self) -> None:
        """Who stays who it is where it is has just read them."""
        self.become(Identity(pwd.getpwuid(os.geteuid()).pw_name, os.geteuid(), frozenset()))
        self.assertEqual(self.problems(chroot=False), [])
        self.become(None)
        self.assertEqual(self.problems(), [])

    def test_noMember(self) -> None:
        """Whether it gets the other groups of that user is for the process to say."""
        self.problems(member=False)
        self.assertEqual(self.asked, [("dicom", "imaging", False)])
