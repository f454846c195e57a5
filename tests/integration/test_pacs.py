"""Real archives behind the appliance: watched, failed over, and every association accounted for."""

from __future__ import annotations

import json
import re
import signal
import ssl
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from appliance.cli.child import Child, running
from tests import objects
from tests.integration.appliance import READY, keyPair, section, serving
from tests.integration.test_dicom import client, received, storescp, tool
from tests.integration.test_faults import association
from tests.integration.test_workers import awaitLines
from tests.peers import awaitListener, butterfly, freePort, program
from tests.timings import note

pytestmark = pytest.mark.real

WATCHED = ("healthCheck = echo", "healthInterval = 1", "healthTimeout = 1", "healthFall = 2")
CLEAN = "calledAET = ARCHIVE"
STORE = ("DICOM", "STORE")


SLOW = """
import sys, time
from pynetdicom import AE, evt
ae = AE("SLOW")
ae.add_supported_context("1.2.840.10008.1.1")
def echo(event):
    time.sleep(0.5)
    return 0
ae.start_server(("127.0.0.1", int(sys.argv[1])), evt_handlers=[(evt.EVT_C_ECHO, echo)])
"""
"""A server of pynetdicom's that thinks before it answers an echo."""


@contextmanager
def orthanc(
    directory: Path, port: int | None = None, **more: object
) -> Iterator[tuple[Child, int, int]]:
    """Orthanc, its DICOM port and its HTTP port; it stores below C{directory}.

    C{more} are further settings of Orthanc's.
    """
    port, web = port or freePort(), freePort()
    home = directory / "orthanc"
    home.mkdir(exist_ok=True)
    settings = {
        "StorageDirectory": str(home),
        "IndexDirectory": str(home),
        "DicomAet": "ARCHIVE",
        "DicomPort": port,
        "DicomCheckCalledAet": True,
        "HttpPort": web,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        **more,
    }
    path = directory / "orthanc.json"
    path.write_text(json.dumps(settings))
    with running("Orthanc", [program("Orthanc"), str(path)], directory) as child:
        child.waitFor("Orthanc has started", READY)
        awaitListener(port)
        yield child, port, web


@contextmanager
def dcmqrscp(
    directory: Path, port: int | None = None, hosts: str = ""
) -> Iterator[tuple[Child, int]]:
    """Dcmtk's archive, and its port; C{hosts} are lines of its table of peers."""
    port = port or freePort()
    store = directory / "archive"
    store.mkdir()
    path = directory / "dcmqrscp.cfg"
    path.write_text(
        f"NetworkTCPPort = {port}\nMaxPDUSize = 16384\nMaxAssociations = 16\n"
        f"HostTable BEGIN\n{hosts}HostTable END\nVendorTable BEGIN\nVendorTable END\n"
        f"AETable BEGIN\nARCHIVE {store} RW (100, 1024mb) ANY\nAETable END\n"
    )
    argv = [program("dcmqrscp"), "-v", "-c", str(path)]
    with running("dcmqrscp", argv, directory) as child:
        awaitListener(port)
        yield child, port


def instances(web: int) -> int:
    """How many objects Orthanc says that it has."""
    with urllib.request.urlopen(f"http://127.0.0.1:{web}/statistics") as answer:
        return int(json.load(answer)["CountInstances"])


def journal(directory: Path) -> list[dict[str, Any]]:
    """The lines of the journal."""
    return [json.loads(line) for line in (directory / "journal").read_text().splitlines()]


def state(child: Child, port: int, word: str, before: str = "up") -> None:
    """Return when the appliance says that the backend is C{word}, and was C{before} until then.

    How long it took from here is shown at the end of the run.
    """
    began = time.monotonic()
    child.waitFor(rf"backend 127\.0\.0\.1:{port} is {word} \(was {before}", READY)
    note(f"backend {word}, was {before}", time.monotonic() - began)


