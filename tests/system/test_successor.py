"""How another process is started to take over, and what is made of what it says."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase, TestCase

from appliance.system import successor
from appliance.system.heritage import Will
from appliance.system.successor import SuccessionError, Successor, commandAgain

CHILD = """\
import os, sys
sys.path[:0] = {path!r}
from appliance.system.heritage import handedOver, heritage
left = heritage(os.environ, handedOver())
{does}
"""


class CommandTests(SynchronousTestCase):
    """The command line again."""

    def test_again(self) -> None:
        """The same, but that twistd minds no pid file; as often as one likes."""
        argv = ["python3", "/usr/bin/twistd", "-n", "--pidfile=x", "butterfly-tls", "-c", "a"]
        again = [sys.executable, *argv[1:4], "--pidfile=", *argv[4:]]
        self.assertEqual(commandAgain(argv), again)
        self.assertEqual(commandAgain(again), again)

    def test_notTwistd(self) -> None:
        """What was started otherwise cannot be started again so."""
        with self.assertRaisesRegex(SuccessionError, "stop it and start it again"):
            commandAgain(["python3", "x"])


class StartTests(TestCase):
    """Real processes, which say what they are told to."""

    passphrases: Mapping[str, bytes] = {}

    def start(self, does: str, *sockets: socket.socket, number: int = 0) -> Deferred[int]:
        """Start a process that does C{does} with its heritage C{left}."""
        script = CHILD.format(path=sys.path, does=does)
        # What follows the plugin's name is the child's own affair.
        argv = ["python", "-c", script, "butterfly-tls"]
        return Successor(reactor, argv, os.environ).start(
            sockets, Will(self.passphrases, number=number)
        )

    async def test_serves(self) -> None:
        """The number is that of the process that serves, which has the sockets and the will."""
        handle = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(handle.close)
        where = handle.getsockname()
        does = (
            f"assert left.claim({int(socket.AF_INET)}, {where!r}) is not None\n"
            "assert left.will.number == 20000\n"
            "left.serving(os.getpid())"
        )
        pid = await self.start(does, handle, number=20_000)
        self.assertGreater(pid, 1)
        self.assertNotEqual(pid, os.getpid())

    async def test_longWill(self) -> None:
        """A will that no socket holds at once is read whole."""
        self.passphrases = {"key.pem": b"x" * 500_000}
        does = "assert left.will.passphrases == {'key.pem': b'x' * 500_000}\nleft.serving(7)"
        self.assertEqual(await self.start(does), 7)

    async def test_fails(self) -> None:
        """What it says is why."""
        with self.assertRaisesRegex(SuccessionError, "^a.conf:3: no such file$"):
            await self.start("left.failed('a.conf:3: no such file')")

    async def test_ends(self) -> None:
        """One that ends without a word has failed."""
        with self.assertRaisesRegex(SuccessionError, "ended before it served"):
            await self.start("sys.exit(3)")

    async def test_late(self) -> None:
        """One that takes too long is ended."""
        self.patch(successor, "PATIENCE", 1.0)
        with self.assertRaisesRegex(SuccessionError, "did not serve within 1 s"):
            await self.start("import signal\nsignal.pause()")

    async def test_senseless(self) -> None:
        """What makes no sense is a failure."""
        with self.assertRaisesRegex(SuccessionError, "made no sense"):
            await self.start("left._tell({})")
