"""Certificates that change on the disk, and what clients are shown, with real processes.

The appliance looks several times a second here, so that a test need not wait.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from urllib.request import urlopen

import pytest

from appliance.cli.child import Child, running
from appliance.tls.certificate import KeyPair
from appliance.tls.issue import certificatePEM, keyPEM, selfSigned
from tests import material as m
from tests.integration.appliance import READY, configure, keyPair, section
from tests.integration.test_workers import TWO, alive, awaitEnd, awaitLines, client, echoes, workers
from tests.peers import freePort, program

pytestmark = pytest.mark.real

OFTEN = """
from appliance.section.renewal import Renewal
Renewal.interval, Renewal.settling = 0.1, 0.05
from twisted.scripts.twistd import run
run()
"""
EACH = pytest.mark.parametrize("more", ["", TWO], ids=["one", "workers"])
TAKEN = r"LOG5\[main\]: Service \[DICOM STORE\] has taken up what has changed on the disk: "
REFUSED = r"LOG4\[main\]: Service \[DICOM STORE\] goes on with the files from before: "


@contextmanager
def serving(directory: Path, text: str) -> Iterator[Child]:
    """The appliance with the configuration C{text}, once it serves."""
    path = configure(directory, f"debug = 6\n{text}")
    command = [sys.executable, "-c", OFTEN, "-n", "--pidfile=", "butterfly-tls", "-c", str(path)]
    with running("the appliance", command, directory) as child:
        child.waitFor(r"Accepting new connections", READY)
        yield child


def fresh(name: str = "server", days: int = 90) -> KeyPair:
    """A new certificate for the key C{name}."""
    return selfSigned(m.key(name), "localhost", ("localhost",), now=m.now(), days=days)


def put(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Put a file in its place in one step."""
    new = path.with_name("new")
    new.touch(mode)
    new.write_bytes(data)
    os.replace(new, path)


def renew(directory: Path, pair: KeyPair) -> None:
    """Put a new certificate in its place, and its key."""
    put(directory / "Butterfly_SCP_Cert.pem", certificatePEM(pair.certificate), 0o644)
    put(directory / "Butterfly_SCP_key.pem", keyPEM(pair.key))


def shown(port: int) -> int:
    """The serial number of the certificate that C{openssl s_client} is shown."""
    done = subprocess.run(
        [program("openssl"), "s_client", "-connect", f"127.0.0.1:{port}"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=READY,
        check=False,
    )
    read = [program("openssl"), "x509", "-noout", "-serial"]
    serial = subprocess.run(read, input=done.stdout, capture_output=True, check=True).stdout
    return int(serial.removeprefix(b"serial="), 16)


def awaitShown(port: int, pair: KeyPair) -> None:
    """Return when each process shows the certificate of C{pair} to whoever comes."""
    deadline, inARow = monotonic() + READY, 0
    while inARow < 4:
        inARow = inARow + 1 if shown(port) == pair.certificate.serial else 0
        assert monotonic() < deadline


def metric(port: int, name: str) -> str:
    """What the value of a metric is."""
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=READY) as answer:
        found = re.search(rf"^butterfly_tls_{name}\{{.*\}} (\S+)$", answer.read().decode(), re.M)
    assert found
    return found[1]


@EACH
def test_renamed(tmp_path: Path, more: str) -> None:
    """A new pair that is renamed into place is shown to new clients; an old one goes on."""
    keyPair(tmp_path)
    port = freePort()
    with echoes() as behind, serving(tmp_path, more + section(port, behind)) as child:
        lasting = [client(port) for _ in range(2)]
        before = len(workers(child))
        assert shown(port) == m.server().certificate.serial
        for pair in (fresh(), fresh("other")):
            renew(tmp_path, pair)
            serial = f"{pair.certificate.serial:X}"
            child.waitFor(rf"{TAKEN}.*Butterfly_SCP_Cert\.pem.*serial number {serial}\)", READY)
            awaitShown(port, pair)
        child.waitFor(r"serves 127\.0\.0\.1:\d+ for .*, certificate CN=localhost, 89 days", READY)
        assert all(alive(each) for each in lasting)
        for each in lasting:
            each.close()
        assert len(workers(child)) == before
    assert not any(re.search(REFUSED, line) for line in child.lines), child.tail()
    assert sum("Configuration successful" in line for line in child.lines) == 1


