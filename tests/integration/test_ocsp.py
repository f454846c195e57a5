"""OCSP with real programs: OpenSSL as the responder and as a peer, stunnel in both roles."""

from __future__ import annotations

import contextlib
import http.server
import re
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field

from appliance.cli.child import Child, running
from appliance.tls.certificate import KeyPair
from tests import material as m
from tests.integration.appliance import READY, serving
from tests.integration.test_stunnel_tls import echo
from tests.peers import awaitListener, freePort, program
from tests.vouching import REVOKED, Word, issued, x

pytestmark = pytest.mark.real

QUICK = 5.0
"""Seconds within which a start or a handshake is done that waits for no responder."""


@define
class Responder:
    """C{openssl ocsp} behind a port on loopback; by itself it would listen everywhere.

    C{options} are for the program, C{fixed} is an answer that is given instead of its own, and
    while C{silent} is set nothing is answered. C{asked} are the paths that were asked for.
    """

    directory: Path
    port: int = field(factory=freePort)
    options: tuple[str, ...] = ("-rsigner", "ca.pem", "-rkey", "ca_key.pem", "-nmin", "5")
    fixed: bytes | None = None
    silent: threading.Event = field(factory=threading.Event)
    asked: list[str] = field(factory=list)
    _over: threading.Event = field(factory=threading.Event)
    _one: threading.Lock = field(factory=threading.Lock)

    @property
    def url(self) -> str:
        """Where it is, by name, which has to be resolved."""
        return f"http://localhost:{self.port}/ocsp"

    def answer(self, request: bytes) -> bytes:
        """What OpenSSL answers, from the index of certificates in the directory."""
        asked, answered = self.directory / "request.der", self.directory / "response.der"
        asked.write_bytes(request)
        answered.unlink(missing_ok=True)
        subprocess.run(
            [
                *(program("openssl"), "ocsp", "-index", "index.txt", "-CA", "ca.pem"),
                *("-reqin", str(asked), "-respout", str(answered), *self.options),
            ],
            cwd=self.directory,
            check=True,
            capture_output=True,
        )
        return answered.read_bytes()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Answer questions until the block ends."""
        responder = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                responder.asked.append(self.path)
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if responder.silent.is_set():
                    responder._over.wait()
                    return
                with responder._one:
                    answer = responder.fixed or responder.answer(body)
                self.send_response(200)
                self.send_header("Content-Type", "application/ocsp-response")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                """Nothing."""

        with http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, daemon=True)
            thread.start()
            yield
            self._over.set()
            server.shutdown()
            thread.join(READY)


@define
class Hospital:
    """A directory with a CA, its index, certificates that name C{responder}, and a backend."""

    directory: Path
    stack: ExitStack
    responder: Responder
    backend: int

    def pair(self, name: str, *urls: str, **more: Any) -> KeyPair:
        """A certificate in C{NAME_Cert.pem} and its key; it names the responder or C{urls}."""
        pair = issued(name, *(urls or (self.responder.url,)), **more)
        m.write(self.directory, name, pair)
        return pair

    def enter(self, *good: KeyPair, revoked: tuple[KeyPair, ...] = ()) -> None:
        """Write the index: what the CA knows of its certificates."""
        stamp = "%y%m%d%H%M%SZ"
        with open(self.directory / "index.txt", "w") as index:
            for pair in (*good, *revoked):
                end = x(pair).not_valid_after_utc.strftime(stamp)
                gone = (m.now() - timedelta(days=1)).strftime(stamp)
                state, when = ("R", f"{gone},keyCompromise") if pair in revoked else ("V", "")
                number = f"{x(pair).serial_number:X}"
                number = number if len(number) % 2 == 0 else f"0{number}"
                index.write(f"{state}\t{end}\t{when}\t{number}\tunknown\t/CN={number}\n")

    def listen(self) -> None:
        """Let the responder answer from now on."""
        self.stack.enter_context(self.responder.listening())

    def server(self, *lines: str, own: str = "pacs") -> str:
        """A section that verifies its clients, with C{lines}; it listens at C{{port}}."""
        return "\n".join(
            (
                "[DICOM STORE]",
                "accept = 127.0.0.1:{port}",
                f"connect = 127.0.0.1:{self.backend}",
                f"cert = {own}_Cert.pem",
                f"key = {own}_key.pem",
                "CAfile = ca.pem",
                *lines,
                "",
            )
        )

    def serve(self, text: str) -> tuple[Child, int]:
        """The appliance with the one section C{text}, and its port."""
        port = freePort()
        child = self.stack.enter_context(serving(self.directory, text.format(port=port)))
        return child, port

    def stunnel(self, text: str, ready: str = "Configuration successful") -> tuple[Child, int]:
        """The real stunnel with the same."""
        port = freePort()
        path = self.directory / "stunnel.conf"
        path.write_text("foreground = yes\npid =\ndebug = 6\n" + text.format(port=port))
        command = [program("stunnel4"), str(path)]
        child = self.stack.enter_context(running("stunnel", command, self.directory))
        child.waitFor(ready, READY)
        awaitListener(port)
        return child, port


@pytest.fixture
def hospital(tmp_path: Path) -> Iterator[Hospital]:
    """A hospital whose responder does not yet listen."""
    m.writeAuthority(tmp_path, "ca", m.ca())
    m.write(tmp_path, "ca", m.ca())
    (tmp_path / "ca_key.pem").chmod(0o600)
    with ExitStack() as stack:
        made = Hospital(tmp_path, stack, Responder(tmp_path), stack.enter_context(echo()))
        m.write(tmp_path, "pacs", m.client("localhost"))
        yield made


def word(port: int, directory: Path, name: str) -> bytes:
    """What a TLS client with the certificate C{NAME} hears back; nothing if it is refused."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(directory / "ca.pem")
    context.load_cert_chain(directory / f"{name}_Cert.pem", directory / f"{name}_key.pem")
    with (
        contextlib.suppress(OSError),
        socket.create_connection(("127.0.0.1", port), READY) as plain,
        context.wrap_socket(plain) as here,
    ):
        here.sendall(b"word")
        return here.recv(100)
    return b""


