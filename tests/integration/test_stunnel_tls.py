"""The TLS of both programs against each other: stunnel's clients at us, and us at its servers."""

from __future__ import annotations

import re
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from time import sleep
from typing import Any

import pytest
from attrs import define

from appliance.cli.child import Child, running
from appliance.tls.issue import certificatePEM
from tests import material as m
from tests.integration.appliance import READY, serving
from tests.peers import freePort, program
from tests.tls.test_revocation import crl, pem

pytestmark = pytest.mark.real

VERSIONS = pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
ROLES = pytest.mark.parametrize("role", ["server", "client"])
"""Which of the two roles is ours; stunnel has the other."""

KEYS = "us1:000102030405060708090a0b0c0d0e0f\nus2:a passphrase of some length\n"


@contextmanager
def echo() -> Iterator[int]:
    """A backend that gives back what it hears, and its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                while data := connection.recv(65536):
                    connection.sendall(data)

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    threading.Thread(target=answer, args=[connection], daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def said(child: Child, pattern: str, number: int) -> list[str]:
    """The first C{number} matches of C{pattern} in what C{child} says, once there are so many."""
    for _ in range(int(READY / 0.01)):
        found = re.findall(pattern, "\n".join(child.lines), re.MULTILINE)
        if len(found) >= number:
            return [str(each) for each in found]
        sleep(0.01)
    raise AssertionError(f"{pattern} not {number} times in\n{child.tail()}")


@define
class Pair:
    """The two programs, one behind the other; C{ports} is where plain clients come in."""

    ours: Child
    theirs: Child
    ports: list[int]

    def word(self, number: int = 0) -> bytes:
        """What a client hears that sends a word through both to the echo; nothing if refused."""
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.ports[number])) as here:
            here.settimeout(READY)
            here.sendall(b"word")
            heard = here.recv(100)
            here.shutdown(socket.SHUT_WR)
            while here.recv(100):
                pass
            return heard
        return b""


@define
class Bench:
    """Makes pairs in one directory, which has all certificates and keys."""

    directory: Path
    stack: ExitStack

    def prepare(self) -> None:
        """Write C{pacs}, C{modality} and C{intruder} pairs, C{ca.pem}, C{peers.pem} and so on."""
        m.write(self.directory, "pacs", m.client("localhost"))
        m.write(self.directory, "modality", m.client())
        m.write(self.directory, "intruder", m.client("intruder", by="Other CA"))
        m.writeAuthority(self.directory, "ca", m.ca())
        m.writeAuthority(self.directory, "other", m.ca("Other CA"))
        for name, pair in (("modality", m.client()), ("localhost", m.client("localhost"))):
            m.writeAuthority(self.directory, f"{name}_alone", pair)
        (self.directory / "good.crl").write_bytes(pem(crl(m.client("somebody"))))
        for name, pair in (("modality", m.client()), ("localhost", m.client("localhost"))):
            (self.directory / f"{name}.crl").write_bytes(pem(crl(pair)))
        both = m.ca().certificate, m.ca("Other CA").certificate
        (self.directory / "both.pem").write_bytes(b"".join(map(certificatePEM, both)))
        for name, data in (
            ("hashed", certificatePEM(m.ca().certificate)),
            ("revoked", pem(crl(m.client()))),
        ):
            (self.directory / name).mkdir()
            (self.directory / name / "one.pem").write_bytes(data)
            argv = [program("openssl"), "rehash", str(self.directory / name)]
            subprocess.run(argv, check=True, capture_output=True)
        (self.directory / "psk.txt").write_text(KEYS)
        (self.directory / "other.txt").write_text("us1:ffffffffffffffffffffffffffffffff\n")
        for name in ("psk.txt", "other.txt"):
            (self.directory / name).chmod(0o600)

    def stunnel(self, text: str) -> Child:
        """Debian's stunnel with the sections C{text}."""
        path = self.directory / "stunnel.conf"
        path.write_text(f"foreground = yes\nsyslog = no\npid =\ndebug = 7\n{text}")
        child = self.stack.enter_context(
            running("stunnel", [program("stunnel4"), path], self.directory)
        )
        said(child, r"Service \[.*\] \(FD=\d+\) bound to", text.count("\naccept ="))
        return child

    def pair(
        self, role: str, servers: Sequence[str], clients: Sequence[str], slaves: str = ""
    ) -> Pair:
        """TLS servers with the options C{servers} and clients of them, in the given roles.

        Where there are more clients, they share the last server. C{slaves} are further sections
        there; in it C{%d} is the port of the echo.
        """
        behind = self.stack.enter_context(echo())
        middles = [freePort() for _ in servers]
        entries = [freePort() for _ in clients]
        there = "".join(
            f"[pacs{k}]\naccept = 127.0.0.1:{port}\nconnect = 127.0.0.1:{behind}\n{server}\n"
            for k, (port, server) in enumerate(zip(middles, servers, strict=True))
        ) + slaves.replace("%d", str(behind))
        here = "".join(
            f"[modality{k}]\nclient = yes\naccept = 127.0.0.1:{port}\n"
            f"connect = 127.0.0.1:{middles[min(k, len(middles) - 1)]}\n{client}\n"
            for k, (port, client) in enumerate(zip(entries, clients, strict=True))
        )
        ours, theirs = (there, here) if role == "server" else (here, there)
        appliance = self.stack.enter_context(serving(self.directory, ours, 7))
        return Pair(appliance, self.stunnel(theirs), entries)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A bench whose programs end with the test."""
    program("stunnel4")
    with ExitStack() as stack:
        made = Bench(tmp_path, stack)
        made.prepare()
        yield made


def pairOf(name: str) -> str:
    """The options for a certificate and its key."""
    return f"cert = {name}_Cert.pem\nkey = {name}_key.pem\n"


SERVER = pairOf("pacs")
MODALITY = pairOf("modality")


CHAIN = "verifyChain = yes\nCAfile = ca.pem\n"

OF_CLIENTS = {
    "nothing": ("", "", True),
    "chain": (CHAIN, MODALITY, True),
    "wrong CA": (CHAIN, pairOf("intruder"), False),
    "no certificate": (CHAIN, "", False),
    "peer": ("verifyPeer = yes\nCAfile = modality_alone.pem\n", MODALITY, True),
    "other peer": ("verifyPeer = yes\nCAfile = modality_alone.pem\n", pairOf("intruder"), False),
    "requireCert": ("requireCert = yes\n", pairOf("intruder"), True),
    "requireCert without": ("requireCert = yes\n", "", False),
    "verify = 1 without": ("verify = 1\nCAfile = ca.pem\n", "", True),
    "verify = 1 wrong CA": ("verify = 1\nCAfile = ca.pem\n", pairOf("intruder"), False),
    "checkHost": (f"{CHAIN}checkHost = modality.example\n", MODALITY, True),
    "other host": (f"{CHAIN}checkHost = other.example\n", MODALITY, False),
    "CRL": (f"{CHAIN}CRLfile = good.crl\n", MODALITY, True),
    "revoked": (f"{CHAIN}CRLfile = modality.crl\n", MODALITY, False),
    "CApath": ("verifyChain = yes\nCApath = hashed\n", MODALITY, True),
    "CApath wrong CA": ("verifyChain = yes\nCApath = hashed\n", pairOf("intruder"), False),
    "CRLpath": (f"{CHAIN}CRLpath = revoked\n", MODALITY, False),
}
"""What a server asks, what a client shows, and whether it is let in."""

OF_SERVERS = {
    "chain": (CHAIN, True),
    "wrong CA": ("verifyChain = yes\nCAfile = other.pem\n", False),
    "peer": ("verifyPeer = yes\nCAfile = localhost_alone.pem\n", True),
    "other peer": ("verifyPeer = yes\nCAfile = ca.pem\n", False),
    "checkHost": (f"{CHAIN}checkHost = modality.example\n", True),
    "other host": (f"{CHAIN}checkHost = other.example\n", False),
    "CRL": (f"{CHAIN}CRLfile = good.crl\n", True),
    "revoked": (f"{CHAIN}CRLfile = localhost.crl\n", False),
}
"""What a client asks, and whether it talks to the server."""


@VERSIONS
@ROLES
class TestVerification:
    """Whom a server lets in, and which servers a client talks to."""

    def test_clients(self, bench: Bench, role: str, version: str) -> None:
        """Both programs let the same clients in."""
        common = f"sslVersion = {version}\n"
        pair = bench.pair(
            role,
            [SERVER + common + server for server, _, _ in OF_CLIENTS.values()],
            [common + client for _, client, _ in OF_CLIENTS.values()],
        )
        heard = {name: pair.word(k) == b"word" for k, name in enumerate(OF_CLIENTS)}
        assert heard == {name: case[-1] for name, case in OF_CLIENTS.items()}
        if role == "server":
            for text in ("certificate revoked", "peer did not return a certificate"):
                pair.ours.waitFor(text, READY)

    def test_servers(self, bench: Bench, role: str, version: str) -> None:
        """Both programs talk to the same servers."""
        common = f"sslVersion = {version}\n"
        clients = [common + client for client, _ in OF_SERVERS.values()]
        pair = bench.pair(role, [SERVER + common], clients)
        heard = {name: pair.word(k) == b"word" for k, name in enumerate(OF_SERVERS)}
        assert heard == {name: expected for name, (_, expected) in OF_SERVERS.items()}


@VERSIONS
@ROLES
class TestKeys:
    """Pre-shared keys."""

    def test_good(self, bench: Bench, role: str, version: str) -> None:
        """The identities understand each other, and both logs call it PSK."""
        common = f"sslVersion = {version}\nPSKsecrets = psk.txt\n"
        pair = bench.pair(role, [common], [common, f"{common}PSKidentity = us2\n"])
        assert [pair.word(0), pair.word(1)] == [b"word", b"word"], pair.ours.tail()
        how = said(pair.ours, r"TLS (?:accepted|connected): (.+)$", 2)
        assert how == ["PSK", "PSK"]

    def test_wrong(self, bench: Bench, role: str, version: str) -> None:
        """Another key does not."""
        common = f"sslVersion = {version}\nPSKsecrets ="
        pair = bench.pair(role, [f"{common} psk.txt"], [f"{common} other.txt"])
        assert pair.word() == b""
        assert "ffffffff" not in "\n".join(pair.ours.lines)


@VERSIONS
@ROLES
class TestNames:
    """Sections behind another one, by server name."""

    def test_choice(self, bench: Bench, role: str, version: str) -> None:
        """The name leads to the section; its certificate is what the client gets to see."""
        common = f"sslVersion = {version}\n"
        slaves = "".join(
            f"[{each}]\nsni = pacs0:{pattern}\nconnect = 127.0.0.1:%d\n{pairOf(own)}{common}"
            for each, pattern, own in (
                ("exact", "us1.example", "modality"),
                ("wild", "*.example", "intruder"),
            )
        )
        names = {
            "us1.example": "modality",
            "US1.example": "modality",
            "us2.example": "intruder",
            "a.b.example": "intruder",
            "other.invalid": "localhost",
            "": "localhost",
        }
        check = "verifyChain = yes\nCAfile = both.pem\n"
        clients = [f"{common}sni = {name}\n{check}" for name in names]
        pair = bench.pair(role, [SERVER + common], clients, slaves)
        assert [pair.word(k) for k in range(len(names))] == [b"word"] * len(names)
        looking = pair.theirs if role == "server" else pair.ours
        seen = said(looking, r"Certificate accepted at depth=0: CN=(\w+)", len(names))
        assert dict(zip(names, seen, strict=True)) == names


@VERSIONS
@ROLES
class TestSessions:
    """Resumption, by ticket and by cache."""

    @pytest.mark.parametrize("option", ["", "options = NO_TICKET\n"], ids=["ticket", "cache"])
    def test_resumed(self, bench: Bench, role: str, version: str, option: str) -> None:
        """The second connection resumes the session of the first, and both say so."""
        common = f"sslVersion = {version}\n"
        server = f"{SERVER}{common}{option}verifyChain = yes\nCAfile = ca.pem\n"
        client = f"{MODALITY}{common}verifyChain = yes\nCAfile = ca.pem\n"
        pair = bench.pair(role, [server], [client])
        assert [pair.word(), pair.word()] == [b"word", b"word"]
        pair.ours.waitFor(r"TLS (accepted|connected): previous session reused", READY)
        pair.theirs.waitFor(r"TLS (accepted|connected): previous session reused", READY)

    def test_off(self, bench: Bench, role: str, version: str) -> None:
        """C{sessionResume = no} on our side: every handshake is a whole one."""
        common = f"sslVersion = {version}\n"
        server, client = f"{SERVER}{common}", common
        if role == "server":
            server += "sessionResume = no\n"
        else:
            client += "sessionResume = no\n"
        pair = bench.pair(role, [server], [client])
        assert [pair.word() for _ in range(3)] == [b"word"] * 3
        how = said(pair.ours, r"TLS (?:accepted|connected): (.+)$", 3)
        assert how == ["new session negotiated"] * 3


class TestPython:
    """Python's own client, which lets a session and a server name go together at will."""

    def word(
        self, context: ssl.SSLContext, port: int, name: str, session: ssl.SSLSession | None = None
    ) -> ssl.SSLSocket | None:
        """The connection over which a word has gone and come back."""
        made: socket.socket = socket.create_connection(("127.0.0.1", port), READY)
        try:
            made = tls = context.wrap_socket(made, server_hostname=name, session=session)
            tls.sendall(b"word")
            if tls.recv(100) == b"word":
                return tls
        except OSError:
            pass
        made.close()
        return None

    @VERSIONS
    def test_sessionElsewhere(self, bench: Bench, version: str) -> None:
        """A session from a section that asks for nothing opens none that asks for a certificate."""
        port = freePort()
        behind = bench.stack.enter_context(echo())
        text = (
            f"[pacs]\naccept = 127.0.0.1:{port}\nconnect = 127.0.0.1:{behind}\n{SERVER}"
            f"[mutual]\nsni = pacs:us1.example\nconnect = 127.0.0.1:{behind}\n{SERVER}{CHAIN}"
        )
        bench.stack.enter_context(serving(bench.directory, text))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.maximum_version = getattr(ssl.TLSVersion, version.replace(".", "_"))
        first = self.word(context, port, "other.example")
        assert first is not None
        with first:
            again = self.word(context, port, "other.example", first.session)
            assert again is not None
            with again:
                assert again.session_reused
            assert self.word(context, port, "us1.example", first.session) is None
            context.load_cert_chain(
                bench.directory / "modality_Cert.pem", bench.directory / "modality_key.pem"
            )
            known = self.word(context, port, "us1.example", first.session)
            assert known is not None
            with known:
                assert not known.session_reused


