"""The status of a real appliance, as monitoring and people see it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
from http.client import HTTPConnection
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from appliance.cli.child import Child
from appliance.status.page import page
from appliance.status.plain import statusSchema
from tests import objects
from tests.audit.validator import faults
from tests.integration.appliance import READY, configure, keyPair, section, serving, start
from tests.integration.test_dicom import storescp, tool
from tests.peers import freePort, program
from tests.status.hospital import badDay, usualDay

pytestmark = pytest.mark.real

SIZES = {"phone": (500, 2600), "desktop": (1280, 1500)}
"""Width and height; a headless Chromium is at least 500 pixels wide."""

QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--hide-scrollbars", "--disable-extensions"),
)
"""Chromium by itself, which talks to nobody but whom it is told to."""


def get(port: int, path: str) -> tuple[int, bytes]:
    """What the appliance answers."""
    connection = HTTPConnection("127.0.0.1", port, timeout=READY)
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, answer.read()


def status(port: int) -> dict[str, Any]:
    """The status document, which is what its schema says."""
    code, body = get(port, "/status.json")
    told: dict[str, Any] = json.loads(body)
    assert code == 200
    assert list(faults(statusSchema(), told)) == []
    return told


def awaitStatus(port: int, true: Any) -> dict[str, Any]:
    """The first document of which C{true} is true."""
    deadline = monotonic() + READY
    while True:
        told = status(port)
        if true(told):
            return told
        assert monotonic() < deadline, told
        sleep(0.05)


def chromium(directory: Path, url: str, *options: str) -> str:
    """What Chromium prints about C{url}."""
    profile = directory / "profile"
    argv = [program("chromium"), *QUIET, f"--user-data-dir={profile}", *options, url]
    said = subprocess.run(argv, capture_output=True, text=True, timeout=120)
    shutil.rmtree(profile, ignore_errors=True)
    assert said.returncode == 0, said.stderr
    return said.stdout + said.stderr


class TestStatus:
    """C{status = PORT}."""

    @pytest.mark.parametrize("workers", [1, 2])
    def test_study(self, tmp_path: Path, workers: int) -> None:
        """A study that goes through is counted, in one process and in several."""
        keyPair(tmp_path)
        port, at = freePort(), freePort()
        study = objects.write(tmp_path / "study", 5, 20_000)
        whole = f"workers = {workers}\nstatus = {at}\n"
        with (
            storescp(tmp_path) as (_, behind),
            serving(tmp_path, whole + section(port, behind)),
        ):
            assert get(at, "/healthz") == (200, b"alive\n")
            assert get(at, "/readyz")[0] == 200
            tool("storescu", port, *study)

            def stored(told: dict[str, Any]) -> bool:
                # Bytes are counted when the connection is gone, which may be a moment later.
                return bool(told["sections"][0]["outcomes"] and told["sections"][0]["ended"])

            (told,) = awaitStatus(at, stored)["sections"]
            assert told["outcomes"] == {"released": 1}
            (operation,) = told["operations"]
            assert (operation["name"], operation["statuses"]) == ("C-STORE", {"success": 5})
            assert told["bytesToBackend"] > 100_000
            assert told["backends"][0]["name"] == f"127.0.0.1:{behind}"
            text = get(at, "/metrics")[1].decode()
            stores = 'section="DICOM STORE",status="success"} 5.0'
            assert re.search(rf'operations_total{{operation="C-STORE",{re.escape(stores)}', text)
            assert b"C-STORE" in get(at, "/")[1]
            if workers > 1:
                assert "butterfly_tls_workers 2.0" in text
                assert 'butterfly_tls_worker_resident_memory_bytes{worker="1"}' in text

    def test_reload(self, tmp_path: Path) -> None:
        """Reloads are told, with what came of them; another port counts at the next start."""
        keyPair(tmp_path)
        port, at = freePort(), freePort()
        good = f"debug = 6\nstatus = {at}\n" + section(port, freePort())
        with serving(tmp_path, good) as child:
            configure(tmp_path, good + "nonsense = 1\n")
            self.reload(child, at, lambda last: last is not None and not last["accepted"])
            assert b"The last reload was refused" in get(at, "/")[1]
            configure(tmp_path, good.replace(f"status = {at}", f"status = {freePort()}"))
            self.reload(child, at, lambda last: last["accepted"])
            child.waitFor(r"status has changed from .* that counts at the next start only", READY)

    @staticmethod
    def reload(child: Child, at: int, true: Any) -> None:
        """Reload, and return when that has come to what it should."""
        child.process.send_signal(signal.SIGHUP)
        awaitStatus(at, lambda told: true(told["process"]["lastReload"]))

    def test_refused(self, tmp_path: Path) -> None:
        """Who does not speak TLS is told of, with the reason."""
        keyPair(tmp_path)
        port, at = freePort(), freePort()
        with serving(tmp_path, f"status = {at}\n" + section(port, freePort())):
            with socket.create_connection(("127.0.0.1", port)) as client:
                client.sendall(b"GET / HTTP/1.1\r\n\r\n")
                client.recv(100)
            told = awaitStatus(at, lambda each: each["refusals"])
            assert told["handshakeFailures"] == {"HTTP": 1}
            assert "HTTP" in told["refusals"][0]["why"]

    def test_unix(self, tmp_path: Path) -> None:
        """A unix socket is for owner and group, and gone at the end."""
        keyPair(tmp_path)
        path = tmp_path / "status.sock"
        with serving(tmp_path, f"status = {path}\n" + section(freePort(), freePort())):
            assert stat.S_IMODE(path.stat().st_mode) == 0o660
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(READY)
                client.connect(str(path))
                client.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
                assert client.recv(1000).startswith(b"HTTP/1.0 200 OK")
        assert not path.exists()

    def test_taken(self, tmp_path: Path) -> None:
        """A start whose status port is taken says where it was asked for, and starts nothing."""
        keyPair(tmp_path)
        with socket.create_server(("127.0.0.1", 0)) as taken:
            at = taken.getsockname()[1]
            text = f"status = {at}\n" + section(freePort(), freePort())
            said = start(tmp_path, "--config", str(configure(tmp_path, text)))
        assert said.returncode == 1
        assert "butterfly-tls.conf:1: " in said.stderr
        assert f"status: cannot listen at 127.0.0.1:{at}: Address already in use" in said.stderr
        assert "nothing was started" in said.stderr


class TestPage:
    """The page in a real browser."""

    @pytest.fixture(autouse=True)
    def pictures(self) -> None:
        """Only where pictures can be read, which the [demo] extra is for."""
        pytest.importorskip("PIL")

    @pytest.mark.parametrize("size", SIZES)
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    @pytest.mark.parametrize("day", [usualDay, badDay])
    def test_looks(self, tmp_path: Path, day: Any, scheme: str, size: str) -> None:
        """It fits its window, in both schemes, and its style sheet is let through.

        With C{BUTTERFLY_TEST_PICTURES=DIRECTORY} the pictures are kept there, to be looked at.
        """
        from PIL import Image

        (tmp_path / "page.html").write_bytes(page(day().ledger.read(), paused=True))
        picture = tmp_path / "page.png"
        width, height = SIZES[size]
        chromium(
            tmp_path,
            (tmp_path / "page.html").as_uri(),
            f"--window-size={width},{height}",
            f"--blink-settings=preferredColorScheme={0 if scheme == 'dark' else 1}",
            f"--screenshot={picture}",
        )
        with Image.open(picture) as image:
            # The ground at the left edge, below the header and beside the cards.
            ground = image.convert("RGB").getpixel((2, height // 2))
            assert image.size == (width, height)
        assert ground == ((15, 20, 24) if scheme == "dark" else (244, 246, 247))
        if kept := os.environ.get("BUTTERFLY_TEST_PICTURES"):
            shutil.copy(picture, Path(kept) / f"{day.__name__}-{size}-{scheme}.png")

    def test_served(self, tmp_path: Path) -> None:
        """The browser shows what the appliance serves, and its policy is broken by nothing."""
        keyPair(tmp_path)
        at = freePort()
        with serving(tmp_path, f"status = {at}\n" + section(freePort(), freePort())):
            url = f"http://127.0.0.1:{at}/?pause"
            said = chromium(tmp_path, url, "--dump-dom", "--enable-logging=stderr", "--v=0")
        assert "All is well" in said
        assert "Content Security Policy" not in said
        assert "Refused to" not in said
