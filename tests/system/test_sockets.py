"""Listening sockets and what a process needs to know before it changes itself."""

from __future__ import annotations

import os
import socket
import tempfile
from pathlib import Path

import pytest
from twisted.trial.unittest import SynchronousTestCase

from appliance.config.model import InetAddress, SocketOption, SocketRole, UnixAddress
from appliance.system.process import (
    ProcessError,
    checkPidFile,
    groupNumber,
    keepOpen,
    userNumber,
)
from appliance.system.sockets import ListenError, listen, places, retune


def keepIdle(seconds: int) -> SocketOption:
    """An option that accepted connections have from the listener."""
    return SocketOption(
        SocketRole.ACCEPT, "TCP_KEEPIDLE", socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, seconds
    )


class PlacesTests(SynchronousTestCase):
    """Where one ``accept`` listens."""

    def test_barePort(self) -> None:
        """A bare port is every IPv4 and every IPv6 address."""
        self.assertEqual(
            places(InetAddress("", 2762)),
            ((socket.AF_INET, ("0.0.0.0", 2762)), (socket.AF_INET6, ("::", 2762))),
        )

    def test_literals(self) -> None:
        """An address is itself."""
        self.assertEqual(places(InetAddress("127.0.0.1", 1)), ((socket.AF_INET, ("127.0.0.1", 1)),))
        self.assertEqual(places(InetAddress("::1", 1)), ((socket.AF_INET6, ("::1", 1)),))

    def test_unix(self) -> None:
        """A path is a unix socket."""
        self.assertEqual(places(UnixAddress("/run/x")), ((socket.AF_UNIX, "/run/x"),))

    def test_unknownName(self) -> None:
        """A name that cannot be resolved is told."""
        with self.assertRaisesRegex(ListenError, "cannot resolve"):
            places(InetAddress("no such name", 1))


class TestListen:
    """Opening them."""

    def test_taken(self) -> None:
        """A port in use is told with the system's words and number."""
        first = listen(socket.AF_INET, ("127.0.0.1", 0))
        port = int(first.address.rpartition(":")[2])
        with pytest.raises(ListenError, match=r"Address already in use \(98\)") as caught:
            listen(socket.AF_INET, ("127.0.0.1", port))
        assert caught.value.code == 98
        first.close()

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
    def test_owner(self, tmp_path: Path) -> None:
        """A unix socket belongs to whom the section says, by name or number."""
        path = str(tmp_path / "pacs")
        listener = listen(socket.AF_UNIX, path, (), ("12345", "nogroup"))
        status = os.stat(path)
        listener.close()
        assert (status.st_uid, status.st_gid) == (12345, groupNumber("nogroup"))

    def test_unknownOwner(self, tmp_path: Path) -> None:
        """An owner that does not exist is told, and no file is left."""
        path = str(tmp_path / "pacs")
        with pytest.raises(ListenError, match=r"^there is no user 'nobody here'"):
            listen(socket.AF_UNIX, path, (), ("nobody here", None))
        assert not os.path.exists(path)

    def test_bothFamilies(self) -> None:
        """IPv4 and IPv6 wildcards of one port do not collide."""
        first = listen(socket.AF_INET, ("0.0.0.0", 0))
        port = int(first.address.rpartition(":")[2])
        second = listen(socket.AF_INET6, ("::", port))
        first.close()
        second.close()

    def test_options(self) -> None:
        """``socket = a:`` options are set before binding."""
        option = SocketOption(
            SocketRole.ACCEPT, "SO_RCVBUF", socket.SOL_SOCKET, socket.SO_RCVBUF, 65536
        )
        listener = listen(socket.AF_INET, ("127.0.0.1", 0), [option])
        assert listener.socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == 131072
        listener.close()

    def test_retune(self) -> None:
        """An open listener takes up what has changed, and what comes in next is like it."""
        listener = listen(socket.AF_INET, ("127.0.0.1", 0), [keepIdle(100)])
        assert not list(retune(listener, [keepIdle(100)], [keepIdle(200)]))
        port = int(listener.address.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)):
            listener.socket.setblocking(True)
            accepted, _ = listener.socket.accept()
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 200
        accepted.close()
        listener.close()

    def test_retuneNothing(self) -> None:
        """What has not changed is not touched."""
        listener = listen(socket.AF_INET, ("127.0.0.1", 0))
        assert not list(retune(listener, [keepIdle(100)], [keepIdle(100)]))
        assert listener.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) != 100
        listener.close()

    def test_retuneTooLate(self) -> None:
        """What only a new socket can follow is told, each with its reason."""
        free = SocketOption(SocketRole.ACCEPT, "IP_FREEBIND", socket.IPPROTO_IP, 15, 1)
        bad = SocketOption(
            SocketRole.ACCEPT, "TCP_KEEPCNT", socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 1000
        )
        listener = listen(socket.AF_INET, ("127.0.0.1", 0), [keepIdle(100)])
        told = list(retune(listener, [keepIdle(100)], [free, bad]))
        listener.close()
        for text, name, why in zip(
            told,
            ("IP_FREEBIND", "TCP_KEEPCNT", "TCP_KEEPIDLE"),
            ("before a socket is bound", "Invalid argument", "the line is gone"),
            strict=True,
        ):
            assert f"a:{name} of {listener.address}" in text
            assert why in text
            assert "next start" in text

    def test_unixSocket(self, tmp_path: Path) -> None:
        """A stale socket file is replaced, a live one is not, and closing removes it."""
        path = tmp_path / "accept"
        stale = socket.socket(socket.AF_UNIX)
        stale.bind(str(path))
        stale.close()
        listener = listen(socket.AF_UNIX, str(path))
        with pytest.raises(ListenError, match="Address already in use"):
            listen(socket.AF_UNIX, str(path))
        listener.close()
        assert not path.exists()

    def test_fileInTheWay(self, tmp_path: Path) -> None:
        """An ordinary file is never removed for a socket."""
        path = tmp_path / "accept"
        path.write_text("mine")
        with pytest.raises(ListenError):
            listen(socket.AF_UNIX, str(path))
        assert path.read_text() == "mine"


class ProcessTests(SynchronousTestCase):
    """Users, groups, pid files."""

    def test_names(self) -> None:
        """Names and numbers both give numbers."""
        if os.geteuid() == 0:
            self.assertEqual(userNumber("nobody"), 65534)
            self.assertEqual(groupNumber("nogroup"), 65534)
        self.assertEqual(userNumber(str(os.geteuid())), os.geteuid())
        self.assertEqual(groupNumber(str(os.getegid())), os.getegid())

    def test_unknown(self) -> None:
        """An unknown user or group is told."""
        for look in (userNumber, groupNumber):
            with self.assertRaisesRegex(ProcessError, "there is no"):
                look("nobody-at-all")

    def test_keepOpen(self) -> None:
        """A file that is kept open is emptied even after others have lost their right to it."""
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory, "run.pid")
            path.write_text("42")
            empty = keepOpen(str(path))
            path.chmod(0)
            empty()
            self.assertEqual(path.stat().st_size, 0)

    def test_pidFile(self) -> None:
        """A pid file needs its directory."""
        with self.assertRaisesRegex(ProcessError, "missing or not writable"):
            checkPidFile("/nowhere/at/all/run.pid")
