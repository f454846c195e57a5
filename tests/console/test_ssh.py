"""The shell as OpenSSH's client has it: logins, single commands, lines, and the prompt."""

from __future__ import annotations

import json
import socket

import pytest
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from appliance.console.gate import FAILURES
from appliance.console.ssh import transport
from appliance.console.ssh.connection import MOST_SESSIONS
from appliance.console.ssh.factory import MOST
from appliance.events import (
    CommandGiven,
    ConsoleLogin,
    ConsoleLogout,
    ConsoleRefused,
    InternalError,
)
from tests.console import keymaking
from tests.console.fake import STORE
from tests.console.openssh import Running, ShellCase
from tests.peers import program

pytestmark = pytest.mark.real


class CommandTests(ShellCase):
    """Single commands: C{ssh HOST COMMAND}."""

    async def test_status(self) -> None:
        """What is printed is the answer, and the exit status is the command's."""
        self.serve()
        done = await self.ssh("alice", "status")
        self.assertEqual((done.status, done.err), (0, ""))
        self.assertTrue(done.out.startswith("All is well.\n"), done.out)
        self.assertNotIn("\x1b", done.out)

    async def test_json(self) -> None:
        """With --json the answer is for programs."""
        self.serve()
        done = await self.ssh("alice", "status --json")
        self.assertEqual(json.loads(done.out)["sections"][0]["name"], STORE)

    async def test_quotesAreLost(self) -> None:
        """A section's name goes through without quotes, as ssh joins words with blanks."""
        self.serve()
        done = await self.ssh("alice", "drain DICOM STORE")
        self.assertEqual((done.status, self.operator.done), (0, [("drain", STORE, True)]))

    async def test_failure(self) -> None:
        """What fails has its exit status; what is misunderstood goes to standard error."""
        self.serve()
        done = await self.ssh("alice", "close 8")
        self.assertEqual((done.status, done.err), (1, ""))
        self.assertIn("no connection", done.out)
        done = await self.ssh("alice", "frobnicate")
        self.assertEqual((done.status, done.out), (2, ""))
        self.assertIn("no command", done.err)

    async def test_large(self) -> None:
        """An answer that is larger than the client's window comes whole."""
        self.serve()
        self.operator.entries = [{"section": "x" * 1000, "n": n} for n in range(10_000)]
        done = await self.ssh("alice", "journal 1000 --json")
        self.assertEqual((done.status, len(json.loads(done.out))), (0, 1000))

    async def test_announced(self) -> None:
        """Login, command and logout are announced, in this order."""
        self.serve()
        await self.ssh("alice", "status")
        await self.until(lambda: self.of(ConsoleLogout))
        login, given, logout = self.heard
        self.assertEqual((login.user, login.ok), ("alice", True))
        self.assertEqual(given, CommandGiven("alice", "ssh", "status", True, False))
        self.assertEqual(logout, ConsoleLogout("alice", login.address))

    async def test_lines(self) -> None:
        """Without a terminal lines are done one after the other; the worst status counts."""
        self.serve()
        given = b"version\n\nclose 8\ncerts --json"
        done = await self.ssh("alice", "-T", given=given)
        self.assertEqual(done.status, 1)
        self.assertIn("twisted", done.out)
        self.assertIn("no connection '8'", done.out)
        self.assertEqual(json.loads(done.out.split("\n")[-2])[0]["section"], STORE)

    async def test_exit(self) -> None:
        """C{exit} ends them, whatever comes after."""
        self.serve()
        done = await self.ssh("alice", "-T", given=b"version\nexit\nclose 7\n")
        self.assertEqual((done.status, self.operator.done), (0, []))

    async def test_manyLines(self) -> None:
        """Hundreds of lines at once are done."""
        self.serve()
        done = await self.ssh("alice", "-T", given=b"close 7\n" * 900)
        self.assertEqual((done.status, len(self.operator.done)), (0, 900))

    async def test_hugeInput(self) -> None:
        """Input without a line's end is refused, not kept."""
        self.serve()
        done = await self.ssh("alice", "-T", given=b"x" * 1_000_000)
        self.assertEqual(done.status, 2)
        self.assertIn("too much", done.err)

    async def test_hugeCommand(self) -> None:
        """So is a command that has no end of words."""
        self.serve()
        done = await self.ssh("alice", "x " * 20_000)
        self.assertEqual(done.status, 2)
        self.assertTrue(all(len(event.line) < 1000 for event in self.of(CommandGiven)))

    async def test_nothingElse(self) -> None:
        """There is no forwarding and no file transfer, and to ask for them is no defect."""
        self.serve()
        done = await self.ssh("alice", "-s", "sftp")
        self.assertNotEqual(done.status, 0)
        done = await self.ssh("alice", "-W", "127.0.0.1:1", "x")
        self.assertIn("forwarding failed", done.err)
        self.assertNotEqual(done.status, 0)
        done = await self.ssh("alice", "-A", "-X", "-R", "0:127.0.0.1:1", "status")
        self.assertEqual(done.status, 0)
        self.assertEqual(self.of(InternalError), [])


