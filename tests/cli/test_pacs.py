"""Tests for L{appliance.cli.pacs} and L{appliance.cli.archive}: dcmtk talks to the program."""

from __future__ import annotations

import signal
import subprocess
from datetime import date
from pathlib import Path

import pydicom
import pytest
from twisted.trial.unittest import SynchronousTestCase

from appliance.cli.child import running
from appliance.cli.scenario import dataSetDigest
from tests.peers import (
    READY,
    butterfly,
    directoryFor,
    pacs,
    phantom,
    program,
    runCommand,
)


def dcmtk(name: str, *argv: str | Path) -> subprocess.CompletedProcess[str]:
    """Run one of dcmtk's tools to its end."""
    command = [program(name), *map(str, argv)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.real
class PacsTests(SynchronousTestCase):
    """What the program does for its callers."""

    def setUp(self) -> None:
        """Somewhere to work."""
        self.directory = directoryFor(self)

    def test_echo(self) -> None:
        """It answers an echo and writes who asked."""
        with pacs(self.directory) as (child, port):
            answer = dcmtk("echoscu", "-aet", "SCANNER", "127.0.0.1", str(port))
            child.waitFor("^echo from SCANNER: Success$", READY)
            child.waitFor("^association SCANNER from 127.0.0.1: released$", READY)
        self.assertEqual(answer.returncode, 0)

    def test_store(self) -> None:
        """It keeps what dcmtk sends in each encoding, and logs nothing of the patient."""
        received = self.directory / "received"
        files = phantom()
        proposals = {"-xe": files[0], "-xi": files[1], "-xy": files[5]}
        with pacs(self.directory, "--out", received) as (child, port):
            for proposal, sent in proposals.items():
                answer = dcmtk("storescu", proposal, "127.0.0.1", str(port), sent)
                self.assertEqual((answer.returncode, answer.stderr), (0, ""))
        for sent in map(pydicom.dcmread, proposals.values()):
            arrived = pydicom.dcmread(received / f"{sent.SOPInstanceUID}.dcm")
            self.assertEqual(arrived.file_meta.TransferSyntaxUID, sent.file_meta.TransferSyntaxUID)
            self.assertEqual(arrived.PixelData, sent.PixelData)
        self.assertIn("store Ultrasound Image Storage", "\n".join(child.lines))
        self.assertNotIn("PHANTOM", "\n".join(child.lines))

    def test_whole(self) -> None:
        """Nothing but finished objects is in its directory."""
        received = self.directory / "received"
        files = phantom()
        with pacs(self.directory, "--out", received) as (_, port):
            runCommand("send", f"127.0.0.1:{port}", "--plain", *files)
        self.assertEqual({path.suffix for path in received.iterdir()}, {".dcm"})
        self.assertEqual(
            sorted(map(dataSetDigest, received.iterdir())), sorted(map(dataSetDigest, files))
        )

    def test_worklist(self) -> None:
        """It answers findscu -W with the examinations that match, and with no others."""
        today = f"{date.today():%Y%m%d}"
        step = "0040,0100[0]"
        with pacs(self.directory, "--worklist", "4") as (child, port):

            def found(*keys: str) -> int:
                argv = [option for key in keys for option in ("-k", key)]
                made = dcmtk("findscu", "-W", *argv, "127.0.0.1", str(port))
                self.assertEqual(made.returncode, 0)
                return (made.stdout + made.stderr).count("(Pending)")

            usual = (
                "0010,0010",
                f"{step}.0040,0001=BUTTERFLY",
                f"{step}.0040,0002={today}",
                f"{step}.0008,0060=US",
            )
            self.assertEqual(found(*usual), 4)
            self.assertEqual(found("0010,0010", f"{step}.0008,0060=CT"), 0)
            self.assertEqual(found("0010,0010", f"{step}.0040,0002=19991231"), 0)
            self.assertEqual(found("0010,0010", f"{step}.0040,0001=OTHER"), 0)
            self.assertEqual(found("0010,0020=PHANTOM-3", f"{step}.0008,0060"), 1)
            child.waitFor("^worklist query from FINDSCU: 4 matches$", READY)
        self.assertNotIn("PHANTOM", "\n".join(child.lines))

    def test_calledTitle(self) -> None:
        """With --require-called-aet it rejects who calls it by another name."""
        with pacs(self.directory, "--aet", "ARCHIVE", "--require-called-aet") as (child, port):
            right = dcmtk("echoscu", "-aec", "ARCHIVE", "127.0.0.1", str(port))
            wrong = dcmtk("echoscu", "-aec", "OTHER", "127.0.0.1", str(port))
            child.waitFor(": rejected$", READY)
        self.assertEqual(right.returncode, 0)
        self.assertNotEqual(wrong.returncode, 0)
        self.assertIn("Called AE Title Not Recognized", wrong.stderr)

    def test_end(self) -> None:
        """SIGTERM and SIGINT end it with a summary and status 0."""
        for number in (signal.SIGTERM, signal.SIGINT):
            with pacs(self.directory) as (child, port):
                dcmtk("echoscu", "127.0.0.1", str(port))
                child.process.send_signal(number)
                child.waitFor(r"^1 associations, 0 objects stored \(0 B\), 0 failed$", READY)
                self.assertEqual(child.process.wait(READY), 0)

    def test_portTaken(self) -> None:
        """A port that is in use is a reason in one line and status 1."""
        with pacs(self.directory) as (_, port):
            command = butterfly("pacs", "--port", str(port))
            with running("second", command, self.directory) as second:
                second.waitFor(rf"^127\.0\.0\.1:{port}: .*in use.*; choose another --port", READY)
                self.assertEqual(second.process.wait(READY), 1)

    def test_diskFull(self) -> None:
        """An object that cannot be written is answered with a failure, and it serves on."""
        received = self.directory / "received"
        files = phantom()
        with pacs(self.directory, "--out", received) as (child, port):
            received.rmdir()
            answer = runCommand("send", f"127.0.0.1:{port}", "--plain", files[3])
            child.waitFor("^cannot write into .*: No such file or directory$", READY)
            echo = dcmtk("echoscu", "127.0.0.1", str(port))
        self.assertEqual(answer.status, 1)
        self.assertIn("Failure 0xA700", answer.out)
        self.assertEqual(echo.returncode, 0)
