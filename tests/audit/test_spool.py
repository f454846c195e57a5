"""Messages that wait: in their order, within their bound, over restarts."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from appliance.audit.spool import Directory, Memory, Queue
from tests.peers import directoryFor


def drained(queue: Queue) -> list[bytes]:
    """All that is in C{queue}, taken and done with."""
    found = []
    while (taken := queue.take()) is not None:
        found.append(taken[1])
        queue.remove(taken[0])
    return found


class QueueTests(SynchronousTestCase):
    """The order and the bound, wherever messages are."""

    def test_order(self) -> None:
        """Messages come in the order in which they were added."""
        queue = Queue(Memory(), 100)
        for message in (b"a", b"b", b"c"):
            self.assertEqual(queue.add(message), 0)
        self.assertEqual(drained(queue), [b"a", b"b", b"c"])
        self.assertEqual(len(queue), 0)

    def test_oldestGiveWay(self) -> None:
        """Beyond the bound the oldest are given up, and counted."""
        queue = Queue(Memory(), 10)
        lost = [queue.add(b"%d..." % number) for number in range(5)]
        self.assertEqual(lost, [0, 0, 1, 1, 1])
        self.assertEqual(drained(queue), [b"3...", b"4..."])

    def test_takenOnce(self) -> None:
        """A message is taken once, and again only after a rewind."""
        queue = Queue(Memory(), 100)
        queue.add(b"a")
        queue.add(b"b")
        first = queue.take()
        assert first is not None
        queue.remove(first[0])
        self.assertEqual((queue.take() or (0, b""))[1], b"b")
        self.assertIsNone(queue.take())
        queue.rewind()
        self.assertEqual(drained(queue), [b"b"])

    def test_givenUpWhileTaken(self) -> None:
        """One that was taken and then given up is not taken again."""
        queue = Queue(Memory(), 8)
        queue.add(b"aaaa")
        queue.take()
        queue.add(b"bbbb")
        queue.add(b"cccc")
        queue.rewind()
        self.assertEqual(drained(queue), [b"bbbb", b"cccc"])

    @given(st.lists(st.binary(min_size=1, max_size=20)), st.integers(20, 60))
    def test_bound(self, messages: list[bytes], most: int) -> None:
        """What is left is the end of what was added, never more than the bound, nothing lost."""
        queue = Queue(Memory(), most)
        lost = sum(queue.add(message) for message in messages)
        left = drained(queue)
        self.assertLessEqual(sum(map(len, left)), most)
        self.assertEqual(left, messages[lost:])


class DirectoryTests(SynchronousTestCase):
    """Messages as files."""

    def setUp(self) -> None:
        self.path = directoryFor(self)
        self.failures: list[str | None] = []
        self.opened: list[Directory] = []
        self.addCleanup(lambda: [each.close() for each in self.opened])

    def directory(self) -> Directory:
        """The spool, as a process opens it."""
        opened = Directory(str(self.path), lambda error: self.failures.append(error.strerror))
        self.opened.append(opened)
        return opened

    def restarted(self) -> Directory:
        """The spool, as the next process opens it."""
        self.opened.pop().close()
        return self.directory()

    def test_restart(self) -> None:
        """What was not sent is there after a restart, in its order, and new ones come after it."""
        queue = Queue(self.directory(), 1000)
        for number in range(12):
            queue.add(b"%d" % number)
        self.assertEqual((queue.take() or (0, b""))[1], b"0")
        again = Queue(self.restarted(), 1000)
        again.add(b"last")
        self.assertEqual(drained(again), [*(b"%d" % number for number in range(12)), b"last"])
        self.assertEqual(os.listdir(self.path), [])

    def test_boundAfterRestart(self) -> None:
        """What an earlier process has left counts towards the bound."""
        Queue(self.directory(), 1000).add(b"x" * 90)
        queue = Queue(self.restarted(), 100)
        self.assertEqual(queue.add(b"y" * 20), 1)
        self.assertEqual(drained(queue), [b"y" * 20])

    def test_private(self) -> None:
        """Nobody else may read the messages."""
        Queue(self.directory(), 1000).add(b"x")
        (file,) = self.path.iterdir()
        self.assertEqual(file.stat().st_mode & 0o077, 0)

    def test_strangers(self) -> None:
        """What else lies in the directory stays there; an empty or unfinished file is none."""
        for name in ("README", "unfinished", "0000000000000007.audit"):
            (self.path / name).write_bytes(b"")
        queue = Queue(self.directory(), 1000)
        self.assertEqual(drained(queue), [])
        self.assertTrue((self.path / "README").exists())

    def test_takenAway(self) -> None:
        """A message that somebody has deleted is passed over."""
        queue = Queue(self.directory(), 1000)
        for message in (b"a", b"b"):
            queue.add(message)
        min(self.path.iterdir()).unlink()
        self.assertEqual(drained(queue), [b"b"])

    def test_full(self) -> None:
        """What the disk does not take waits in memory; that is told once, until it does again."""
        queue = Queue(self.directory(), 1000)
        queue.add(b"a")

        def full(*_: Any) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        with patch("appliance.audit.spool.os.write", full):
            queue.add(b"b")
            queue.add(b"c")
        queue.add(b"d")
        self.assertEqual(self.failures, ["No space left on device"])
        self.assertEqual(drained(queue), [b"a", b"b", b"c", b"d"])
        with patch("appliance.audit.spool.os.write", full):
            queue.add(b"e")
        self.assertEqual(len(self.failures), 2)

    def test_cutShort(self) -> None:
        """A message that did not fit whole is not left for the next process in part."""
        real = os.write
        queue = Queue(self.directory(), 1000)
        with patch("appliance.audit.spool.os.write", lambda file, data: real(file, data[:1])):
            queue.add(b"whole")
        self.assertEqual(drained(Queue(self.restarted(), 1000)), [])

    def test_alone(self) -> None:
        """No two processes use one directory, or messages would be sent twice."""
        self.directory()
        self.assertRaises(BlockingIOError, self.directory)

    def test_absent(self) -> None:
        """A directory that is not there is an error at once."""
        missing = str(Path(self.path) / "missing")
        self.assertRaises(FileNotFoundError, Directory, missing, self.failures.append)
