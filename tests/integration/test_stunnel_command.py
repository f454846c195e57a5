"""C{butterfly-tls stunnel} as a process, beside stunnel where both must do the same."""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from appliance.cli.child import Child, environment, running
from tests import material as m
from tests.integration.appliance import READY
from tests.peers import awaitThat, butterfly, freePort, program

pytestmark = pytest.mark.real

NOBODY = 65534
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody else")

FOREGROUND = "foreground = yes\nsyslog = no\ndebug = 6\npid =\n"
DAEMON = "syslog = no\ndebug = 6\n"

PAIR = "cert = server_Cert.pem\nkey = server_key.pem\n"

KEY_LINES = (
    r"Reading configuration from file /",
    r"Reading configuration from descriptor \d+",
    r"UTF-8 byte order mark not detected",
    r"UTF-8 byte order mark detected",
    r"Configuration successful",
    r"Configuration failed",
    r"Initializing service \[a\]",
    r"Service \[a\] \(FD=\d+\) bound to 127\.0\.0\.1:\d+",
    r"Binding service \[a\] to 127\.0\.0\.1:\d+: Address already in use \(98\)",
    r"Binding service \[a\] failed",
    r"Accepting new connections",
    r"Log file must include full path name",
    r"Pid file must include full path name",
    r"Cannot open log file: /",
    r"Cannot create pid file /",
    r"create: No such file or directory \(2\)",
    r'Invalid configuration file name "',
    r"realpath: No such file or directory \(2\)",
    r"Specified option name is not valid here",
    r"Each service must define two endpoints",
    r"Inetd mode must define one endpoint",
    r"TLS server needs a certificate",
    r"Cannot open configuration file",
    r"No file descriptor specified",
    r"Invalid file descriptor number",
    r"Failed to reload the configuration file",
    r"Log file reopened",
    r"Active connections:",
    r"Listed 0 active connection\(s\)",
    r"Terminated$",
    r"Received SIGINT; terminating",
    r"Received SIGQUIT; terminating",
)
"""What scripts look for. In a log it has its level, in a failed start its mark."""


def stunnel(*words: str | Path) -> list[str]:
    """The command line of the real stunnel."""
    return [program("stunnel4"), *map(str, words)]


def ours(*words: str | Path) -> list[str]:
    """The same of ours."""
    return butterfly("stunnel", *words)


Command = Callable[..., list[str]]
BOTH = pytest.mark.parametrize("command", [ours, stunnel])


def keyLines(text: str) -> set[str]:
    """Which key lines are in C{text}, each with its level or mark."""
    marked = {
        f"{match[1] or match[2]} {line}"
        for line in KEY_LINES
        for match in re.finditer(rf"^(?:.*(LOG\d\[ui\]:)|(\[.\])) .*?{line}", text, re.MULTILINE)
    }
    return {re.sub(r"\\d\+", "N", line) for line in marked}


def section(port: int, connect: int = 104, *more: str, name: str = "a") -> str:
    """A server section with the pair of L{home}."""
    lines = (
        f"[{name}]",
        f"accept = 127.0.0.1:{port}",
        f"connect = 127.0.0.1:{connect}",
        *PAIR.splitlines(),
        *more,
    )
    return "\n".join(lines) + "\n"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A directory with a key pair, in which programs are started."""
    m.write(tmp_path, "server", m.server())
    return tmp_path


def configure(home: Path, text: str | bytes) -> Path:
    """The configuration file with C{text}."""
    path = home / "stunnel.conf"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def ends(home: Path, command: list[str], **how: object) -> subprocess.CompletedProcess[str]:
    """Run a program that is bound to end, or to go into the background."""
    return subprocess.run(
        command,
        cwd=home,
        env=environment(),
        text=True,
        capture_output=True,
        timeout=60,
        **{"stdin": subprocess.DEVNULL, **how},
    )


def failed(home: Path, command: Command, text: str | bytes) -> set[str]:
    """The key lines of a start with the configuration C{text}, which has to fail."""
    done = ends(home, command(configure(home, text)))
    assert done.returncode == 1, done
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return keyLines(done.stderr)


@contextmanager
def serving(home: Path, command: Command, text: str) -> Iterator[Child]:
    """A program in the foreground, once it serves."""
    line = command(configure(home, FOREGROUND + text))
    with running(line[-2], line, home) as child:
        child.waitFor("Accepting new connections", READY)
        yield child


def listens(port: int) -> bool:
    """True when something accepts at C{port}."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def endDaemon(pidFile: Path) -> int:
    """End the daemon whose number is in C{pidFile}, and give that number."""
    # stunnel writes it after its parent has ended.
    awaitThat(lambda: pidFile.exists() and pidFile.read_text().endswith("\n"))
    pid = int(pidFile.read_text())
    handle = os.pidfd_open(pid)
    signal.pidfd_send_signal(handle, signal.SIGTERM)
    assert select.select([handle], [], [], READY)[0]
    os.close(handle)
    return pid