def plainWord(port: int) -> bytes:
    """What a plain client hears back; nothing if it is refused."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)) as here:
        here.settimeout(READY)
        here.sendall(b"word")
        return here.recv(100)
    return b""


VERIFY = ("verifyChain = yes", "OCSPaia = yes")


class TestClients:
    """Clients of ours, and what the responder says of them."""

    def test_good(self, hospital: Hospital) -> None:
        """A good one is served; the responder is asked once for two connections."""
        hospital.enter(hospital.pair("modality"))
        hospital.listen()
        child, port = hospital.serve(hospital.server(*VERIFY))
        for _ in range(2):
            assert word(port, hospital.directory, "modality") == b"word"
        child.waitFor(r"LOG5\[0\]: OCSP: Connecting the AIA responder", READY)
        child.waitFor(r"LOG5\[1\]: OCSP: Certificate accepted", READY)
        assert len(hospital.responder.asked) == 1

    def test_revoked(self, hospital: Hospital) -> None:
        """A revoked one is not, in the words of stunnel."""
        hospital.enter(revoked=(hospital.pair("modality"),))
        hospital.listen()
        child, port = hospital.serve(hospital.server(*VERIFY))
        assert word(port, hospital.directory, "modality") == b""
        child.waitFor(r"LOG3\[0\]: OCSP: Certificate revoked: 1: keyCompromise$", READY)
        child.waitFor(r"LOG5\[0\]: OCSP: Revoked at: \w{3} [ \d]\d .* GMT$", READY)
        child.waitFor(r"LOG4\[0\]: Rejected by OCSP at depth=0: CN=modality$", READY)
        child.waitFor(r"Connection reset", READY)

    @pytest.mark.parametrize("required", ["yes", "no"])
    @pytest.mark.parametrize("trouble", ["unknown", "expired", "replayed", "down", "url"])
    def test_unsure(self, hospital: Hospital, trouble: str, required: str) -> None:
        """Where nobody knows, OCSPrequire decides."""
        pair = hospital.pair("modality")
        hospital.enter(*(() if trouble == "unknown" else (pair,)))
        if trouble == "expired":
            old = Word(thisUpdate=timedelta(days=-2), nextUpdate=timedelta(days=-1))
            hospital.responder.fixed = old.about(pair)
        lines = [*VERIFY, f"OCSPrequire = {required}"]
        if trouble == "replayed":
            lines.append("OCSPnonce = yes")
            hospital.responder.fixed = Word(nonce=bytes(16)).about(pair, now=m.now())
        if trouble == "url":
            hospital.pair("modality", "http://")
        if trouble != "down":
            hospital.listen()
        child, port = hospital.serve(hospital.server(*lines))
        expected = b"word" if required == "no" else b""
        assert word(port, hospital.directory, "modality") == expected
        said = {
            "unknown": r"OCSP: Unknown verification status",
            "expired": r"OCSP: .*status expired at",
            "replayed": r"OCSP: .*Invalid or unsupported nonce",
            "down": r"OCSP: .*it cannot be connected",
            "url": r"OCSP: .*not a URL",
        }
        child.waitFor(said[trouble], READY)
        verdict = "accepted at depth=0 without" if required == "no" else "Rejected by OCSP"
        child.waitFor(rf"LOG4\[0\]: .*{verdict}", READY)

    def test_nonce(self, hospital: Hospital) -> None:
        """OpenSSL's responder repeats our nonce."""
        hospital.enter(hospital.pair("modality"))
        hospital.listen()
        _, port = hospital.serve(hospital.server(*VERIFY, "OCSPnonce = yes"))
        assert word(port, hospital.directory, "modality") == b"word"

    def test_delegated(self, hospital: Hospital) -> None:
        """A responder that the CA has certified for OCSP is believed, its own client is not."""
        hospital.enter(hospital.pair("modality"))
        hospital.pair("responder", signer=True)
        for name, expected in (("responder", b"word"), ("modality", b"")):
            files = ("-rsigner", f"{name}_Cert.pem", "-rkey", f"{name}_key.pem")
            hospital.responder = Responder(
                hospital.directory, hospital.responder.port, (*files, "-resp_key_id")
            )
            with hospital.responder.listening():
                _, port = hospital.serve(hospital.server(*VERIFY))
                assert word(port, hospital.directory, "modality") == expected

    def test_configured(self, hospital: Hospital) -> None:
        """OCSP = URL is asked for a certificate that names nobody that answers."""
        hospital.enter(hospital.pair("modality", "http://127.0.0.1:9/"))
        hospital.listen()
        lines = ("verifyChain = yes", f"OCSP = http://127.0.0.1:{hospital.responder.port}/x")
        child, port = hospital.serve(hospital.server(*lines))
        assert word(port, hospital.directory, "modality") == b"word"
        child.waitFor(r"OCSP: Connecting the configured responder", READY)
        assert hospital.responder.asked == ["/x"]

    def test_silent(self, hospital: Hospital) -> None:
        """While a responder is silent nothing of the client goes through, and others are served."""
        hospital.enter(hospital.pair("modality"), hospital.pair("other", "http://127.0.0.1:9/"))
        hospital.responder.silent.set()
        hospital.listen()
        pairs = hospital.server(*VERIFY)
        child, port = hospital.serve(pairs)
        held = threading.Thread(
            target=word, args=(port, hospital.directory, "modality"), daemon=True
        )
        held.start()
        child.waitFor(r"\[0\]: OCSP: Connecting", READY)
        began = time.monotonic()
        assert word(port, hospital.directory, "other") == b""
        assert time.monotonic() - began < QUICK
        assert not any("[0]: s_connect" in line for line in child.lines)
        assert held.is_alive()

    def test_redirect(self, hospital: Hospital) -> None:
        """Those who are not good are redirected where there is a redirect, as with stunnel."""
        hospital.enter(revoked=(hospital.pair("modality"),))
        hospital.listen()
        text = hospital.server(*VERIFY, f"redirect = 127.0.0.1:{hospital.backend}")
        text = re.sub(r"connect = .*\n", f"connect = 127.0.0.1:{freePort()}\n", text, count=1)
        for serve in (hospital.serve, hospital.stunnel):
            child, port = serve(text)
            assert word(port, hospital.directory, "modality") == b"word"
            child.waitFor(r"LOG4\[\d\]: Rejected by OCSP at depth=0", READY)
            child.waitFor(r"LOG5\[\d\]: Redirecting connection", READY)

    def test_likeStunnel(self, hospital: Hospital) -> None:
        """The real stunnel, with the same file, lets the same clients in."""
        url, dead = hospital.responder.url, "http://127.0.0.1:9/"
        good = [
            hospital.pair("good"),
            hospital.pair("several", dead, url),
            hospital.pair("deaf", dead),
            hospital.pair("secure", url.replace("http:", "https:")),
        ]
        m.write(hospital.directory, "none", issued("none"))
        hospital.pair("unknown")
        hospital.enter(*good, revoked=(hospital.pair("revoked"),))
        hospital.listen()
        ports = [serve(hospital.server(*VERIFY))[1] for serve in (hospital.serve, hospital.stunnel)]
        names = ("good", "several", "deaf", "secure", "none", "unknown", "revoked")
        ours, theirs = (
            {name: word(port, hospital.directory, name) for name in names} for port in ports
        )
        assert ours == theirs
        assert [name for name in names if ours[name]] == ["good", "several", "none"]

    def test_stunnelAsClient(self, hospital: Hospital) -> None:
        """A stunnel that checks us by OCSP, and is checked by us, gets through."""
        pairs = [hospital.pair(name) for name in ("modality", "scp")]
        hospital.enter(*pairs)
        hospital.listen()
        _, port = hospital.serve(hospital.server(*VERIFY, own="scp"))
        child, there = hospital.stunnel(
            "[out]\nclient = yes\naccept = 127.0.0.1:{{port}}\n"
            f"connect = 127.0.0.1:{port}\ncert = modality_Cert.pem\nkey = modality_key.pem\n"
            "CAfile = ca.pem\n".replace("{{", "{").replace("}}", "}")
            + "\n".join(VERIFY)
            + "\n"
        )
        assert plainWord(there) == b"word"
        child.waitFor(r"OCSP: Certificate accepted", READY)


