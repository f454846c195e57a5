"""Real DICOM through the appliance: dcmtk on both sides, over TLS."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from appliance.cli.child import Child, running
from tests import material as m
from tests import objects
from tests.integration.appliance import READY, keyPair, section, serving
from tests.peers import awaitListener, freePort, program

pytestmark = pytest.mark.real

ANY_SERVER = ("+tla", "-ic")
"""dcmtk: TLS without a certificate of our own, and whatever certificate the server has."""


@contextmanager
def storescp(
    directory: Path, *options: str, port: int | None = None
) -> Iterator[tuple[Child, int]]:
    """Dcmtk's storage server; what it receives is in C{directory / "received"}, bit by bit."""
    received = directory / "received"
    received.mkdir(exist_ok=True)
    port = freePort() if port is None else port
    argv = [program("storescp"), "-v", "+B", "-od", str(received), *options, str(port)]
    with running("storescp", argv, directory) as child:
        awaitListener(port)
        yield child, port


@contextmanager
def through(directory: Path, port: int, *more: str) -> Iterator[tuple[Child, Child]]:
    """Dcmtk's storage server and, at C{port} in front of it, the appliance."""
    with (
        storescp(directory) as (pacs, behind),
        serving(directory, section(port, behind, *more)) as child,
    ):
        yield pacs, child


def tool(name: str, port: int, *argv: str | Path, options: tuple[str, ...] = ANY_SERVER) -> str:
    """Run one of dcmtk's clients against the appliance; it must succeed."""
    done = client(name, port, *argv, options=options)
    assert done.returncode == 0, done.stdout
    return done.stdout


