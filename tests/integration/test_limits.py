"""Limits and bans as strangers and modalities meet them: dcmtk, openssl, and a flood."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import ssl
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field

from appliance.cli.child import Child, running
from tests import objects
from tests.integration.appliance import READY, TWISTD, configure, keyPair, section, serving
from tests.integration.test_console import ask
from tests.integration.test_dicom import ANY_SERVER, client
from tests.integration.test_workers import TWO, awaitLines, echoes
from tests.integration.traffic import Archive, Study, archive
from tests.peers import freePort, program

pytestmark = pytest.mark.real

both = pytest.mark.parametrize("workers", ["", TWO])

ELSEWHERE = "127.0.0.66"
"""An address of this machine that is another client than 127.0.0.1."""


# --- modalities -------------------------------------------------------------------------------


Work = Callable[[Child, Study, Archive], Awaitable[None]]


def whileAssociated(directory: Path, first: str, lines: tuple[str, ...], work: Work) -> Child:
    """Do C{work} while one association is open through a section with C{lines}."""
    keyPair(directory)
    port = freePort()

    async def run() -> Child:
        async with archive() as (behind, kept):
            text = first + section(port, behind, "healthCheck = none", *lines)
            with serving(directory, text) as child:
                study = Study(port, 1)
                await study.open()
                await work(child, study, kept)
                await study.release()
                assert set(study.stored) <= set(kept.received)
                return child

    return asyncio.run(run())


async def dcmtk(
    name: str, port: int, *argv: str | Path, options: tuple[str, ...] = ANY_SERVER
) -> subprocess.CompletedProcess[str]:
    """One of dcmtk's clients, however it ends."""
    return await asyncio.to_thread(client, name, port, *argv, options=options)


REJECTED = (
    "Association Rejected",
    "Rejected Transient, Source: Service Provider (Presentation Related)",
    "Local Limit Exceeded",
)


class TestTold:
    """Modalities for which there is no place hear so in DICOM."""

    @both
    @pytest.mark.parametrize("option", ["maxConnections", "maxConnectionsPerClient"])
    def test_storescu(self, tmp_path: Path, workers: str, option: str) -> None:
        """The rejection is shown and the command fails; the association that is there goes on."""
        (path,) = objects.write(tmp_path / "study", 1, 8192)

        async def work(child: Child, study: Study, kept: Archive) -> None:
            done = await dcmtk("storescu", study.port, path)
            # EXITCODE_ASSOCIATION_REJECTED, or plainly 1 before dcmtk 3.6.2.
            assert done.returncode in (60, 1), done
            assert [words for words in REJECTED if words not in done.stdout] == []
            await study.store()
            child.waitFor(rf"turned 127\.0\.0\.1 away: .* as many as {option} allows", READY)
            child.waitFor(r"rejected the association request: local limit exceeded", READY)
            child.waitFor(r"connection from 127\.0\.0\.1:\d+ ended: limit, TLSv1\.3", READY)

        child = whileAssociated(tmp_path, workers, (f"{option} = 1",), work)
        assert sum("local limit exceeded" in line for line in child.lines) == 1

    @both
    def test_placeAgain(self, tmp_path: Path, workers: str) -> None:
        """As soon as one has gone, however it went, another is served."""
        keyPair(tmp_path)
        port = freePort()

        async def run() -> None:
            async with archive() as (behind, _):
                text = workers + section(port, behind, "maxConnections = 1", "healthCheck = none")
                with serving(tmp_path, text) as child:
                    for number in range(5):
                        study = Study(port, number)
                        await study.open()
                        await (study.release() if number % 2 else study.close())
                        await asyncio.to_thread(awaitLines, child, "LOG5.*ended: ", number + 1)
                    assert not any("turned" in line for line in child.lines)

        asyncio.run(run())

    @both
    def test_otherClients(self, tmp_path: Path, workers: str) -> None:
        """A limit for each client keeps no other one out."""

        async def work(child: Child, study: Study, kept: Archive) -> None:
            peer = await asyncio.to_thread(openssl, study.port, ELSEWHERE)
            assert "CONNECTION ESTABLISHED" in peer, peer

        whileAssociated(tmp_path, workers, ("maxConnectionsPerClient = 1",), work)

    def test_plainClient(self, tmp_path: Path) -> None:
        """With C{client = yes} a plain modality hears the same."""
        keyPair(tmp_path)
        port = freePort()
        lines = ("client = yes", "maxConnections = 1")
        with socket.create_server(("127.0.0.1", 0)) as silent:
            text = "drainTimeout = 1\n" + section(port, silent.getsockname()[1], *lines)
            with serving(tmp_path, text), socket.create_connection(("127.0.0.1", port)):
                done = client("echoscu", port, options=())
            assert done.returncode != 0
            assert [words for words in REJECTED if words not in done.stdout] == []


