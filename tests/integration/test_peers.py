"""Other TLS programs as peers: OpenSSL's own client and stunnel in client mode."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from appliance.cli.child import running
from tests import objects
from tests.integration.appliance import READY, keyPair, section, serving
from tests.integration.test_dicom import received, storescp, tool
from tests.peers import awaitListener, freePort, program

pytestmark = pytest.mark.real


@contextmanager
def answeringServer(answer: bytes) -> Iterator[tuple[int, bytearray]]:
    """A backend that reads to the end of what one client says, then answers and closes."""
    heard = bytearray()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                connection, _ = server.accept()
                with connection:
                    while data := connection.recv(65536):
                        heard.extend(data)
                    connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1], heard
        thread.join(READY)


def openssl(port: int, *options: str, said: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """C{openssl s_client} that says C{said} and prints what it hears."""
    return subprocess.run(
        [program("openssl"), "s_client", "-connect", f"127.0.0.1:{port}", *options],
        input=said,
        capture_output=True,
        timeout=60,
    )


class TestOpenSSL:
    """OpenSSL's s_client."""

    @pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
    def test_session(self, tmp_path: Path, version: str) -> None:
        """A session in each version; what is said arrives at the backend."""
        keyPair(tmp_path)
        port = freePort()
        with answeringServer(b"") as (behind, heard), serving(tmp_path, section(port, behind)):
            done = openssl(port, version, "-quiet", "-no_ign_eof", said=b"over TLS\n")
            assert done.returncode == 0, done.stderr
        assert heard == b"over TLS\n"

    def test_oldVersion(self, tmp_path: Path) -> None:
        """TLS 1.1 is refused with the options that would admit it."""
        keyPair(tmp_path)
        port = freePort()
        with serving(tmp_path, section(port, freePort())) as child:
            done = openssl(port, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
            assert done.returncode != 0
            line = child.waitFor(r"LOG4\[0\]: .*refused", READY).string
        assert "TLSv1.1" in line
        assert "sslVersion" in line

    def test_renegotiationIsRefused(self, tmp_path: Path) -> None:
        """A client's renegotiation is refused, and the connection survives it or ends cleanly."""
        keyPair(tmp_path)
        port = freePort()
        with answeringServer(b"") as (behind, heard), serving(tmp_path, section(port, behind)):
            done = openssl(port, "-tls1_2", said=b"R\n")
        assert b"no renegotiation" in done.stdout + done.stderr
        assert heard == b""


class TestStunnel:
    """Stunnel in client mode in front of us, as at a site that sends through one."""

    def test_study(self, tmp_path: Path) -> None:
        """Dcmtk through stunnel through us to dcmtk: everything arrives."""
        keyPair(tmp_path)
        port, entry = freePort(), freePort()
        study = objects.write(tmp_path / "study", 5, 300_000)
        configuration = tmp_path / "stunnel.conf"
        configuration.write_text(
            f"foreground = yes\nsyslog = no\npid =\n[out]\nclient = yes\n"
            f"accept = 127.0.0.1:{entry}\nconnect = 127.0.0.1:{port}\n"
        )
        with (
            storescp(tmp_path) as (_, behind),
            serving(tmp_path, section(port, behind)) as child,
            running("stunnel", [program("stunnel4"), str(configuration)], tmp_path),
        ):
            awaitListener(entry)
            tool("storescu", entry, *study, options=())
            child.waitFor(r"Connection closed: \d\d+ byte\(s\) sent to TLS", READY)
        assert received(tmp_path) == {objects.digest(path) for path in study}