def client(
    name: str, port: int, *argv: str | Path, options: tuple[str, ...] = ANY_SERVER
) -> subprocess.CompletedProcess[str]:
    """Run one of dcmtk's clients against the appliance."""
    return subprocess.run(
        [program(name), "-v", *options, "127.0.0.1", str(port), *map(str, argv)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )


def received(directory: Path) -> set[str]:
    """Digests of all that the storage server has written."""
    return {objects.digest(path) for path in (directory / "received").iterdir()}


class TestDcmtk:
    """dcmtk's clients and servers, with default options where it has a default."""

    def test_echo(self, tmp_path: Path) -> None:
        """A C-ECHO arrives, and leaves a clean association in the PACS's log."""
        keyPair(tmp_path)
        port = freePort()
        with (
            storescp(tmp_path) as (pacs, behind),
            serving(tmp_path, section(port, behind)) as child,
        ):
            tool("echoscu", port)
            pacs.waitFor("Association Release", READY)
            child.waitFor(r"LOG5\[\d+\]: Connection closed: \d+ byte\(s\) sent to TLS", READY)
        log = "\n".join(child.lines)
        for line in (
            r"LOG5\[0\]: Service \[DICOM STORE\] accepted connection from 127\.0\.0\.1:\d+$",
            r"LOG6\[0\]: TLS accepted: new session negotiated$",
            r"LOG6\[0\]: TLSv1\.3 ciphersuite: TLS_\w+ \(\d+-bit encryption\)$",
            r"LOG6\[0\]: s_connect: connecting 127\.0\.0\.1:\d+$",
            r"LOG5\[0\]: s_connect: connected 127\.0\.0\.1:\d+$",
            r"LOG5\[0\]: Service \[DICOM STORE\] connected remote server from 127\.0\.0\.1:\d+$",
        ):
            assert re.search(line, log, re.MULTILINE), line

    def test_studyOf200(self, tmp_path: Path) -> None:
        """Two hundred objects in one association arrive identical."""
        keyPair(tmp_path)
        port = freePort()
        study = objects.write(tmp_path / "study", 200, 8192)
        with storescp(tmp_path) as (_, behind), serving(tmp_path, section(port, behind)):
            tool("storescu", port, *study)
        assert received(tmp_path) == {objects.digest(path) for path in study}
        assert len(study) == len(list((tmp_path / "received").iterdir()))

    def test_object300MB(self, tmp_path: Path) -> None:
        """A cine of 300 MB arrives identical."""
        keyPair(tmp_path)
        port = freePort()
        (cine,) = objects.write(tmp_path / "study", 1, 300_000_000)
        with storescp(tmp_path) as (_, behind), serving(tmp_path, section(port, behind)):
            tool("storescu", port, cine)
        assert received(tmp_path) == {objects.digest(cine)}

    def test_worklistPort(self, tmp_path: Path) -> None:
        """A query over the second port comes back with the PACS's own answer."""
        keyPair(tmp_path)
        port = freePort()
        with (
            storescp(tmp_path) as (_, behind),
            serving(tmp_path, section(port, behind, name="DICOM DMWL")),
        ):
            done = client("findscu", port, "-W", "-k", "0010,0010")
        # storescp knows no worklist and accepts no context for it: that very answer must come.
        assert "No Acceptable Presentation Contexts" in done.stdout

    def test_mutualTLS(self, tmp_path: Path) -> None:
        """A modality with a certificate gets in; one without is told to have one."""
        keyPair(tmp_path)
        ca = m.writeAuthority(tmp_path, "ca", m.ca())
        cert, key = m.write(tmp_path, "modality", m.client())
        port = freePort()
        verify = ("verifyChain = yes", f"CAfile = {ca.name}")
        with (
            storescp(tmp_path) as (_, behind),
            serving(tmp_path, section(port, behind, *verify)) as child,
        ):
            tool("echoscu", port, options=("+tls", str(key), str(cert), "-ic"))
            child.waitFor(r"LOG5\[0\]: Certificate accepted at depth=0: CN=modality", READY)
            refused = client("echoscu", port)
            assert refused.returncode != 0
            child.waitFor(r"LOG3\[1\]: SSL_accept: peer did not return a certificate", READY)
            child.waitFor(r"LOG4\[1\]: .*refused 127\.0\.0\.1:\d+: .*certificate", READY)
            child.waitFor(r"LOG5\[1\]: Connection reset/closed: 0 byte", READY)

    def test_guidesTLSVersion(self, tmp_path: Path) -> None:
        """With the guide's sslVersion = TLSv1.2 dcmtk's default client gets in."""
        keyPair(tmp_path)
        port = freePort()
        with (
            storescp(tmp_path) as (_, behind),
            serving(tmp_path, section(port, behind, "sslVersion = TLSv1.2")) as child,
        ):
            tool("echoscu", port)
            child.waitFor("TLSv1.2 ciphersuite: ECDHE-RSA-AES256-GCM-SHA384", READY)

    def test_plainSender(self, tmp_path: Path) -> None:
        """A sender without TLS is refused once, in words, and never reaches the PACS."""
        keyPair(tmp_path)
        port = freePort()
        with (
            storescp(tmp_path) as (pacs, behind),
            serving(tmp_path, section(port, behind)) as child,
        ):
            assert client("echoscu", port, options=()).returncode != 0
            child.waitFor(r"LOG4\[0\]: .*speaks DICOM without TLS", READY)
            child.waitFor(r"LOG5\[0\]: Connection reset/closed: 0", READY)
            tool("echoscu", port)
            pacs.waitFor("Association Release", READY)
        assert sum("without TLS" in line for line in child.lines) == 1
        # One for the echo and one for this test's own look whether the PACS listens.
        assert sum("Association Received" in line for line in pacs.lines) == 2

    def test_legacyCipher(self, tmp_path: Path) -> None:
        """The ``ciphers`` line that a refusal names admits the sender that was refused."""
        keyPair(tmp_path)
        port = freePort()
        options = (*ANY_SERVER, "+cs", "TLS_RSA_WITH_AES_128_CBC_SHA", "+pa")
        with storescp(tmp_path) as (_, behind):
            with serving(tmp_path, section(port, behind)) as child:
                assert client("echoscu", port, options=options).returncode != 0
                line = child.waitFor(r"LOG4\[0\].*(ciphers = [^\s';,]+)", READY)[1]
            with serving(tmp_path, section(port, behind, line)):
                tool("echoscu", port, options=options)

    def test_plainSectionDialsTLS(self, tmp_path: Path) -> None:
        """``client = yes``: a plain sender reaches a PACS that speaks TLS."""
        keyPair(tmp_path)
        cert, key = m.write(tmp_path, "pacs", m.server())
        port = freePort()
        (image,) = objects.write(tmp_path / "study", 1, 500_000)
        lines = ("client = yes", "verifyPeer = yes", f"CAfile = {cert.name}")
        text = "\n".join((f"[OUT]\naccept = 127.0.0.1:{port}", *lines))
        tls = ("+tls", str(key), str(cert), "-ic")
        with (
            storescp(tmp_path, *tls) as (_, behind),
            serving(tmp_path, f"{text}\nconnect = 127.0.0.1:{behind}\n") as child,
        ):
            tool("storescu", port, image, options=())
            child.waitFor(r"LOG6\[0\]: TLS connected: new session negotiated", READY)
        assert received(tmp_path) == {objects.digest(image)}

    def test_secondBackend(self, tmp_path: Path) -> None:
        """With the first PACS down the second one gets the study, in the same association."""
        keyPair(tmp_path)
        port, down = freePort(), freePort()
        (image,) = objects.write(tmp_path / "study", 1, 10_000)
        with (
            storescp(tmp_path) as (_, behind),
            serving(tmp_path, section(port, down, f"connect = 127.0.0.1:{behind}")) as child,
        ):
            tool("storescu", port, image)
            child.waitFor(rf"connect 127\.0\.0\.1:{down}: Connection refused \(111\)", READY)
        assert received(tmp_path) == {objects.digest(image)}
