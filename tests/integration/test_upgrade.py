"""Another process of the program takes over: nobody is refused, nothing is cut."""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from appliance.cli.child import environment, running
from appliance.tls.issue import selfSigned
from tests import material as m
from tests.integration.appliance import READY, TWISTD, configure, keyPair, section, serving
from tests.integration.test_start import awaitLog, stop
from tests.integration.test_workers import TWO, alive, awaitLines, client, echoes
from tests.integration.traffic import Study, archive
from tests.peers import freePort

pytestmark = pytest.mark.real

ASSOCIATIONS = 200
RELOADS = 100


def console(directory: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """What the appliance answers to C{butterfly-tls WORDS}."""
    command = [sys.executable, "-m", "appliance.cli", *words, "--json"]
    return subprocess.run(
        [*command, "--socket", str(directory / "control")],
        cwd=directory,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )


def upgrade(directory: Path) -> int:
    """The number of the process that has taken over."""
    done = console(directory, "upgrade")
    assert done.returncode == 0, done.stdout + done.stderr
    return int(json.loads(done.stdout)["pid"])


@contextmanager
def ending(pid: int) -> Iterator[None]:
    """End the process C{pid} after all, which is no child of ours."""
    handle = os.pidfd_open(pid)
    try:
        yield
    finally:
        signal.pidfd_send_signal(handle, signal.SIGTERM)
        ended = select.select([handle], [], [], READY)[0]
        if not ended:
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        os.close(handle)
        assert ended


def control(directory: Path) -> str:
    """Where the appliance can be asked."""
    return f"control = {directory / 'control'}\n"


@pytest.mark.parametrize("workers", ["", TWO])
def test_takesOver(tmp_path: Path, workers: str) -> None:
    """Old connections go on, new ones are the other's; the old process ends after its last."""
    keyPair(tmp_path)
    port = freePort()
    with (
        echoes() as behind,
        serving(tmp_path, control(tmp_path) + workers + section(port, behind)) as child,
    ):
        lasting = [client(port) for _ in range(3)]
        with ending(upgrade(tmp_path)):
            fresh = client(port)
            assert all(map(alive, (*lasting, fresh)))
            assert child.process.poll() is None
            for each in lasting:
                each.close()
            assert child.process.wait(READY) == 0
            assert alive(fresh)
            again = upgrade(tmp_path)
            with ending(again):
                assert alive(fresh)
                another = client(port)
                assert alive(another)
                # Its console is its own, and there is one process after all.
                status = json.loads(console(tmp_path, "status").stdout)
                assert status["state"] == "serving"
                fresh.close()
                another.close()
    log = "\n".join(child.lines)
    assert "3 connection(s) end here by themselves" in log
    # The numbers of connections are not given twice.
    assert "LOG5[10000]: Service [DICOM STORE] accepted connection" in log


def test_nothingComesOfIt(tmp_path: Path) -> None:
    """Where the new process cannot serve, why is told, and the old one goes on as it was."""
    keyPair(tmp_path)
    port = freePort()
    text = control(tmp_path) + section(port, 1)
    with serving(tmp_path, text) as child, echoes() as behind:
        configure(tmp_path, control(tmp_path) + section(port, behind, "cert = none.pem"))
        done = console(tmp_path, "upgrade")
        assert done.returncode == 1
        assert "none.pem" in json.loads(done.stdout)["error"]
        child.waitFor("Upgrade failed: this process goes on as before", READY)
        # The file of its socket is still there, and a reload still works.
        configure(tmp_path, control(tmp_path) + section(port, behind))
        assert console(tmp_path, "reload").returncode == 0
        client(port).close()


def test_drained(tmp_path: Path) -> None:
    """What is drained stays so."""
    keyPair(tmp_path)
    text = control(tmp_path) + section(freePort(), 1) + section(freePort(), 1, name="B")
    with serving(tmp_path, text):
        assert console(tmp_path, "drain", "B").returncode == 0
        with ending(upgrade(tmp_path)):
            told = json.loads(console(tmp_path, "status").stdout)
            draining = {each["name"]: each["draining"] for each in told["sections"]}
            assert draining == {"DICOM STORE": False, "B": True}


def test_signal(tmp_path: Path) -> None:
    """A signal to the process that was there before gives its connections drainTimeout."""
    keyPair(tmp_path)
    port = freePort()
    text = f"drainTimeout = 1\n{control(tmp_path)}"
    with echoes() as behind, serving(tmp_path, text + section(port, behind)) as child:
        lasting = client(port)
        with ending(upgrade(tmp_path)):
            assert alive(lasting)
            child.process.send_signal(signal.SIGTERM)
            assert child.process.wait(READY) == 0
            assert not alive(lasting)
            lasting.close()
            client(port).close()
    assert "1 connection(s) did not end by themselves" in "\n".join(child.lines)


def test_daemon(tmp_path: Path) -> None:
    """A daemon's pid file has the number of the one that serves, and goes with the last."""
    keyPair(tmp_path)
    port, pidFile, log = freePort(), tmp_path / "butterfly.pid", tmp_path / "butterfly.log"
    with echoes() as behind:
        text = f"pid = {pidFile}\noutput = {log}\ndebug = 6\n{control(tmp_path)}"
        path = configure(tmp_path, text + section(port, behind))
        command = [*TWISTD, "butterfly-tls", "--config", str(path)]
        subprocess.run(command, cwd=tmp_path, env=environment(), check=True, timeout=READY)
        awaitLog(log, "Accepting new connections")
        first = int(pidFile.read_text())
        lasting = client(port)
        second = upgrade(tmp_path)
        assert int(pidFile.read_text()) == second != first
        handle = os.pidfd_open(first)
        assert alive(lasting)
        lasting.close()
        assert select.select([handle], [], [], READY)[0]
        os.close(handle)
        assert int(pidFile.read_text()) == second
        client(port).close()
        stop(pidFile)
        assert not pidFile.exists()


def test_notByTwistd(tmp_path: Path) -> None:
    """Started by stunnel's command line it says that it cannot."""
    keyPair(tmp_path)
    text = f"foreground = yes\nsyslog = no\n{control(tmp_path)}"
    path = configure(tmp_path, text + section(freePort(), 1))
    command = [sys.executable, "-m", "appliance.cli", "stunnel", str(path)]
    with running("the appliance", command, tmp_path) as child:
        child.waitFor("Configuration successful", READY)
        done = console(tmp_path, "upgrade")
        assert done.returncode == 1
        assert "stop it and start it again" in json.loads(done.stdout)["error"]


@pytest.mark.parametrize("workers", ["", TWO])
def test_everything(tmp_path: Path, workers: str) -> None:
    """200 associations live through 100 reloads, new certificates, a rotated log and an upgrade.

    No object is lost or altered, no association is cut, nobody who comes meanwhile is refused.
    """
    keyPair(tmp_path)
    log = tmp_path / "butterfly.log"
    asyncio.run(everything(tmp_path, workers, log))
    rotated = [json.loads(line) for line in (tmp_path / "journal").read_text().splitlines()]
    assert {each["outcome"] for each in rotated} == {"released"}
    assert len(rotated) >= ASSOCIATIONS


async def everything(directory: Path, workers: str, log: Path) -> None:
    """See L{test_everything}."""
    port = freePort()
    whole = f"output = {log}\njournal = {directory / 'journal'}\n{control(directory)}{workers}"
    async with archive() as (behind, kept):

        def write(number: int) -> None:
            more = ("healthCheck = none", f"TIMEOUTidle = {1000 + number // 2}")
            configure(directory, f"debug = 6\n{whole}{section(port, behind, *more)}")

        write(0)
        with serving(directory, whole + section(port, behind, "healthCheck = none")) as child:
            studies = [Study(port, number) for number in range(ASSOCIATIONS)]
            await asyncio.gather(*(each.open() for each in studies))
            over = asyncio.Event()
            senders = [asyncio.create_task(busy(each, over)) for each in studies]
            visitors = asyncio.create_task(visit(port, over))

            for number in range(1, RELOADS + 1):
                if number % 10 == 0:
                    renew(directory, number // 10)
                write(number)
                child.process.send_signal(signal.SIGHUP)
                await asyncio.to_thread(awaitLines, child, "Configuration successful", number + 1)
            log.rename(directory / "butterfly.log.1")
            child.process.send_signal(signal.SIGUSR1)
            await asyncio.to_thread(child.waitFor, "Log file reopened", READY)
            assert log.exists()
            pid = await asyncio.to_thread(upgrade, directory)
            with ending(pid):
                over.set()
                await asyncio.gather(*senders)
                guests = await visitors
                late = Study(port, ASSOCIATIONS)
                await late.open()
                for _ in range(3):
                    await asyncio.gather(*(each.store() for each in (*studies, late)))
                studies.append(late)
                await asyncio.gather(*(each.release() for each in studies))
                assert await asyncio.to_thread(child.process.wait, READY) == 0
    stored = [each for study in (*studies, *guests) for each in study.stored]
    assert set(kept.received) == set(stored)
    assert set(kept.received.values()) == {1}
    assert kept.lost == 0
    assert len(guests) > 1
    assert kept.released == len(studies) + len(guests)


async def busy(study: Study, over: asyncio.Event) -> None:
    """Store one object after the other in C{study}."""
    while not over.is_set():
        await study.store()
        await asyncio.sleep(0.5)


async def visit(port: int, over: asyncio.Event) -> list[Study]:
    """Associate, store and release, again and again; gives all that was so."""
    guests = []
    while not over.is_set():
        guest = Study(port, 1000 + len(guests))
        await guest.open()
        await guest.store()
        await guest.release()
        guests.append(guest)
    return guests


def renew(directory: Path, number: int) -> None:
    """Put another certificate and its key in the place of those that are there."""
    fresh = directory / "fresh"
    fresh.mkdir(exist_ok=True)
    pair = selfSigned(m.key(f"server {number % 2}"), "localhost", ("localhost",), now=m.now())
    for path in m.write(fresh, "Butterfly_SCP", pair):
        path.replace(directory / path.name)
