"""Where connections go, in both programs: what stunnel does with a configuration, we do with it."""

from __future__ import annotations

import os
import re
import socket
import ssl
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field

from appliance.cli.child import Child, environment, running
from appliance.relay.proxyline import Decoder, Hop
from tests import material as m
from tests.integration.appliance import READY, TWISTD, serving
from tests.peers import freePort, program

pytestmark = pytest.mark.real

PROGRAMS = pytest.mark.parametrize("which", ["ours", "stunnel"])
"""Whose relay it is. What both pass is what a site that moves can rely on."""

LOCAL = "127.0.0.1"


# --- the other ends --------------------------------------------------------------------------


@define
class Backend:
    """A server that does C{behave} with each connection; C{callers} are where they came from."""

    behave: Callable[[socket.socket], None]
    server: socket.socket
    callers: list[Any] = field(factory=list)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server.getsockname()[1])

    def serve(self) -> None:
        """Accept until the socket is shut down."""
        with suppress(OSError):
            while True:
                connection, caller = self.server.accept()
                self.callers.append(caller)
                threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(READY)
            self.behave(connection)


@contextmanager
def backend(behave: Callable[[socket.socket], None], server: Any = None) -> Iterator[Backend]:
    """A backend on loopback, or at C{server}."""
    with server or socket.create_server((LOCAL, 0)) as listening:
        made = Backend(behave, listening)
        thread = threading.Thread(target=made.serve, daemon=True)
        thread.start()
        yield made
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        thread.join(READY)


def echo(connection: socket.socket) -> None:
    """Give back all that is said."""
    while data := connection.recv(65536):
        connection.sendall(data)


def naming(name: bytes) -> Callable[[socket.socket], None]:
    """Say C{name} and close."""

    def say(connection: socket.socket) -> None:
        connection.sendall(name)

    return say


def insecure() -> ssl.SSLContext:
    """A client that believes anything."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def hear(
    where: int | str, said: bytes = b"", context: ssl.SSLContext | None = None, source: str = ""
) -> bytes:
    """What a TLS client hears, up to the end of the connection, that says C{said} and no more."""
    family = socket.AF_UNIX if isinstance(where, str) else socket.AF_INET
    with socket.socket(family) as raw:
        raw.settimeout(READY)
        if source:
            raw.bind((source, 0))
        raw.connect(where if isinstance(where, str) else (LOCAL, where))
        with (context or insecure()).wrap_socket(raw) as client:
            client.sendall(said)
            heard = b""
            while not said or len(heard) < len(said):
                try:
                    data = client.recv(65536)
                except ConnectionResetError:
                    # A backend that goes without reading what it was sent resets: an end as well.
                    break
                if not data:
                    break
                heard += data
            return heard


def ending(port: int, said: bytes) -> str:
    """How the connection of a client that says C{said} ends: C{RST}, C{FIN} or C{close_notify}."""
    came, goes = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = insecure().wrap_bio(came, goes)
    with socket.create_connection((LOCAL, port)) as raw:
        raw.settimeout(READY)

        def step(do: Callable[[], Any]) -> bool:
            try:
                do()
            except ssl.SSLWantReadError:
                return False
            finally:
                raw.sendall(goes.read())
            return True

        try:
            while not step(client.do_handshake):
                came.write(raw.recv(65536))
            step(lambda: client.write(said))
            while True:
                step(lambda: client.read(100))
                data = raw.recv(65536)
                if not data:
                    return "FIN"
                came.write(data)
        except (ConnectionResetError, BrokenPipeError):
            return "RST"
        except ssl.SSLZeroReturnError:
            return "close_notify"


# --- the programs ----------------------------------------------------------------------------


@define
class Bench:
    """Starts programs in one directory that has a server's and a client's certificates."""

    directory: Path
    stack: ExitStack

    def relay(self, which: str, text: str) -> Child:
        """The program C{which} with the sections C{text}, once it accepts connections."""
        if which == "ours":
            return self.stack.enter_context(serving(self.directory, text))
        return self.stunnel(text)

    def stunnel(self, text: str, name: str = "stunnel.conf") -> Child:
        """Debian's stunnel with the sections C{text}."""
        path = self.directory / name
        path.write_text(f"foreground = yes\nsyslog = no\npid =\ndebug = 6\n{text}")
        child = self.stack.enter_context(
            running("stunnel", [program("stunnel4"), path], self.directory)
        )
        child.waitFor("Accepting new connections", READY)
        return child

    def backend(self, behave: Callable[[socket.socket], None], server: Any = None) -> Backend:
        """A backend that lives as long as the test."""
        return self.stack.enter_context(backend(behave, server))