class TestStaple:
    """Our own certificate's staple."""

    def status(self, port: int) -> str:
        """What C{openssl s_client -status} says."""
        done = subprocess.run(
            [program("openssl"), "s_client", "-connect", f"127.0.0.1:{port}", "-status"],
            input=b"",
            capture_output=True,
            timeout=60,
        )
        return done.stdout.decode("utf-8", "replace")

    def test_served(self, hospital: Hospital) -> None:
        """Clients that ask for it see it; those who verify it find it good."""
        hospital.enter(hospital.pair("scp"))
        hospital.listen()
        child, port = hospital.serve(hospital.server(own="scp"))
        child.waitFor(r"LOG6\[main\]: .*has an OCSP answer to staple", READY)
        said = self.status(port)
        assert "OCSP Response Status: successful" in said
        assert "Cert Status: good" in said

    @pytest.mark.parametrize("trouble", ["down", "silent", "revoked", "off"])
    def test_notServed(self, hospital: Hospital, trouble: str) -> None:
        """Without an answer the start is as quick, and connections go on without a staple."""
        pair = hospital.pair("scp")
        hospital.enter(revoked=(pair,))
        lines = ["ocspStapling = no"] if trouble == "off" else []
        if trouble == "silent":
            hospital.responder.silent.set()
        if trouble != "down":
            hospital.listen()
        began = time.monotonic()
        child, port = hospital.serve(hospital.server(*lines, own="scp"))
        assert "OCSP response: no response sent" in self.status(port)
        assert time.monotonic() - began < QUICK
        if trouble in ("down", "revoked"):
            child.waitFor(r"LOG4\[main\]: .*has no new OCSP answer to staple: ", READY)
        if trouble == "off":
            assert hospital.responder.asked == []

    def test_reload(self, hospital: Hospital) -> None:
        """A reload does not wait for a silent responder either, and keeps the staple."""
        hospital.enter(hospital.pair("scp"))
        hospital.listen()
        child, port = hospital.serve(hospital.server(own="scp"))
        child.waitFor(r"has an OCSP answer to staple", READY)
        hospital.responder.silent.set()
        child.lines.clear()
        began = time.monotonic()
        child.process.send_signal(signal.SIGHUP)
        child.waitFor(r"Configuration successful", READY)
        assert time.monotonic() - began < QUICK
        assert "Cert Status: good" in self.status(port)


