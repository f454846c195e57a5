"""The administrator's program that hears of changes, as a real process."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from appliance import events as e
from appliance.health import hook
from appliance.health.hook import MOST_WAITING, WITHIN, Hook, environment
from tests.peers import directoryFor

SECTION = "DICOM STORE"


def change(after: e.Health = e.Health.DOWN, backend: str = "192.0.2.1:104") -> e.BackendChanged:
    """A change of a backend's state."""
    why = "nothing listens on that port"
    return e.BackendChanged(SECTION, backend, e.Health.UP, after, why, "start it", 7.0)


class RealTests(TestCase):
    """Programs that run."""

    timeout = 20

    def setUp(self) -> None:
        self.directory = directoryFor(self)
        self.heard: list[Any] = []
        self.events = e.Events(onError=lambda error: self.fail(repr(error)))
        self.events.subscribe(self.heard.append)
        self.hook = Hook(reactor, self.events)
        self.events.subscribe(self.hook, (e.BackendChanged,))

    def program(self, script: str) -> Path:
        """A shell script that is the section's program."""
        path = self.directory / "hook"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        self.hook.programs = {SECTION: str(path)}
        return path

    async def said(self, lines: int) -> list[str]:
        """What programs have written into the file C{out}: so many lines, when all have ended."""
        out = self.directory / "out"
        while not out.exists() or len(out.read_text().splitlines()) < lines:
            await turn()
        while self.hook._turns[SECTION].running:
            await turn()
        return out.read_text().splitlines()

    async def failed(self) -> str:
        """What was wrong."""
        while not any(isinstance(event, e.HookFailed) for event in self.heard):
            await turn()
        (event,) = (event for event in self.heard if isinstance(event, e.HookFailed))
        self.assertEqual((event.section, event.program), (SECTION, self.hook.programs[SECTION]))
        return str(event.why)

    async def test_environment(self) -> None:
        """It is told all of the change, and has our environment for the rest."""
        others = {k: v for k, v in os.environ.items() if not k.startswith("BUTTERFLY_")}
        self.patch(os, "environ", others | {"OURS": "too"})
        self.program(f"env | grep -e ^BUTTERFLY_ -e ^OURS | sort > {self.directory}/new; "
                     f"mv {self.directory}/new {self.directory}/out")  # fmt: skip
        self.events.publish(change())
        self.assertEqual(
            await self.said(6),
            [
                "BUTTERFLY_AFTER=down",
                "BUTTERFLY_BACKEND=192.0.2.1:104",
                "BUTTERFLY_BEFORE=up",
                "BUTTERFLY_SECTION=DICOM STORE",
                "BUTTERFLY_WHY=nothing listens on that port",
                "OURS=too",
            ],
        )

    async def test_byName(self) -> None:
        """A name without a slash is looked for on PATH, and nowhere else."""
        path = self.program(f"echo found > {self.directory}/out")
        self.hook.programs = {SECTION: path.name}
        self.events.publish(change())
        self.assertEqual(await self.failed(), "cannot be started: No such file or directory")
        self.patch(os, "environ", {**os.environ, "PATH": f"{self.directory}:/usr/bin:/bin"})
        self.events.publish(change())
        self.assertEqual(await self.said(1), ["found"])

    async def test_oneAtATime(self) -> None:
        """Changes are told one after the other, in their order."""
        out = self.directory / "out"
        self.program(f"mkdir {self.directory}/lock || exit 9\n"
                     f"echo $BUTTERFLY_AFTER >> {out}; sleep 0.05\n"
                     f"rmdir {self.directory}/lock")  # fmt: skip
        for after in e.Health:
            self.events.publish(change(after))
        self.assertEqual(await self.said(4), ["unknown", "up", "degraded", "down"])
        self.assertEqual([x for x in self.heard if isinstance(x, e.HookFailed)], [])

    async def test_noisy(self) -> None:
        """What it says is read and dropped, and it has nothing to read."""
        self.program(f"cat; head -c 1000000 /dev/zero; head -c 1000000 /dev/zero >&2; "
                     f"echo x > {self.directory}/out")  # fmt: skip
        self.events.publish(change())
        self.assertEqual(await self.said(1), ["x"])

    async def test_failing(self) -> None:
        """An exit status other than 0 is told."""
        self.program("exit 3")
        self.events.publish(change())
        self.assertEqual(await self.failed(), "ended with exit status 3")

    async def test_killed(self) -> None:
        """So is a signal."""
        self.program("kill -TERM $$")
        self.events.publish(change())
        self.assertEqual(await self.failed(), "ended by signal 15")

    async def test_slow(self) -> None:
        """One that does not end in time is killed, though its children hold its output."""
        self.patch(hook, "WITHIN", 0.2)
        self.program("sleep 2 & wait")
        self.events.publish(change())
        self.assertEqual(await self.failed(), "did not end within 0.2 s and was killed")

    async def test_missing(self) -> None:
        """One that is not there is told, and so is one that may not be run."""
        path = self.program("")
        path.chmod(0o644)
        self.events.publish(change())
        self.assertEqual(await self.failed(), "cannot be started: Permission denied")
        self.heard.clear()
        path.unlink()
        self.events.publish(change())
        self.assertEqual(await self.failed(), "cannot be started: No such file or directory")


