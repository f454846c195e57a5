"""Reloads under load: what stunnel answers with refused and reset connections costs nobody here."""

from __future__ import annotations

import signal
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest

from appliance.cli.child import Child, running
from tests.integration.appliance import READY, configure, keyPair, section, serving
from tests.integration.test_workers import TWO, alive, awaitLines, client, echoes
from tests.peers import awaitListener, freePort, program

pytestmark = pytest.mark.real

RELOADS = 40
LOOPS = 6


@contextmanager
def looping(*ports: int) -> Iterator[Counter[str]]:
    """Clients that connect to C{ports} again and again; counts what becomes of them."""
    outcomes: Counter[str] = Counter()
    enough = Event()

    def loop(port: int) -> None:
        while not enough.is_set():
            try:
                client(port).close()
            except (OSError, AssertionError) as error:
                outcomes[type(error).__name__] += 1
            else:
                outcomes["served"] += 1

    loops = [Thread(target=loop, args=[port]) for port in ports]
    for each in loops:
        each.start()
    try:
        yield outcomes
    finally:
        enough.set()
        for each in loops:
            each.join(READY)


def reload(directory: Path, child: Child, text: str, number: int) -> None:
    """Have the appliance take up C{text}, its configuration C{number} after the first."""
    configure(directory, f"debug = 6\n{text}")
    child.process.send_signal(signal.SIGHUP)
    awaitLines(child, "Configuration successful", number + 1)


@pytest.mark.parametrize("workers", ["", TWO])
def test_reloads(tmp_path: Path, workers: str) -> None:
    """Forty reloads under six looping clients: every connection is served, old ones go on."""
    keyPair(tmp_path)
    port = freePort()
    with echoes() as behind, serving(tmp_path, workers + section(port, behind)) as child:
        lasting = [client(port) for _ in range(5)]
        with looping(*[port] * LOOPS) as outcomes:
            for number in range(RELOADS):
                # Every other file is another one, so that settings are really swapped.
                text = section(port, behind, f"TIMEOUTidle = {1000 + number // 2}")
                reload(tmp_path, child, workers + text, number + 1)
        assert all(alive(each) for each in lasting)
        for each in lasting:
            each.close()
    assert set(outcomes) == {"served"}, outcomes
    assert outcomes["served"] > LOOPS


def plain(port: int) -> socket.socket:
    """A client of stunnel's plain side that has said something and heard it back."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=READY)
    assert pings(connection)
    return connection


def pings(connection: socket.socket) -> bool:
    """True when what is said comes back from the backend."""
    connection.sendall(b"ping")
    return connection.recv(4) == b"ping"


def test_behindStunnel(tmp_path: Path) -> None:
    """The same with stunnel as the TLS client: nobody behind it notices the reloads."""
    keyPair(tmp_path)
    port, entry = freePort(), freePort()
    stunnelConf = tmp_path / "stunnel.conf"
    stunnelConf.write_text(
        f"foreground = yes\nsyslog = no\npid =\n[out]\nclient = yes\n"
        f"accept = 127.0.0.1:{entry}\nconnect = 127.0.0.1:{port}\n"
    )
    with (
        echoes() as behind,
        serving(tmp_path, section(port, behind)) as child,
        running("stunnel", [program("stunnel4"), str(stunnelConf)], tmp_path),
    ):
        awaitListener(entry)
        lasting = plain(entry)
        for number in range(RELOADS):
            text = section(port, behind, f"TIMEOUTidle = {1000 + number}")
            configure(tmp_path, f"debug = 6\n{text}")
            child.process.send_signal(signal.SIGHUP)
            for _ in range(5):
                plain(entry).close()
            awaitLines(child, "Configuration successful", number + 2)
        assert pings(lasting)
        lasting.close()


MOVES = 20


@pytest.mark.parametrize("workers", ["", TWO])
def test_movedPort(tmp_path: Path, workers: str) -> None:
    """A port that moves to and fro: whoever was accepted is served, nobody is reset."""
    keyPair(tmp_path)
    ports = freePort(), freePort()
    with echoes() as behind, serving(tmp_path, workers + section(ports[0], behind)) as child:
        lasting = [client(ports[0]) for _ in range(5)]
        with looping(*ports) as outcomes:
            for number in range(MOVES):
                text = section(ports[(number + 1) % 2], behind)
                reload(tmp_path, child, workers + text, number + 1)
        assert all(alive(each) for each in lasting)
        for each in lasting:
            each.close()
    assert set(outcomes) == {"served", ConnectionRefusedError.__name__}, outcomes
