"""The PROXY protocol with those who speak it: HAProxy and stunnel before us, HAProxy behind us.

Each program has a loopback address of its own, so that it shows who is who.
"""

from __future__ import annotations

import csv
import re
import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from appliance.cli.child import Child, running
from tests import material as m
from tests import objects
from tests.integration.appliance import READY, keyPair, section, serving
from tests.integration.test_dicom import client, received, storescp, tool
from tests.integration.test_records import journal
from tests.integration.test_stunnel_relay import backend as serves
from tests.integration.test_stunnel_relay import echo, hear, insecure
from tests.peers import awaitListener, freePort, program

pytestmark = pytest.mark.real

BALANCER = "127.0.0.9"
"""Where HAProxy connects from."""

VERSIONS = pytest.mark.parametrize("send", ["send-proxy", "send-proxy-v2"])
ACCEPT = ("proxyProtocolAccept = yes", f"proxyProtocolFrom = {BALANCER}")

HAPROXY = """\
global
  log stdout format raw local0
  stats socket {directory}/stats level operator
defaults
  mode tcp
  log global
  log-format "%ci:%cp called %fi:%fp for %[fc_pp_authority]"
  timeout connect 10s
  timeout client 30s
  timeout server 30s
listen ready
  bind 127.0.0.1:{ready}
"""


def listen(name: str, bind: str, server: str) -> str:
    """A section of HAProxy's."""
    return f"listen {name}\n  bind 127.0.0.1:{bind}\n  server one 127.0.0.1:{server}\n"


def before(port: int, ours: int, words: str) -> str:
    """HAProxy as the load balancer before us."""
    return listen("before", f"{port}", f"{ours} source {BALANCER} {words}")


@contextmanager
def haproxy(directory: Path, *sections: str) -> Iterator[Child]:
    """HAProxy with such C{sections}."""
    ready = freePort()
    path = directory / "haproxy.cfg"
    path.write_text(HAPROXY.format(directory=directory, ready=ready) + "".join(sections))
    with running("haproxy", [program("haproxy"), "-db", "-f", path], directory) as child:
        # It binds all its ports at once; a look at the others would be passed on.
        awaitListener(ready)
        yield child


def state(directory: Path, name: str) -> str:
    """The state of the server in a section, as HAProxy sees it."""
    with socket.socket(socket.AF_UNIX) as control:
        control.settimeout(READY)
        control.connect(str(directory / "stats"))
        control.sendall(b"show stat\n")
        with control.makefile() as answer:
            rows = list(csv.DictReader(answer))
    return next(row["status"] for row in rows if (row["# pxname"], row["svname"]) == (name, "one"))