class TestReload:
    """Limits change, and nobody is thrown out."""

    @both
    def test_lower(self, tmp_path: Path, workers: str) -> None:
        """A limit below what is open lets that go on, and nobody else in."""
        import signal

        keyPair(tmp_path)
        port = freePort()

        async def run() -> None:
            async with archive() as (behind, kept):
                text = workers + section(port, behind, "healthCheck = none")
                with serving(tmp_path, text) as child:
                    studies = [Study(port, number) for number in range(3)]
                    for study in studies:
                        await study.open()
                    configure(tmp_path, f"debug = 6\n{text}maxConnections = 1\n")
                    child.process.send_signal(signal.SIGHUP)
                    await asyncio.to_thread(awaitLines, child, "Configuration successful", 2)
                    done = await dcmtk("echoscu", port)
                    assert "Local Limit Exceeded" in done.stdout
                    for study in studies:
                        await study.store()
                        await study.release()
                    assert sum(kept.received.values()) == 3

        asyncio.run(run())


# --- strangers --------------------------------------------------------------------------------


def openssl(port: int, source: str = "127.0.0.1", *more: str) -> str:
    """What C{openssl s_client} says that calls from C{source} and goes again."""
    argv = [program("openssl"), "s_client", "-brief", "-bind", f"{source}:0", *more]
    done = subprocess.run(
        [*argv, "-connect", f"127.0.0.1:{port}"],
        input="",
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout + done.stderr


def browse(port: int, source: str = "127.0.0.1") -> None:
    """Speak HTTP from C{source}, and wait for the end."""
    with socket.create_connection(("127.0.0.1", port), READY, (source, 0)) as raw:
        raw.sendall(b"GET / HTTP/1.1\r\nHost: pacs\r\n\r\n")
        raw.settimeout(READY)
        try:
            assert raw.recv(1) in (b"", b"\x15")  # an end, or TLS's alert
        except ConnectionResetError:
            pass


@contextmanager
def steered(directory: Path, first: str, *lines: str) -> Iterator[tuple[Child, int, Path]]:
    """A section with C{lines}, its port, and the control socket of the appliance."""
    keyPair(directory)
    port, control = freePort(), directory / "control"
    with echoes() as behind:
        text = f"{first}control = {control}\n" + section(port, behind, *lines)
        with serving(directory, text) as child:
            yield child, port, control


def data(control: Path, *words: str) -> Any:
    """What a command of the shell gives to programs."""
    done = ask(control, "ask", "--json", "--", *words)
    assert done.returncode == 0, done
    return json.loads(done.stdout)


@both
class TestAddresses:
    """C{allowFrom} and C{denyFrom}."""

    def test_lists(self, tmp_path: Path, workers: str) -> None:
        """Only those who are allowed and not denied reach a handshake."""
        lines = ("allowFrom = 127.0.0.0/26, 127.0.0.100", "denyFrom = 127.0.0.9")
        with steered(tmp_path, workers, *lines) as (child, port, _):
            for source, served in (
                *(("127.0.0.1", True), ("127.0.0.100", True)),
                *(("127.0.0.9", False), (ELSEWHERE, False)),
            ):
                said = openssl(port, source)
                assert ("CONNECTION ESTABLISHED" in said) is served, (source, said)
            child.waitFor(r"turned 127\.0\.0\.9 away: its address is in denyFrom", READY)
            child.waitFor(r"turned 127\.0\.0\.66 away: its address is not in allowFrom", READY)

    def test_FIN(self, tmp_path: Path, workers: str) -> None:
        """They see the end of the connection, not a reset."""
        with steered(tmp_path, workers, "denyFrom = 127.0.0.0/8") as (_, port, _):
            for _ in range(20):
                with socket.create_connection(("127.0.0.1", port), READY) as raw:
                    assert raw.recv(1) == b""


@both
class TestBans:
    """C{banAfter}."""

    RULE = ("banAfter = 3/60", "banFor = 600")

    def test_openssl(self, tmp_path: Path, workers: str) -> None:
        """Whoever speaks HTTP three times is not heard any more; others are, and it is in the end.

        The ban is told by the log, the status and the shell, which ends it.
        """
        with steered(tmp_path, workers, *self.RULE) as (child, port, control):
            for _ in range(2):
                browse(port, ELSEWHERE)
            assert "CONNECTION ESTABLISHED" in openssl(port, ELSEWHERE)
            browse(port, ELSEWHERE)
            child.waitFor(r"bans 127\.0\.0\.66 for 600 s: it speaks HTTP", READY)
            assert "CONNECTION ESTABLISHED" not in openssl(port, ELSEWHERE)
            child.waitFor(r"turned 127\.0\.0\.66 away: it is banned", READY)
            assert "CONNECTION ESTABLISHED" in openssl(port)
            (ban,) = data(control, "bans")
            assert (ban["client"], ban["section"]) == (ELSEWHERE, "DICOM STORE")
            assert "1 client banned" in ask(control, "status").stdout
            assert data(control, "unban", ELSEWHERE) == {"client": ELSEWHERE, "ended": 1}
            assert "CONNECTION ESTABLISHED" in openssl(port, ELSEWHERE)
            assert data(control, "bans") == []

    def test_neverAHealthyOne(self, tmp_path: Path, workers: str) -> None:
        """An address with an association open is not banned, whatever else comes from it."""

        async def work(child: Child, study: Study, kept: Archive) -> None:
            for _ in range(5):
                await asyncio.to_thread(browse, study.port)
            await asyncio.to_thread(awaitLines, child, "ended: handshake", 5)
            done = await dcmtk("echoscu", study.port)
            assert done.returncode == 0, done
            await study.store()

        child = whileAssociated(tmp_path, workers, self.RULE, work)
        assert not any("bans" in line for line in child.lines)

    def test_policy(self, tmp_path: Path, workers: str) -> None:
        """Whoever breaks the rules of the section again and again is banned as well."""
        keyPair(tmp_path)
        port = freePort()
        lines = (*self.RULE, "dicom = yes", "allowCallingAET = CT*", "healthCheck = none")
        with echoes() as behind, serving(tmp_path, workers + section(port, behind, *lines)) as it:
            for _ in range(3):
                assert "Calling AE Title Not Recognized" in client("echoscu", port).stdout
            it.waitFor(r"bans 127\.0\.0\.1 for 600 s: .* is not among the AE titles", READY)
            assert "Rejected" not in client("echoscu", port).stdout


# --- floods -----------------------------------------------------------------------------------


def hello() -> bytes:
    """What a TLS client says first."""
    context = ssl.create_default_context()
    outgoing = ssl.MemoryBIO()
    greeting = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="pacs.example")
    with pytest.raises(ssl.SSLWantReadError):
        greeting.do_handshake()
    return outgoing.read()


