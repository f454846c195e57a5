"""The console of a real appliance: the control socket, the commands that ask there, and SSH."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
from attrs import frozen

from appliance.cli.child import Child, environment, running
from tests.console import keymaking
from tests.integration.appliance import READY, configure, keyPair, section, serving, start
from tests.integration.test_workers import TWO, alive, answers, awaitLines, client, echoes
from tests.peers import butterfly, freePort, program

pytestmark = pytest.mark.real

NAME = "DICOM STORE"


@frozen
class Console:
    """An appliance with a control socket, and what there is before and behind it."""

    child: Child
    directory: Path
    port: int
    shell: int
    text: str

    @property
    def path(self) -> Path:
        """The control socket."""
        return self.directory / "control"

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a subcommand that asks there."""
        return ask(self.path, *words)

    def data(self, *words: str) -> Any:
        """What a command of the shell gives to programs."""
        done = self.run("ask", "--json", "--", *words)
        assert done.returncode == 0, done
        return json.loads(done.stdout)

    def configure(self, text: str) -> None:
        """Change what a reload will read."""
        configure(self.directory, text)


def ask(path: Path, name: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the subcommand C{name} with the control socket at C{path}."""
    return subprocess.run(
        butterfly(name, "--socket", path, *words),
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )


@contextmanager
def console(directory: Path, first: str = "", *more: str) -> Iterator[Console]:
    """An appliance with a control socket and a shell for alice."""
    keyPair(directory)
    keymaking.people(directory, alice="ed25519")
    keymaking.hostKey(directory)
    port, shell = freePort(), freePort()
    text = (
        f"{first}control = {directory}/control\nmanhole = {shell}\nmanholeKeys = keys\n"
        "manholeHostKey = hostkey\n"
    )
    with echoes() as behind:
        text += section(port, behind, *more)
        with serving(directory, text) as child:
            yield Console(child, directory, port, shell, text)


@pytest.mark.parametrize("workers", ["", TWO])
class TestCommands:
    """What the command line asks of one process, and of several."""

    def test_status(self, tmp_path: Path, workers: str) -> None:
        """It tells how everything is, to people and to programs."""
        with console(tmp_path, workers) as it:
            done = it.run("status")
            assert done.returncode == 0
            assert done.stdout.startswith("All is well.\n"), done
            assert "\x1b" not in done.stdout
            (told,) = json.loads(it.run("status", "--json").stdout)["sections"]
            assert (told["name"], told["serving"]) == (NAME, True)

    def test_connections(self, tmp_path: Path, workers: str) -> None:
        """Connections are listed with their IDs, and one of them is ended."""
        with console(tmp_path, workers) as it:
            first, second = client(it.port), client(it.port)
            listed = it.data("associations")
            assert [each["section"] for each in listed] == [NAME] * 2
            clients = {each["client"]: each["id"] for each in listed}
            number = clients["{}:{}".format(*first.getsockname())]
            shown = it.data("show", number)
            assert shown["bytes"] == 8
            assert shown["backend"].startswith("127.0.0.1:")
            done = it.run("close", number)
            assert (done.returncode, done.stderr) == (0, "")
            with first:
                assert ended(first)
            assert alive(second)
            awaitLines(it.child, rf"Console: .* entered by control: close {number}", 1)
            done = it.run("close", "no-such-connection")
            assert (done.returncode, done.stdout) == (1, "")
            assert "no connection" in done.stderr
            second.close()

    def test_drain(self, tmp_path: Path, workers: str) -> None:
        """A section that is drained serves nobody new, keeps who is there, and comes back."""
        with console(tmp_path, workers) as it:
            lasting = client(it.port)
            assert it.run("drain", *NAME.split()).returncode == 0
            assert not served(it.port)
            assert alive(lasting)
            assert it.run("probe").returncode == 1
            assert "draining" in it.run("status").stdout
            assert it.run("drain", "--undo", "all").returncode == 0
            assert served(it.port)
            assert it.run("probe").returncode == 0
            lasting.close()

    def test_reload(self, tmp_path: Path, workers: str) -> None:
        """A bad configuration is refused with its problems, a good one is taken."""
        with console(tmp_path, workers) as it:
            it.configure(it.text + "nonsense = 1\n")
            done = it.run("reload")
            assert done.returncode == 1
            assert "nonsense" in done.stderr
            assert it.run("ask", "check").returncode == 1
            assert "last reload was refused" in it.run("probe").stdout
            it.configure(it.text)
            assert it.run("ask", "check").returncode == 0
            assert it.run("reload").returncode == 0
            assert served(it.port)

    def test_logLevel(self, tmp_path: Path, workers: str) -> None:
        """The log says less and more, of what happens in workers too, until a reload."""
        accepted = r"LOG5\[.*accepted connection"
        with console(tmp_path, workers) as it:
            assert it.data("log-level", "err")["sections"] == {NAME: "err"}
            client(it.port).close()
            assert it.data("log-level", "notice", *NAME.split())["process"] == "err"
            client(it.port).close()
            awaitLines(it.child, accepted, 1)
            assert it.run("reload").returncode == 0
            assert it.data("log-level")["process"] == "info"
            assert sum("accepted connection" in line for line in it.child.lines) == 1

    def test_echo(self, tmp_path: Path, workers: str) -> None:
        """A backend that is no PACS is found not to be one."""
        with console(tmp_path, workers, "healthTimeout = 1") as it:
            done = it.run("ask", "echo", *NAME.split())
            assert done.returncode == 1
            assert "127.0.0.1:" in done.stderr


def served(port: int) -> bool:
    """True when a new client is served."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=READY) as raw,
            context.wrap_socket(raw) as tls,
        ):
            return answers(tls)
    except OSError:
        return False