class TestArchives:
    """Stores and checks, counted on both sides."""

    def test_orthanc(self, tmp_path: Path) -> None:
        """What the journal says is what Orthanc has; stopped and started again it is noticed."""
        keyPair(tmp_path)
        port, behind = freePort(), freePort()
        study = objects.write(tmp_path / "study", 20, 65536)
        text = f"journal = journal\n{section(port, behind, CLEAN, *WATCHED)}"
        with serving(tmp_path, text) as child:
            with orthanc(tmp_path, behind) as (_, _, web):
                state(child, behind, "up", "unknown")
                tool("storescu", port, *study, options=("+tla", "-ic", "-aec", "ARCHIVE"))
                assert instances(web) == 20
            state(child, behind, "down")
            refused = client("echoscu", port, options=("+tla", "-ic", "-aec", "ARCHIVE"))
            assert "Temporary Congestion" in refused.stdout
            with orthanc(tmp_path, behind):
                state(child, behind, "up", "down")
                tool("echoscu", port, options=("+tla", "-ic", "-aec", "ARCHIVE"))
        stored, declined, echoed = journal(tmp_path)
        (stores,) = stored["operations"]
        assert (stores["operation"], stores["requests"]) == ("C-STORE", 20)
        assert stores["statuses"] == {"0000H": 20}
        assert stores["bytes"] == sum(dataSetSize(path) for path in study)
        assert (stored["outcome"], stored["called"]) == ("released", "ARCHIVE")
        assert declined["outcome"] == "declined"
        assert echoed["operations"][0]["operation"] == "C-ECHO"

    def test_orthancRefusesOurTitle(self, tmp_path: Path) -> None:
        """An archive that does not know the title lives: it is degraded, with what to check."""
        keyPair(tmp_path)
        with (
            orthanc(tmp_path) as (_, behind, _),
            serving(tmp_path, section(freePort(), behind, "calledAET = WRONG", *WATCHED)) as child,
        ):
            child.waitFor(r"is degraded .*called AE title.*calledAET", READY)

    def test_dcmqrscp(self, tmp_path: Path) -> None:
        """An archive that is asked and stored to; its log has nothing but clean associations."""
        keyPair(tmp_path)
        port = freePort()
        study = objects.write(tmp_path / "study", 5, 65536)
        with (
            dcmqrscp(tmp_path) as (archive, behind),
            serving(
                tmp_path, f"journal = journal\n{section(port, behind, CLEAN, *WATCHED)}"
            ) as child,
        ):
            state(child, behind, "up", "unknown")
            named = ("+tla", "-ic", "-aec", "ARCHIVE")
            tool("storescu", port, *study, options=named)
            asked = (*named, "-S", "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID")
            tool("findscu", port, options=asked)
            assert "Abort" not in "\n".join(archive.lines)
        stored, found = journal(tmp_path)
        assert stored["operations"][0]["statuses"] == {"0000H": 5}
        assert found["operations"][0]["operation"] == "C-FIND"
        assert found["operations"][0]["statuses"] == {"0000H": 1}

    def test_hungAndResumed(self, tmp_path: Path) -> None:
        """A PACS that stands still is down, and up again when it goes on; checks do not pile up."""
        keyPair(tmp_path)
        with (
            storescp(tmp_path) as (pacs, behind),
            serving(tmp_path, section(freePort(), behind, CLEAN, *WATCHED)) as child,
        ):
            state(child, behind, "up", "unknown")
            pacs.process.send_signal(signal.SIGSTOP)
            try:
                state(child, behind, "down")
            finally:
                pacs.process.send_signal(signal.SIGCONT)
            state(child, behind, "up", "down")

    def test_cleanLog(self, tmp_path: Path) -> None:
        """A PACS's own log shows our checks as associations that are released."""
        keyPair(tmp_path)
        with (
            storescp(tmp_path) as (pacs, behind),
            serving(tmp_path, section(freePort(), behind, CLEAN, *WATCHED)),
        ):
            for _ in range(3):
                pacs.waitFor("Association Release", READY)
            log = "\n".join(pacs.lines)
        assert log.count("Association Received") - log.count("Association Release") in (0, 1)
        assert "Abort" not in log


class TestUnsteady:
    """Archives that keep us waiting, and archives that come and go."""

    def test_slow(self, tmp_path: Path) -> None:
        """One that takes its time within the limit is up, and the log says how long it took."""
        keyPair(tmp_path)
        behind = freePort()
        command = [sys.executable, "-c", SLOW, str(behind)]
        watched = ("calledAET = SLOW", "healthCheck = echo", "healthInterval = 1")
        text = section(freePort(), behind, *watched, "healthTimeout = 5")
        pytest.importorskip("pynetdicom", reason="pynetdicom (the [demo] extra) is not installed")
        with running("slow", command, tmp_path):
            awaitListener(behind)
            with serving(tmp_path, text, level=7) as child:
                state(child, behind, "up", "unknown")
                said = child.waitFor(r"echo of backend .* \(([0-9.]+) ms\)", READY)
        assert float(said[1]) > 500

    def test_busy(self, tmp_path: Path) -> None:
        """One that serves an association at a time, and so lets our checks wait, is well."""
        keyPair(tmp_path)
        port = freePort()
        with (
            storescp(tmp_path) as (_, behind),
            serving(tmp_path, section(port, behind, CLEAN, *WATCHED), level=7) as child,
        ):
            state(child, behind, "up", "unknown")
            with association(port):
                awaitLines(child, "echo of backend .* no answer", 4)
        changes = re.findall(r"backend \S+ is (\w+)", "\n".join(child.lines))
        assert changes == ["up"]

    def test_flapping(self, tmp_path: Path) -> None:
        """Each change is told once, however many checks find the same."""
        keyPair(tmp_path)
        behind = freePort()
        with serving(tmp_path, section(freePort(), behind, CLEAN, *WATCHED)) as child:
            for count in (1, 2):
                with storescp(tmp_path, port=behind):
                    awaitLines(child, "backend .* is up", count)
                awaitLines(child, "backend .* is down", count)
        changes = re.findall(r"backend \S+ is (\w+)", "\n".join(child.lines))
        assert changes in (["up", "down"] * 2, ["down", *["up", "down"] * 2])