class TestOpenSSL:
    """OpenSSL's own client."""

    def reconnects(self, bench: Bench, *options: str, server: str = "") -> str:
        """What C{s_client -reconnect} tells of its six connections to us."""
        port = freePort()
        text = f"[pacs]\naccept = 127.0.0.1:{port}\nconnect = 127.0.0.1:%d\n{SERVER}{server}\n"
        behind = bench.stack.enter_context(echo())
        bench.stack.enter_context(serving(bench.directory, text.replace("%d", str(behind))))
        argv = [program("openssl"), "s_client", "-connect", f"127.0.0.1:{port}", "-reconnect"]
        done: Any = subprocess.run(
            [*argv, *options], input="", capture_output=True, text=True, timeout=60
        )
        return str(done.stdout)

    @pytest.mark.parametrize("options", [(), ("-no_ticket",)], ids=["ticket", "cache"])
    def test_reconnect(self, bench: Bench, options: tuple[str, ...]) -> None:
        """Five of six connections resume the first one's session."""
        told = self.reconnects(bench, "-tls1_2", *options)
        assert (told.count("\nNew, "), told.count("\nReused, ")) == (1, 5)

    def test_off(self, bench: Bench) -> None:
        """With C{sessionResume = no} none does."""
        told = self.reconnects(bench, "-tls1_2", server="sessionResume = no\n")
        assert (told.count("\nNew, "), told.count("\nReused, ")) == (6, 0)