def section(accept: object, *more: str, name: str = "pacs") -> str:
    """A server's section."""
    lines = (f"[{name}]", f"accept = {accept}", "cert = pacs_Cert.pem", "key = pacs_key.pem", *more)
    return "\n".join(lines) + "\n"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """The directory with its certificates; all programs end with the test."""
    m.write(tmp_path, "pacs", m.server())
    m.write(tmp_path, "modality", m.client())
    m.write(tmp_path, "intruder", m.client("intruder", by="Other CA"))
    m.writeAuthority(tmp_path, "ca", m.ca())
    with ExitStack() as stack:
        yield Bench(tmp_path, stack)


@PROGRAMS
class TestRedirect:
    """Clients whose certificate does not do."""

    @pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
    @pytest.mark.parametrize(
        ("who", "where"), [("modality", b"pacs"), ("intruder", b"other"), ("", b"other")]
    )
    def test_goesWhere(
        self, bench: Bench, which: str, version: str, who: str, where: bytes
    ) -> None:
        """A good certificate leads to C{connect}, a bad one and none to C{redirect}."""
        pacs, other = bench.backend(naming(b"pacs")), bench.backend(naming(b"other"))
        port = freePort()
        redirected = f"redirect = {LOCAL}:{other.port}"
        options = ("verifyChain = yes", "CAfile = ca.pem", "protocol = proxy", redirected)
        text = section(port, f"connect = {LOCAL}:{pacs.port}", *options)
        if which == "stunnel":
            # It refuses this combination, which the manual allows and which it says to skip.
            text = text.replace("protocol = proxy\n", "")
        child = bench.relay(which, text)
        context = insecure()
        context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
        if who:
            names = (f"{who}_Cert.pem", f"{who}_key.pem")
            context.load_cert_chain(*(bench.directory / name for name in names))
        assert hear(port, context=context) == where
        told = any("LOG5[0]: Redirecting connection" in line for line in child.lines)
        assert told == (where == b"other")


@PROGRAMS
class TestProxyLine:
    """C{protocol = proxy}."""

    def test_line(self, bench: Bench, which: str) -> None:
        """The backend reads who the client is and where it called, then the data."""
        hops: list[Hop] = []

        def parsing(connection: socket.socket) -> None:
            decoder, found = Decoder(), None
            while found is None:
                found = decoder.feed(connection.recv(7))
            hops.append(found[0])
            connection.sendall(found[1])
            echo(connection)

        port = freePort()
        pacs = bench.backend(parsing)
        bench.relay(which, section(port, f"connect = {LOCAL}:{pacs.port}", "protocol = proxy"))
        assert hear(port, b"hello", source="127.0.0.7") == b"hello"
        (hop,) = hops
        assert hop.source is not None
        assert hop.source[0] == "127.0.0.7"
        assert hop.destination == (LOCAL, port)


