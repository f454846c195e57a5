"""The prompt, the live view and the SSH transport in memory: any bytes at all, and the clock."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from appliance.console import live
from appliance.console.paint import painted
from appliance.console.ssh.factory import ConsoleFactory
from appliance.console.ssh.keys import readHostKey
from appliance.console.ssh.plain import Lines
from appliance.console.ssh.prompt import PROMPT, Prompt
from appliance.console.ssh.terminal import Terminal
from appliance.console.ssh.transport import LOGIN_WITHIN
from appliance.console.ssh.watching import Watching
from appliance.events import CommandGiven, ConsoleRefused, InternalError
from tests.console import keymaking
from tests.console.fake import FakeOperator, deskFor
from tests.peers import directoryFor

KEYS = (
    b"\x1b[A",
    b"\x1b[B",
    b"\x1b[C",
    b"\x1b[D",
    b"\x7f",
    b"\x17",
    b"\t",
    b"\r",
    b"\x03",
    b"\x1b",
)


class FakeSession:
    """A session of which nothing is real."""

    size: tuple[int, int] | None = (80, 24)
    waits = False

    def __init__(self) -> None:
        self.written = b""
        self.complained = b""
        self.finished: list[int] = []

    def write(self, data: bytes) -> None:
        self.written += data

    def complain(self, data: bytes) -> None:
        self.complained += data

    def finish(self, code: int) -> None:
        self.finished.append(code)


class PromptTests(SynchronousTestCase):
    """Keys without a client."""

    def setUp(self) -> None:
        self.session = FakeSession()
        self.desk, self.heard = deskFor(FakeOperator())

    def terminal(self) -> Terminal:
        """A terminal with a prompt."""
        leave = lambda: self.session.finish(0)  # noqa: E731
        return Terminal(
            self.session,  # type: ignore[arg-type]
            lambda of: Prompt(of, self.desk, "alice", leave, {}),
        )

    @settings(deadline=None)
    @given(st.lists(st.binary(max_size=20) | st.sampled_from(KEYS), max_size=20))
    def test_anyKeys(self, parts: list[bytes]) -> None:
        """Any bytes may come; what is entered is announced, and nothing breaks."""
        self.setUp()
        terminal = self.terminal()
        for part in parts:
            terminal.dataReceived(part)
        self.assertFalse(any(isinstance(event, InternalError) for event in self.heard))

    @given(st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "Zs")), max_size=60))
    def test_anyText(self, text: str) -> None:
        """What is typed is what is entered."""
        self.setUp()
        terminal = self.terminal()
        terminal.dataReceived(text.encode() + b"\r")
        entered = "".join(char for char in text if char.isprintable()).strip()
        lines = [event.line for event in self.heard if isinstance(event, CommandGiven)]
        if entered and entered not in ("exit", "quit") and not set(entered) & set("\"'\\"):
            self.assertEqual(lines, [" ".join(entered.split())])

    def test_narrow(self) -> None:
        """On a narrow screen a long line is seen in part, and no line wraps."""
        self.session.size = (30, 10)
        terminal = self.terminal()
        self.session.written = b""
        terminal.dataReceived(b"x" * 200)
        last = self.session.written.rsplit(b"\r\x1b[K", 1)[1].decode()
        shown, _, _ = last.partition("\r")
        self.assertTrue(len(shown.replace("\x1b[1m", "").replace("\x1b[0m", "")) < 30)

    def test_resized(self) -> None:
        """When the size changes the line is drawn anew."""
        terminal = self.terminal()
        terminal.dataReceived(b"stat")
        self.session.written = b""
        terminal.sized((40, 10))
        self.assertIn(PROMPT.encode(), self.session.written)
        self.assertIn(b"stat", self.session.written)

    def test_closed(self) -> None:
        """Nothing is written once the session is gone."""
        terminal = self.terminal()
        terminal.closed()
        self.session.written = b""
        terminal.dataReceived(b"status\r")
        self.assertEqual(self.session.written, b"")


class LinesTests(SynchronousTestCase):
    """Lines without a terminal."""

    @settings(deadline=None)
    @given(st.lists(st.binary(max_size=30), max_size=10))
    def test_anyLines(self, parts: list[bytes]) -> None:
        """Any bytes are lines; at their end the session ends, once."""
        session = FakeSession()
        desk, heard = deskFor(FakeOperator())
        lines = Lines(session, desk, "alice")  # type: ignore[arg-type]
        for part in parts:
            lines.dataReceived(part)
        lines.eofReceived()
        self.assertTrue(session.finished)
        self.assertFalse(any(isinstance(event, InternalError) for event in heard))


class WatchingTests(SynchronousTestCase):
    """The live view and the clock."""

    def setUp(self) -> None:
        self.session = FakeSession()
        self.clock = Clock()
        self.operator = FakeOperator()
        desk, _ = deskFor(self.operator)
        self.terminal = Terminal(
            self.session,  # type: ignore[arg-type]
            lambda of: Watching(of, desk, self.clock, lambda: self.session.finish(0)),
        )

    def drawn(self) -> int:
        """How often the screen was drawn since the last time."""
        number = self.session.written.count(b"\x1b[J")
        self.session.written = b""
        return number

    def test_eachSecond(self) -> None:
        """It is drawn each second, until a key ends it."""
        self.assertEqual(self.drawn(), 1)
        self.clock.pump([0.5] * 4)
        self.assertEqual(self.drawn(), 2)
        self.terminal.dataReceived(b"x")
        self.clock.pump([1.0])
        self.assertEqual(self.drawn(), 1)
        self.terminal.dataReceived(b"q")
        self.assertEqual(self.session.finished, [0])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_slowReader(self) -> None:
        """Who has not read the last view gets no other on top of it."""
        self.drawn()
        self.session.waits = True
        self.clock.pump([1.0] * 5)
        self.assertEqual(self.drawn(), 0)
        self.session.waits = False
        self.clock.pump([1.0])
        self.assertEqual(self.drawn(), 1)

    def test_resized(self) -> None:
        """A change of the size is drawn at once."""
        self.drawn()
        self.session.size = (40, 8)
        self.terminal.sized((40, 8))
        self.clock.advance(0)
        self.assertEqual(self.drawn(), 1)

    def test_defect(self) -> None:
        """What goes wrong is shown, and may go right the next time."""
        self.operator.breaks = True
        self.clock.pump([1.0])
        self.assertIn(b"a defect", self.session.written)
        self.operator.breaks = False
        self.session.written = b""
        self.clock.pump([1.0])
        self.assertIn(b"All is well", self.session.written)

    def test_gone(self) -> None:
        """When the session is gone, so is the clock."""
        self.terminal.closed()
        self.assertEqual(self.clock.getDelayedCalls(), [])


class ScreenTests(SynchronousTestCase):
    """What the live view shows."""

    VIEW = {
        "at": 100.0,
        "verdict": ["All is well."],
        "process": "Butterfly-TLS",
        "sections": [
            {
                "state": "serving",
                "section": "A",
                "backends": "",
                "connections": 1,
                "associations": 0,
            }
        ],
        "connections": [
            {
                "state": "associated",
                "id": str(n),
                "section": "A",
                "client": "c",
                "calling": None,
                "called": None,
                "backend": "b",
                "seconds": 10.0,
                "bytes": 1000 * n,
            }
            for n in range(1, 4)
        ],
    }

    def test_speeds(self) -> None:
        """Speeds are of the time between two views; the fastest stands first."""
        moved = [{**each, "bytes": each["bytes"] + 4000} for each in self.VIEW["connections"][:1]]
        later = {
            **self.VIEW,
            "at": 102.0,
            "connections": [*self.VIEW["connections"][1:], *moved],
        }
        text = live.screen(self.VIEW, later, (120, 40))
        self.assertRegex(text, r"(?s)2.0 kB/s +1 .*0 B/s +[23] .*0 B/s +[23] ")

    def test_first(self) -> None:
        """At first they are of all the time that there was."""
        self.assertIn("300 B/s", live.screen(None, self.VIEW, (120, 40)))

    @given(st.integers(1, 200), st.integers(1, 60))
    def test_room(self, columns: int, rows: int) -> None:
        """Whatever the size, the screen holds it, and what has no room is counted."""
        text = live.screen(None, self.VIEW, (columns, rows))
        plain = text
        for code in ("1;31", "32", "33", "1", "2", "0"):
            plain = plain.replace(f"\x1b[{code}m", "")
        lines = plain.split("\n")
        self.assertTrue(len(lines) <= rows)
        self.assertTrue(max(map(len, lines)) <= columns)
        if rows < 10 and columns > 20:
            self.assertRegex(lines[-1], r"^\.\.\. \d+ more lines$")

    def test_frame(self) -> None:
        """A frame writes over all that was there."""
        frame = live.framed(painted("a\nb"))
        self.assertEqual(frame, "\x1b[Ha\x1b[K\nb\x1b[K\x1b[J")


class Aborting(StringTransport):
    """A transport in memory that can be aborted."""

    aborted = False

    def __init__(self) -> None:
        super().__init__(peerAddress=IPv4Address("TCP", "10.0.0.1", 4000))

    def abortConnection(self) -> None:
        self.aborted = True


class TransportTests(SynchronousTestCase):
    """The SSH server without a client."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.desk, self.heard = deskFor(FakeOperator())
        key = readHostKey(str(keymaking.hostKey(directoryFor(self))))
        self.factory = ConsoleFactory(self.clock, self.desk, key, lambda: ())
        self.factory.doStart()

    @settings(deadline=None)
    @given(st.lists(st.binary(max_size=100), max_size=10), st.booleans())
    def test_anything(self, parts: list[bytes], greets: bool) -> None:
        """Any bytes from a stranger end in his being let go, never in a defect."""
        self.heard.clear()
        protocol = self.factory.buildProtocol(None)
        transport = Aborting()
        protocol.makeConnection(transport)
        for part in ([b"SSH-2.0-x\r\n"] if greets else []) + parts:
            if not (transport.aborted or transport.disconnecting):
                protocol.dataReceived(part)
        self.clock.advance(LOGIN_WITHIN)
        self.assertTrue(transport.aborted)
        protocol.connectionLost()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertFalse(any(isinstance(event, InternalError) for event in self.heard))
        # So that the gate stays open for the next.
        self.clock.advance(1000)

    def test_announcedOnce(self) -> None:
        """One who is let go is told of once."""
        protocol = self.factory.buildProtocol(None)
        protocol.makeConnection(Aborting())
        protocol.dataReceived(b"GET / HTTP/1.0\r\n\r\n" * 300)
        protocol.connectionLost()
        self.assertEqual([type(event) for event in self.heard], [ConsoleRefused])