class LoginTests(ShellCase):
    """Who is let in."""

    async def test_kinds(self) -> None:
        """Each kind of key will do, RSA by today's signatures."""
        self.serve()
        for user in ("alice", "bob", "carol"):
            done = await self.ssh(user, "version")
            self.assertEqual((done.status, done.err), (0, ""), user)

    async def test_oldSignature(self) -> None:
        """RSA with SHA-1 is not taken, even if a client insists."""
        self.serve()
        done = await self.ssh("bob", "-oPubkeyAcceptedAlgorithms=ssh-rsa", "version")
        self.assertEqual(done.status, 255)

    async def test_unknownKey(self) -> None:
        """A key that is not in the file lets nobody in, and its fingerprint is told."""
        self.serve()
        key = keymaking.write(self.directory / "other", keymaking.private(number=7))
        done = await self.ssh("alice", "status", key=key)
        self.assertEqual(done.status, 255)
        self.assertIn("Permission denied (publickey)", done.err)
        await self.until(lambda: self.of(ConsoleLogin))
        (refused,) = self.of(ConsoleRefused)
        self.assertRegex(refused.why, "^the key SHA256:.{43} is not in manholeKeys$")
        (login,) = self.of(ConsoleLogin)
        self.assertEqual((login.user, login.address, login.ok), ("alice", refused.address, False))

    async def test_otherUser(self) -> None:
        """A key is its owner's: under another name it lets nobody in."""
        self.serve()
        done = await self.ssh("bob", "status", kind="ed25519")
        self.assertEqual(done.status, 255)
        await self.until(lambda: self.of(ConsoleRefused))
        self.assertIn("is of alice", self.of(ConsoleRefused)[0].why)

    async def test_secondKey(self) -> None:
        """A client may have other keys too: only a connection without a login is a failure."""
        self.serve()
        others = [
            keymaking.write(self.directory / f"key{n}", keymaking.private(number=n))
            for n in range(1, 5)
        ]
        more = [f"-oIdentityFile={other}" for other in others]
        for _ in range(FAILURES + 1):
            argv = self.command("alice", "version")
            argv[3:3] = more
            done = await self.start(argv).done
            self.assertEqual(done.status, 0, done.err)
        self.assertEqual(self.of(ConsoleRefused), [])

    async def test_noPassword(self) -> None:
        """There are no passwords, and no other ways in."""
        self.serve()
        methods = "PreferredAuthentications=password,keyboard-interactive,hostbased"
        done = await self.ssh("alice", f"-o{methods}", "status")
        self.assertEqual(done.status, 255)
        self.assertIn("(publickey)", done.err)

    async def test_keyRemoved(self) -> None:
        """Who is taken from the file cannot log in from then on; who is added can."""
        self.serve()
        self.keys.write_bytes(keymaking.public("rsa") + b" bob\n")
        self.assertEqual((await self.ssh("alice", "version")).status, 255)
        self.assertEqual((await self.ssh("bob", "version")).status, 0)

    async def test_keysUnreadable(self) -> None:
        """Where the file cannot be trusted nobody is let in, and it is told why."""
        self.serve()
        self.keys.chmod(0o666)
        self.assertEqual((await self.ssh("alice", "version")).status, 255)
        await self.until(lambda: self.of(ConsoleRefused))
        self.assertIn("chmod", self.of(ConsoleRefused)[0].why)

    async def test_bruteForce(self) -> None:
        """After some failures nobody from there is heard, not even with the right key."""
        self.serve()
        key = keymaking.write(self.directory / "other", keymaking.private(number=7))
        for _ in range(FAILURES):
            await self.ssh("alice", "status", key=key)
        await self.until(lambda: len(self.of(ConsoleRefused)) == FAILURES + 1)
        self.assertIn("too often", self.of(ConsoleRefused)[-1].why)
        done = await self.ssh("alice", "status")
        self.assertEqual(done.status, 255)
        self.assertEqual(len(self.of(ConsoleRefused)), FAILURES + 1)

    async def test_algorithms(self) -> None:
        """Only modern algorithms are offered."""
        self.serve()
        for option in (
            *("Ciphers=aes128-cbc", "MACs=hmac-sha1"),
            *("KexAlgorithms=diffie-hellman-group14-sha1", "HostKeyAlgorithms=rsa-sha2-512"),
        ):
            done = await self.ssh("alice", f"-o{option}", "version")
            self.assertEqual(done.status, 255, option)
        for option in ("Ciphers=aes256-ctr", "MACs=hmac-sha2-512", "Compression=yes"):
            done = await self.ssh("alice", f"-o{option}", "version")
            self.assertEqual((done.status, done.err), (0, ""), option)
        program("ssh")


