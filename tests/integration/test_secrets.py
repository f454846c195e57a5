"""Secrets stay where they are: in no log, answer, dump or file that others can read."""

from __future__ import annotations

import os
import re
import signal
import socket
import stat
import subprocess
import urllib.request
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from appliance.cli.child import environment, running
from tests import material as m
from tests.console import keymaking
from tests.integration.appliance import READY, TWISTD, configure, keyPair, section, serving
from tests.integration.test_passphrase import atTerminal, hear
from tests.integration.test_peers import openssl
from tests.integration.test_privacy import audited, shell
from tests.integration.test_workers import TWO, awaitLines, echoes, workers
from tests.peers import awaitThat, butterfly, freePort

pytestmark = pytest.mark.real

PSK = "CANARY-shared-key-of-some-length"
PASSPHRASE = "CANARY-passphrase"
PASSWORD = "CANARY-password"
TICKET = "c0ffee0dd0c0ffee0dd0c0ffee0dd0ee"


def encrypted(path: Path, passphrase: str) -> bytes:
    """Encrypt the key at C{path}, which L{m.server} has; its PEM without encryption."""
    key = m.server().key
    how = BestAvailableEncryption(passphrase.encode())
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how))
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def forms(directory: Path, plain: bytes) -> set[str]:
    """All that must not be seen, as text, in hexadecimal and in base64."""
    key = m.server().key
    assert isinstance(key, RSAPrivateKey)
    numbers = key.private_numbers()
    found = {"CANARY", TICKET}
    for secret in (PSK, PASSPHRASE, PASSWORD, f"me:{PASSWORD}"):
        # Without what depends on the bytes beside it.
        found |= {secret.encode().hex(), b64encode(secret.encode()).decode().rstrip("=")[:-1]}
    for number in (numbers.d, numbers.p, numbers.q):
        found |= {str(number), f"{number:x}"}
    for pem in (plain, *(each.read_bytes() for each in directory.glob("*key*"))):
        found |= {line for line in pem.decode().splitlines()[1:-1] if len(line) > 20}
    return {each.lower() for each in found}


