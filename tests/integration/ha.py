"""Two appliances with one address between them, a client and a PACS, each on a machine of its own.

The machines are network namespaces at one bridge, and keepalived is Debian's with the file that we
ship. Nothing here judges; it tells what happened and when (seconds of the monotonic clock).
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Final

import pytest
from attrs import define, field, frozen

from appliance.cli.child import Child, environment, running
from tests import objects
from tests.integration.appliance import TWISTD, keyPair
from tests.integration.test_dicom import ANY_SERVER
from tests.integration.test_stunnel_relay import ip, within
from tests.peers import butterfly, program

SHARED: Final = "192.0.2.100"
PORT, PACS_PORT = 2762, 11112
NETWORK: Final = {
    "one": "192.0.2.2",
    "two": "192.0.2.3",
    "pacs": "192.0.2.4",
    "client": "192.0.2.9",
}

PATIENCE: Final = 60.0
"""Seconds that anything may take, on a machine that has other things to do."""

STUDY, SIZE = 200, 16384
"""Objects of a study, and bytes of an object."""

SAMPLE: Final = Path(__file__).parents[2] / "etc" / "keepalived" / "butterfly-tls.conf"

CONFIG: Final = """\
debug = 6
control = {control}
drainTimeout = 5

[DICOM STORE]
accept = {shared}
socket = a:IP_FREEBIND=yes
socket = l:TCP_USER_TIMEOUT=5000
socket = l:TCP_KEEPIDLE=5
socket = l:TCP_KEEPINTVL=2
connect = {pacs}
cert = Butterfly_SCP_Cert.pem
key = Butterfly_SCP_key.pem
healthCheck = echo
healthInterval = 1
dicom = yes
"""

LOOKING: Final = """\
import socket, ssl, sys, time
context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
while True:
    begin = time.monotonic()
    try:
        with socket.create_connection((sys.argv[1], int(sys.argv[2])), 1) as raw:
            context.wrap_socket(raw).close()
        found = "open"
    except ConnectionRefusedError:
        found = "refused"
    except OSError:
        found = "closed"
    print(begin, found, flush=True)
    time.sleep(max(0, begin + 0.1 - time.monotonic()))
