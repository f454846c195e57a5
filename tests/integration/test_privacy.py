"""What a patient's objects say stays in them: no trace of it in anything that we write or show."""

from __future__ import annotations

import json
import re
import socket
import urllib.request
from pathlib import Path

import pytest

from tests import objects
from tests.integration.appliance import READY, keyPair, section, serving
from tests.integration.test_dicom import client, tool
from tests.integration.test_pacs import dcmqrscp
from tests.peers import freePort

pytestmark = pytest.mark.real

CANARY = "CANARY"
"""Stands in each of the fields that tell of a patient, and nowhere else."""


ARCHIVE = ("+tla", "-ic", "-aec", "ARCHIVE")


def canaries(directory: Path) -> list[Path]:
    """Objects of a patient whose every field is a canary."""
    paths = objects.write(directory, 3, 65536)
    for path in paths:
        data = path.read_bytes()
        # Of the same length, so that every length in the object stays true.
        data = data.replace(b"PHANTOM^ULTRASOUND", b"CANARY^CANARY^CANA")
        data = data.replace(b"PHANTOM-1", b"CANARY-01")
        path.write_bytes(data.replace(bytes(range(1, 20)), b"CANARYCANARYCANARY\0"))
        assert data.count(b"CANARY") >= 2
    return paths


class TestPrivacy:
    """Whole objects through the appliance, with everything on that can write or show something."""

    def test_noCanary(self, tmp_path: Path) -> None:
        """Not in the log at its highest level, nor journal, audit, metrics, status or shell."""
        keyPair(tmp_path)
        port, status = freePort(), freePort()
        study = canaries(tmp_path / "study")
        collector = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        collector.bind(("127.0.0.1", 0))
        collector.settimeout(READY)
        heads = (
            "journal = journal",
            "output = appliance.log",
            f"status = 127.0.0.1:{status}",
            f"control = {tmp_path / 'control'}",
            f"audit = 127.0.0.1:{collector.getsockname()[1]}",
        )
        said = []
        with collector, dcmqrscp(tmp_path) as (_, behind):
            more = ("dicom = yes", "denySOPClass = retrieve", "allowCalledAET = ARCHIVE")
            text = "\n".join(heads) + "\n" + section(port, behind, *more)
            with serving(tmp_path, text, level=7) as child:
                tool("storescu", port, *study, options=(*ARCHIVE, "-R"))
                asked = (
                    *ARCHIVE,
                    "-S",
                    "-k",
                    "QueryRetrieveLevel=STUDY",
                    "-k",
                    f"PatientName={CANARY}*",
                )
                client("findscu", port, options=asked)
                client("echoscu", port, options=("+tla", "-ic", "-aec", "NOBODY"))
                child.waitFor("rejected the association of ECHOSCU with NOBODY", READY)
                for path in ("/", "/status.json", "/metrics", "/healthz"):
                    with urllib.request.urlopen(f"http://127.0.0.1:{status}{path}") as answer:
                        said.append(answer.read().decode())
                for command in ("status", "associations", "backends", "journal"):
                    said.append(shell(tmp_path / "control", command))
            said += child.lines
            said += audited(collector)
        for name in ("journal", "appliance.log"):
            said.append((tmp_path / name).read_text())
        everything = "\n".join(said)
        for word in ("C-STORE", "C-FIND", "NOBODY", "AuditMessage", "butterfly_"):
            assert word in everything
        assert len(json.loads((tmp_path / "journal").read_text().splitlines()[0])) > 10
        assert CANARY not in everything
        assert not re.search(r"1\.2\.826\.0\.1\.3680043\.10\.1604\.3\.\d", everything)


def shell(path: Path, command: str) -> str:
    """What the control socket at C{path} answers to C{command}."""
    with socket.socket(socket.AF_UNIX) as control:
        control.connect(str(path))
        control.sendall(json.dumps({"v": 1, "command": command, "arguments": []}).encode() + b"\n")
        return control.makefile().readline()


def audited(collector: socket.socket) -> list[str]:
    """The audit messages from the start to the stop, which is the last."""
    messages: list[str] = []
    while not any("110121" in message for message in messages):
        messages.append(collector.recv(65536).decode())
    return messages