def status(pid: int, *names: str) -> list[str]:
    """Fields of C{/proc/PID/status}."""
    text = Path(f"/proc/{pid}/status").read_text()
    return [re.findall(rf"^{name}:\s+(.*?)\s*$", text, re.MULTILINE)[0] for name in names]


@contextmanager
def echoes() -> Iterator[int]:
    """A backend that gives back all that is said, to one client after the other."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection = server.accept()[0]
                    with connection:
                        while data := connection.recv(65536):
                            connection.sendall(data)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join(READY)


def echoed(raw: socket.socket) -> bool:
    """True when what a TLS client says through C{raw} comes back."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    raw.settimeout(READY)
    with context.wrap_socket(raw) as client:
        client.sendall(b"hello")
        heard = client.recv(5)
        with suppress(OSError):
            client.unwrap().close()
        return heard == b"hello"


class TestInformation:
    """Information is asked for."""

    @BOTH
    @pytest.mark.parametrize("word", ["-help", "-version", "-Sockets", "-OPTIONS"])
    def test_told(self, home: Path, command: Command, word: str) -> None:
        """It goes to standard error, and the exit status is 0."""
        done = ends(home, command(word))
        assert (done.returncode, done.stdout) == (0, "")
        assert done.stderr.count("\n") > 20

    def test_sameFlags(self, home: Path) -> None:
        """Every flag that stunnel lists is known."""
        theirs, mine = (
            set(re.findall("^options = .*$", ends(home, command("-options")).stderr, re.M))
            for command in (stunnel, ours)
        )
        assert theirs <= mine