class TestBefore:
    """HAProxy as the load balancer before us."""

    @VERSIONS
    @pytest.mark.parametrize("workers", [1, 2])
    def test_study(self, tmp_path: Path, send: str, workers: int) -> None:
        """Real DICOM over TLS arrives; log and journal have the modality and the balancer."""
        keyPair(tmp_path)
        front, ours = freePort(), freePort()
        study = objects.write(tmp_path / "study", 50, 8192)
        head = f"workers = {workers}\njournal = journal\n"
        with (
            storescp(tmp_path) as (_, behind),
            serving(tmp_path, head + section(ours, behind, *ACCEPT)) as child,
            haproxy(tmp_path, before(front, ours, send)) as balancer,
        ):
            tool("echoscu", front)
            tool("storescu", front, *study)
            child.waitFor(r"LOG5\[1\]: Service .* ended: completed", READY)
            balancer.waitFor(r"^127\.0\.0\.1:\d+ called", READY)
        assert received(tmp_path) == {objects.digest(path) for path in study}
        told = child.waitFor(
            rf"LOG6\[1\]: Service \[DICOM STORE\] ({re.escape(BALANCER)}:(\d+)) announces "
            rf"(127\.0\.0\.1:(\d+)), who called 127\.0\.0\.1:{front}$",
            READY,
        )
        child.waitFor(rf"LOG5\[1\]: .* accepted connection from {told[3]}$", READY)
        child.waitFor(rf"LOG5\[1\]: .* connection from {told[3]} via {told[1]} ended", READY)
        line = journal(tmp_path / "journal")[1]
        assert line["client"] == {"address": "127.0.0.1", "port": int(told[4])}
        assert line["via"] == {"address": BALANCER, "port": int(told[2])}

    def test_direct(self, tmp_path: Path) -> None:
        """Who does not come from the balancer's address is served as ever, beside the others."""
        keyPair(tmp_path)
        front, ours = freePort(), freePort()
        with (
            storescp(tmp_path) as (_, behind),
            serving(tmp_path, section(ours, behind, *ACCEPT)) as child,
            haproxy(tmp_path, before(front, ours, "send-proxy")),
        ):
            tool("echoscu", ours)
            tool("echoscu", front)
            child.waitFor(r"LOG5\[1\]: Service .* via 127\.0\.0\.9:\d+ ended: completed", READY)
        assert not [line for line in child.lines if "LOG6[0]" in line and "announces" in line]

    @VERSIONS
    def test_checks(self, tmp_path: Path, send: str) -> None:
        """HAProxy's checks find us well, and below debug there is no line about them."""
        keyPair(tmp_path)
        front, ours = freePort(), freePort()
        check = f"{send} check check-{send.removesuffix('-v2')} inter 50ms fastinter 50ms"
        with (
            serving(tmp_path, section(ours, 1, *ACCEPT), level=7) as child,
            haproxy(tmp_path, before(front, ours, check)),
        ):
            child.waitFor(r"LOG7\[5\]: Connection reset: 0 byte", READY)
            assert state(tmp_path, "before") == "UP"
        assert [line for line in child.lines if re.search(r"LOG[0-6]\[\d+\]", line)] == []

    def test_noHeader(self, tmp_path: Path) -> None:
        """A balancer that sends none is refused, with words that say what to do."""
        keyPair(tmp_path)
        front, ours = freePort(), freePort()
        with (
            serving(tmp_path, section(ours, 1, *ACCEPT)) as child,
            haproxy(tmp_path, before(front, ours, "")),
        ):
            assert client("echoscu", front).returncode != 0
            child.waitFor(
                r"LOG4\[0\]: Service \[DICOM STORE\] refused 127\.0\.0\.9:\d+: sends no proper "
                r"PROXY header: it begins with TLS at once; have it send one",
                READY,
            )
            child.waitFor(r"LOG5\[0\]: .* from 127\.0\.0\.9:\d+ ended: no PROXY header", READY)

    def test_uninvited(self, tmp_path: Path) -> None:
        """A balancer that announces where that is not expected is told so."""
        keyPair(tmp_path)
        front, ours = freePort(), freePort()
        with (
            serving(tmp_path, section(ours, 1)) as child,
            haproxy(tmp_path, before(front, ours, "send-proxy-v2")),
        ):
            assert client("echoscu", front).returncode != 0
            child.waitFor(r"LOG4\[0\]: .*write proxyProtocolAccept = yes", READY)

    def test_transparent(self, tmp_path: Path) -> None:
        """With transparent = source the PACS sees the client that was announced."""
        keyPair(tmp_path)
        front, ours = freePort(), freePort()
        with (
            serves(echo) as pacs,
            serving(tmp_path, section(ours, pacs.port, "transparent = source", *ACCEPT)),
            haproxy(tmp_path, before(front, ours, "send-proxy")),
        ):
            assert hear(front, b"hello", source="127.0.0.7") == b"hello"
            assert [caller[0] for caller in pacs.callers] == ["127.0.0.7"]