class SessionTests(ShellCase):
    """Several sessions in one connection."""

    async def test_tooMany(self) -> None:
        """There may be some, and no more; that is told, and those that are open go on."""
        self.serve()
        path = str(self.directory / "master")
        master = self.start(self.command("alice", "-M", f"-S{path}", "-N", "-T"))
        await self.until(lambda: self.of(ConsoleLogin) and (self.directory / "master").exists())
        slow = self.operator.slow = Deferred()
        more = [
            self.start(self.command("alice", f"-S{path}", "close 7")) for _ in range(MOST_SESSIONS)
        ]
        await self.until(lambda: len(self.operator.done) == MOST_SESSIONS)
        extra = await self.start(self.command("alice", f"-S{path}", "-oControlMaster=no", "x")).done
        self.assertNotEqual(extra.status, 0)
        self.assertEqual(len(self.of(ConsoleRefused)), 1)
        self.assertIn("sessions are open", self.of(ConsoleRefused)[0].why)
        slow.callback(None)
        for each in more:
            self.assertEqual((await each.done).status, 0)
        master.transport.signalProcess("TERM")  # type: ignore[union-attr]
        await master.done


class PromptTests(ShellCase):
    """The prompt on a terminal."""

    async def prompt(self, *words: str, python: bool = False) -> Running:
        """A client with a terminal."""
        self.serve(python)
        return self.start(self.command("alice", "-tt", *words), terminal=True)

    async def ended(self, running: Running, status: int = 0) -> None:
        """The client has ended so."""
        done = await running.done
        self.assertEqual(done.status, status, done)

    async def test_greeting(self) -> None:
        """It begins with how everything is, in colours."""
        running = await self.prompt()
        await running.says(r"'help' lists the commands")
        await running.says("\x1b\\[32mAll is well\\.")
        await running.says("butterfly-tls> ")
        running.type("\x04")
        await self.ended(running)

    async def test_typing(self) -> None:
        """A line is typed, mended, entered, and had back."""
        running = await self.prompt()
        await running.says("butterfly-tls> ")
        running.type("clse 9\x1b[D\x1b[D\x1b[D\x1b[Do\x1b[F\x7f7\r")
        await running.says(r"Connection 7 is ended\.")
        running.type("\x1b[A\r")
        await running.says(r"Connection 7 is ended\.")
        self.assertEqual(self.operator.done, [("close", "7")] * 2)
        running.type("exit\r")
        await self.ended(running)

    async def test_completion(self) -> None:
        """Tab completes commands and sections, and lists what is left to choose."""
        running = await self.prompt()
        await running.says("butterfly-tls> ")
        running.type("dr\tDICOM S\t\r")
        await running.says(r"\[DICOM STORE\] tells new clients")
        running.type("undrain \t")
        await running.says("DICOM STORE   DICOM DMWL   all")
        running.type("\x15\x04")
        await self.ended(running)

    async def test_pasted(self) -> None:
        """Lines that come faster than they are done are kept, each in its turn."""
        slow = self.operator.slow = Deferred()
        running = await self.prompt()
        await running.says("butterfly-tls> ")
        running.type("close 7\rclose 8\rversion\r")
        await self.until(lambda: self.operator.done)
        self.operator.slow = None
        slow.callback(None)
        await running.says(r"(?s)Connection 7 is ended\..*no connection '8'.*twisted +\d")
        running.type("exit\r")
        await self.ended(running)

    async def test_interrupt(self) -> None:
        """Control-C drops the line, Control-D ends only an empty one."""
        running = await self.prompt()
        await running.says("butterfly-tls> ")
        running.type("close 7\x04\x03")
        await running.says(r"\^C")
        running.type("version\r")
        await running.says("twisted")
        self.assertEqual(self.operator.done, [])
        running.type("\x04")
        await self.ended(running)

    async def test_beyondASCII(self) -> None:
        """Letters of all alphabets can be typed; what is no text is dropped."""
        running = await self.prompt()
        await running.says("butterfly-tls> ")
        running.type("drain RÖNTGEN\x1b[99~\x1b[" + "1;" * 50 + "\r")
        await running.says("there is no section 'RÖNTGEN")
        running.type("exit\r")
        await self.ended(running)

    async def test_announced(self) -> None:
        """Every line that is entered is announced, empty ones left out."""
        running = await self.prompt()
        await running.says("butterfly-tls> ")
        running.type("certs\r\r frob x\rexit\r")
        await self.ended(running)
        lines = [(event.line, event.ok) for event in self.of(CommandGiven)]
        self.assertEqual(lines, [("certs", True), ("frob x", False)])

    async def test_top(self) -> None:
        """C{top} takes the screen, is drawn again, and gives it back."""
        running = await self.prompt()
        await running.says("butterfly-tls> ")
        running.type("top\r")
        await running.says(r"\x1b\[\?1049h")
        for _ in range(2):
            await running.says(r"(?s)\x1b\[H.*CT01.*\x1b\[J")
        running.type("q")
        await running.says(r"\x1b\[\?1049l")
        running.type("version\r")
        await running.says("twisted")
        running.type("exit\r")
        await self.ended(running)
        self.assertEqual([event.line for event in self.of(CommandGiven)], ["top", "version"])

    async def test_topAlone(self) -> None:
        """So does C{ssh -t HOST top}, until the client goes away."""
        running = await self.prompt("top")
        await running.says("CT01")
        running.type("q")
        await self.ended(running)

    async def test_gone(self) -> None:
        """When the client is killed nothing goes on."""
        running = await self.prompt("top")
        await running.says("CT01")
        running.transport.signalProcess("KILL")  # type: ignore[union-attr]
        await running.done
        await self.until(lambda: self.of(ConsoleLogout))
        self.assertEqual(self.of(InternalError), [])

    async def test_commandOnTerminal(self) -> None:
        """A single command with C{ssh -t} has colours, and lines that begin at the left."""
        running = await self.prompt("status")
        done = await running.done
        self.assertEqual(done.status, 0)
        self.assertIn("\x1b[32mAll is well.\x1b[0m\r\n", done.out)

    async def test_python(self) -> None:
        """Where it is allowed, Python is to be had, and each of its lines is announced."""
        running = await self.prompt("python", python=True)
        await running.says(">>> ")
        running.type("operator.level + 37\r")
        await running.says(r"\n42\r?\n")
        running.type("\x04")
        await self.ended(running)
        lines = [(event.face, event.line, event.changes) for event in self.of(CommandGiven)]
        self.assertEqual(lines, [("ssh", "python", True), ("python", "operator.level + 37", True)])

    async def test_noPython(self) -> None:
        """Where it is not, it is refused, and that is announced."""
        running = await self.prompt("python")
        done = await running.done
        self.assertEqual(done.status, 2)
        self.assertIn("manholePython", done.out)
        self.assertEqual([event.ok for event in self.of(CommandGiven)], [False])

    async def test_pythonFromThePrompt(self) -> None:
        """At the prompt it is no command: it must be asked for by itself."""
        running = await self.prompt(python=True)
        await running.says("butterfly-tls> ")
        running.type("python\r")
        await running.says("there is no command 'python'")
        running.type("exit\r")
        await self.ended(running)

    async def test_pythonWithoutTerminal(self) -> None:
        """It is for a person at a terminal."""
        self.serve(python=True)
        done = await self.ssh("alice", "python")
        self.assertEqual(done.status, 2)
        self.assertIn("ssh -t", done.err)