class TestFailures:
    """Starts that fail: status 1, everything on standard error, the same words as stunnel's."""

    @pytest.mark.parametrize(
        "words", [["none.conf"], ["-fd"], ["-fd", "x"], ["-fd", "77"], ["-install"]], ids=" ".join
    )
    def test_commandLine(self, home: Path, words: list[str]) -> None:
        """A command line that leads to no configuration."""
        theirs, mine = (ends(home, command(*words)) for command in (stunnel, ours))
        assert (theirs.returncode, mine.returncode) == (1, 1)
        assert mine.stdout == ""
        # That it cannot be a number is seen before anything is read here.
        reading = {"[.] Reading configuration from descriptor N", "[!] Configuration failed"}
        spared = reading if words == ["-fd", "x"] else set()
        assert keyLines(mine.stderr) == keyLines(theirs.stderr) - spared

    @pytest.mark.parametrize(
        "text",
        [
            FOREGROUND + "foo = 1\n" + section(1),
            FOREGROUND + section(1, 104, "foo = 1"),
            FOREGROUND + "[a]\naccept = 127.0.0.1:1\n" + PAIR,
            FOREGROUND + "[a]\naccept = 127.0.0.1:1\nconnect = 127.0.0.1:2\n",
            FOREGROUND + PAIR,
            b"\xef\xbb\xbf" + (FOREGROUND + "foo = 1\n" + section(1)).encode(),
        ],
        ids=["global", "section", "endpoint", "certificate", "inetd", "mark"],
    )
    def test_configuration(self, home: Path, text: str | bytes) -> None:
        """A bad configuration, ended by 'Configuration failed'."""
        mine = failed(home, ours, text)
        # Nothing is prepared here before all is known to be right.
        assert mine == failed(home, stunnel, text) - {r"[ ] Initializing service \[a\]"}
        assert "[!] Configuration failed" in mine
        assert ends(home, ours("stunnel.conf")).stderr.endswith("\n[!] Configuration failed\n")

    @pytest.mark.parametrize("option", ["output", "pid"])
    def test_partialPath(self, home: Path, option: str) -> None:
        """A relative name of the log or the pid file, for a daemon."""
        text = f"{option} = x\n" + section(freePort())
        mine = failed(home, ours, text)
        assert mine == failed(home, stunnel, text)
        assert any("must include full path name" in line for line in mine)

    @pytest.mark.parametrize("begin", [FOREGROUND, DAEMON], ids=["foreground", "daemon"])
    def test_portInUse(self, home: Path, begin: str) -> None:
        """A port that somebody has, which is no fault of the configuration."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            text = begin + section(taken.getsockname()[1])
            mine = failed(home, ours, text)
            # stunnel says what it has read before it looks at ports, and we after.
            assert mine | {"[.] Configuration successful"} == failed(home, stunnel, text)
        assert "[!] Configuration failed" not in mine

    @pytest.mark.parametrize("begin", [FOREGROUND, DAEMON], ids=["foreground", "daemon"])
    def test_log(self, home: Path, begin: str) -> None:
        """A log file that cannot be written."""
        text = begin + f"output = {home}/none/log\n" + section(freePort())
        assert failed(home, ours, text) == failed(home, stunnel, text)

    def test_pidFile(self, home: Path) -> None:
        """A pid file that cannot be written; by then there is a log."""
        text = FOREGROUND.replace("pid =", f"pid = {home}/none/pid") + section(freePort())
        mine, theirs = failed(home, ours, text), failed(home, stunnel, text)
        assert mine == theirs
        assert "LOG3[ui]: Cannot create pid file /" in mine

    def test_pidFileOfDaemon(self, home: Path) -> None:
        """The same in the background: here the exit status says so too."""
        log = home / "log"
        text = DAEMON + f"output = {log}\npid = {home}/none/pid\n" + section(freePort())
        done = ends(home, ours(configure(home, text)))
        assert (done.returncode, done.stderr) == (1, "")
        assert "LOG3[ui]: Cannot create pid file /" in log.read_text()

    @AS_ROOT
    def test_privilege(self, home: Path) -> None:
        """Who may not become somebody else does not start."""
        text = FOREGROUND + "setuid = nobody\n" + section(freePort())
        mine, theirs = (
            ends(home, ["setpriv", "--bounding-set", "-setuid", *command(configure(home, text))])
            for command in (ours, stunnel)
        )
        assert (mine.returncode, theirs.returncode) == (1, 1)
        assert "\n[!] setuid: Operation not permitted (1)" in mine.stderr


class TestForeground:
    """C{foreground = yes} and C{quiet}."""

    def start(self, home: Path, command: Command, text: str, number: int) -> set[str]:
        """The key lines of a life that ends by the signal C{number}."""
        with serving(home, command, text) as child:
            child.process.send_signal(number)
            assert child.process.wait(READY) == 0
            awaitThat(lambda: any("erminat" in line for line in child.lines))
        return keyLines("\n".join(child.lines))

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
    def test_life(self, home: Path, number: int) -> None:
        """The lines from the start to the end by a signal, and status 0."""
        text = section(freePort())
        mine = self.start(home, ours, text, number)
        assert mine == self.start(home, stunnel, text, number)
        assert len(mine) == 7

    def test_relays(self, home: Path) -> None:
        """Connections are passed on, and their lines carry their number."""
        port = freePort()
        with echoes() as behind, serving(home, ours, section(port, behind)) as child:
            assert echoed(socket.create_connection(("127.0.0.1", port)))
            child.waitFor(r"LOG5\[0\]: Connection closed: 5 byte\(s\) sent to TLS, 5 byte", READY)

    def test_workers(self, home: Path) -> None:
        """C{workers} share the work here too."""
        port = freePort()
        text = "workers = 2\n" + section(port, 0)
        with echoes() as behind:
            text = text.replace("127.0.0.1:0\n", f"127.0.0.1:{behind}\n")
            with serving(home, ours, text) as child:
                child.waitFor(r"LOG6\[ui\]: Worker 1 started", READY)
                assert echoed(socket.create_connection(("127.0.0.1", port)))

    def test_duplicates(self, home: Path) -> None:
        """Two sections of one name both serve, as with stunnel."""
        ports = freePort(), freePort()
        text = section(ports[0]) + section(ports[1])
        for command in (stunnel, ours):
            with serving(home, command, text) as child:
                assert all(map(listens, ports))
        assert any("LOG4[ui]: " in line and 'goes by "a #2"' in line for line in child.lines)

    def test_oneAddressIsEnough(self, home: Path) -> None:
        """A section starts when one of its addresses can be had."""
        port = freePort()
        with socket.create_server(("127.0.0.1", 0)) as taken:
            more = f"accept = 127.0.0.1:{taken.getsockname()[1]}"
            for command in (stunnel, ours):
                with serving(home, command, section(port, 104, more)) as child:
                    assert listens(port)
                assert any("Address already in use (98)" in line for line in child.lines)

    @BOTH
    def test_quiet(self, home: Path, command: Command) -> None:
        """C{quiet} keeps it in the foreground and off the terminal; the pid file is its own."""
        log, pid = home / "log", home / "pid"
        begin = f"foreground = quiet\nsyslog = no\ndebug = 6\noutput = {log}\npid = {pid}\n"
        path = configure(home, begin + section(freePort()))
        with running("it", command(path), home) as child:
            awaitThat(lambda: log.exists() and "Accepting new" in log.read_text())
            awaitThat(lambda: pid.exists() and pid.read_text() == f"{child.process.pid}\n")
        assert child.process.returncode == 0
        assert child.lines == []
        assert not pid.exists()
        assert log.stat().st_mode & 0o777 == 0o640

    @BOTH
    def test_relativeNames(self, home: Path, command: Command) -> None:
        """In the foreground names without a directory are of where it was started."""
        with serving(home, command, "output = the.log\n" + section(freePort())):
            pass
        assert "Terminated" in (home / "the.log").read_text()


class TestSignals:
    """HUP, USR1 and USR2."""

    def test_reload(self, home: Path) -> None:
        """HUP moves a section to another port, without a gap for the ones that stay."""
        port, moved = freePort(), freePort()
        with serving(home, ours, section(port) + section(freePort(), name="b")) as child:
            configure(home, FOREGROUND + section(moved) + section(freePort(), name="b"))
            child.process.send_signal(signal.SIGHUP)
            child.waitFor(rf"bound to 127\.0\.0\.1:{moved}", READY)
            awaitThat(lambda: listens(moved) and not listens(port))

    @BOTH
    def test_badReload(self, home: Path, command: Command) -> None:
        """HUP with a bad file changes nothing, and says so."""
        port = freePort()
        with serving(home, command, section(port)) as child:
            configure(home, FOREGROUND + section(port, 104, "foo = 1"))
            child.process.send_signal(signal.SIGHUP)
            child.waitFor(r"LOG3\[ui\]: Failed to reload the configuration file", READY)
            assert listens(port)
        assert any(
            re.search(r'LOG3\[ui\]: /.*:\d+: "foo = 1": Specified option name', line)
            for line in child.lines
        )
        assert any("LOG3[ui]: Configuration failed" in line for line in child.lines)

    @BOTH
    def test_reloadedLog(self, home: Path, command: Command) -> None:
        """HUP begins with the log file that the new configuration names."""
        port = freePort()
        with serving(home, command, f"output = {home}/one\n" + section(port)) as child:
            configure(home, f"{FOREGROUND}output = {home}/two\n" + section(port))
            child.process.send_signal(signal.SIGHUP)
            awaitThat((home / "two").exists)
        assert "Terminated" in (home / "two").read_text()
        assert "Terminated" not in (home / "one").read_text()

    @BOTH
    def test_reopen(self, home: Path, command: Command) -> None:
        """USR1 opens the log file again after a rotation."""
        log = home / "log"
        with serving(home, command, f"output = {log}\n" + section(freePort())) as child:
            old = log.rename(home / "log.1")
            child.process.send_signal(signal.SIGUSR1)
            child.waitFor(r"LOG5\[ui\]: Log file reopened", READY)
        assert "Configuration successful" in old.read_text()
        assert "Terminated" in log.read_text()

    @BOTH
    def test_list(self, home: Path, command: Command) -> None:
        """USR2 lists the connections."""
        with serving(home, command, section(freePort())) as child:
            child.process.send_signal(signal.SIGUSR2)
            child.waitFor(r"LOG0\[ui\]: Active connections:", READY)
            child.waitFor(r"LOG0\[ui\]: Listed 0 active connection\(s\)", READY)

    @BOTH
    def test_pipe(self, home: Path, command: Command) -> None:
        """PIPE is ignored."""
        port = freePort()
        with serving(home, command, section(port)) as child:
            child.process.send_signal(signal.SIGPIPE)
            child.process.send_signal(signal.SIGUSR2)
            child.waitFor(r"Listed 0 active", READY)

    def test_child(self, home: Path) -> None:
        """A program that exec started is reaped."""
        port = freePort()
        text = section(port, 104).replace("connect = 127.0.0.1:104", "exec = /bin/cat")
        with serving(home, ours, text) as child:
            assert echoed(socket.create_connection(("127.0.0.1", port)))
            child.waitFor(r"LOG6\[.*\]: Child process \d+ finished with code 0", READY)


class TestDescriptors:
    """Configurations that come by a descriptor."""

    @BOTH
    def test_descriptor(self, home: Path, command: Command) -> None:
        """C{-fd N} reads it; a reload cannot, and changes nothing."""
        port = freePort()
        number = os.open(configure(home, FOREGROUND + section(port)), os.O_RDONLY)
        process = subprocess.Popen(
            command("-fd", str(number)),
            cwd=home,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            pass_fds=(number,),
        )
        os.close(number)
        child = Child("it", process)
        assert process.stderr is not None
        reader = threading.Thread(target=child.read, args=[process.stderr])
        reader.start()
        child.waitFor("Accepting new connections", READY)
        child.waitFor(rf"LOG5\[ui\]: Reading configuration from descriptor {number}", READY)
        process.send_signal(signal.SIGHUP)
        child.waitFor(r"LOG3\[ui\]: Failed to reload the configuration file", READY)
        child.waitFor(r"LOG3\[ui\]: Cannot open configuration file", READY)
        assert listens(port)
        assert child.end() == 0
        reader.join(READY)

    @pytest.mark.parametrize("words", [["-fd", "0"], ["-"]], ids=" ".join)
    def test_standardInput(self, home: Path, words: list[str]) -> None:
        """Standard input, whose problems go by its number as with stunnel."""
        bad = section(freePort(), 104, "foo = 1")
        done = ends(home, ours(*words), stdin=None, input=bad)
        assert done.returncode == 1
        assert '\n[!] 0:6: "foo = 1": Specified option name is not valid here\n' in done.stderr

    def test_daemonFromStandardInput(self, home: Path) -> None:
        """A daemon may be configured by standard input."""
        pid = home / "pid"
        port = freePort()
        done = ends(home, ours("-fd", "0"), stdin=None, input=f"{DAEMON}pid={pid}\n{section(port)}")
        assert (done.returncode, done.stderr) == (0, "")
        assert listens(port)
        endDaemon(pid)


class TestDaemon:
    """C{foreground = no}, which is the default."""

    @BOTH
    def test_daemon(self, home: Path, command: Command) -> None:
        """It goes into the background with its port open, without terminal, at the root."""
        port, log, pidFile = freePort(), home / "log", home / "pid"
        text = DAEMON + f"output = {log}\npid = {pidFile}\n" + section(port)
        pidFile.write_text("of an earlier life")
        done = ends(home, command(configure(home, text)))
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert listens(port)
        awaitThat(lambda: pidFile.exists() and pidFile.read_text().endswith("\n"))
        pid = int(pidFile.read_text())
        assert os.readlink(f"/proc/{pid}/cwd") == "/"
        assert {os.readlink(f"/proc/{pid}/fd/{n}") for n in (0, 1, 2)} == {"/dev/null"}
        assert os.getsid(pid) != os.getsid(0)
        assert pidFile.stat().st_mode & 0o777 == 0o644
        endDaemon(pidFile)
        assert not pidFile.exists()
        assert re.search(r"LOG5\[\w+\]: Terminated", log.read_text())

    def test_closedDescriptors(self, home: Path) -> None:
        """Without the standard descriptors it starts too, and gives their numbers to nothing."""
        port, pid = freePort(), home / "pid"
        path = configure(home, DAEMON + f"pid={pid}\n" + section(port))
        done = ends(home, ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *ours(path)])
        assert done.returncode == 0
        number = int(pid.read_text())
        assert {os.readlink(f"/proc/{number}/fd/{n}") for n in (0, 1, 2)} == {"/dev/null"}
        assert listens(port)
        endDaemon(pid)

    def test_reload(self, home: Path) -> None:
        """Its relative names are still those of where it was started."""
        log, pid = home / "log", home / "pid"
        path = configure(home, DAEMON + f"output={log}\npid={pid}\n" + section(freePort()))
        assert ends(home, ours(path.name)).returncode == 0
        os.kill(int(pid.read_text()), signal.SIGHUP)
        awaitThat(lambda: log.read_text().count("Configuration successful") == 2)
        endDaemon(pid)

    @AS_ROOT
    @BOTH
    def test_privileges(self, command: Command) -> None:
        """A port below 1024 is opened, then the user and all groups change, then files are made."""
        port = next(port for port in range(1023, 800, -1) if not listens(port))
        with TemporaryDirectory() as name:
            home, own = Path(name), Path(name) / "own"
            home.chmod(0o755)
            own.mkdir()
            os.chown(own, NOBODY, NOBODY)
            m.write(home, "server", m.server())
            process = f"output = {own}/log\npid = {own}/pid\nsetuid = nobody\nsetgid = {NOBODY}\n"
            done = ends(home, command(configure(home, DAEMON + process + section(port))))
            assert (done.returncode, done.stderr) == (0, "")
            assert listens(port)
            awaitThat(lambda: (own / "pid").exists() and (own / "pid").read_text())
            ids = "\t".join([str(NOBODY)] * 4)
            pid = int((own / "pid").read_text())
            assert status(pid, "Uid", "Gid", "Groups") == [ids, ids, str(NOBODY)]
            made = {(each.stat().st_uid, each.stat().st_gid) for each in own.iterdir()}
            assert made == {(NOBODY, NOBODY)}
            endDaemon(own / "pid")

    @AS_ROOT
    def test_chroot(self, home: Path) -> None:
        """In another root, where there is nothing at all, it relays, opens its log, and ends."""
        root = home / "root"
        root.mkdir()
        port = freePort()
        process = f"chroot = {root}\noutput = /log\npid = /pid\n"
        with echoes() as behind:
            text = DAEMON + process + section(port, behind)
            done = ends(home, ours(configure(home, text)))
            assert (done.returncode, done.stderr) == (0, "")
            assert echoed(socket.create_connection(("127.0.0.1", port)))
        awaitThat(lambda: "LOG5[0]: Connection " in (root / "log").read_text())
        pid = int((root / "pid").read_text())
        for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
            os.kill(pid, number)
        awaitThat(lambda: "Listed 0 active" in (root / "log").read_text())
        endDaemon(root / "pid")
        log = (root / "log").read_text()
        assert f"LOG5[ui]: Switched to chroot directory: {root}\n" in log
        assert "LOG3[ui]: Failed to reload the configuration file\n" in log
        assert "Internal error" not in log
        assert not (root / "pid").exists()


class TestInetd:
    """A file without sections, for the connection that is standard input and output."""

    def started(
        self, home: Path, command: Command, text: str, use: Callable[[socket.socket], bool]
    ) -> subprocess.CompletedProcess[bytes]:
        """Let a super server accept one connection, and C{use} it as its client."""
        path = configure(home, FOREGROUND + text)
        with socket.create_server(("127.0.0.1", 0)) as server:
            client = socket.create_connection(server.getsockname())
            accepted, _ = server.accept()
        process = subprocess.Popen(
            command(path),
            cwd=home,
            env=environment(),
            stdin=accepted,
            stdout=accepted,
            stderr=subprocess.PIPE,
        )
        accepted.close()
        with client:
            assert use(client)
        _, err = process.communicate(timeout=READY)
        return subprocess.CompletedProcess([], process.returncode, b"", err)

    @BOTH
    def test_serves(self, home: Path, command: Command) -> None:
        """One connection is relayed, and it ends with status 0."""
        with echoes() as behind:
            text = f"connect = 127.0.0.1:{behind}\n{PAIR}"
            done = self.started(home, command, text, echoed)
        assert done.returncode == 0
        log = done.stderr.decode()
        assert re.search(r"LOG5\[0\]: Service \[\S+\] accepted connection from 127\.0\.0\.1:", log)
        assert re.search(r"LOG5\[0\]: Connection closed: 5 byte\(s\) sent to TLS, 5 byte", log)
        assert "Accepting new connections" not in log

    @BOTH
    def test_program(self, home: Path, command: Command) -> None:
        """The other end may be a program."""
        text = "exec = /bin/cat\n" + PAIR
        assert self.started(home, command, text, echoed).returncode == 0

    @BOTH
    def test_refused(self, home: Path, command: Command) -> None:
        """Without certificate nothing is served."""
        done = ends(home, command(configure(home, FOREGROUND + "connect = 127.0.0.1:1\n")))
        assert done.returncode == 1
        assert "\n[!] Inetd mode: TLS server needs a certificate\n" in done.stderr


def test_withoutTwistd(home: Path) -> None:
    """Nothing of twistd is needed, and nothing of it is written."""
    before = set(home.iterdir())
    with serving(home, ours, section(freePort())):
        pass
    assert {path.name for path in set(home.iterdir()) - before} == {"stunnel.conf"}