@PROGRAMS
class TestFailover:
    """Several backends, the first of which is dead."""

    def lines(self, *ports: int) -> tuple[str, ...]:
        return tuple(f"connect = {LOCAL}:{port}" for port in ports)

    def test_priority(self, bench: Bench, which: str) -> None:
        """The second one serves whenever the first is dead, and that is told."""
        port, dead = freePort(), freePort()
        alive = bench.backend(naming(b"alive"))
        child = bench.relay(which, section(port, *self.lines(dead, alive.port), "failover = prio"))
        assert [hear(port) for _ in range(3)] == [b"alive"] * 3
        child.waitFor(r"LOG6\[2\]: failover: priority, starting at entry #0", READY)
        child.waitFor(
            rf"LOG3\[2\]: s_connect: connect {LOCAL}:{dead}: Connection refused \(111\)", READY
        )
        child.waitFor(rf"LOG5\[2\]: s_connect: connected {LOCAL}:{alive.port}", READY)

    def test_roundRobin(self, bench: Bench, which: str) -> None:
        """The living ones share the clients, each start one further on."""
        port, dead = freePort(), freePort()
        one, two = bench.backend(naming(b"one")), bench.backend(naming(b"two"))
        ports = self.lines(dead, one.port, two.port)
        child = bench.relay(which, section(port, *ports, "failover = rr"))
        heard = [hear(port) for _ in range(6)]
        assert set(heard) == {b"one", b"two"}
        starts = [re.search(r"round-robin, starting at entry #(\d)", line) for line in child.lines]
        entries = [int(found[1]) for found in starts if found]
        assert entries == [(entries[0] + step) % 3 for step in range(6)]

    def test_noneLeft(self, bench: Bench, which: str) -> None:
        """When all are dead the client is reset."""
        port = freePort()
        child = bench.relay(which, section(port, *self.lines(freePort(), freePort())))
        assert ending(port, b"") == "RST"
        child.waitFor(r"LOG3\[0\]: No more addresses to connect", READY)
        child.waitFor(r"LOG5\[0\]: Connection reset: 0 byte\(s\) sent to TLS", READY)

    def test_delay(self, bench: Bench, which: str) -> None:
        """With C{delay} a name is resolved for the connection."""
        port = freePort()
        alive = bench.backend(naming(b"alive"))
        bench.relay(which, section(port, f"connect = localhost:{alive.port}", "delay = yes"))
        assert hear(port) == b"alive"

    def test_unknownName(self, bench: Bench, which: str) -> None:
        """A name that is not known stops no start; its clients are reset."""
        port = freePort()
        child = bench.relay(which, section(port, "connect = pacs.invalid:104"))
        child.waitFor(r"LOG6.*: Cannot resolve connect target - delaying DNS lookup", READY)
        assert ending(port, b"") == "RST"
        child.waitFor(r'LOG3\[0\]: Error resolving "pacs.invalid"', READY)
        child.waitFor(r"LOG3\[0\]: No remote host resolved", READY)


@PROGRAMS
class TestExec:
    """Programs instead of a backend, or instead of a client."""

    def test_cat(self, bench: Bench, which: str) -> None:
        """What is said comes back; start and end of the program are told."""
        port = freePort()
        child = bench.relay(which, section(port, "exec = /bin/cat", "execArgs = cat"))
        assert hear(port, b"hello" * 1000) == b"hello" * 1000
        pid = child.waitFor(r"LOG6\[0\]: Local mode child started \(PID=(\d+)\)", READY)[1]
        child.waitFor(rf"LOG6\[\w+\]: Child process {pid} finished with code 0", READY)
        assert not Path(f"/proc/{pid}").exists()

    def test_environment(self, bench: Bench, which: str) -> None:
        """The program knows who is there, by address and by certificate."""
        port = freePort()
        options = ("verifyChain = yes", "CAfile = ca.pem", "exec = /usr/bin/env", "execArgs = env")
        bench.relay(which, section(port, *options))
        context = insecure()
        names = ("modality_Cert.pem", "modality_key.pem")
        context.load_cert_chain(*(bench.directory / name for name in names))
        told = dict(
            line.split("=", 1)
            for line in hear(port, context=context, source="127.0.0.7").decode().splitlines()
        )
        assert told["REMOTE_HOST"] == "127.0.0.7"
        assert int(told["REMOTE_PORT"]) > 0
        assert told["SSL_CLIENT_DN"] == "CN=modality"
        assert told["SSL_CLIENT_I_DN"] == "CN=Hospital CA"

    def test_insteadOfAClient(self, bench: Bench, which: str) -> None:
        """With C{connect} the program is the client, at once and again with C{retry}."""
        port = freePort()
        pacs = bench.backend(echo)
        server = "stunnel" if which == "ours" else "ours"
        bench.relay(server, section(port, f"connect = {LOCAL}:{pacs.port}"))
        caller = (
            f"[caller]\nclient = yes\nexec = /bin/echo\nexecArgs = echo hello\nretry = yes\n"
            f"connect = {LOCAL}:{port}\n"
        )
        if which == "ours":
            (bench.directory / "here").mkdir()
            child = bench.stack.enter_context(serving(bench.directory / "here", caller))
        else:
            child = bench.stunnel(caller)
        child.waitFor(r"LOG6\[0_0\]: Local mode child started", READY)
        child.waitFor(r"LOG5\[0_0\]: Connection (closed|reset)", READY)
        child.waitFor(r"LOG6\[0_0\]: Retrying an exec\+connect section", READY)
        child.waitFor(r"LOG6\[0_1\]: Local mode child started", READY)


