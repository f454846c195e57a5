"""How the appliance starts, and how it refuses to: as a process, with twistd's own command line."""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import subprocess
from pathlib import Path
from time import monotonic

import pytest

from appliance.cli.child import environment
from tests import material as m
from tests.integration.appliance import (
    GUIDE,
    READY,
    TWISTD,
    configure,
    keyPair,
    section,
    serving,
    start,
)
from tests.integration.test_workers import alive, awaitLines, client, echoes
from tests.peers import freePort

pytestmark = pytest.mark.real

WITHOUT_LOW_PORTS = ("setpriv", "--bounding-set", "-net_bind_service")


def refusal(directory: Path, text: str, *twistd: str) -> str:
    """What a start with the configuration C{text} says, which must fail as a whole."""
    path = configure(directory, text)
    before = set(directory.iterdir())
    done = start(directory, "--config", str(path), twistd=twistd or ("-n",))
    assert done.returncode == 1, done
    assert "Traceback" not in done.stderr + done.stdout
    assert set(directory.iterdir()) - before <= {directory / "twistd.log"}
    assert not (directory / "twistd.pid").exists()
    assert "nothing was started" in done.stderr
    return done.stderr


def listens(port: int) -> bool:
    """True when something accepts at C{port}."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def awaitRefusal(port: int) -> None:
    """Return when nothing accepts at C{port} any more."""
    deadline = monotonic() + READY
    while listens(port):
        assert monotonic() < deadline, f"something still listens at {port}"


def stop(pidFile: Path) -> None:
    """Stop the daemon whose number is in C{pidFile}, and return when it is gone."""
    handle = os.pidfd_open(int(pidFile.read_text()))
    signal.pidfd_send_signal(handle, signal.SIGTERM)
    assert select.select([handle], [], [], READY)[0]
    os.close(handle)


def awaitLog(path: Path, words: str) -> None:
    """Return when the log at C{path} has C{words}."""
    deadline = monotonic() + READY
    while words not in path.read_text():
        assert monotonic() < deadline, path.read_text()


class TestPlugin:
    """What twistd says about us."""

    def test_listed(self, tmp_path: Path) -> None:
        """``twistd --help`` lists the plugin."""
        done = subprocess.run(
            [*TWISTD, "--help"], cwd=tmp_path, env=environment(), capture_output=True, text=True
        )
        assert re.search(r"butterfly-tls\s+A DICOM-TLS appliance", done.stdout)

    def test_help(self, tmp_path: Path) -> None:
        """``twistd butterfly-tls --help`` explains the options."""
        done = start(tmp_path, "--help", twistd=())
        assert done.returncode == 0
        assert re.search(r"-c, --config=", done.stdout)
        assert "/etc/butterfly-tls/butterfly-tls.conf" in done.stdout


class TestGuide:
    """The guide's own text."""

    def test_serves(self, tmp_path: Path) -> None:
        """The guide's block with its second section runs, the odd spelling with a warning."""
        keyPair(tmp_path)
        store, worklist = freePort(), freePort()
        text = GUIDE.format(host="127.0.0.1:", store=store, worklist=worklist, pacs=104)
        with serving(tmp_path, text) as child:
            log = "\n".join(child.lines)
            assert listens(store)
            assert listens(worklist)
        assert re.search(r"LOG4\[main\]: .*Butterfly_SCP_Key\.pem.*Butterfly_SCP_key\.pem", log)
        for line in (
            r"^\d{4}\.\d\d\.\d\d \d\d:\d\d:\d\d LOG5\[main\]: butterfly-tls ",
            r"LOG6\[main\]: Certificate loaded from: .*/Butterfly_SCP_Cert\.pem",
            r"LOG6\[main\]: Private key loaded from: .*/Butterfly_SCP_key\.pem",
            r"LOG5\[main\]: Configuration successful",
            rf"LOG6\[main\]: Service \[DICOM STORE\] \(FD=\d+\) bound to 127\.0\.0\.1:{store}$",
            rf"LOG5\[main\]: Service \[DICOM DMWL\] serves 127\.0\.0\.1:{worklist} for 127",
        ):
            assert re.search(line, log, re.MULTILINE), line

    def test_barePort(self, tmp_path: Path) -> None:
        """A bare port is served on every address."""
        keyPair(tmp_path)
        store, worklist = freePort(), freePort()
        text = GUIDE.format(host="", store=store, worklist=worklist, pacs=104)
        with serving(tmp_path, text) as child:
            assert re.search(rf"bound to 0\.0\.0\.0:{store}", "\n".join(child.lines))
            assert listens(store)

    def test_onOneLine(self, tmp_path: Path) -> None:
        """The block as the web page shows it is refused with its lines laid out."""
        said = refusal(
            tmp_path,
            ";*** Example TLS server mode services sslVersion = TLSv1.2 [DICOM STORE] "
            "accept = 2761 connect = 192.168.1.100:104 cert = Butterfly_SCP_Cert.pem "
            "key = Butterfly_SCP_Key.pem\n",
        )
        assert "one line" in said or "single line" in said
        assert re.search(r"^\s*accept = 2761$", said, re.MULTILINE)


