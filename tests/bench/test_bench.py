"""The benchmark starts what it compares, and its arithmetic is right. Nothing here is timed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from twisted.trial.unittest import SynchronousTestCase

from bench import measure
from bench.goals import GOALS, MEASURES, TITLES, Goal
from bench.parts.profile import shares
from bench.processes import LoadError, Processes
from bench.report import DOCUMENT, Results, markdown, merged
from bench.run import PARTS
from bench.session import Session
from bench.setting import Terminator, makeKeys
from bench.terminators import ALL
from tests.peers import directoryFor

NOBODY = (1 << 22) + 1
"""The id of no process: Linux gives none above C{1 << 22}."""


def results(*samples: tuple[str, str, int, float], part: str = "bulk") -> Results:
    """Results of C{(cell, program, round, CPU per GiB)}."""
    made = [
        {"part": part, "cell": cell, "program": program, "round": n, "values": {"cpuPerGiB": value}}
        for cell, program, n, value in samples
    ]
    return Results({"meta": {}, "parts": {}, "samples": made})


class ProfileTests(SynchronousTestCase):
    """Where a program was found."""

    def test_shares(self) -> None:
        """Files of code are told apart by their names; all shares together are the whole."""
        text = """
4         ,libpython3.11.so.1.0
2         ,[kernel.kallsyms]
1         ,_socket.cpython-311-x86_64-linux-gnu.so
1         ,_rust.abi3.so
1         ,libcrypto.so.3
1         ,[vdso]
"""
        wanted = {"kernel": 0.2, "OpenSSL": 0.2, "Python": 0.5, "the program itself, libc": 0.1}
        self.assertEqual(shares(text), wanted)

    def test_nothing(self) -> None:
        """Without a single look there are no shares."""
        self.assertRaises(LoadError, shares, "\n")


class ReportTests(SynchronousTestCase):
    """Medians, ratios and verdicts."""

    goal = Goal("CPU", "bulk", "conn", "cpuPerGiB", "stunnel", 0.9, 0.5)

    def test_median(self) -> None:
        """A number is the median over the rounds."""
        found = results(*(("c", "ours", n, v) for n, v in enumerate((1.0, 9.0, 2.0))))
        self.assertEqual(found.median("bulk", "c", "ours", "cpuPerGiB"), 2.0)
        self.assertIsNone(found.median("bulk", "c", "stunnel", "cpuPerGiB"))

    def test_ratioOfRounds(self) -> None:
        """A ratio is the median of the rounds' ratios: a slow round slows both."""
        found = results(
            *(("c", "ours", n, v) for n, v in enumerate((1.0, 10.0, 3.0))),
            *(("c", "stunnel", n, v) for n, v in enumerate((2.0, 20.0, 3.0))),
        )
        ours, stunnel = ("bulk", "c", "ours"), ("bulk", "c", "stunnel")
        self.assertEqual(found.ratio("cpuPerGiB", ours, stunnel), 0.5)
        self.assertEqual(found.ratio("cpuPerGiB", stunnel, ours), 2.0)

    def test_ratioWithoutCommonRounds(self) -> None:
        """Where they had no round in common it is the ratio of the medians."""
        found = results(("c", "ours", 0, 3.0), ("c", "stunnel", 1, 2.0))
        ratio = found.ratio("cpuPerGiB", ("bulk", "c", "ours"), ("bulk", "c", "stunnel"))
        self.assertEqual(ratio, 1.5)

    def test_worstCellCounts(self) -> None:
        """A goal is judged by the worst of its cells."""
        samples = [("1 conn", "ours", 0, 0.4), ("1 conn", "stunnel", 0, 1.0)]
        row = results(*samples).verdict(self.goal)
        assert row is not None
        self.assertEqual((row[3], row[4]), ("0.400", "aim"))
        samples += [("8 conn", "ours", 0, 0.8), ("8 conn", "stunnel", 0, 1.0)]
        row = results(*samples).verdict(self.goal)
        assert row is not None
        self.assertEqual((row[3], row[4]), ("0.800 (best 0.400)", "pass"))
        samples += [("9 conn", "ours", 0, 2.0), ("9 conn", "stunnel", 0, 1.0)]
        row = results(*samples).verdict(self.goal)
        assert row is not None
        self.assertEqual((row[3], row[4]), ("2.000 (best 0.400)", "FAIL"))

    def test_higherIsBetter(self) -> None:
        """Where more is better the smallest ratio counts, against another cell of ours."""
        goal = Goal("two", "bulk", "2 w", "cpuPerGiB", "ours", 1.6, 1.9, ("2 w", "1 w"), True)
        samples = [("a 1 w", "ours", 0, 1.0), ("a 2 w", "ours", 0, 1.7)]
        samples += [("b 1 w", "ours", 0, 1.0), ("b 2 w", "ours", 0, 1.95)]
        row = results(*samples).verdict(goal)
        assert row is not None
        self.assertEqual((row[3], row[4]), ("1.700 (best 1.950)", "pass"))

    def test_unmeasuredGoal(self) -> None:
        """A goal whose cells were not measured has no row."""
        self.assertIsNone(results(("x", "ours", 0, 1.0)).verdict(self.goal))

    def test_table(self) -> None:
        """Columns line up, and others have their ratio to ours."""
        found = results(("c", "ours", 0, 1.0), ("c", "stunnel", 0, 1.5))
        ((title, rows),) = found.tables("bulk")
        self.assertEqual(title, "CPU seconds per GiB")
        self.assertEqual(rows, [["", "ours", "stunnel"], ["c", "1.000", "1.500 (1.50x)"]])
        self.assertEqual(len({len(line) for line in markdown(rows).splitlines()}), 1)

    def test_merged(self) -> None:
        """Of runs that measured the same part, the last one counts."""
        documents = [results(("c", "ours", 0, v)).document for v in (1.0, 2.0)]
        whole = Results(merged(documents))
        self.assertEqual(whole.median("bulk", "c", "ours", "cpuPerGiB"), 2.0)
        self.assertEqual(json.loads(json.dumps(whole.document)), whole.document)

    def test_fill(self) -> None:
        """The document's places are filled, again and again, and the rest of it stays."""
        path = directoryFor(self) / "page.md"
        path.write_text("A\n<!-- bench:bulk -->\nold\n<!-- bench -->\nB\n")
        found = results(("c", "ours", 0, 1.0))
        found.document["meta"] = dict.fromkeys(("date", "cores", "kind", "cpu", "system"), "")
        found.document["meta"]["versions"] = []
        for _ in range(2):
            found.fill(path)
            text = path.read_text()
            self.assertIn("CPU seconds per GiB", text)
            self.assertNotIn("old", text)
            self.assertTrue(text.startswith("A\n<!-- bench:bulk -->\n"))
            self.assertTrue(text.endswith("\n<!-- bench -->\nB\n"))

    def test_everyPartIsShown(self) -> None:
        """Each part has measures, a title, and a place in the document."""
        text = DOCUMENT.read_text(encoding="utf-8")
        for part in PARTS:
            self.assertIn(part, MEASURES)
            self.assertIn(part, TITLES)
            self.assertIn(f"<!-- bench:{part} -->\n", text)
        self.assertEqual({goal.part for goal in GOALS} - set(PARTS), set())


