"""C{butterfly-tls check} as a program: what it asks the backends, and how it tells."""

from __future__ import annotations

import json
import re
import socket
import subprocess
from pathlib import Path

import pytest

from appliance.cli.child import environment
from appliance.health.learnt import NAME
from tests.integration.appliance import configure, keyPair, section
from tests.integration.test_dicom import storescp
from tests.peers import answering, butterfly, freePort

pytestmark = pytest.mark.real


def check(directory: Path, text: str, *argv: str) -> tuple[int, str]:
    """The exit status and the output of a check of the configuration C{text}."""
    keyPair(directory)
    path = configure(directory, text)
    command = butterfly("check", path, *argv)
    done = subprocess.run(
        command, env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout + done.stderr


def rejecting(connection: socket.socket) -> None:
    """Read a request and reject it for its called AE title."""
    connection.recv(65536)
    connection.sendall(bytes.fromhex("03000000000400010107"))
    connection.recv(65536)


class TestCheck:
    """What it asks."""

    def test_alive(self, tmp_path: Path) -> None:
        """A PACS that answers is told, and leaves a clean association in its log."""
        with storescp(tmp_path) as (pacs, behind):
            status, said = check(tmp_path, section(freePort(), behind))
            pacs.waitFor("Association Release", 10)
        assert status == 0, said
        assert f"127.0.0.1:{behind}: alive, it answers the echo" in said

    def test_names(self, tmp_path: Path) -> None:
        """Advice names the options of the section."""
        with answering(rejecting) as behind:
            status, said = check(tmp_path, section(freePort(), behind, "calledAET = STORE"))
        assert status == 0, said
        assert "refused, refused by the application: called AE title not recognized" in said
        assert "check the called AE title 'STORE' (calledAET)" in said

    def test_dead(self, tmp_path: Path) -> None:
        """A port that is closed is told in words, and by the exit status."""
        status, said = check(tmp_path, section(freePort(), freePort()))
        assert status == 1
        assert "unreachable, nothing listens on that port" in said
        assert "1 backend(s) do not answer" in said

    def test_silent(self, tmp_path: Path) -> None:
        """So is one that takes connections and says nothing."""
        with answering(lambda connection: connection.recv(65536) and connection.recv(1)) as behind:
            status, said = check(tmp_path, section(freePort(), behind), "--timeout", "0.5")
        assert status == 1
        assert "no answer to the association request within 0.5 s" in said

    def test_bytes(self, tmp_path: Path) -> None:
        """Where bytes are bytes nobody is asked for an association."""
        with answering(lambda connection: connection.recv(65536)) as behind:
            status, said = check(tmp_path, section(freePort(), behind, "dicom = no"))
        assert status == 0, said
        assert "alive, it accepts connections" in said

    def test_learnt(self, tmp_path: Path) -> None:
        """What the appliance has learnt serves here too."""
        heard: list[bytes] = []

        def listen(connection: socket.socket) -> None:
            heard.append(connection.recv(65536))

        state = tmp_path / "state"
        state.mkdir()
        with answering(listen) as behind:
            titles = {"DICOM STORE": {f"127.0.0.1:{behind}": "LEARNT"}}
            (state / NAME).write_text(json.dumps(titles))
            text = f"stateDirectory = {state}\n{section(freePort(), behind)}"
            check(tmp_path, text, "--timeout", "5")
        assert heard[0][10:26] == b"LEARNT".ljust(16)

    def test_routes(self, tmp_path: Path) -> None:
        """Backends of routes are asked by the title of their route."""
        heard: list[bytes] = []
        with (
            storescp(tmp_path) as (_, behind),
            answering(lambda connection: heard.append(connection.recv(65536))) as routed,
        ):
            more = ("dicom = yes", f"route = CT:127.0.0.1:{routed}")
            _, said = check(tmp_path, section(freePort(), behind, *more))
        assert heard[0][10:26] == b"CT".ljust(16)
        assert f"127.0.0.1:{routed}: not DICOM, it hung up" in said

    def test_offline(self, tmp_path: Path) -> None:
        """Offline nobody is asked."""
        status, said = check(tmp_path, section(freePort(), freePort()), "--offline")
        assert status == 0, said
        assert "connect" not in said

    def test_limits(self, tmp_path: Path) -> None:
        """The limits of a section are shown; where there are none, what to think of."""
        lines = ("maxConnections = 200", "denyFrom = 192.0.2.66")
        _, said = check(tmp_path, section(freePort(), freePort(), *lines), "--offline")
        assert re.search(r"(?m)^  limits +not from 192\.0\.2\.66/32, 200 connections$", said)
        _, said = check(tmp_path, section(freePort(), freePort()), "--offline")
        assert re.search(r"(?m)^  limits +none: .* think of allowFrom, maxConn", said)

    def test_reread(self, tmp_path: Path) -> None:
        """Files that the user of C{setuid} could not read again are told."""
        text = "setuid = nobody\n" + section(freePort(), freePort())
        tmp_path.chmod(0o700)
        status, said = check(tmp_path, text, "--offline")
        assert status == 0, said
        assert re.search(
            r"warning: \[DICOM STORE\] cert: .* at the start only, not as the user nobody", said
        )
        assert "may not be entered (" in said