class TestConnect:
    """C{protocol = connect}: out through an HTTP proxy."""

    def proxy(self, answer: bytes, heard: list[bytes]) -> Callable[[socket.socket], None]:
        """A small HTTP proxy that notes what it is asked."""

        def behave(connection: socket.socket) -> None:
            request = b""
            while not request.endswith(b"\r\n\r\n"):
                request += connection.recv(1)
            heard.append(request)
            connection.sendall(answer)
            if b" 200 " in answer:
                where = request.split(b" ", 2)[1].decode().rpartition(":")
                with socket.create_connection((where[0], int(where[2]))) as server:
                    there = threading.Thread(target=pump, args=[connection, server], daemon=True)
                    there.start()
                    pump(server, connection)
                    there.join(READY)

        return behave

    def client(self, entry: int, proxy: int, host: str) -> str:
        """A client's section that goes through the proxy."""
        return (
            f"[modality]\nclient = yes\naccept = {LOCAL}:{entry}\nconnect = {LOCAL}:{proxy}\n"
            f"protocol = connect\nprotocolHost = {host}\n"
            "protocolUsername = me\nprotocolPassword = secret\n"
        )

    @pytest.mark.parametrize("which", ["ours", "stunnel"])
    def test_through(self, bench: Bench, which: str) -> None:
        """The proxy is asked with the credentials, then leads to the other program's server."""
        asked: list[bytes] = []
        pacs = bench.backend(echo)
        port, entry = freePort(), freePort()
        answer = b"HTTP/1.1 200 Connection established\r\nVia: 1.1 test\r\n\r\n"
        proxy = bench.backend(self.proxy(answer, asked))
        server = section(port, f"connect = {LOCAL}:{pacs.port}")
        client = self.client(entry, proxy.port, f"{LOCAL}:{port}")
        bench.relay("stunnel" if which == "ours" else "ours", server)
        if which == "ours":
            (bench.directory / "here").mkdir()
            bench.stack.enter_context(serving(bench.directory / "here", client))
        else:
            bench.stunnel(client)
        assert talk(entry, b"hello" * 20_000) == b"hello" * 20_000
        assert asked[0].startswith(f"CONNECT {LOCAL}:{port} HTTP/1.1\r\n".encode())
        assert re.search(rb"\r\nProxy-Authorization: basic bWU6c2VjcmV0\r\n", asked[0], re.I)

    def test_refused(self, bench: Bench) -> None:
        """A proxy that refuses resets the client, and the log says what it said and what to do."""
        asked: list[bytes] = []
        entry = freePort()
        answer = b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"
        proxy = bench.backend(self.proxy(answer, asked))
        child = bench.relay("ours", self.client(entry, proxy.port, "pacs.example:104"))
        with pytest.raises(ConnectionResetError):
            talk(entry, b"hello")
        child.waitFor(r"407 Proxy Authentication Required; see protocolUsername", READY)


def pump(source: socket.socket, sink: socket.socket) -> None:
    """Pass on what comes, and its end."""
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


def talk(port: int, said: bytes) -> bytes:
    """What a plain client hears that says C{said}, as much as that."""
    with socket.create_connection((LOCAL, port)) as client:
        client.settimeout(READY)
        sender = threading.Thread(target=pump, args=[_Said(said), client], daemon=True)
        sender.start()
        heard = b""
        while len(heard) < len(said):
            data = client.recv(65536)
            if not data:
                break
            heard += data
        sender.join(READY)
        return heard