@EACH
def test_linked(tmp_path: Path, more: str) -> None:
    """So is one to which a link of the directory is turned, as Kubernetes does with a secret."""
    volume, conf = tmp_path / "volume", tmp_path / "conf"
    conf.mkdir()
    for number, pair in ((1, m.server()), (2, fresh("other"))):
        directory = volume / f"..{number}"
        directory.mkdir(parents=True)
        keyPair(directory)
        renew(directory, pair)
    (volume / "..data").symlink_to("..1")
    for name in ("Butterfly_SCP_Cert.pem", "Butterfly_SCP_key.pem"):
        (volume / name).symlink_to(f"..data/{name}")
        (conf / name).symlink_to(volume / name)
    port = freePort()
    with echoes() as behind, serving(conf, more + section(port, behind)) as child:
        lasting = client(port)
        assert shown(port) == m.server().certificate.serial
        (volume / "..new").symlink_to("..2")
        os.replace(volume / "..new", volume / "..data")
        shutil.rmtree(volume / "..1")
        child.waitFor(TAKEN, READY)
        awaitShown(port, pair)
        assert alive(lasting)
        lasting.close()


@EACH
def test_bad(tmp_path: Path, more: str) -> None:
    """A pair that does not match keeps the old one, once told; its key then makes it good."""
    keyPair(tmp_path)
    port, status = freePort(), freePort()
    text = f"status = {status}\n{more}"
    with echoes() as behind, serving(tmp_path, text + section(port, behind)) as child:
        # Workers read their files when they start, which must be over by then.
        lasting = [client(port) for _ in range(2)]
        pair = fresh("other")
        put(tmp_path / "Butterfly_SCP_Cert.pem", certificatePEM(pair.certificate))
        match = child.waitFor(rf"{REFUSED}(.*)", READY)
        assert re.match(r"\S+butterfly-tls\.conf:\d: error: \[DICOM STORE\] key: the pr", match[1])
        assert "use the key that was made with it" in match[1]
        assert metric(status, "certificate_stale") == "1.0"
        # Some looks go by, since each of these takes longer than one.
        assert [shown(port) for _ in range(4)] == [m.server().certificate.serial] * 4
        put(tmp_path / "Butterfly_SCP_key.pem", keyPEM(pair.key))
        child.waitFor(TAKEN, READY)
        awaitShown(port, pair)
        assert metric(status, "certificate_stale") == "0.0"
        assert all(alive(each) for each in lasting)
        for each in lasting:
            each.close()
    assert sum(bool(re.search(REFUSED, line)) for line in child.lines) == 1, child.tail()


def test_lostWorker(tmp_path: Path) -> None:
    """While files are bad a worker that dies has no heir and the other serves; later it has."""
    keyPair(tmp_path)
    port = freePort()
    with echoes() as behind, serving(tmp_path, TWO + section(port, behind)) as child:
        first, second = workers(child)
        lasting = [client(port) for _ in range(2)]
        put(tmp_path / "Butterfly_SCP_Cert.pem", certificatePEM(fresh("other").certificate))
        child.waitFor(REFUSED, READY)
        os.kill(first, signal.SIGKILL)
        awaitEnd(first)
        awaitLines(child, rf"Worker \d \(PID=(?!{first}\))\d+\) ended by exit status 0", 1)
        more = [client(port) for _ in range(4)]
        assert all(alive(each) for each in more)
        assert sum(alive(each) for each in lasting) == 1
        pair = fresh()
        renew(tmp_path, pair)
        child.waitFor(TAKEN, READY)
        os.kill(second, signal.SIGKILL)
        awaitEnd(second)
        awaitShown(port, pair)
        for each in lasting + more:
            each.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_otherUser() -> None:
    """A user who may not read a new key is told so, at the start and then; a chmod is enough."""
    group = pwd.getpwnam("nobody").pw_gid
    with TemporaryDirectory(prefix="butterfly-tls-test-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        keyPair(directory)
        key, port = directory / "Butterfly_SCP_key.pem", freePort()
        with (
            echoes() as behind,
            serving(directory, "setuid = nobody\n" + section(port, behind)) as child,
        ):
            told = [line for line in child.lines if "at the start only, not as the user" in line]
            assert [str(key) in line for line in told] == [True], child.tail()
            pair = fresh()
            renew(directory, pair)
            child.waitFor(rf"{REFUSED}.*may not read {key}; we run as nobody, and the", READY)
            os.chown(key, 0, group)
            key.chmod(0o640)
            child.waitFor(TAKEN, READY)
            awaitShown(port, pair)