class TestCanaries:
    """Every secret that a configuration can have, and all that is written or shown, at debug 7."""

    def test_nowhere(self, tmp_path: Path) -> None:
        """They are used, and used wrongly, and are in nothing that the appliance says."""
        keyPair(tmp_path)
        plain = encrypted(tmp_path / "Butterfly_SCP_key.pem", PASSPHRASE)
        self.files(tmp_path)
        shared, ports, status = freePort(), (freePort(), freePort()), freePort()
        collector = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        collector.bind(("127.0.0.1", 0))
        collector.settimeout(READY)
        heads = (
            *("journal = journal", "output = appliance.log", f"control = {tmp_path / 'control'}"),
            *(f"status = 127.0.0.1:{status}", f"manhole = {freePort()}", "manholeKeys = keys"),
            *("manholeHostKey = hostkey", f"audit = 127.0.0.1:{collector.getsockname()[1]}"),
        )
        said: list[str] = []
        with collector, echoes() as behind:
            tickets = (f"ticketKeySecret = {TICKET}", f"ticketMacSecret = {TICKET}")
            text = "\n".join(
                (
                    *heads,
                    section(ports[0], behind, "keyPassphrase = passphrase", *tickets),
                    f"[PSK]\naccept = 127.0.0.1:{shared}\nconnect = 127.0.0.1:{behind}",
                    "PSKsecrets = psk",
                    f"[PROXY]\nclient = yes\naccept = 127.0.0.1:{ports[1]}",
                    f"connect = 127.0.0.1:{behind}\nprotocol = connect",
                    "protocolHost = pacs.example:104\nprotocolUsername = me",
                    f"protocolPassword = {PASSWORD}\nverifyPeer = no\n",
                )
            )
            with serving(tmp_path, text, level=7) as child:
                good = openssl(ports[0])
                assert b"New, TLSv1.3" in good.stdout
                for secret, right in ((PSK.encode().hex(), True), ("00" * 16, False)):
                    words = ("-psk_identity", "us1", "-psk", secret, "-tls1_2")
                    done = openssl(shared, *words, "-cipher", "PSK")
                    assert (done.returncode == 0) is right, done
                with socket.create_connection(("127.0.0.1", ports[1]), timeout=READY) as client:
                    client.sendall(b"x")
                    # The echo is no answer of a proxy.
                    with suppress(ConnectionResetError):
                        assert not client.recv(1)
                self.spoil(tmp_path, text, child.process.pid)
                awaitLines(child, "Failed to reload", 3)
                said += self.shown(tmp_path, status)
                os.kill(child.process.pid, signal.SIGUSR2)
                awaitLines(child, "Listed ", 1)
            said += child.lines
            said += audited(collector)
        said += self.checked(tmp_path, text)
        said += [(tmp_path / name).read_text() for name in ("journal", "appliance.log")]
        everything = "\n".join(said)
        for word in ("PSK", "AuditMessage", "butterfly_tls_", "too short", "[PROXY]", "certs"):
            assert word in everything, word
        lower = everything.lower()
        assert [each for each in forms(tmp_path, plain) if each in lower] == []

    @staticmethod
    def files(directory: Path) -> None:
        """What is in files of their own."""
        (directory / "passphrase").write_text(f"{PASSPHRASE}\n")
        (directory / "psk").write_text(f"us1:{PSK}\n")
        for name in ("passphrase", "psk"):
            (directory / name).chmod(0o600)
        keymaking.people(directory, alice="ed25519")
        keymaking.hostKey(directory)

    @staticmethod
    def broken(directory: Path, text: str) -> list[Callable[[], str]]:
        """Ways to spoil secrets; each gives the configuration."""

        def short() -> str:
            (directory / "psk").write_text("us1:CANARY-short\n")
            return text

        def nameless() -> str:
            (directory / "psk").write_text(f"{PSK}\n")
            return text

        def otherPassphrase() -> str:
            (directory / "psk").write_text(f"us1:{PSK}\n")
            (directory / "passphrase").write_text("CANARY-other\n")
            return text

        return [
            short,
            nameless,
            otherPassphrase,
            lambda: text.replace(f"ticketKeySecret = {TICKET}", "ticketKeySecret = CANARY"),
        ]

    def spoil(self, directory: Path, text: str, pid: int) -> None:
        """Reload with each of these."""
        log = directory / "appliance.log"
        for number, spoilt in enumerate(self.broken(directory, text), 1):
            configure(directory, f"debug = 7\n{spoilt()}")
            os.kill(pid, signal.SIGHUP)
            awaitThat(lambda n=number: log.read_text().count("Failed to reload") >= n)

    def checked(self, directory: Path, text: str) -> list[str]:
        """What C{butterfly-tls check} says of the same, and of the good one."""
        self.files(directory)
        found = []
        for spoilt in (lambda: text, *self.broken(directory, text)):
            path = configure(directory, spoilt())
            done = subprocess.run(
                butterfly("check", path), capture_output=True, text=True, env=environment()
            )
            found.append(done.stdout + done.stderr)
        return found

    @staticmethod
    def shown(directory: Path, status: int) -> list[str]:
        """What the status and the shell show."""
        found = []
        for path in ("/", "/status.json", "/metrics", "/healthz", "/readyz?verbose=1"):
            request = urllib.request.urlopen(f"http://127.0.0.1:{status}{path}", timeout=5)
            with request as answer:
                found.append(answer.read().decode())
        for command in ("status", "associations", "backends", "certs", "journal", "bans", "help"):
            found.append(shell(directory / "control", command))
        return found

    def test_typed(self, tmp_path: Path) -> None:
        """A passphrase that was typed, rightly or wrongly, is neither echoed nor logged."""
        keyPair(tmp_path)
        encrypted(tmp_path / "Butterfly_SCP_key.pem", PASSPHRASE)
        text = section(freePort(), freePort())
        configure(tmp_path, f"debug = 7\noutput = appliance.log\n{text}")
        with atTerminal(tmp_path) as (terminal, process):
            heard = b""
            for answer in ("CANARY-wrong", PASSPHRASE):
                heard += hear(terminal, b"Enter pass phrase for ")
                os.write(terminal, f"{answer}\n".encode())
            heard += hear(terminal, b"Accepting new connections")
            process.send_signal(signal.SIGHUP)
            heard += hear(terminal, b"Configuration successful")
            # Nor is it where other users look.
            for name in ("cmdline", "environ"):
                assert b"CANARY" not in Path(f"/proc/{process.pid}/{name}").read_bytes()
        assert b"CANARY" not in heard
        assert "CANARY" not in (tmp_path / "appliance.log").read_text()