class MeasureTests(SynchronousTestCase):
    """CPU and memory of processes."""

    def test_percentile(self) -> None:
        """Percentiles are values that were measured, by nearest rank."""
        self.assertEqual(measure.percentile([3.0, 1.0, 2.0], 50), 2.0)
        self.assertEqual(measure.percentile([3.0, 1.0, 2.0], 99), 3.0)
        self.assertEqual(measure.percentile([7.0], 0), 7.0)

    def test_ownProcess(self) -> None:
        """Our own process has used CPU and memory; one that is not there has not."""
        self.assertIn(os.getpid(), measure.tree(os.getppid()))
        self.assertGreater(measure.cpu([os.getpid()]), 0.0)
        self.assertGreater(measure.rss([os.getpid()]), 1 << 20)
        self.assertEqual((measure.cpu([NOBODY]), measure.rss([NOBODY])), (0.0, 0))


@pytest.mark.real
class TerminatorTests(SynchronousTestCase):
    """Every program starts with the configuration that it is given, and relays."""

    def relays(self, kind: type[Terminator], version: str, key: str) -> None:
        """Have C{kind} relay a byte there and back."""
        program = kind()
        if program.path() is None:
            self.skipTest(f"{kind.package} is not installed")
        directory: Path = directoryFor(self)
        makeKeys(directory)
        with Processes(directory) as processes:
            session = Session(processes, directory, [program], 1, True, 60.0)
            with (
                session.backend() as (_process, port),
                session.serving({"echo": port}, version=version, kind=key) as served,
            ):
                self.assertEqual(session.notes, {})
                spec = served[program.name].spec("echo")
                load = processes.load("connections", session.cores, **spec)
                load.read()
                load.go(resumed=False, parallel=1, count=1)
                self.assertEqual(len(load.go()["times"]), 1)
                pids = served[program.name].pids()
                self.assertGreater(measure.cpu(pids), 0.0)
        self.assertEqual(measure.alive(pids), {})

    def test_TLSv13RSA(self) -> None:
        """TLS 1.3 with an RSA key."""
        for kind in ALL:
            with self.subTest(kind.name):
                self.relays(kind, "TLSv1.3", "rsa")

    def test_TLSv12ECDSA(self) -> None:
        """TLS 1.2 with an ECDSA key."""
        for kind in ALL:
            with self.subTest(kind.name):
                self.relays(kind, "TLSv1.2", "ecdsa")
