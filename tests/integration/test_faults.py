"""What is left after a PACS or a client is killed in mid-transfer: nothing but a line."""

from __future__ import annotations

import re
import select
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from appliance.cli.child import Child
from appliance.dicom.associate import echoAssociation
from appliance.dicom.command import echoRequest
from appliance.dicom.pdu import HEADER, PDU, Abort, AssociateAC, PDataTF, decode
from appliance.dicom.pdv import PDV
from tests import objects
from tests.integration.appliance import READY, descriptors, keyPair, section, serving
from tests.integration.test_dicom import ANY_SERVER, client, storescp, tool
from tests.peers import freePort, program

pytestmark = pytest.mark.real


def sender(port: int, path: Path) -> subprocess.Popen[bytes]:
    """A storescu that is busy for a while."""
    return subprocess.Popen(
        [program("storescu"), "-R", *ANY_SERVER, "127.0.0.1", str(port), str(path)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def inTransfer(pacs: Child) -> None:
    """Return when the PACS is receiving an object."""
    pacs.waitFor("Received Store Request|C-STORE", READY)


def leftNothing(child: Child, before: int) -> None:
    """Assert that no connection, descriptor or traceback is left, and that it still serves."""
    child.waitFor(r"LOG5\[0\]: Connection (closed|reset)", READY)
    child.process.send_signal(signal.SIGUSR2)
    child.waitFor(r"Listed 0 active connection\(s\)", READY)
    assert descriptors(child.process.pid) == before
    log = "\n".join(child.lines)
    assert "Internal error" not in log
    assert "Traceback" not in log
    assert len(re.findall(r"LOG5\[0\]: Connection (?:closed|reset)", log)) == 1


class TestKilled:
    """kill -9 of either side in the middle of a large object."""

    def test_PACS(self, tmp_path: Path) -> None:
        """The client hears of it at once; once the PACS is back the next study goes through."""
        keyPair(tmp_path)
        port = freePort()
        (cine,) = objects.write(tmp_path / "study", 1, 400_000_000)
        (small,) = objects.write(tmp_path / "small", 1, 4096)
        behind = freePort()
        with (
            storescp(tmp_path, port=behind) as (pacs, _),
            serving(tmp_path, section(port, behind)) as child,
        ):
            before = descriptors(child.process.pid)
            sending = sender(port, cine)
            inTransfer(pacs)
            pacs.process.kill()
            assert sending.wait(READY) != 0
            leftNothing(child, before)
            refused = client("echoscu", port)
            assert "Rejected Transient" in refused.stdout
            assert "Temporary Congestion" in refused.stdout
            child.waitFor(r"Connection refused \(111\)", READY)
            with storescp(tmp_path, port=behind):
                tool("storescu", port, small)

    def test_client(self, tmp_path: Path) -> None:
        """The PACS hears of it at once and is ready for the next one."""
        keyPair(tmp_path)
        port = freePort()
        (cine,) = objects.write(tmp_path / "study", 1, 400_000_000)
        with (
            storescp(tmp_path) as (pacs, behind),
            serving(tmp_path, section(port, behind)) as child,
        ):
            before = descriptors(child.process.pid)
            sending = sender(port, cine)
            inTransfer(pacs)
            sending.kill()
            sending.wait()
            leftNothing(child, before)
            tool("echoscu", port)

    def test_PACSBetweenTwoPDUs(self, tmp_path: Path) -> None:
        """A client whose PACS dies between two PDUs hears an A-ABORT."""
        keyPair(tmp_path)
        port = freePort()
        with (
            storescp(tmp_path) as (pacs, behind),
            serving(tmp_path, section(port, behind)) as child,
            association(port) as modality,
        ):
            modality.sendall(ECHO)
            assert isinstance(readPDU(modality), PDataTF)
            pacs.process.kill()
            assert readPDU(modality) == Abort(2, 0)
            modality.close()
            child.waitFor(r"ended: (cut short|socket reset), backend", READY)

    def test_hungPACS(self, tmp_path: Path) -> None:
        """While a PACS stands still the appliance's memory does not grow with what is sent."""
        keyPair(tmp_path)
        port = freePort()
        (cine,) = objects.write(tmp_path / "study", 1, 400_000_000)
        with (
            storescp(tmp_path) as (pacs, behind),
            serving(tmp_path, section(port, behind)) as child,
        ):
            tool("echoscu", port)
            before = residentKiB(child.process.pid)
            sending = sender(port, cine)
            inTransfer(pacs)
            pacs.process.send_signal(signal.SIGSTOP)
            try:
                awaitStandstill(sending.pid)
                assert residentKiB(child.process.pid) - before < 16 * 1024
            finally:
                pacs.process.send_signal(signal.SIGCONT)
            assert sending.wait(60) == 0


ECHO = PDataTF((PDV(1, command=True, last=True, data=echoRequest(1).encode()),)).encode()


@contextmanager
def association(port: int) -> Iterator[ssl.SSLSocket]:
    """An association with the PACS behind C{port}, whose answer was read."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", port), READY) as plain,
        context.wrap_socket(plain) as client,
    ):
        client.sendall(echoAssociation("MODALITY", "ANY-SCP").encode())
        assert isinstance(readPDU(client), AssociateAC)
        yield client


def readPDU(client: ssl.SSLSocket) -> PDU:
    """The next PDU that C{client} hears."""
    data = b""
    while len(data) < HEADER.size or len(data) < HEADER.size + HEADER.unpack_from(data)[1]:
        more = client.recv(HEADER.size - len(data) if len(data) < HEADER.size else 1)
        assert more, "the connection ended"
        data += more
    return decode(data)


def residentKiB(pid: int) -> int:
    """Resident memory of a process."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", text)[1])  # type: ignore[index]


def awaitStandstill(pid: int) -> None:
    """Return when a process has written nothing for a while: all buffers behind it are full."""
    seen = -1
    while (written := writtenBytes(pid)) != seen:
        seen = written
        pause(0.5)


def writtenBytes(pid: int) -> int:
    """Bytes that a process has written in its life."""
    return int(re.search(r"wchar: (\d+)", Path(f"/proc/{pid}/io").read_text())[1])  # type: ignore[index]


def pause(seconds: float) -> None:
    """Let time pass: a standstill is an absence of events, and has none of its own."""
    select.select([], [], [], seconds)