"""
"""Shakes hands and closes, ten times a second, and says what came of it."""


def when(child: Child, pattern: str, start: int = 0) -> float:
    """The time at which a line of the output matches, of those from C{start} on."""
    deadline = monotonic() + PATIENCE
    while not any(re.search(pattern, line) for line in child.lines[start:]):
        lives = child.process.poll() is None and monotonic() < deadline
        assert lives, f"{child.name} does not say {pattern}:\n{child.tail()}"
        sleep(0.005)
    return monotonic()


@define
class Machine:
    """One of the two: its namespace, its files, and its programs."""

    name: str
    namespace: str
    directory: Path
    stack: ExitStack
    appliance: Child = field(init=False)
    keepalived: Child = field(init=False)

    def begin(self, priority: int) -> None:
        """Write all files and start both programs."""
        keyPair(self.directory)
        addresses = {"shared": f"{SHARED}:{PORT}", "pacs": f"{NETWORK['pacs']}:{PACS_PORT}"}
        text = CONFIG.format(control=self.directory / "control", **addresses)
        (self.directory / "butterfly-tls.conf").write_text(text)
        (self.directory / "keepalived.conf").write_text(self._configuration(priority))
        self.start()
        self.keepalived = self._run(
            "keepalived",
            *(program("keepalived"), "--dont-fork", "--log-console", "--log-detail", "--vrrp"),
            *("--use-file", "keepalived.conf", "--pid", "keepalived.pid"),
            *("--vrrp_pid", "vrrp.pid"),
        )

    def _configuration(self, priority: int) -> str:
        """The file that we ship, with what this machine has elsewhere."""
        script = self.directory / "butterfly-tls"
        command = " ".join(butterfly())
        script.write_text(
            f'#!/bin/sh\nPYTHONPATH={environment()["PYTHONPATH"]} exec {command} "$@" '
            f"--socket {self.directory}/control\n"
        )
        script.chmod(0o755)
        text = SAMPLE.read_text()
        for old, new in (
            ("/usr/bin/butterfly-tls", str(script)),
            ("router_id butterfly-tls-1", f"router_id butterfly-tls-{self.name}"),
            ("priority 110", f"priority {priority}"),
            ("interval 10", "interval 1"),
        ):
            assert text.count(old) >= 1, old
            text = text.replace(old, new)
        return text

    def _run(self, name: str, *command: str) -> Child:
        child = running(f"{name} {self.name}", within(self.namespace, *command), self.directory)
        return self.stack.enter_context(child)

    def start(self) -> None:
        """Start the appliance, which serves when this returns."""
        command = (*TWISTD, "-n", "--pidfile=", "butterfly-tls", "--config", "butterfly-tls.conf")
        self.appliance = self._run("appliance", *command)
        when(self.appliance, "Accepting new connections")

    def ask(self, *words: str) -> None:
        """Have a command of C{butterfly-tls} done by the running appliance."""
        argv = butterfly(*words, "--socket", str(self.directory / "control"))
        done = subprocess.run(argv, capture_output=True, text=True, env=environment(), timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr

    @property
    def hasAddress(self) -> bool:
        """True while the shared address is here."""
        argv = [program("ip"), "-n", self.namespace, "-o", "addr", "show"]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE)
        return f" {SHARED}/" in done.stdout


@frozen
class Run:
    """One storescu: what was acknowledged of what it was to send, and how it ended."""

    begin: float
    end: float
    status: int
    acknowledged: tuple[Path, ...]
    left: tuple[Path, ...]
    last: str


@define
class Sender:
    """Sends one study after the other from C{namespace} with storescu, each until it is whole."""

    namespace: str
    directory: Path
    files: list[Path] = field(factory=list)
    runs: list[Run] = field(factory=list)
    acknowledged: dict[Path, float] = field(factory=dict)
    _enough: bool = False
    _thread: threading.Thread = field(init=False)

    def begin(self) -> None:
        """Begin to send."""
        self._thread = threading.Thread(target=self._send, daemon=True)
        self._thread.start()

    def _send(self) -> None:
        while not self._enough or len(self.acknowledged) < len(self.files):
            left = [path for path in self.files if path not in self.acknowledged]
            if not left:
                left = list(objects.write(self.directory / f"{len(self.runs)}", STUDY, SIZE))
                self.files += left
            self.runs.append(self._run(left))
            if self.runs[-1].left:
                # As a modality would, though sooner.
                sleep(0.25)

    def _run(self, left: list[Path]) -> Run:
        # Limits, without which it would wait for ever for a machine that is gone.
        options = ("-v", *ANY_SERVER, "-to", "2", "-ta", "5", "-td", "5")
        argv = within(self.namespace, program("storescu"), *options, SHARED, PORT, *left)
        begin, current, last = monotonic(), None, ""
        before = set(self.acknowledged)
        with subprocess.Popen(
            argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                sent = re.search(r"Sending file: (.*)", line)
                if sent:
                    current = Path(sent[1].strip())
                elif "Received Store Response (Success)" in line and current is not None:
                    self.acknowledged[current] = monotonic()
                elif line.strip():
                    last = line.strip()
        done = tuple(path for path in left if path in self.acknowledged and path not in before)
        rest = tuple(path for path in left if path not in self.acknowledged)
        return Run(begin, monotonic(), process.returncode, done, rest, last)

    def awaitAcknowledged(self, number: int) -> None:
        """Return when so many objects have been acknowledged."""
        deadline = monotonic() + PATIENCE
        while len(self.acknowledged) < number:
            assert monotonic() < deadline, [run.last for run in self.runs]
            sleep(0.001)

    def finish(self) -> None:
        """Begin no other study, and return when all objects have been acknowledged."""
        self._enough = True
        self._thread.join(2 * PATIENCE)
        assert not self._thread.is_alive(), [run.last for run in self.runs]


@define
class Pair:
    """All machines, and what has happened since the fault."""

    directory: Path
    stack: ExitStack
    namespaces: dict[str, str]
    machines: list[Machine]
    bridge: str
    pacs: Child = field(init=False)
    looker: Child = field(init=False)
    timeline: list[tuple[float, str]] = field(factory=list)
    fault: float = 0.0

    def begin(self) -> None:
        """Start everything; one of the two has the address when this returns."""
        self.startPACS()
        for machine, priority in zip(self.machines, (110, 100), strict=True):
            machine.begin(priority)
        when(self.machines[0].keepalived, "Entering MASTER STATE")
        argv = within(self.namespaces["client"], sys.executable, "-c", LOOKING, SHARED, PORT)
        self.looker = self.stack.enter_context(running("looker", argv, self.directory))
        when(self.looker, "open")

    @property
    def received(self) -> Path:
        """Where the PACS writes."""
        return self.directory / "received"

    def startPACS(self) -> None:
        """Start the PACS, which takes several associations at a time."""
        self.received.mkdir(exist_ok=True)
        argv = (program("storescp"), "-v", "--fork", "+B", "-od", self.received, PACS_PORT)
        command = within(self.namespaces["pacs"], *argv)
        self.pacs = self.stack.enter_context(running("storescp", command, self.directory))

    @property
    def roles(self) -> tuple[Machine, Machine]:
        """The machine that has the address, and its twin."""
        one, two = self.machines
        return (one, two) if one.hasAddress else (two, one)

    def plug(self, machine: Machine, state: str) -> None:
        """Pull the plug of C{machine} out of the switch (C{"down"}), or put it in (C{"up"})."""
        ip("-n", self.bridge, "link", "set", machine.name, state)

    def note(self, what: str, at: float | None = None) -> None:
        """Something has happened."""
        self.timeline.append((monotonic() if at is None else at, what))

    def told(self) -> Iterator[str]:
        """What happened, in its order, by seconds since the fault."""
        for at, what in sorted(self.timeline):
            yield f"{at - self.fault:+8.2f} s  {what}"

    def looks(self) -> list[tuple[float, str]]:
        """What the client found at the address since the fault, ten looks in a row at the end."""
        deadline = monotonic() + PATIENCE
        while True:
            words = (line.split() for line in self.looker.lines)
            found = [(float(at), what) for at, what in words if float(at) >= self.fault]
            if len(found) >= 10 and all(what == "open" for _, what in found[-10:]):
                return found
            assert monotonic() < deadline, "the address does not come back"
            sleep(0.05)

    def closed(self) -> float:
        """Seconds from the first look that failed to the first of those that do not any more."""
        looks = self.looks()
        failed = [number for number, (_, what) in enumerate(looks) if what != "open"]
        return looks[failed[-1] + 1][0] - looks[failed[0]][0] if failed else 0.0


@contextmanager
def pair(directory: Path) -> Iterator[Pair]:
    """Two appliances with one address; nothing is left of them afterwards."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    program("keepalived")
    names = {each: f"butterfly-{os.getpid()}-{each}" for each in (*NETWORK, "switch")}
    with ExitStack() as stack:
        for name in names.values():
            ip("netns", "add", name)
            stack.callback(subprocess.run, [program("ip"), "netns", "del", name], check=False)
            ip("-n", name, "link", "set", "lo", "up")
        bridge = names["switch"]
        ip("-n", bridge, "link", "add", "lan", "type", "bridge")
        ip("-n", bridge, "link", "set", "lan", "up")
        for each, address in NETWORK.items():
            namespace = names[each]
            ends = ("type", "veth", "peer", "eth0", "netns", namespace)
            ip("-n", bridge, "link", "add", each, *ends)
            ip("-n", bridge, "link", "set", each, "master", "lan", "up")
            ip("-n", namespace, "addr", "add", f"{address}/24", "dev", "eth0")
            ip("-n", namespace, "link", "set", "eth0", "up")
        programs = stack.enter_context(ExitStack())
        machines = []
        for each in ("one", "two"):
            home = directory / each
            home.mkdir()
            machines.append(Machine(each, names[each], home, programs))
        made = Pair(directory, programs, names, machines, bridge)
        made.begin()
        yield made