class _Said:
    """Something to pump from."""

    def __init__(self, said: bytes) -> None:
        self._said = said

    def recv(self, size: int) -> bytes:
        data, self._said = self._said[:size], self._said[size:]
        return data


@PROGRAMS
class TestUnixSockets:
    """Paths instead of addresses."""

    def test_both(self, bench: Bench, which: str) -> None:
        """Accepted at one path, connected to another."""
        entry, path = str(bench.directory / "entry"), str(bench.directory / "pacs.socket")
        server = socket.socket(socket.AF_UNIX)
        server.bind(path)
        server.listen()
        bench.backend(echo, server)
        child = bench.relay(which, section(entry, f"connect = {path}"))
        assert hear(entry, b"hello") == b"hello"
        child.waitFor(r"LOG5\[0\]: Service \[pacs\] accepted connection from unnamed socket", READY)
        child.end()
        assert not os.path.exists(entry)


class TestReset:
    """How a client hears of an end that is not its own."""

    @PROGRAMS
    @pytest.mark.parametrize(("reset", "how"), [("yes", "RST"), ("no", "FIN")])
    def test_idle(self, bench: Bench, which: str, reset: str, how: str) -> None:
        """After TIMEOUTidle by a RST, or with C{reset = no} by a FIN; never by a close_notify."""
        port = freePort()
        pacs = bench.backend(echo)
        options = (f"connect = {LOCAL}:{pacs.port}", "TIMEOUTidle = 1", f"reset = {reset}")
        child = bench.relay(which, section(port, *options))
        assert ending(port, b"hello") == how
        child.waitFor(
            r"LOG6\[0\]: transfer: s_poll_wait: TIMEOUTidle exceeded: sending reset", READY
        )

    @pytest.mark.parametrize(("reset", "how"), [("yes", "RST"), ("no", "FIN")])
    def test_backend(self, bench: Bench, reset: str, how: str) -> None:
        """When the backend is reset, likewise; stunnel ends this by a FIN in both cases."""

        def die(connection: socket.socket) -> None:
            connection.recv(100)
            linger = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

        port = freePort()
        pacs = bench.backend(die)
        options = (f"connect = {LOCAL}:{pacs.port}", f"reset = {reset}")
        bench.relay("ours", section(port, *options))
        assert ending(port, b"hello") == how


@PROGRAMS
class TestLocal:
    """C{local}: from where backends are dialled."""

    def test_address(self, bench: Bench, which: str) -> None:
        """The backend sees the source address that is configured."""
        port = freePort()
        pacs = bench.backend(naming(b"x"))
        bench.relay(which, section(port, f"connect = {LOCAL}:{pacs.port}", "local = 127.0.0.5"))
        hear(port)
        assert pacs.callers[0][0] == "127.0.0.5"


class TestNames:
    """Sections that share a socket by the server names of their clients."""

    @pytest.mark.parametrize("which", ["ours", "stunnel"])
    def test_where(self, bench: Bench, which: str) -> None:
        """Each name goes to its own backend."""
        pacs, other = bench.backend(naming(b"pacs")), bench.backend(naming(b"other"))
        port = freePort()
        text = section(port, f"connect = {LOCAL}:{pacs.port}") + section(
            "x", f"connect = {LOCAL}:{other.port}", "sni = pacs:*.example.com", name="other"
        ).replace("accept = x\n", "")
        child = bench.relay(which, text)
        heard = {}
        for name in ("a.example.com", "example.org"):
            with (
                socket.create_connection((LOCAL, port)) as raw,
                insecure().wrap_socket(raw, server_hostname=name) as client,
            ):
                client.settimeout(READY)
                heard[name] = client.recv(100)
        assert heard == {"a.example.com": b"other", "example.org": b"pacs"}
        child.waitFor(r"LOG6\[0\]: SNI: requested servername: a.example.com", READY)
        child.waitFor(r"LOG5\[0\]: SNI: switched to service \[other\]", READY)
        child.waitFor(r"LOG3\[1\]: SNI: no pattern matched servername: example.org", READY)


# --- transparent -----------------------------------------------------------------------------

ACCEPTING = """
import socket, sys
with socket.create_server((sys.argv[1], 104)) as server:
    print("listening", flush=True)
    while True:
        connection, caller = server.accept()
        print("caller", caller[0], flush=True)
        connection.sendall(b"hello")
        connection.close()
"""