class TestBehind:
    """HAProxy behind us, before the PACS."""

    @pytest.mark.parametrize("version", ["v1", "v2"])
    def test_study(self, tmp_path: Path, version: str) -> None:
        """HAProxy reads who the modality is and where it called, and the study arrives."""
        keyPair(tmp_path)
        ours, between = freePort(), freePort()
        study = objects.write(tmp_path / "study", 50, 8192)
        send = f"proxyProtocolSend = {version}"
        with (
            storescp(tmp_path) as (_, behind),
            haproxy(tmp_path, listen("behind", f"{between} accept-proxy", f"{behind}")) as proxy,
            serving(tmp_path, section(ours, between, send)) as child,
        ):
            tool("storescu", ours, *study)
            who = child.waitFor(r"LOG5\[0\]: .* accepted connection from (\S+)$", READY)[1]
            proxy.waitFor(rf"^{re.escape(who)} called 127\.0\.0\.1:{ours} for -$", READY)
        assert received(tmp_path) == {objects.digest(path) for path in study}

    def test_serverName(self, tmp_path: Path) -> None:
        """With version 2 it also knows by which name the client asked for us."""
        keyPair(tmp_path)
        ours, between = freePort(), freePort()
        with (
            serves(echo) as pacs,
            haproxy(tmp_path, listen("behind", f"{between} accept-proxy", f"{pacs.port}")) as proxy,
            serving(tmp_path, section(ours, between, "proxyProtocolSend = v2")),
            socket.create_connection(("127.0.0.1", ours), READY) as raw,
        ):
            with insecure().wrap_socket(raw, server_hostname="store.hospital.example") as tls:
                tls.sendall(b"hello")
                assert tls.recv(5) == b"hello"
            proxy.waitFor(r" for store\.hospital\.example$", READY)

    def test_checks(self, tmp_path: Path) -> None:
        """Our own checks pass through it, too."""
        keyPair(tmp_path)
        ours, between = freePort(), freePort()
        watch = ("proxyProtocolSend = v2", "healthCheck = echo", "healthInterval = 1")
        with (
            storescp(tmp_path) as (_, behind),
            haproxy(tmp_path, listen("behind", f"{between} accept-proxy", f"{behind}")),
            serving(tmp_path, section(ours, between, *watch)) as child,
        ):
            child.waitFor(rf"127\.0\.0\.1:{between} is up", READY)

    def test_aheadOfTLS(self, tmp_path: Path) -> None:
        """With client = yes a TLS server of HAProxy's hears the header before our TLS."""
        keyPair(tmp_path)
        combined = tmp_path / "both.pem"
        both = (tmp_path / "Butterfly_SCP_Cert.pem", tmp_path / "Butterfly_SCP_key.pem")
        combined.write_text("".join(path.read_text() for path in both))
        ca = m.writeAuthority(tmp_path, "ca", m.server())
        ours, between = freePort(), freePort()
        study = objects.write(tmp_path / "study", 20, 8192)
        text = (
            f"[OUT]\nclient = yes\naccept = 127.0.0.1:{ours}\nconnect = 127.0.0.1:{between}\n"
            f"verifyChain = yes\nCAfile = {ca.name}\nproxyProtocolSend = v2\n"
            "healthCheck = echo\nhealthInterval = 1\n"
        )
        bind = f"{between} accept-proxy ssl crt {combined}"
        with (
            storescp(tmp_path) as (_, behind),
            haproxy(tmp_path, listen("behind", bind, f"{behind}")) as proxy,
            serving(tmp_path, text) as child,
        ):
            child.waitFor(rf"127\.0\.0\.1:{between} is up", READY)
            tool("storescu", ours, *study, options=())
            who = child.waitFor(r"LOG5\[0\]: .* accepted connection from (\S+)$", READY)[1]
            proxy.waitFor(rf"^{re.escape(who)} called 127\.0\.0\.1:{ours} for -$", READY)
        assert received(tmp_path) == {objects.digest(path) for path in study}


