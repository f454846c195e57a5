"""Two machines with one address (C{etc/keepalived}): what a takeover costs, and what it does not.

In every case a study is on its way when something fails. Each object that was acknowledged must be
at the PACS unaltered, each storescu that had some left must have failed, and in the end all must be
there. C{make ha} does it several times over and prints what happened when.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic

import pytest

from tests import objects
from tests.integration.ha import PATIENCE, Machine, Pair, Sender, pair, when
from tests.peers import program
from tests.timings import TIMINGS, note

pytestmark = pytest.mark.real

SHOWN = "BUTTERFLY_HA_ROUNDS" in os.environ
ROUNDS = int(os.environ.get("BUTTERFLY_HA_ROUNDS", "1"))


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """The pair, for all tests: whoever has the address at the beginning of one is its master."""
    with pair(tmp_path_factory.mktemp("ha")) as made:
        yield made


@pytest.fixture
def sender(two: Pair, tmp_path: Path) -> Sender:
    """A study on its way."""
    two.timeline.clear()
    sender = Sender(two.namespaces["client"], tmp_path)
    sender.begin()
    sender.awaitAcknowledged(10)
    return sender


def broken(two: Pair, what: str) -> tuple[Machine, Machine, int]:
    """Say that now C{what} happens; gives master, twin, and where the twin's log goes on."""
    master, twin = two.roles
    start = len(twin.keepalived.lines)
    two.fault = monotonic()
    two.note(what, two.fault)
    return master, twin, start


def takenOver(two: Pair, twin: Machine, start: int) -> None:
    """Return when the twin has the address."""
    two.note("the twin has the address", when(twin.keepalived, "Entering MASTER STATE", start))


def arrived(two: Pair, sender: Sender, what: str) -> None:
    """Assert that nothing is lost and nothing failed in silence; tell what happened."""
    sender.finish()
    for run in sender.runs:
        assert (run.status != 0) is bool(run.left), run
    received = {objects.digest(path) for path in two.received.iterdir()}
    assert {objects.digest(path) for path in sender.files} <= received
    failed = [run for run in sender.runs if run.left]
    for run in failed[:1]:
        two.note(f"storescu fails with {len(run.left)} objects left: {run.last}", run.end)
        first = min(at for at in sender.acknowledged.values() if at > run.end)
        two.note(f"an object is acknowledged again, at attempt {len(failed)}", first)
        note(f"{what}: an object was acknowledged again after", first - two.fault)
    two.note(f"all {len(sender.files)} objects are at the PACS", sender.runs[-1].end)
    closed = two.closed()
    note(f"{what}: closed to new connections for", closed)
    if SHOWN:
        TIMINGS.extend(two.told())


def uncut(sender: Sender) -> None:
    """Assert that no association failed that had got anywhere."""
    assert [run for run in sender.runs if run.left and run.acknowledged] == []


@pytest.mark.parametrize("turn", range(ROUNDS))
class TestTakeover:
    """The master fails, or leaves."""

    def test_killed(self, two: Pair, sender: Sender, turn: int) -> None:
        """A kill -9 of the appliance: its clients are reset, and the twin takes the address."""
        master, twin, start = broken(two, "kill -9 of the appliance")
        master.appliance.process.kill()
        takenOver(two, twin, start)
        arrived(two, sender, "killed")
        self.back(master, master.start)

    def test_hung(self, two: Pair, sender: Sender, turn: int) -> None:
        """An appliance that stands still is as good as gone, though its process exists."""
        master, twin, start = broken(two, "SIGSTOP of the appliance")
        master.appliance.process.send_signal(signal.SIGSTOP)
        takenOver(two, twin, start)
        arrived(two, sender, "hung")
        since = len(master.appliance.lines)
        self.back(master, lambda: master.appliance.process.send_signal(signal.SIGCONT))
        # What it had open is dead, and it finds out by itself.
        when(master.appliance, r"connection from 192\.0\.2\.9:\d+ ended", since)

    def test_powerOff(self, two: Pair, sender: Sender, turn: int) -> None:
        """A machine that is gone without a word is missed, and the twin resets its clients."""
        master, twin, start = broken(two, "power-off: the master's plug is pulled")
        two.plug(master, "down")
        takenOver(two, twin, start)
        arrived(two, sender, "power-off")
        self.back(master, lambda: two.plug(master, "up"))

    def test_stopped(self, two: Pair, sender: Sender, turn: int) -> None:
        """Before a stop associations may end; the address moves when they have, and none is cut."""
        master, twin, start = broken(two, "SIGTERM to the appliance")
        master.appliance.process.terminate()
        assert master.appliance.process.wait(PATIENCE) == 0
        two.note("the last association has ended, and the appliance with it")
        takenOver(two, twin, start)
        arrived(two, sender, "stopped")
        uncut(sender)
        self.back(master, master.start)

    def test_drained(self, two: Pair, sender: Sender, turn: int) -> None:
        """So it is when it is drained; new clients are told to come again, none is refused."""
        master, twin, start = broken(two, "butterfly-tls drain all")
        master.ask("drain", "all")
        takenOver(two, twin, start)
        arrived(two, sender, "drained")
        uncut(sender)
        assert [at for at, what in two.looks() if what == "refused"] == []
        self.back(master, lambda: master.ask("drain", "--undo", "all"))

    @staticmethod
    def back(master: Machine, mend: Callable[[], None]) -> None:
        """Have the machine be there for the other one again."""
        since = len(master.keepalived.lines)
        mend()
        when(master.keepalived, "Entering BACKUP STATE", since)


@pytest.mark.parametrize("turn", range(ROUNDS))
class TestPACS:
    """It is not the appliance that fails."""

    def test_dead(self, two: Pair, sender: Sender, turn: int) -> None:
        """Both machines see that the PACS is dead, and the address stays where it is."""
        master, twin, start = broken(two, "kill -9 of the PACS")
        since = len(master.keepalived.lines)
        pids = subprocess.run(
            [program("ip"), "netns", "pids", two.namespaces["pacs"]],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        for pid in pids.stdout.split():
            os.kill(int(pid), signal.SIGKILL)
        lower = r"Changing effective priority from (\d+) to (\d+)"
        two.note("the master weighs less", when(master.keepalived, lower, since))
        two.note("so does the twin", when(twin.keepalived, lower, start))
        two.note("the PACS starts again")
        two.startPACS()
        arrived(two, sender, "PACS")
        moved = (*master.keepalived.lines[since:], *twin.keepalived.lines[start:])
        assert [line for line in moved if "MASTER STATE" in line] == []
        assert master.hasAddress
        assert not twin.hasAddress
        for machine, from_ in ((master, since), (twin, start)):
            when(machine.keepalived, r"VRRP_Script\(pacs\) succeeded", from_)