CALLING = """
import socket, ssl, sys
context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
raw = socket.create_connection((sys.argv[1], 2762), 20)
print(context.wrap_socket(raw).recv(100))
"""


def ip(*words: str) -> None:
    """Run C{ip}; the test is skipped where it may not."""
    done = subprocess.run([program("ip"), *words], capture_output=True, text=True, timeout=READY)
    if done.returncode:
        pytest.skip(f"ip {' '.join(words)}: {done.stderr.strip()}")


@contextmanager
def three() -> Iterator[tuple[str, str, str]]:
    """Network namespaces of a client, a relay and a PACS, with the relay between the others.

    What the PACS answers to the client passes the relay, which takes it for its own.
    """
    names = tuple(f"butterfly-{os.getpid()}-{who}" for who in ("client", "relay", "pacs"))
    client, relay, pacs = names
    with ExitStack() as stack:
        for name in names:
            ip("netns", "add", name)
            stack.callback(subprocess.run, [program("ip"), "netns", "del", name], check=False)
            ip("-n", name, "link", "set", "lo", "up")
        for number, (name, link) in enumerate(((client, "outer"), (pacs, "inner"))):
            ip("link", "add", link, "netns", relay, "type", "veth", "peer", "eth", "netns", name)
            for where, what, last in ((relay, link, 1), (name, "eth", 2)):
                ip("-n", where, "addr", "add", f"192.0.2.{16 * number + last}/28", "dev", what)
                ip("-n", where, "link", "set", what, "up")
        ip("-n", pacs, "route", "add", "default", "via", "192.0.2.17")
        ip("-n", relay, "rule", "add", "iif", "inner", "lookup", "100")
        ip("-n", relay, "route", "add", "local", "default", "dev", "lo", "table", "100")
        yield client, relay, pacs


def within(name: str, *command: object) -> list[str]:
    """C{command} in the network namespace C{name}."""
    return [program("ip"), "netns", "exec", name, *map(str, command)]


@pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")
class TestTransparent:
    """C{transparent = source}: the PACS sees the client's own address."""

    @PROGRAMS
    def test_source(self, bench: Bench, which: str) -> None:
        """The PACS sees an address that is not the relay's, and its answer arrives."""
        text = section("192.0.2.1:2762", "connect = 192.0.2.18:104", "transparent = source")
        path = bench.directory / "relay.conf"
        path.write_text(f"foreground = yes\nsyslog = no\npid =\ndebug = 6\n{text}")
        command: list[Any] = [*TWISTD, "-n", "--pidfile=", "butterfly-tls", "--config", path]
        if which == "stunnel":
            command = [program("stunnel4"), path]
        with (
            three() as (client, relay, pacs),
            running(
                "pacs", within(pacs, sys.executable, "-c", ACCEPTING, "192.0.2.18"), bench.directory
            ) as behind,
            running("relay", within(relay, *command), bench.directory) as between,
        ):
            behind.waitFor("listening", READY)
            between.waitFor("Accepting new connections", READY)
            calling = within(client, sys.executable, "-c", CALLING, "192.0.2.1")
            done = subprocess.run(calling, capture_output=True, text=True, timeout=60)
            assert done.stdout == "b'hello'\n", done.stderr + between.tail()
            behind.waitFor("caller 192.0.2.2", READY)

    def test_refusedAtTheStart(self, bench: Bench) -> None:
        """Where the kernel does not allow it, the start says so and what to do."""
        port = freePort()
        text = section(port, f"connect = {LOCAL}:1", "transparent = source")
        path = bench.directory / "relay.conf"
        path.write_text(text)
        bare = [program("setpriv"), "--bounding-set=-all", "--inh-caps=-all"]
        command = [*bare, *TWISTD, "-n", "--pidfile=", "butterfly-tls", "--config", str(path)]
        done = subprocess.run(
            command,
            cwd=bench.directory,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 1
        assert "transparent: the kernel does not let us" in done.stderr + done.stdout
        assert "CAP_NET_ADMIN" in done.stderr + done.stdout
