"""The commands that ask at the control socket, before an appliance of which nothing is real."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pty
import select
import signal
import socket
import struct
import subprocess
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fcntl import ioctl
from pathlib import Path
from time import monotonic
from typing import Any
from unittest.mock import patch

import pytest
from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from appliance.cli import asking, probe
from appliance.cli.asking import AskError, Asking
from appliance.cli.child import environment
from appliance.cli.main import main
from appliance.console import commands
from appliance.console.answer import Answer
from appliance.console.operator import Reloaded
from appliance.console.wire import dumpAnswer, loadRequest
from appliance.events import Health
from appliance.status import document as d
from appliance.status.plain import plain
from appliance.status.readiness import readiness
from tests.console.fake import (
    NOW,
    STORE,
    WORKLIST,
    FakeOperator,
    backend,
    document,
    section,
)
from tests.peers import Said, butterfly, directoryFor, runCommand

READY = 20.0


def obeyed(operator: FakeOperator) -> Callable[[bytes], bytes]:
    """What makes the line of an answer from that of a request."""

    def answer(line: bytes) -> bytes:
        request = loadRequest(line)
        words = (request.command, *request.arguments)
        found: list[Answer] = []
        Deferred.fromCoroutine(commands.obey(operator, words)).addCallback(found.append)
        return dumpAnswer(found[0])

    return answer


@contextmanager
def listening(path: Path, answer: Callable[[bytes], bytes]) -> Iterator[None]:
    """A control socket at C{path}, where each line gets its C{answer}."""

    def serve(connection: socket.socket) -> None:
        with connection, connection.makefile("rwb") as file, contextlib.suppress(OSError):
            for line in file:
                file.write(answer(line))
                file.flush()

    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    serve(server.accept()[0])

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(READY)


class CLICase(SynchronousTestCase):
    """Runs commands at a socket."""

    def setUp(self) -> None:
        self.path = directoryFor(self) / "control"
        self.operator = FakeOperator()

    def run_(self, name: str, *words: str, answer: Callable[[bytes], bytes] | None = None) -> Said:
        """Run the subcommand C{name}."""
        with listening(self.path, answer or obeyed(self.operator)):
            try:
                return runCommand(name, *words, "--socket", self.path)
            finally:
                self.path.unlink()


class CommandTests(CLICase):
    """Each command, and what it asks for."""

    def test_status(self) -> None:
        """It prints what the shell would, or JSON."""
        said = self.run_("status")
        self.assertEqual((said.status, said.err), (0, ""))
        self.assertTrue(said.out.startswith("All is well.\n"))
        self.assertEqual(json.loads(self.run_("status", "--json").out)["at"], NOW)

    def test_watch(self) -> None:
        """With --watch it is shown again and again, until somebody has had enough."""
        seconds: list[float] = []

        def sleep(time: float) -> None:
            seconds.append(time)
            if len(seconds) == 3:
                raise KeyboardInterrupt

        with (
            patch("time.sleep", sleep),
            listening(self.path, obeyed(self.operator)),
            contextlib.redirect_stdout(io.StringIO()) as out,
            contextlib.redirect_stderr(io.StringIO()),
        ):
            self.assertEqual(main(["status", "--watch", "--socket", str(self.path)]), 130)
        self.assertEqual(out.getvalue().count("All is well."), 3)

    def test_drain(self) -> None:
        """A section is drained and undrained; a blank in its name needs no quotes."""
        self.assertEqual(self.run_("drain", "DICOM", "STORE").status, 0)
        self.assertEqual(self.run_("drain", "all", "--undo").status, 0)
        self.assertEqual(self.operator.done, [("drain", STORE, True), ("drain", None, False)])

    def test_close(self) -> None:
        """A connection is ended; what cannot be is told on standard error."""
        self.assertEqual(self.run_("close", "7").status, 0)
        said = self.run_("close", "8")
        self.assertEqual((said.status, said.out), (1, ""))
        self.assertIn("no connection '8'", said.err)

    def test_reload(self) -> None:
        """A refused reload has its problems, and status 1."""
        self.assertEqual(self.run_("reload").status, 0)
        self.operator.reloaded = Reloaded(False, ("c.conf:1: error: x",))
        said = self.run_("reload")
        self.assertEqual(said.status, 1)
        self.assertIn("c.conf:1: error: x", said.err)
        self.assertFalse(json.loads(self.run_("reload", "--json").out)["accepted"])

    def test_ask(self) -> None:
        """Any command of the shell can be given."""
        self.assertIn("CT01", self.run_("ask", "associations").out)
        self.assertEqual(self.run_("ask", "frob").status, 2)

    def test_top(self) -> None:
        """Without a terminal the view is printed once."""
        said = self.run_("top")
        self.assertIn("CT01", said.out)
        self.assertNotIn("\x1b", said.out)
        self.assertEqual(json.loads(self.run_("top", "--json").out)["at"], NOW)


class AskingTests(CLICase):
    """When there is no answer."""

    def unreachable(self, error: OSError) -> AskError:
        """What is said when the socket cannot be connected for C{error}."""
        with patch.object(socket.socket, "connect", side_effect=error):
            return self.assertRaises(AskError, Asking, "/run/x/control")

    def test_missing(self) -> None:
        """No socket: the appliance does not run, or has it elsewhere."""
        error = self.assertRaises(AskError, Asking, str(self.path))
        self.assertIn(f"there is no {self.path}: the appliance does not run", str(error))
        self.assertFalse(error.runs)

    def test_left(self) -> None:
        """A socket without an appliance."""
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(self.path))
        error = self.assertRaises(AskError, Asking, str(self.path))
        self.assertIn("nobody listens", str(error))
        self.assertFalse(error.runs)

    def test_notAllowed(self) -> None:
        """A socket that is for others names the group to be in."""
        error = self.unreachable(PermissionError(13, "Permission denied"))
        self.assertIn("you may not use /run/x/control", str(error))
        self.assertIn("controlGroup", str(error))
        self.assertTrue(error.runs)

    def test_other(self) -> None:
        """Whatever else the system says."""
        self.assertIn(
            "Is a directory", str(self.unreachable(IsADirectoryError(21, "Is a directory")))
        )
        error = self.assertRaises(AskError, Asking, "/" + "x" * 200)
        self.assertIn("cannot connect", str(error))

    def test_usualPlace(self) -> None:
        """The socket is where systemd has its directory, or at the usual place."""
        with patch.dict(os.environ, {"RUNTIME_DIRECTORY": "/run/a:/run/b"}):
            self.assertEqual(asking.usualSocket(), "/run/a/control")
        with patch.dict(os.environ):
            os.environ.pop("RUNTIME_DIRECTORY", None)
            self.assertEqual(asking.usualSocket(), "/run/butterfly-tls/control")

    def test_nonsense(self) -> None:
        """Something else listens there."""
        for line in (b"HTTP/1.1 400\n", b'{"v":2}\n'):
            said = self.run_("status", answer=lambda _, line=line: line)
            self.assertEqual((said.status, said.out), (1, ""))
            self.assertIn("no answer that makes sense", said.err)

    def test_closed(self) -> None:
        """It hangs up."""

        def hangUp(_line: bytes) -> bytes:
            raise BrokenPipeError

        said = self.run_("status", answer=hangUp)
        self.assertIn("the connection was closed", said.err)

    def test_endless(self) -> None:
        """It does not stop talking."""
        with patch.object(asking, "LONGEST_ANSWER", 1000):
            said = self.run_("status", answer=lambda _: b"x" * 5000)
        self.assertIn("too long", said.err)

    def test_silent(self) -> None:
        """It does not say anything."""
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(self.path))
            server.listen()
            silent = Asking(str(self.path), 0.05)
            self.assertIn("no answer", str(self.assertRaises(AskError, silent.ask, "status")))
            silent.close()


class ProbeTests(CLICase):
    """What monitoring hears."""

    def probe(self, *words: str) -> tuple[int, str, str]:
        """The status, the words and what is measured."""
        said = self.run_("probe", *words)
        self.assertEqual((said.err, said.out.count("\n")), ("", 1))
        text, _, measured = said.out.rstrip("\n").partition(" | ")
        return said.status, text, measured

    def test_well(self) -> None:
        """All is well, in one line, with what is measured."""
        status, text, measured = self.probe()
        self.assertEqual(status, 0)
        self.assertRegex(text, "^OK: all is well; 2 section")
        self.assertEqual(
            measured,
            "connections=4;;;0 associations=2;;;0 backends_up=1;;;0 backends_down=0;;;0 "
            "certificate_days=44;21;0",
        )

    def found(self, *sections: d.Section, words: tuple[str, ...] = ()) -> tuple[int, str]:
        """What is found about C{sections}."""
        self.operator.told = document(*sections)
        status, text, _ = self.probe(*words)
        return status, text

    def test_backends(self) -> None:
        """No PACS at all is critical, one of several or one that is ill a warning."""
        dead = backend("a:104", Health.DOWN, "refused")
        well, ill = backend("b:104", Health.UP), backend("c:104", Health.DEGRADED, "it rejects")
        self.assertEqual(self.found(section("X", dead))[0], 2)
        self.assertEqual(self.found(section("X", dead, well))[0], 1)
        self.assertEqual(self.found(section("X", well, ill))[0], 1)
        self.assertIn("it rejects", self.found(section("X", ill))[1])
        self.assertEqual(self.found(section("X", dead), words=("--no-backends",))[0], 0)

    def test_certificates(self) -> None:
        """An expired certificate is critical, one that soon will be a warning."""
        self.assertEqual(self.found(section("X", days=-1))[0], 2)
        self.assertEqual(self.found(section("X", days=20))[0], 1)
        self.assertEqual(self.found(section("X", days=21))[0], 0)
        self.assertEqual(self.found(section("X", days=44), words=("--warning-days", "60"))[0], 1)
        self.assertEqual(self.found(section("X", days=None))[0], 0)

    def test_stale(self) -> None:
        """A new one that cannot be used is a warning, with what is wrong."""
        status, text = self.found(evolve(section("X"), stale="a.conf:7: error: x"))
        self.assertEqual(status, 1)
        self.assertIn("[X] goes on with the files from before: a.conf:7: error: x", text)

    def test_worstFirst(self) -> None:
        """The worst is said first, and the rest after it."""
        status, text = self.found(section("A", days=5), section("B", days=-1))
        self.assertEqual(status, 2)
        self.assertRegex(text, r"^CRITICAL: \[B\] .*; \[A\] ")

    def test_sections(self) -> None:
        """One section alone is looked at where that is asked for."""
        good, bad = section("A"), section("B", days=-1)
        self.assertEqual(self.found(good, bad, words=("--section", "A"))[0], 0)
        self.assertEqual(self.found(good, bad, words=("--section", "A", "--section", "B"))[0], 2)
        status, text = self.found(good, words=("--section", "C"))
        self.assertEqual(status, 3)
        self.assertIn("no section 'C'", text)

    def test_leaving(self) -> None:
        """A section that does not listen is critical, one that is drained a warning."""
        self.assertEqual(self.found(evolve(section("A"), serving=False))[0], 2)
        self.operator.told = document(section(STORE), section(WORKLIST))
        self.operator.drain(STORE, True)
        self.assertEqual(self.probe()[0], 1)

    def test_process(self) -> None:
        """What is wrong with the process itself."""
        told = document(section("A"))
        cases: list[tuple[int, dict[str, Any], dict[str, Any]]] = [
            (1, {"workers": 1}, {}),
            (2, {"workers": 0}, {}),
            (1, {"lastReload": d.Reload(NOW, accepted=False)}, {}),
            (0, {"lastReload": d.Reload(NOW, accepted=True)}, {}),
            (1, {"concerns": ("the journal cannot be written",)}, {}),
            (1, {}, {"state": d.State.STARTING}),
            (2, {}, {"state": d.State.STOPPING}),
            (1, {}, {"state": d.State.DRAINING}),
        ]
        for expected, process, whole in cases:
            changed = evolve(told, process=evolve(told.process, **process), **whole)
            self.operator.told = changed
            self.assertEqual(self.probe()[0], expected, (process, whole))

    def test_ready(self) -> None:
        """With --ready it says what /readyz does, and a warning is nothing."""
        dead = backend("a:104", Health.DOWN, "refused")
        fine = section("A", dead, days=1)
        told = document(fine)
        cases: list[tuple[bool, d.Section, dict[str, Any]]] = [
            (True, fine, {}),
            (
                True,
                fine,
                {"process": evolve(told.process, workers=0, concerns=("a disk is full",))},
            ),
            (False, fine, {"state": d.State.STARTING}),
            (False, fine, {"state": d.State.DRAINING}),
            (False, fine, {"state": d.State.STOPPING}),
            (False, evolve(fine, serving=False), {}),
            (False, evolve(fine, draining=True), {}),
            (False, section("A", days=-1), {}),
            (True, section("A", days=None), {}),
        ]
        for ready, one, whole in cases:
            self.operator.told = asked = evolve(document(one), **whole)
            self.assertEqual(self.probe("--ready")[0], 0 if ready else 2, (one, whole))
            self.assertIs(readiness(asked.state, asked.sections).ready, ready)

    def test_readyBackends(self) -> None:
        """With C{--ready backends} it says what /readyz?backends=1 does."""
        dead, well = backend("a:104", Health.DOWN, "no"), backend("b:104", Health.DEGRADED, "hm")
        for backends in ((), (dead,), (dead, well), (backend("c:104", Health.UNKNOWN),)):
            self.operator.told = asked = document(section("A", *backends))
            ready = readiness(asked.state, asked.sections, backends=True).ready
            self.assertEqual(self.probe("--ready", "backends")[0], 0 if ready else 2, backends)

    def test_untilIdle(self) -> None:
        """What leaves is ready as long as somebody is connected, where that is asked for."""
        idle = evolve(section("A"), connections=0)
        for state in d.State:
            for draining in (False, True):
                for connections in (0, 1):
                    one = evolve(idle, connections=connections, draining=draining)
                    self.operator.told = evolve(document(one), state=state)
                    leaving = state is not d.State.STARTING and connections
                    ready = leaving or (state is d.State.SERVING and not draining)
                    found = self.probe("--ready", "--until-idle")[0]
                    self.assertEqual(found, 0 if ready else 2, (state, draining, connections))
        self.operator.told = document(evolve(section("A", days=-1), connections=1))
        self.assertEqual(self.probe("--ready", "--until-idle")[0], 2)

    def test_oneLine(self) -> None:
        """Nothing that a peer has chosen breaks the line, or begins the measures early."""
        ill = backend("c:104", Health.DEGRADED, "a | b\n\x1b[2J")
        status, text = self.found(section("X", ill))
        self.assertEqual(status, 1)
        self.assertIn("a / b..[2J", text)

    def test_unreachable(self) -> None:
        """An appliance that does not run is critical, one that cannot be asked unknown."""
        self.assertEqual(runCommand("probe", "--socket", self.path).status, 2)
        said = self.run_("probe", answer=lambda _: b"nonsense\n")
        self.assertEqual((said.status, said.out.split(":")[0]), (3, "UNKNOWN"))

    def test_defect(self) -> None:
        """An answer that is an error is unknown."""
        failing = dumpAnswer(Answer(None, "error: a defect", 1))
        self.assertEqual(self.run_("probe", answer=lambda _: failing).status, 3)

    def test_pure(self) -> None:
        """Findings need nothing but the data."""
        data = plain(document(section("A")))
        self.assertEqual(list(probe.findings(data, data["sections"], 21, True)), [])


@pytest.mark.real
class TopTests(CLICase):
    """The live view in a terminal."""

    def setUp(self) -> None:
        super().setUp()
        self.keyboard, self.theirs = pty.openpty()
        self.addCleanup(os.close, self.keyboard)
        self.resize(24, 100)
        self.seen = b""

    def resize(self, rows: int, columns: int) -> None:
        """Let the terminal have that size."""
        ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    @contextmanager
    def top(self) -> Iterator[subprocess.Popen[bytes]]:
        """The command in a terminal."""
        before = termios.tcgetattr(self.theirs)
        with listening(self.path, obeyed(self.operator)):
            process = subprocess.Popen(
                butterfly("top", "--socket", self.path),
                env={**environment(), "TERM": "xterm"},
                stdin=self.theirs,
                stdout=self.theirs,
                stderr=self.theirs,
            )
            try:
                self.awaitSeen(b"CT01")
                yield process
                process.wait(READY)
            finally:
                process.kill()
                process.wait()
        self.assertEqual(termios.tcgetattr(self.theirs)[:4], before[:4])
        os.close(self.theirs)

    def awaitSeen(self, wanted: bytes) -> None:
        """Read what is on the screen until C{wanted} is there; what came before is forgotten."""
        deadline = monotonic() + READY
        while wanted not in self.seen:
            ready, _, _ = select.select([self.keyboard], [], [], deadline - monotonic())
            self.assertTrue(ready, self.seen)
            self.seen += os.read(self.keyboard, 65536)
        self.seen = self.seen.partition(wanted)[2]

    def test_leaves(self) -> None:
        """It draws again and again; q gives the terminal back as it was."""
        with self.top() as process:
            self.awaitSeen(b"CT01")
            os.write(self.keyboard, b"xq")
            self.awaitSeen(b"\x1b[?1049l")
        self.assertEqual(process.returncode, 0)

    def test_interrupt(self) -> None:
        """So does Control-C."""
        with self.top() as process:
            os.write(self.keyboard, b"\x03")
        self.assertEqual(process.returncode, 0)

    def test_terminated(self) -> None:
        """So does a signal."""
        with self.top() as process:
            process.send_signal(signal.SIGTERM)
            self.awaitSeen(b"\x1b[?1049l")
        self.assertEqual(process.returncode, 1)

    def test_resized(self) -> None:
        """A smaller terminal gets a smaller screen, at once."""
        with self.top() as process:
            self.resize(7, 60)
            process.send_signal(signal.SIGWINCH)
            self.awaitSeen(b"more lines")
            os.write(self.keyboard, b"q")
        self.assertEqual(process.returncode, 0)