class Raw(Protocol):
    """A client that speaks for itself."""

    def __init__(self) -> None:
        self.data = b""
        self.ended: Deferred[None] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.data += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.ended.callback(None)


class StrangerTests(ShellCase):
    """Who comes without SSH, or with too much."""

    async def raw(self) -> Raw:
        """A connection."""
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.port)
        client = await connectProtocol(endpoint, Raw())
        self.addCleanup(client.transport.abortConnection)
        return client

    async def test_nonsense(self) -> None:
        """What is no SSH ends the connection, is told, and is no defect."""
        self.serve()
        client = await self.raw()
        await self.until(lambda: client.data)
        client.transport.write(b"SSH-2.0-x\r\n" + b"\x00\x00\x00\x0c\x04\x14" + b"\x00" * 10)
        await client.ended
        await self.until(lambda: self.of(ConsoleRefused))
        self.assertEqual(self.of(InternalError), [])
        self.assertEqual(self.of(ConsoleLogin), [])

    async def test_tooMuch(self) -> None:
        """Nobody may send a large message before he has logged in."""
        factory = self.serve()
        client = await self.raw()
        client.transport.write(b"SSH-2.0-x\r\n")
        # A packet of 512 KiB begins.
        client.transport.write(b"\x00\x08\x00\x00\x04")
        await self.until(lambda: any(each.gotVersion for each in factory.guests))
        client.transport.write(b"\x00" * 200_000)
        await client.ended
        await self.until(lambda: self.of(ConsoleRefused))
        self.assertIn("too much", self.of(ConsoleRefused)[0].why)

    async def test_endlessVersion(self) -> None:
        """Nor a first line without an end."""
        self.serve()
        client = await self.raw()
        client.transport.write(b"x" * 5000)
        await client.ended
        await self.until(lambda: self.of(ConsoleRefused))
        self.assertIn("longer than 4KB", self.of(ConsoleRefused)[0].why)

    async def test_late(self) -> None:
        """Who does not log in is let go in time."""
        self.patch(transport, "LOGIN_WITHIN", 0.05)
        self.serve()
        client = await self.raw()
        client.transport.write(b"SSH-2.0-x\r\n")
        await client.ended
        await self.until(lambda: self.of(ConsoleRefused))
        self.assertIn("had not logged in", self.of(ConsoleRefused)[0].why)

    async def test_scanner(self) -> None:
        """Who only looks whether the port is open is neither told of nor counted."""
        self.serve()
        for _ in range(FAILURES + 2):
            socket.create_connection(("127.0.0.1", self.port)).close()
        await self.until(lambda: True)
        self.assertEqual((await self.ssh("alice", "version")).status, 0)
        self.assertEqual(self.of(ConsoleRefused), [])

    async def test_tooMany(self) -> None:
        """One connection too many is closed at once, and told of once."""
        factory = self.serve()
        clients = [await self.raw() for _ in range(MOST)]
        await self.until(lambda: all(client.data for client in clients))
        for _ in range(3):
            extra = await self.raw()
            await extra.ended
        (refused,) = self.of(ConsoleRefused)
        self.assertIn("others are here", refused.why)
        factory.endAll()
        for client in clients:
            await client.ended
