"""What a predecessor, or systemd, leaves to a process."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from appliance.cli.child import environment
from appliance.system.heritage import WORD, Heritage, Will, heritage, loadWill, place
from appliance.system.sockets import ListenError, listen

SHOWS = """\
import os
from appliance.system.heritage import handedOver, heritage, place
left = heritage(os.environ, handedOver())
taken = left.claim({family}, {where!r})
print(None if taken is None else place(taken), left.leave(), sorted(
    name for name in os.environ if name.startswith("LISTEN_")
))
"""


def listening(case: SynchronousTestCase) -> socket.socket:
    """A socket that listens on loopback."""
    handle = socket.create_server(("127.0.0.1", 0))
    case.addCleanup(handle.close)
    return handle


class WillTests(SynchronousTestCase):
    """The line with all that is in no file."""

    @given(
        st.builds(
            Will,
            st.dictionaries(st.text(), st.binary()),
            st.lists(st.tuples(st.text(), st.text())).map(tuple),
            st.integers(0, 2**63),
            st.none() | st.text(),
        )
    )
    def test_roundTrip(self, will: Will) -> None:
        """What is dumped is loaded, and is one line."""
        line = will.dump()
        self.assertEqual(line.count(b"\n"), 1)
        self.assertEqual(loadWill(line), will)

    def test_secret(self) -> None:
        """No passphrase is seen where a will is printed."""
        self.assertNotIn("geheim", repr(Will({"key.pem": b"geheim"})))


class ClaimTests(SynchronousTestCase):
    """Sockets are taken by where they listen."""

    def test_once(self) -> None:
        """A socket has one taker; what is left is closed and told."""
        one, other = listening(self), listening(self)
        left = Heritage((one, other))
        self.assertIs(left.claim(socket.AF_INET, place(one)), one)
        self.assertIsNone(left.claim(socket.AF_INET, place(one)))
        self.assertIsNone(left.claim(socket.AF_INET6, place(other)))
        host, port = other.getsockname()
        self.assertEqual(left.leave(), (f"{host}:{port}",))
        self.assertEqual(other.fileno(), -1)
        self.assertEqual(left.leave(), ())

    def test_listen(self) -> None:
        """To listen where a socket of the heritage does takes that one up."""
        handle = listening(self)
        where = handle.getsockname()
        with self.assertRaises(ListenError):
            listen(socket.AF_INET, where)
        taken = listen(socket.AF_INET, where, heritage=Heritage((handle,)))
        self.assertIs(taken.socket, handle)
        self.assertTrue(taken.inherited)
        self.assertEqual(taken.address, f"{where[0]}:{where[1]}")
        self.assertFalse(handle.getblocking())

    def test_unixSocket(self) -> None:
        """The file of a unix socket stays when it is given back, and goes when it is closed."""
        directory = TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        path = Path(directory.name) / "door"
        first = listen(socket.AF_UNIX, str(path))
        twin = Heritage((socket.socket(fileno=os.dup(first.socket.fileno())),))
        second = listen(socket.AF_UNIX, str(path), heritage=twin)
        second.giveBack()
        self.assertTrue(path.exists())
        first.letGo()
        self.assertTrue(path.exists())
        third = listen(socket.AF_UNIX, str(path))
        third.giveBack()
        self.assertFalse(path.exists())


class EnvironmentTests(SynchronousTestCase):
    """How it comes into the process."""

    def shown(self, script: str, *sockets: socket.socket, **more: str) -> str:
        """What a new process finds that is started as systemd starts one."""
        count = len(sockets)
        shell = 'export LISTEN_PID=$$; exec "$@"'
        given = {"LISTEN_FDS": str(count), "LISTEN_FDNAMES": ":".join("x" * count)} | more
        # Right after the standard ones, as sd_listen_fds(3) wants them.
        moves = "".join(f"exec {3 + n}<&{each.fileno()};" for n, each in enumerate(sockets))
        done = subprocess.run(
            ["bash", "-c", f"{moves} {shell}", "bash", sys.executable, "-c", script],
            env={**environment(), **given},
            pass_fds=[each.fileno() for each in sockets],
            capture_output=True,
            text=True,
            timeout=60,
        )
        self.assertEqual(done.stderr, "")
        return done.stdout.strip()

    def test_systemd(self) -> None:
        """As from systemd: found by address, and told of in the environment no more."""
        one, other = listening(self), listening(self)
        where = one.getsockname()
        script = SHOWS.format(family=int(socket.AF_INET), where=where)
        left = f"{other.getsockname()[0]}:{other.getsockname()[1]}"
        self.assertEqual(self.shown(script, one, other), f"{where} ({left!r},) []")

    def test_nothing(self) -> None:
        """Where there is nothing, there is nothing."""
        script = SHOWS.format(family=int(socket.AF_INET), where=("127.0.0.1", 1))
        self.assertEqual(self.shown(script), "None () []")

    def test_word(self) -> None:
        """The will is read from the predecessor, who hears that we serve, or why not."""
        ours, theirs = socket.socketpair()
        self.addCleanup(ours.close)
        will = Will({"a": b"b"}, (("STORE", ""),), 10_000, "/run/x.pid")
        ours.sendall(will.dump())
        variables = {WORD: str(theirs.detach())}
        left = heritage(variables, ())
        self.assertEqual(left.will, will)
        self.assertEqual(variables, {})
        left.serving(4711)
        left.failed("too late")
        self.assertEqual(json.loads(ours.recv(1000)), {"serving": 4711})
        self.assertEqual(ours.recv(1000), b"")

    def test_senseless(self) -> None:
        """A will that makes no sense is an empty one, and descriptors that are none are passed."""
        ours, theirs = socket.socketpair()
        self.addCleanup(ours.close)
        ours.sendall(b"{}\n")
        left = heritage({WORD: str(theirs.detach())}, (999,))
        self.assertEqual(left.will, Will())
        left.failed("why")
        self.assertEqual(json.loads(ours.recv(1000)), {"failed": "why"})