class TestRefusals:
    """Starts that fail, each in words and with status 1."""

    def test_noFile(self, tmp_path: Path) -> None:
        """A missing configuration file."""
        done = start(tmp_path, "--config", str(tmp_path / "none.conf"))
        assert done.returncode == 1
        assert "none.conf" in done.stderr
        assert "Traceback" not in done.stderr

    def test_noCertificate(self, tmp_path: Path) -> None:
        """A missing certificate."""
        assert "Butterfly_SCP_Cert.pem" in refusal(tmp_path, section(freePort(), 104))

    def test_otherKey(self, tmp_path: Path) -> None:
        """A key that is not the certificate's."""
        keyPair(tmp_path)
        _, other = m.write(tmp_path, "other", m.ca())
        said = refusal(
            tmp_path, section(freePort(), 104).replace("Butterfly_SCP_key.pem", other.name)
        )
        assert other.name in said
        assert "match" in said or "belong" in said

    def test_expired(self, tmp_path: Path) -> None:
        """An expired certificate."""
        m.write(tmp_path, "Butterfly_SCP", m.client(expired=True))
        assert "expired" in refusal(tmp_path, section(freePort(), 104))

    def test_worldWritableKey(self, tmp_path: Path) -> None:
        """A key that anybody can change."""
        keyPair(tmp_path)
        (tmp_path / "Butterfly_SCP_key.pem").chmod(0o666)
        assert "chmod" in refusal(tmp_path, section(freePort(), 104))

    def test_portInUse(self, tmp_path: Path) -> None:
        """A port that is taken; the other section's listener does not stay either."""
        keyPair(tmp_path)
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port, other = taken.getsockname()[1], freePort()
            text = section(other, 104) + section(port, 104, name="DICOM DMWL")
            said = refusal(tmp_path, text)
        assert f"{port}: Address already in use (98)" in said
        assert not listens(other)

    def test_portInUseOnIPv4(self, tmp_path: Path) -> None:
        """A bare port that another program has on IPv4 is refused, though IPv6 is free."""
        keyPair(tmp_path)
        with socket.create_server(("0.0.0.0", 0)) as taken:
            port = taken.getsockname()[1]
            text = section(port, 104).replace("accept = 127.0.0.1:", "accept = ")
            said = refusal(tmp_path, text)
        assert f"0.0.0.0:{port}: Address already in use (98)" in said

    @pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give up the right to low ports")
    def test_privilegedPort(self, tmp_path: Path) -> None:
        """A privileged port without the right to it."""
        keyPair(tmp_path)
        if int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()) <= 105:
            pytest.skip("this machine has no privileged ports")
        path = configure(tmp_path, section(105, 104))
        done = subprocess.run(
            [*WITHOUT_LOW_PORTS, *TWISTD, "-n", "butterfly-tls", "--config", str(path)],
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 1
        assert "Permission denied (13)" in done.stderr
        assert "CAP_NET_BIND_SERVICE" in done.stderr

    def test_severalProblemsAtOnce(self, tmp_path: Path) -> None:
        """An unknown option, a wrong value, a duplicate section and a shared port, all told."""
        keyPair(tmp_path)
        port = freePort()
        text = section(port, 104, "TIMEOUTidel = 5", "TIMEOUTclose = soon") + section(port, 104)
        said = refusal(tmp_path, text)
        for words in ("TIMEOUTidle", "TIMEOUTclose", "soon", f"{port}"):
            assert words in said
        assert len(re.findall(r"butterfly-tls\.conf:\d+: error", said)) >= 4

    def test_unreadableInclude(self, tmp_path: Path) -> None:
        """An include that is not there."""
        assert "conf.d" in refusal(tmp_path, "include = conf.d\n")

    def test_badCiphers(self, tmp_path: Path) -> None:
        """A cipher list that means nothing."""
        keyPair(tmp_path)
        assert "NONSENSE" in refusal(tmp_path, section(freePort(), 104, "ciphers = NONSENSE"))

    def test_badSocketOption(self, tmp_path: Path) -> None:
        """A socket option with a value that the kernel does not take."""
        keyPair(tmp_path)
        said = refusal(tmp_path, section(freePort(), 104, "socket = l:TCP_KEEPIDLE=100000"))
        assert "l:TCP_KEEPIDLE=100000: Invalid argument (22)" in said

    def test_unknownUser(self, tmp_path: Path) -> None:
        """A user that does not exist."""
        keyPair(tmp_path)
        text = "setuid = nobody-at-all\n" + section(freePort(), 104)
        assert "nobody-at-all" in refusal(tmp_path, text)

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
    def test_userWithoutGroup(self, tmp_path: Path) -> None:
        """A number that is no user's, so that its group is not known."""
        keyPair(tmp_path)
        text = "setuid = 54321\n" + section(freePort(), 104)
        assert "54321, and so its group is not known; write setgid" in refusal(tmp_path, text)

    def test_daemon(self, tmp_path: Path) -> None:
        """In daemon mode too the failure reaches the caller's exit status."""
        assert "Cert.pem" in refusal(tmp_path, section(freePort(), 104), "--pidfile=twistd.pid")


class TestRunning:
    """Signals, logs and the daemon."""

    def test_terminates(self, tmp_path: Path) -> None:
        """SIGTERM ends it with status 0 and says so."""
        keyPair(tmp_path)
        with serving(tmp_path, section(freePort(), 104)) as child:
            pass
        assert child.process.returncode == 0
        assert any(line.endswith("LOG5[main]: Terminated") for line in child.lines)

    def test_interrupt(self, tmp_path: Path) -> None:
        """SIGINT ends it as well."""
        keyPair(tmp_path)
        with serving(tmp_path, section(freePort(), 104)) as child:
            child.process.send_signal(signal.SIGINT)
            assert child.process.wait(READY) == 0
        assert any("LOG3[main]: Received SIGINT; terminating" in line for line in child.lines)

    def test_foreignWordsStayOut(self, tmp_path: Path) -> None:
        """Every line has our shape: nothing of twistd's own log is among them."""
        keyPair(tmp_path)
        with serving(tmp_path, section(freePort(), 104), level=7) as child:
            pass
        shape = re.compile(r"\d{4}\.\d\d\.\d\d \d\d:\d\d:\d\d LOG[0-7]\[\w+\]: ")
        assert [line for line in child.lines if not shape.match(line)] == []

    def test_badReloadChangesNothing(self, tmp_path: Path) -> None:
        """SIGHUP with a bad file keeps serving and says what is wrong; a good one is taken."""
        keyPair(tmp_path)
        port, moved = freePort(), freePort()
        with serving(tmp_path, section(port, 104)) as child:
            configure(tmp_path, section(port, 104, "TIMEOUTidel = 5"))
            child.process.send_signal(signal.SIGHUP)
            child.waitFor("LOG3.*Failed to reload the configuration file", READY)
            assert listens(port)
            configure(tmp_path, "debug = 6\n" + section(moved, 104))
            child.process.send_signal(signal.SIGHUP)
            child.waitFor(rf"bound to 127.0.0.1:{moved}", READY)
            assert listens(moved)
            awaitRefusal(port)

    def test_badFilesAtAReload(self, tmp_path: Path) -> None:
        """Nor does one that a broken file stops: everybody is still let in, at every port."""
        keyPair(tmp_path)
        ports = freePort(), freePort()
        with echoes() as behind:
            text = section(ports[0], behind) + section(ports[1], behind, name="OTHER")
            with serving(tmp_path, text) as child:
                first = client(ports[0])
                (tmp_path / "Butterfly_SCP_key.pem").write_text("no key\n")
                for number in (1, 2):
                    child.process.send_signal(signal.SIGHUP)
                    awaitLines(child, "Failed to reload", number)
                for port in ports:
                    with client(port) as later:
                        assert alive(later)
                assert alive(first)
                first.close()

    def test_outputAndReopen(self, tmp_path: Path) -> None:
        """The output file gets the lines too, and SIGUSR1 opens it anew after a rotation."""
        keyPair(tmp_path)
        log = tmp_path / "butterfly.log"
        with serving(tmp_path, f"output = {log.name}\n" + section(freePort(), 104)) as child:
            old = log.rename(tmp_path / "butterfly.log.1")
            child.process.send_signal(signal.SIGUSR1)
            child.waitFor("Log file reopened", READY)
            assert "Configuration successful" in old.read_text()
        assert "Terminated" in log.read_text()

    def test_daemonWritesPidAndLog(self, tmp_path: Path) -> None:
        """As a daemon it writes the pid file and the log that its configuration names."""
        keyPair(tmp_path)
        port = freePort()
        text = "pid = run.pid\noutput = run.log\n" + section(port, 104)
        path = configure(tmp_path, text)
        done = start(tmp_path, "--config", str(path), twistd=())
        assert (done.returncode, done.stderr) == (0, "")
        assert listens(port)
        # The port is open since before the daemon was one; this is said once it hears signals.
        awaitLog(tmp_path / "run.log", "serves")
        stop(tmp_path / "run.pid")
        assert "Terminated" in (tmp_path / "run.log").read_text()
        assert not (tmp_path / "run.pid").exists()
        assert not (tmp_path / "twistd.log").exists()

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
    def test_pidFileOfAnotherUser(self, tmp_path: Path) -> None:
        """Where the user that it becomes may not remove its pid file, that is empty at the end."""
        keyPair(tmp_path)
        text = "pid = run.pid\noutput = run.log\nsetuid = nobody\n" + section(freePort(), 104)
        path = configure(tmp_path, text)
        done = start(tmp_path, "--config", str(path), twistd=())
        assert (done.returncode, done.stderr) == (0, "")
        stop(tmp_path / "run.pid")
        assert (tmp_path / "run.pid").read_text() == ""
        again = start(tmp_path, "--config", str(path), twistd=())
        assert (again.returncode, again.stderr) == (0, "")
        stop(tmp_path / "run.pid")

    def test_removedSectionEndsByItself(self, tmp_path: Path) -> None:
        """The connections of a section that a reload removes finish on what they began with."""
        keyPair(tmp_path)
        port, other = freePort(), freePort()
        with echoes() as behind, serving(tmp_path, section(port, behind)) as child:
            tls = client(port)
            configure(tmp_path, "debug = 6\n" + section(other, behind, name="RENAMED"))
            child.process.send_signal(signal.SIGHUP)
            child.waitFor(rf"\[RENAMED\] \(FD=\d+\) bound to 127.0.0.1:{other}", READY)
            awaitRefusal(port)
            assert alive(tls)
            tls.close()
            child.waitFor(r"LOG5\[0\]: Connection closed: 8 byte", READY)
