"""Tests for L{appliance.cli.demo}: the whole of it, as a program."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from io import StringIO
from pathlib import Path
from typing import cast

import pytest
from twisted.trial.unittest import SynchronousTestCase

from appliance.cli import scenario
from appliance.cli.child import running
from appliance.cli.report import Report, Step
from appliance.cli.scanner import Scanner
from appliance.cli.scenario import ScenarioError, examine, freePort, play
from appliance.cli.store import StoredObject, readObject
from tests.material import server, write
from tests.peers import READY, butterfly, directoryFor, phantom

# Where connecting fails, pynetdicom drops the socket without closing it.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")

LIMIT = 120.0
"""Seconds for a whole demo, on a slow machine."""


def descendants(pid: int) -> list[int]:
    """The processes that C{pid} started and that still run."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(each) for each in found]


@pytest.mark.real
class DemoTests(SynchronousTestCase):
    """The demo as people run it."""

    def setUp(self) -> None:
        """A directory for the demo to make its own in."""
        self.directory = directoryFor(self)

    def test_whole(self) -> None:
        """All goes well: the table says so, the cine is large, the log is shown, all is tidied."""
        command = butterfly("demo", "--dir", self.directory)
        with running("demo", command, self.directory) as demo:
            demo.waitFor("^All went well.$", LIMIT)
            self.assertEqual(demo.process.wait(READY), 0)
        said = "\n".join(demo.lines)
        self.assertEqual(len(re.findall(r"^  ok .*arrived identical$", said, re.MULTILINE)), 6)
        self.assertRegex(said, r"Multi-frame .*, 5\d\.\d MB .*arrived identical")
        self.assertRegex(said, r"ok +C-ECHO through port \d+ .*TLSv1\.2, ECDHE-RSA")
        self.assertRegex(said, r"ok +worklist query through port \d+ .*3 of 3 examinations")
        self.assertRegex(said, r"Service \[DICOM STORE\] accepted connection from 127\.0\.0\.1")
        self.assertNotIn("PHANTOM", said)
        self.assertEqual(list(self.directory.iterdir()), [])

    def test_keep(self) -> None:
        """With --keep the guide's files and both sides' objects are left."""
        command = butterfly("demo", "--dir", self.directory, "--keep")
        with running("demo", command, self.directory) as demo:
            self.assertEqual(demo.process.wait(LIMIT), 0)
        (made,) = self.directory.iterdir()
        configuration = (made / "butterfly-tls.conf").read_text()
        self.assertIn("[DICOM STORE]\naccept = 127.0.0.1:", configuration)
        self.assertIn("[DICOM DMWL]", configuration)
        self.assertEqual(len(list((made / "study").iterdir())), 6)
        self.assertEqual(len(list((made / "received").iterdir())), 6)

    def test_stopped(self) -> None:
        """Interrupted or terminated, it ends what it started and removes its directory."""
        for number in (signal.SIGINT, signal.SIGTERM):
            command = butterfly("demo", "--dir", self.directory)
            with running("demo", command, self.directory) as demo:
                demo.waitFor("^- appliance ready", LIMIT)
                started = descendants(demo.process.pid)
                demo.process.send_signal(number)
                self.assertEqual(demo.process.wait(READY), 130)
            self.assertTrue(started)
            for pid in started:
                self.assertFalse(Path(f"/proc/{pid}").exists())
            self.assertEqual(list(self.directory.iterdir()), [])

    def test_cannotBegin(self) -> None:
        """A directory that does not exist is a reason in one line."""
        command = butterfly("demo", "--dir", self.directory / "missing")
        made = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
        self.assertEqual(made.returncode, 1)
        self.assertRegex(made.stderr, r"^.*missing.*: No such file or directory\n$")


@pytest.mark.real
class FailureTests(SynchronousTestCase):
    """The demo when something is wrong, played in this process."""

    def setUp(self) -> None:
        """A study that is there already, a stand-in for the key pair, and silence."""
        self.directory = directoryFor(self)
        self.patch(scenario, "study", lambda _: phantom())
        self.patch(scenario, "makeKeyPair", self.keyPair)
        self.patch(sys, "stdout", StringIO())

    def keyPair(self, directory: Path) -> None:
        """Put a key pair into C{directory} without a program."""
        write(directory, "Butterfly_SCP", server())

    def patchAppliance(self, code: str) -> None:
        """Let a program of ours stand for the appliance."""
        self.patch(scenario, "applianceCommand", lambda: (sys.executable, "-c", code))

    def test_noAppliance(self) -> None:
        """An appliance that does not start is told with what it said last."""
        self.patchAppliance("raise SystemExit('butterfly-tls.conf:3: error')")
        error = self.assertRaises(ScenarioError, play, self.directory)
        self.assertEqual(str(error), "the appliance ended; it said:\n  butterfly-tls.conf:3: error")

    def test_deafAppliance(self) -> None:
        """An appliance that cannot be reached is told with its log."""
        self.patchAppliance(
            "print('Service [DICOM STORE] serves', 'Service [DICOM DMWL] serves', flush=True); "
            "import signal; signal.pause()"
        )
        error = self.assertRaises(ScenarioError, play, self.directory)
        self.assertIn("nothing listens there", str(error))
        self.assertIn("the appliance said:\n  Service [DICOM STORE] serves", str(error))

    def test_altered(self) -> None:
        """An object that arrives other than it was sent fails the demo."""
        received = self.directory / "received"
        received.mkdir()
        objects = [each for each in map(readObject, phantom()[2:4]) if each]
        for each in objects:
            shutil.copy(each.path, received / f"{each.instance}.dcm")
        with (received / f"{objects[0].instance}.dcm").open("r+b") as stream:
            stream.seek(-1, os.SEEK_END)
            stream.write(b"\xff")
        report = Report()
        examine(cast(Scanner, FakeScanner()), objects, received, report)
        self.assertEqual([step.good for step in report.steps[-2:]], [False, True])
        self.assertIn("DID NOT ARRIVE IDENTICAL", report.table())


class FakeScanner:
    """A scanner that says that all went well."""

    storePort, worklistPort = 2761, 2762

    def echo(self) -> str:
        """Pretend an echo."""
        return "TLSv1.2"

    def worklist(self) -> int:
        """Pretend a full worklist."""
        return scenario.ENTRIES

    def store(self, objects: Sequence[StoredObject]) -> Iterator[tuple[StoredObject, Step]]:
        """Pretend that everything was stored."""
        return ((each, Step(str(each), "Success")) for each in objects)


class PortTests(SynchronousTestCase):
    """Which ports the demo takes."""

    def test_taken(self) -> None:
        """A port that is in use is left alone for another one."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            self.assertNotEqual(freePort(port), port)
        self.assertEqual(freePort(port), port)


class ReportTests(SynchronousTestCase):
    """The table at the end."""

    def test_good(self) -> None:
        """It has a line per step and says that all went well."""
        report = Report()
        report.add(Step("first", "detail", 0.5))
        report.add(Step("second one", "", 12.345))
        self.assertEqual(
            report.table(),
            "  ok      first          0.50 s  detail\n"
            "  ok      second one    12.35 s\n"
            "All went well.",
        )

    def test_bad(self) -> None:
        """One step that failed makes the whole fail, and says which."""
        report = Report()
        report.add(Step("first"))
        report.add(Step("second", "why", good=False))
        self.assertFalse(report.good)
        self.assertIn("FAILED  second", report.table())
        self.assertTrue(report.table().endswith("Not all went well."))