def ended(tls: ssl.SSLSocket) -> bool:
    """True when the connection ends."""
    try:
        return tls.recv(1) == b""
    except OSError:
        return True


class TestShell:
    """The shell of a real appliance."""

    def ssh(self, it: Console, *words: str) -> subprocess.CompletedProcess[str]:
        """Run OpenSSH's client as alice."""
        key = keymaking.write(it.directory / "alice", keymaking.private())
        options = {
            "BatchMode": "yes",
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "UserKnownHostsFile": str(it.directory / "known_hosts"),
            "GlobalKnownHostsFile": "/dev/null",
            "StrictHostKeyChecking": "accept-new",
        }
        argv = [program("ssh"), "-F", "none", "-i", str(key), "-p", str(it.shell)]
        for name, value in options.items():
            argv += ["-o", f"{name}={value}"]
        command = [*argv, "alice@127.0.0.1", *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    def test_status(self, tmp_path: Path) -> None:
        """C{ssh HOST status} works, and the log knows who it was."""
        with console(tmp_path, TWO) as it:
            done = self.ssh(it, "status", "--json")
            assert done.returncode == 0, done
            assert json.loads(done.stdout)["sections"][0]["name"] == NAME
            awaitLines(it.child, r"LOG5\[main\]: Console: alice logged in from 127\.0\.0\.1:", 1)
            awaitLines(it.child, r"LOG5\[main\]: Console: alice from .* logged out", 1)
            done = self.ssh(it, "close", "x")
            assert done.returncode == 1
            awaitLines(it.child, r"LOG5\[main\]: .*alice entered by ssh, and it failed: close x", 1)

    def test_pythonIsAnOptionOfItsOwn(self, tmp_path: Path) -> None:
        """Nobody gets at Python who was not given it."""
        with console(tmp_path) as it:
            done = self.ssh(it, "-tt", "python")
            assert done.returncode == 2
            assert "manholePython" in done.stdout + done.stderr


class TestProbe:
    """What monitoring hears when there is nobody to ask."""

    def test_stopped(self, tmp_path: Path) -> None:
        """An appliance that has ended is critical, and its socket is gone with it."""
        with console(tmp_path) as it:
            assert it.run("probe").returncode == 0
        assert not it.path.exists()
        done = it.run("probe")
        assert (done.returncode, done.stderr) == (2, "")
        assert done.stdout.startswith("CRITICAL: there is no ")
        done = it.run("status")
        assert done.returncode == 1
        assert "does not run" in done.stderr

    def test_killed(self, tmp_path: Path) -> None:
        """One that was killed leaves its socket behind, which the next start replaces."""
        with console(tmp_path) as it:
            it.child.process.send_signal(signal.SIGKILL)
            it.child.process.wait(READY)
            assert it.path.exists()
            done = it.run("probe")
            assert (done.returncode, done.stdout.split(":")[0]) == (2, "CRITICAL")
            with serving(tmp_path, it.text) as again:
                assert it.run("probe").returncode == 0
                assert again.lines

    def test_hung(self, tmp_path: Path) -> None:
        """A socket at which nobody answers is unknown, in time."""
        path = tmp_path / "control"
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
            server.listen()
            begun = monotonic()
            done = ask(path, "probe", "--patience", "1")
            assert (done.returncode, done.stdout.split(":")[0]) == (3, "UNKNOWN")
            assert monotonic() - begun < READY

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may use every socket")
    def test_notAllowed(self, tmp_path: Path) -> None:
        """Who may not use the socket hears who may."""
        with console(tmp_path) as it:
            it.path.chmod(0)
            done = it.run("status")
            assert done.returncode == 1
            assert "controlGroup" in done.stderr

    def test_wrongCommandLine(self, tmp_path: Path) -> None:
        """What is misspelt is unknown, not critical."""
        assert ask(tmp_path / "control", "probe", "--nonsense").returncode == 3


def test_twice(tmp_path: Path) -> None:
    """A second appliance with the same control socket does not start, and says why."""
    with console(tmp_path) as it:
        other = tmp_path / "other"
        other.mkdir()
        keyPair(other)
        text = f"control = {it.path}\n" + section(freePort(), 104)
        done = start(other, "--config", str(configure(other, text)))
        assert done.returncode == 1
        assert "is another appliance running?" in done.stderr
        assert ":1: error: control: cannot listen at" in done.stderr
        assert it.run("probe").returncode == 0


def test_reloadOfTheConsole(tmp_path: Path) -> None:
    """What concerns the console counts at the next start, and a reload says so."""
    with console(tmp_path) as it:
        it.configure(it.text.replace("manholeHostKey", "manholePython = yes\nmanholeHostKey"))
        done = it.run("reload")
        assert done.returncode == 0
        assert "counts at the next start only" in done.stdout


def test_systemd(tmp_path: Path) -> None:
    """Where systemd gives a directory the socket is there, unasked, and the commands find it."""
    keyPair(tmp_path)
    runtime = tmp_path / "run"
    runtime.mkdir()
    before = os.environ.get("RUNTIME_DIRECTORY")
    os.environ["RUNTIME_DIRECTORY"] = str(runtime)
    try:
        with serving(tmp_path, section(freePort(), 104)):
            command = butterfly("probe", "--no-backends")
            done = subprocess.run(
                command, env=environment(), capture_output=True, text=True, timeout=60
            )
    finally:
        del os.environ["RUNTIME_DIRECTORY"]
        if before is not None:
            os.environ["RUNTIME_DIRECTORY"] = before
    assert (done.returncode, done.stdout.split(":")[0]) == (0, "OK"), done


def test_stunnelCommand(tmp_path: Path) -> None:
    """C{butterfly-tls stunnel} has the console too."""
    keyPair(tmp_path)
    path = tmp_path / "control"
    text = f"control = {path}\nforeground = yes\nsyslog = no\npid =\n" + section(freePort(), 104)
    command = butterfly("stunnel", configure(tmp_path, text))
    with running("the appliance", command, tmp_path) as child:
        child.waitFor("Configuration successful", READY)
        deadline = monotonic() + READY
        while ask(path, "probe", "--no-backends").returncode:
            assert monotonic() < deadline, child.tail()
            sleep(0.1)
    assert not path.exists()