class TestBetween:
    """Before us and behind us."""

    def test_HAProxyTwice(self, tmp_path: Path) -> None:
        """What the first one says of the modality is what the last one hears of it."""
        keyPair(tmp_path)
        front, ours, between = freePort(), freePort(), freePort()
        study = objects.write(tmp_path / "study", 20, 8192)
        with (
            storescp(tmp_path) as (_, behind),
            haproxy(
                tmp_path,
                before(front, ours, "send-proxy-v2"),
                listen("behind", f"{between} accept-proxy", f"{behind}"),
            ) as proxy,
            serving(tmp_path, section(ours, between, "proxyProtocolSend = v1", *ACCEPT)) as child,
        ):
            tool("storescu", front, *study)
            who = child.waitFor(r"LOG5\[0\]: .* accepted connection from (\S+)$", READY)[1]
            proxy.waitFor(rf"^{re.escape(who)} called 127\.0\.0\.1:{front} for -$", READY)
        assert received(tmp_path) == {objects.digest(path) for path in study}


class TestStunnel:
    """C{protocol = proxy} of stunnel's before us."""

    def stunnel(self, directory: Path, text: str) -> AbstractContextManager[Child]:
        """The program with these sections."""
        path = directory / "stunnel.conf"
        path.write_text(f"foreground = yes\nsyslog = no\npid =\ndebug = 6\n{text}")
        return running("stunnel", [program("stunnel4"), path], directory)

    def test_plain(self, tmp_path: Path) -> None:
        """It ends the modality's TLS and announces it to a section with client = yes."""
        keyPair(tmp_path)
        front, ours = freePort(), freePort()
        study = objects.write(tmp_path / "study", 20, 8192)
        text = section(front, ours, "protocol = proxy", f"local = {BALANCER}", name="front")
        out = (
            f"[OUT]\nclient = yes\naccept = 127.0.0.1:{ours}\n"
            "verifyChain = yes\nCAfile = ca.pem\n" + "\n".join(ACCEPT) + "\n"
        )
        m.writeAuthority(tmp_path, "ca", m.server())
        keys = (str(tmp_path / "Butterfly_SCP_key.pem"), str(tmp_path / "Butterfly_SCP_Cert.pem"))
        with (
            storescp(tmp_path, "+tls", *keys, "-ic") as (_, behind),
            serving(tmp_path, f"{out}connect = 127.0.0.1:{behind}\n") as child,
            self.stunnel(tmp_path, text) as before,
        ):
            before.waitFor("Accepting new connections", READY)
            tool("storescu", front, *study)
            self.announced(child, before, front)
        assert received(tmp_path) == {objects.digest(path) for path in study}

    def test_TLSInTLS(self, tmp_path: Path) -> None:
        """It announces a client whose own TLS goes on to us."""
        keyPair(tmp_path)
        front, middle, ours = freePort(), freePort(), freePort()
        study = objects.write(tmp_path / "study", 20, 8192)
        text = section(middle, ours, "protocol = proxy", f"local = {BALANCER}", name="unwrap")
        text += f"[wrap]\nclient = yes\naccept = 127.0.0.1:{front}\nconnect = 127.0.0.1:{middle}\n"
        with (
            storescp(tmp_path) as (_, behind),
            serving(tmp_path, section(ours, behind, *ACCEPT)) as child,
            self.stunnel(tmp_path, text) as before,
        ):
            before.waitFor("Accepting new connections", READY)
            tool("storescu", front, *study)
            self.announced(child, before, middle)
        assert received(tmp_path) == {objects.digest(path) for path in study}

    def announced(self, child: Child, before: Child, called: int) -> None:
        """Assert that whom stunnel accepted is whom we were told of."""
        told = child.waitFor(
            rf"LOG6\[0\]: .* 127\.0\.0\.9:\d+ announces (\S+), who called 127\.0\.0\.1:{called}$",
            READY,
        )
        before.waitFor(rf"accepted connection from {re.escape(told[1])}$", READY)
        child.waitFor(rf"LOG5\[0\]: .* accepted connection from {re.escape(told[1])}$", READY)
