"""A machine with stunnel on it is taken over: the guide's file and Debian's own example."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from appliance.cli.child import running
from tests.integration.appliance import GUIDE, READY, TWISTD, keyPair
from tests.integration.test_dicom import ANY_SERVER, storescp, tool
from tests.peers import butterfly, freePort

pytestmark = pytest.mark.real

SAMPLE = Path("/usr/share/doc/stunnel4/examples/stunnel.conf-sample")


def sample() -> str:
    """Debian's example with ports that are free, and nobody outside this machine in it."""
    if not SAMPLE.exists():
        pytest.skip(f"there is no {SAMPLE}: this system was installed without documentation")
    text = re.sub(r"\w+\.gmail\.com", "localhost", SAMPLE.read_text("utf-8-sig"))
    return re.sub(r"(?m)^(accept = 127\.0\.0\.1:)\d+$", lambda m: f"{m[1]}{freePort()}", text)


def test_machine(tmp_path: Path) -> None:
    """Both files become one, which passes a check and serves an echo."""
    keyPair(tmp_path)
    example, guide = tmp_path / "stunnel.conf", tmp_path / "pacs.conf"
    example.write_text(sample())
    store, new = freePort(), tmp_path / "new"
    path, overlay = new / "butterfly-tls.conf", new / "overlay.conf"
    with storescp(tmp_path) as (_, behind):
        text = GUIDE.format(host="127.0.0.1:", store=store, worklist=freePort(), pacs=behind)
        # As on Windows, where the guide has it.
        windows = text.replace("cert = ", "cert = C:\\stunnel\\config\\").replace("\n", "\r\n")
        guide.write_bytes(windows.encode())
        migrate = butterfly("migrate", example, guide, "--write", new)
        with running("migrate", migrate, tmp_path) as child:
            child.waitFor("were written", READY)
            assert child.process.wait(READY) == 0, child.tail()
        with running(
            "check", butterfly("check", "--offline", path, "--overlay", overlay), tmp_path
        ) as child:
            child.waitFor("All is well", READY)
            assert child.process.wait(READY) == 0, child.tail()
        command = [*TWISTD, "-n", "--pidfile=", "butterfly-tls", "--config", str(path)]
        with running("the appliance", [*command, "--overlay", str(overlay)], tmp_path) as child:
            child.waitFor(rf"Service \[DICOM STORE\] serves 127\.0\.0\.1:{store} ", READY)
            child.waitFor(r"Service \[gmail-imap\] serves", READY)
            tool("echoscu", store, options=ANY_SERVER)