def turn() -> Deferred[None]:
    """A short while of the reactor's, in which processes are heard of."""
    done: Deferred[None] = Deferred()
    reactor.callLater(0.01, done.callback, None)
    return done


class Reactor(Clock):
    """Starts programs on paper."""

    def __init__(self) -> None:
        super().__init__()
        self.started: list[dict[str, str]] = []
        self.running: list[Any] = []

    def spawnProcess(self, protocol: Any, program: str, args: list[str], env: Any) -> None:
        self.started.append(env)
        self.running.append(protocol)
        protocol.makeConnection(Process(protocol))


class Process:
    """The transport of such a program."""

    def __init__(self, protocol: Any) -> None:
        self.signals: list[str] = []

    def closeStdin(self) -> None:
        pass

    loseConnection = closeStdin

    def signalProcess(self, name: str) -> None:
        self.signals.append(name)


class QueueTests(SynchronousTestCase):
    """What waits."""

    def setUp(self) -> None:
        self.reactor = Reactor()
        self.failures: list[str] = []
        self.events = e.Events()
        self.events.subscribe(self._hear)
        self.hook = Hook(self.reactor, self.events)
        self.hook.programs = {SECTION: "/bin/true", "other": "/bin/true"}

    def _hear(self, event: e.Event) -> None:
        if isinstance(event, e.HookFailed):
            self.failures.append(event.why)

    def test_nothingToRun(self) -> None:
        """Sections without a program start nothing."""
        self.hook.programs = {}
        self.hook(change())
        self.assertEqual(self.reactor.started, [])

    def test_bounded(self) -> None:
        """Behind a program that hangs only the latest changes wait, and that is told."""
        for number in range(MOST_WAITING + 3):
            self.hook(change(backend=str(number)))
        self.assertEqual(len(self.failures), 2)
        self.assertIn("the oldest was dropped", self.failures[0])
        self.assertEqual(len(self.reactor.started), 1)
        waiting = [event.backend for _, event in self.hook._turns[SECTION].waiting]
        self.assertEqual(waiting[0], "3")
        self.assertEqual(len(waiting), MOST_WAITING)

    def test_sectionsApart(self) -> None:
        """A section does not wait for another's program."""
        self.hook(change())
        self.hook(e.BackendChanged("other", "x", e.Health.UP, e.Health.DOWN, "", "", 0.0))
        self.assertEqual(len(self.reactor.started), 2)

    def test_killedInTime(self) -> None:
        """It is killed after its time, not before."""
        self.hook(change())
        (running,) = self.reactor.running
        self.reactor.advance(WITHIN - 0.1)
        self.assertEqual(running.transport.signals, [])
        self.reactor.advance(0.1)
        self.assertEqual(running.transport.signals, ["KILL"])

    def test_environment(self) -> None:
        """Words of a state are those of the log."""
        self.assertEqual(environment(change())["BUTTERFLY_AFTER"], "down")