@define
class Flood:
    """Many who connect and greet; C{served} were answered, C{shed} were not."""

    port: int
    served: int = 0
    shed: int = 0
    greeting: bytes = field(factory=hello)

    async def run(self, count: int, at_once: int = 100) -> None:
        """Connect C{count} times."""
        for _ in range(count // at_once):
            await asyncio.gather(*(self._one() for _ in range(at_once)))

    async def _one(self) -> None:
        try:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", self.port, local_addr=(ELSEWHERE, 0)
            )
            writer.write(self.greeting)
            answered = bool(await reader.read(1))
            writer.close()
        except OSError:
            answered = False
        self.served += answered
        self.shed += not answered


def turnedAway(child: Child, host: str) -> int:
    """How often the log says that C{host} was turned away."""
    host = re.escape(host)
    counts = (
        re.search(rf"turned {host} away(?: ([\d,]+) times more)?:", line) for line in child.lines
    )
    return sum(int((match[1] or "1").replace(",", "")) for match in counts if match)


class TestFlood:
    """More than can be served."""

    @both
    def test_storesGoOn(self, tmp_path: Path, workers: str) -> None:
        """While thousands connect, associations that are there go on, and nothing of them is lost.

        Nor is the one modality kept out that calls in the midst of it, since it asks for little.
        """
        study200 = objects.write(tmp_path / "study", 200, 50_000)

        async def work(child: Child, study: Study, kept: Archive) -> None:
            sender = asyncio.create_task(dcmtk("storescu", study.port, *study200))
            await asyncio.to_thread(awaitLines, child, "connected remote server from", 2)
            flood = Flood(study.port)
            flooding = asyncio.create_task(flood.run(3000))
            while not flooding.done():
                await study.store()
            await flooding
            done = await sender
            assert done.returncode == 0, done
            late = await dcmtk("echoscu", study.port)
            assert late.returncode == 0, late
            await study.store()
            assert flood.served + flood.shed == 3000
            assert flood.shed > 2000, flood
            assert sum(kept.received.values()) == len(study.stored) + len(study200)
            assert set(kept.received.values()) == {1}
            counted.append(flood.shed)

        counted: list[int] = []
        lines = ("handshakeRate = 20:40",)
        child = whileAssociated(tmp_path, workers, lines, work)
        assert turnedAway(child, ELSEWHERE) == counted[0]
        # That many in a handful of lines.
        assert sum("turned" in line for line in child.lines) < 20
        assert not any("LOG2" in line for line in child.lines)

    @both
    def test_descriptors(self, tmp_path: Path, workers: str) -> None:
        """With few descriptors the rest is turned away before the process runs out of them."""
        keyPair(tmp_path)
        port = freePort()
        with echoes() as behind:
            text = f"debug = 6\n{workers}" + section(port, behind, "dicom = no")
            configure(tmp_path, text + "maxConnections = 1000\n")
            prefix = [program("prlimit"), "--nofile=200:200"]
            plugin = ["-n", "--pidfile=", "butterfly-tls", "--config", "butterfly-tls.conf"]
            with running("the appliance", [*prefix, *TWISTD, *plugin], tmp_path) as child:
                child.waitFor(r"Accepting new connections", READY)
                most = (200 - 50 - 3) // 2 * (2 if workers else 1)
                child.waitFor(rf"1000 connections together.* enough for {most};", READY)
                if workers:
                    awaitLines(child, r"Worker \d started", 2)
                raws = [socket.create_connection(("127.0.0.1", port)) for _ in range(most + 20)]
                ended = [raw for raw in raws if _ends(raw, raws.index(raw) >= most)]
                assert ended == raws[most:]
                child.waitFor(r"LOG3\[main\]: .* turned 127\.0\.0\.1 away: all the conn", READY)
                for raw in raws:
                    raw.close()
                assert "CONNECTION ESTABLISHED" in _again(port)
            assert not any("cannot accept" in line for line in child.lines)


def _ends(raw: socket.socket, expected: bool) -> bool:
    """True when the connection was ended; that is waited for only where it is C{expected}."""
    raw.settimeout(READY if expected else 0)
    try:
        return raw.recv(1) == b""
    except BlockingIOError:
        return False


def _again(port: int) -> str:
    """What openssl says once there is a place again."""
    for _ in range(100):
        said = openssl(port)
        if "CONNECTION ESTABLISHED" in said:
            break
    return said