class TestDumps:
    """A core dump would have the keys in it."""

    def test_none(self, tmp_path: Path) -> None:
        """Neither the process nor its workers leave one, whatever the limit was at the start."""
        keyPair(tmp_path)
        path = configure(
            tmp_path, "debug = 6\ndrainTimeout = 0\n" + TWO + section(freePort(), freePort())
        )
        command = ["prlimit", "--core=unlimited", *TWISTD, "-n", "--pidfile=", "butterfly-tls"]
        with running("the appliance", [*command, "--config", str(path)], tmp_path) as child:
            awaitLines(child, r"Worker \d+ started", 2)
            for pid in (child.process.pid, *workers(child)):
                limits = Path(f"/proc/{pid}/limits").read_text()
                found = re.search(r"^Max core file size +(\S+)", limits, re.M)
                assert found is not None
                assert found[1] == "0"

    def test_unit(self) -> None:
        """The unit says the same, also of what is started within it."""
        unit = Path(__file__).parents[2] / "debian" / "butterfly-tls.service"
        assert "\nLimitCORE=0\n" in unit.read_text()


class TestModes:
    """What is made on the disk, under a mask that would let everybody at it."""

    def test_files(self, tmp_path: Path) -> None:
        """Nobody but owner and group gets at any of it, and nobody else writes to it."""
        keyPair(tmp_path)
        (tmp_path / "spool").mkdir(0o700)
        heads = (
            *(f"control = {tmp_path}/control", f"status = {tmp_path}/status", "journal = journal"),
            *("output = appliance.log", f"audit = 127.0.0.1:{freePort()}", "auditProtocol = tcp"),
            *("debug = 6", "drainTimeout = 0", "auditSpool = spool", "pid = pid"),
        )
        with echoes() as behind:
            port = freePort()
            path = configure(tmp_path, "\n".join((*heads, section(port, behind))))
            before = {each for each in tmp_path.rglob("*") if not each.is_dir()}
            command = [*TWISTD, "-n", "butterfly-tls", "--config", str(path)]
            masked = ["sh", "-c", 'umask 0; exec "$@"', "sh", *command]
            with running("the appliance", masked, tmp_path) as child:
                child.waitFor("Accepting new connections", READY)
                assert b"New, TLSv1.3" in openssl(port).stdout
                awaitThat(lambda: any((tmp_path / "spool").iterdir()))
                made = {each for each in tmp_path.rglob("*") if not each.is_dir()} - before
                modes = {str(each.relative_to(tmp_path)): mode(each) for each in made}
        kinds = {re.sub("/.*", "", name): found for name, found in modes.items()}
        assert kinds == {
            "control": 0o660,
            "status": 0o660,
            "journal": 0o640,
            "appliance.log": 0o640,
            "spool": 0o600,
            "pid": 0o644,
        }


def mode(path: Path) -> int:
    """What others may do with C{path}."""
    return stat.S_IMODE(path.stat().st_mode)
