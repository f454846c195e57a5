"""Reloads under load: what stunnel answers with refused and reset connections costs nobody here."""

from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path
from threading import Event, Thread

import pytest

from tests.integration.appliance import READY, configure, keyPair, section, serving
from tests.integration.test_workers import TWO, alive, awaitLines, client, echoes
from tests.peers import freePort

pytestmark = pytest.mark.real

RELOADS = 40
LOOPS = 6


@pytest.mark.parametrize("workers", ["", TWO])
def test_reloads(tmp_path: Path, workers: str) -> None:
    """Forty reloads under six looping clients: every connection is served, old ones go on."""
    keyPair(tmp_path)
    port = freePort()
    outcomes: Counter[str] = Counter()
    enough = Event()

    def loop() -> None:
        while not enough.is_set():
            try:
                client(port).close()
            except (OSError, AssertionError) as error:
                outcomes[type(error).__name__] += 1
            else:
                outcomes["served"] += 1

    with echoes() as behind, serving(tmp_path, workers + section(port, behind)) as child:
        lasting = [client(port) for _ in range(5)]
        loops = [Thread(target=loop) for _ in range(LOOPS)]
        for each in loops:
            each.start()
        try:
            for number in range(RELOADS):
                # Every other file is another one, so that settings are really swapped.
                text = section(port, behind, f"TIMEOUTidle = {1000 + number // 2}")
                configure(tmp_path, f"debug = 6\n{workers}{text}")
                child.process.send_signal(signal.SIGHUP)
                awaitLines(child, "Configuration successful", number + 2)
        finally:
            enough.set()
            for each in loops:
                each.join(READY)
        assert all(alive(each) for each in lasting)
        for each in lasting:
            each.close()
    assert set(outcomes) == {"served"}, outcomes
    assert outcomes["served"] > LOOPS