class TestServers:
    """Servers that we are the client of."""

    def client(self, hospital: Hospital, there: int, *lines: str) -> tuple[Child, int]:
        """A section of ours in front of the server at C{there}."""
        text = "\n".join(
            (
                "[out]",
                "client = yes",
                "accept = 127.0.0.1:{port}",
                f"connect = 127.0.0.1:{there}",
                "CAfile = ca.pem",
                "verifyChain = yes",
                *lines,
                "",
            )
        )
        return hospital.serve(text)

    @contextmanager
    def openssl(self, hospital: Hospital, *options: str) -> Iterator[int]:
        """C{openssl s_server} that gives back what it hears, reversed; its port."""
        port = freePort()
        command = [
            *(program("openssl"), "s_server", "-accept", f"127.0.0.1:{port}", "-rev"),
            *("-cert", "scp_Cert.pem", "-key", "scp_key.pem", *options),
        ]
        with running("s_server", command, hospital.directory):
            awaitListener(port)
            yield port

    def stapled(self, hospital: Hospital, port: int) -> bytes:
        """What a client of ours hears back from the server behind it."""
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)) as here:
            here.settimeout(READY)
            here.sendall(b"word\n")
            return here.recv(100)
        return b""

    @pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
    @pytest.mark.parametrize("revoked", [False, True])
    def test_staple(self, hospital: Hospital, version: str, revoked: bool) -> None:
        """OpenSSL's staple is enough when it is good, and refused when it says revoked."""
        pair = hospital.pair("scp")
        hospital.enter()
        staple = Word(REVOKED) if revoked else Word()
        (hospital.directory / "staple.der").write_bytes(staple.about(pair, now=m.now()))
        with self.openssl(hospital, version, "-status_file", "staple.der") as there:
            child, port = self.client(hospital, there, "OCSPaia = yes")
            heard = self.stapled(hospital, port)
            if revoked:
                assert heard == b""
                child.waitFor(r"LOG4\[0\]: Rejected by CERT at depth=0: CN=scp", READY)
                child.waitFor(r"LOG3\[0\]: SSL_connect: invalid status response", READY)
            else:
                assert heard == b"drow\n"
                child.waitFor(r"LOG5\[0\]: OCSP: Certificate accepted", READY)

    def test_uselessStaple(self, hospital: Hospital) -> None:
        """One that says nothing is told in words, with what to do about it."""
        pair = hospital.pair("scp")
        old = Word(thisUpdate=timedelta(days=-2), nextUpdate=timedelta(days=-1))
        (hospital.directory / "staple.der").write_bytes(old.about(pair))
        with self.openssl(hospital, "-status_file", "staple.der") as there:
            child, port = self.client(hospital, there)
            assert self.stapled(hospital, port) == b""
            child.waitFor(r"OCSP verification failed: status expired at", READY)
            child.waitFor(r"staples an OCSP answer that does not say .*OCSPrequire = no", READY)

    def test_noStaple(self, hospital: Hospital) -> None:
        """A server without a staple, as stunnel 5.68 is one, is no error."""
        hospital.enter(hospital.pair("scp"))
        _, there = hospital.stunnel(hospital.server(own="scp"))
        child, port = self.client(hospital, there)
        assert plainWord(port) == b"word"
        child.waitFor(r"LOG6\[0\]: OCSP: No OCSP stapling response received", READY)

    @pytest.mark.parametrize("revoked", [False, True])
    def test_asked(self, hospital: Hospital, revoked: bool) -> None:
        """Without one the responder is asked about the server."""
        pair = hospital.pair("scp")
        if revoked:
            hospital.enter(revoked=(pair,))
        else:
            hospital.enter(pair)
        hospital.listen()
        _, there = hospital.stunnel(hospital.server(own="scp"))
        child, port = self.client(hospital, there, "OCSPaia = yes")
        assert plainWord(port) == (b"" if revoked else b"word")
        # A stunnel that staples what is revoked (5.74 does) has said it in the handshake already.
        rejected = r"Rejected by (OCSP|CERT) at depth=0"
        verdict = rejected if revoked else "OCSP: Certificate accepted"
        child.waitFor(verdict, READY)
        assert hospital.responder.asked == ["/ocsp"]

    def test_ourStaple(self, hospital: Hospital) -> None:
        """Two of ours: the staple of the one is enough for the other."""
        hospital.enter(hospital.pair("scp"))
        hospital.listen()
        server, there = hospital.serve(hospital.server(own="scp"))
        server.waitFor(r"has an OCSP answer to staple", READY)
        child, port = self.client(hospital, there, "OCSPaia = yes")
        assert plainWord(port) == b"word"
        child.waitFor(r"LOG5\[0\]: OCSP: Certificate accepted", READY)
        assert hospital.responder.asked == ["/ocsp"]