class TestDrained:
    """Archives that an administrator lets rest."""

    def test_drained(self, tmp_path: Path) -> None:
        """Nobody new goes to one that is drained; with all drained clients hear to come later."""
        keyPair(tmp_path)
        port, control = freePort(), tmp_path / "control"
        (tmp_path / "second").mkdir()

        def drain(*words: str) -> str:
            argv = butterfly("drain", "--socket", control, *words)
            done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60)
            return done.stdout

        with (
            storescp(tmp_path) as (one, first),
            storescp(tmp_path / "second") as (other, second),
            serving(
                tmp_path,
                f"control = {control}\n"
                + section(port, first, f"connect = 127.0.0.1:{second}", "healthCheck = none"),
            ) as child,
        ):
            tool("echoscu", port)
            one.waitFor("Echo Request", READY)
            assert f"nobody new to 127.0.0.1:{first}" in drain(*STORE, f"127.0.0.1:{first}")
            child.waitFor(rf"backend 127\.0\.0\.1:{first} is draining", READY)
            tool("echoscu", port)
            other.waitFor("Echo Request", READY)
            shown = butterfly("ask", "--socket", control, "backends")
            listed = subprocess.run(shown, capture_output=True, text=True, check=True, timeout=60)
            assert re.search(rf"(?m)^draining .*:{first}", listed.stdout)
            drain(*STORE, f"127.0.0.1:{second}")
            assert "Temporary Congestion" in client("echoscu", port).stdout
            drain("--undo", *STORE, f"127.0.0.1:{first}")
            tool("echoscu", port)
            assert len(re.findall("Echo Request", "\n".join(one.lines))) == 2


class TestFailover:
    """Two archives, one of which dies and comes back in the middle of a study."""

    def test_studyOf500(self, tmp_path: Path) -> None:
        """No object that was acknowledged is missing, and each association is accounted for."""
        pytest.importorskip("pynetdicom")
        keyPair(tmp_path)
        port, first, second = freePort(), freePort(), freePort()
        study = objects.write(tmp_path / "study", 500, 4096)
        more = (f"connect = 127.0.0.1:{second}", CLEAN, *WATCHED)
        (tmp_path / "second").mkdir()
        text = f"journal = journal\n{section(port, first, *more)}"
        with (
            storescp(tmp_path / "second", port=second),
            serving(tmp_path, text) as child,
        ):
            sender = Sender(port)
            with storescp(tmp_path, port=first) as (pacs, _):
                state(child, first, "up", "unknown")
                sender.send(study[:150])
                sender.send(study[150:200], between=lambda done: done == 20 and kill(pacs))
            state(child, first, "down", "(up|degraded)")
            sender.send(study[200:350])
            with storescp(tmp_path, port=first):
                # What was cut is remembered for a while, and changes nothing about the choice.
                state(child, first, "(up|degraded)", "down")
                sender.send(study[350:])
                there = received(tmp_path)
            there |= received(tmp_path / "second")
        acknowledged = {objects.digest(path) for path in study}
        assert sender.acknowledged == set(study)
        assert acknowledged <= there
        lines = journal(tmp_path)
        assert len(lines) == sender.associations
        stored = Counter(line["backend"] for line in lines if line["operations"])
        assert len(stored) == 2
        statuses = [
            count
            for line in lines
            for operation in line["operations"]
            for status, count in operation["statuses"].items()
            if status == "0000H"
        ]
        assert sum(statuses) >= len(study)
        outcomes = Counter(line["outcome"] for line in lines)
        assert outcomes["cut by the backend"] == 1


def kill(pacs: Child) -> None:
    """End C{pacs} without a warning."""
    pacs.process.kill()
    pacs.process.wait()


class Sender:
    """Sends objects through the appliance, again where they were not acknowledged."""

    def __init__(self, port: int) -> None:
        from pynetdicom import AE

        self._port = port
        self._ae = AE("MODALITY")
        self._ae.add_requested_context(objects.US_IMAGE, objects.EXPLICIT_LE)
        self.acknowledged: set[Path] = set()
        self.associations = 0

    def send(self, paths: list[Path], between: Any = lambda _: None) -> None:
        """Send C{paths}, at most 50 in an association, until all are acknowledged."""
        left = list(paths)
        until = time.monotonic() + 60
        while left:
            assert time.monotonic() < until, f"{len(left)} objects were never acknowledged"
            self._associate(left[:50], between)
            left = [path for path in left if path not in self.acknowledged]

    def _associate(self, paths: list[Path], between: Any) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        from appliance.cli.steady import steady

        link = steady(
            self._ae.associate(
                "127.0.0.1", self._port, ae_title="ARCHIVE", tls_args=(context, None)
            )
        )
        self.associations += 1
        for done, path in enumerate(paths):
            if not link.is_established:
                break
            between(done)
            try:
                answer = link.send_c_store(path)
            except RuntimeError:  # it has ended since the look at it
                break
            if "Status" in answer and answer.Status == 0:
                self.acknowledged.add(path)
        if link.is_established:
            link.release()


def dataSetSize(path: Path) -> int:
    """The bytes of a Part 10 file that a C-STORE transfers."""
    data = path.read_bytes()
    return len(data) - 144 - int.from_bytes(data[140:144], "little")
