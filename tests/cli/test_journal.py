"""C{butterfly-tls journal}: what it shows of a journal, and what it says of a damaged one."""

from __future__ import annotations

import argparse
import gzip
import json
import subprocess
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from appliance import events as e
from appliance.audit.connections import Known
from appliance.audit.record import Entry, record
from appliance.cli.journal import moment, row
from appliance.cli.journalreading import DamagedError, follow, parse
from appliance.dicom import uids
from tests.audit import happenings as h
from tests.peers import Said, butterfly, directoryFor, runCommand


def line(
    when: datetime = h.NOON, section: str = "S", why: str = "", **changes: Any
) -> dict[str, Any]:
    """A line of the journal for an association that ended at C{when}."""
    association = evolve(h.ASSOCIATION, **{"tallies": (), "why": why} | changes)
    event = evolve(h.ended(), section=section)
    outcome = association.outcome or e.Outcome.CUT_BY_US
    entry = Entry(event, association, outcome.value, why)
    return record(entry, Known(h.CLIENT), when, uids.name)


class JournalCase(SynchronousTestCase):
    """A journal in a directory of its own."""

    def setUp(self) -> None:
        self.directory = directoryFor(self)
        self.path = self.directory / "journal"

    def write(self, *entries: dict[str, Any] | str, path: Path | None = None) -> Path:
        """Let the journal have these lines."""
        texts = [each if isinstance(each, str) else json.dumps(each) for each in entries]
        path = path or self.path
        path.write_text("".join(f"{text}\n" for text in texts))
        return path

    def command(self, *argv: str | Path) -> Said:
        """What the command says of the journal."""
        return runCommand("journal", self.path, *argv)


class ShowTests(JournalCase):
    """Associations one by one."""

    def test_row(self) -> None:
        """An association is a line with who, what, how long and how it ended."""
        self.write(line(tallies=(h.STORED,)))
        said = self.command()
        self.assertEqual((said.status, said.err), (0, ""))
        (shown,) = said.out.splitlines()
        for part in ("2026-11-24 11:59:57", "S", "MODALITY", "> PACS", "192.0.2.1", "2.5 s"):
            self.assertIn(part, shown)
        self.assertIn("released", shown)
        self.assertTrue(shown.endswith("C-STORE 3, 4.0 KiB, 1 of A700H"), shown)

    def test_why(self) -> None:
        """One that did not end well says why."""
        self.write(line(outcome=e.Outcome.DECLINED, why="no backend"))
        self.assertRegex(self.command().out, r"declined +no backend\n$")

    def test_json(self) -> None:
        """With --json lines pass as they are, those with fields of a later time too."""
        entry = line() | {"more": [1, 2]}
        self.write(entry)
        self.assertEqual(self.command("--json").out, json.dumps(entry) + "\n")

    def test_terminal(self) -> None:
        """What a peer has said gives no orders to a terminal."""
        self.write(line(calling="\x1b[31mRED"))
        self.assertNotIn("\x1b", self.command().out)

    def test_severalFiles(self) -> None:
        """Rotated files are read too, compressed ones as well."""
        old = self.directory / "journal.2.gz"
        with gzip.open(old, "wt") as file:
            file.write(json.dumps(line(calling="OLD")) + "\n")
        self.write(line(calling="NEW"))
        said = runCommand("journal", old, self.path)
        self.assertEqual([text.split()[3] for text in said.out.splitlines()], ["OLD", "NEW"])

    def test_reader(self) -> None:
        """Whoever stops reading early gets no complaint."""
        self.write(*[line()] * 5000)
        shell = f"{' '.join(butterfly('journal', self.path))} | head -1"
        done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, timeout=60)
        self.assertEqual((len(done.stdout.splitlines()), done.stderr), (1, ""))


class FilterTests(JournalCase):
    """Some of the associations."""

    def setUp(self) -> None:
        super().setUp()
        self.write(
            line(calling="A"),
            line(calling="B1", called="WORKLIST", section="DMWL"),
            line(h.NOON + timedelta(days=1), calling="B2", outcome=e.Outcome.ABORTED_BY_CLIENT),
        )

    def found(self, *argv: str) -> list[str]:
        """The calling titles of those that are shown."""
        said = self.command("--json", *argv)
        self.assertEqual(said.status, 0)
        return [json.loads(text)["calling"] for text in said.out.splitlines()]

    def test_fields(self) -> None:
        """By section, titles and outcome, with patterns, and all of these together."""
        self.assertEqual(self.found("--section", "DMWL"), ["B1"])
        self.assertEqual(self.found("--calling", "B*"), ["B1", "B2"])
        self.assertEqual(self.found("--called", "PACS"), ["A", "B2"])
        self.assertEqual(self.found("--outcome", "aborted*"), ["B2"])
        self.assertEqual(self.found("--calling", "B*", "--called", "PACS"), ["B2"])
        self.assertEqual(self.found("--calling", "C"), [])

    def test_times(self) -> None:
        """By time: since includes its moment, until does not."""
        begin = "2026-11-24T11:59:57.623+01:00"
        self.assertEqual(self.found("--until", begin), [])
        self.assertEqual(
            self.found("--since", begin, "--until", "2026-11-25T00:00+01:00"), ["A", "B1"]
        )
        self.assertEqual(self.found("--since", "2026-11-25T00:00+01:00"), ["B2"])

    def test_moments(self) -> None:
        """Times may be dates, local times, or a while ago."""
        self.assertEqual(moment("2026-11-24T12:00+01:00"), h.NOON.replace(microsecond=0))
        self.assertEqual(moment("2026-11-24"), datetime(2026, 11, 24).astimezone())
        ago = datetime.now().astimezone() - moment("90m")
        self.assertLess(abs(ago - timedelta(minutes=90)), timedelta(minutes=1))
        for bad in ("yesterday", "5", "2026-13-01", "999999d"):
            self.assertRaises(argparse.ArgumentTypeError, moment, bad)


class SummaryTests(JournalCase):
    """What a journal comes to."""

    def test_sums(self) -> None:
        """By day and by calling title: associations, how many were good, data, and durations."""
        failing = evolve(h.STORED, statuses=((0xA700, 3),), bytes=1024)
        fine = evolve(h.STORED, statuses=((0, 3),), bytes=1024)
        self.write(
            line(tallies=(fine,), seconds=1.0),
            line(tallies=(failing,), seconds=3.0),
            line(h.NOON + timedelta(days=1), calling="OTHER", outcome=e.Outcome.REJECTED),
        )
        said = self.command("--summary")
        self.assertEqual(said.status, 0)
        text = said.out.splitlines()
        self.assertEqual(
            text[1].split(),
            ["2026-11-24", "2", "1", "1", "6", "3", "2.0", "KiB", "2.0", "s", "3.0", "s"],
        )
        self.assertEqual(
            text[2].split(),
            ["2026-11-25", "1", "0", "1", "0", "0", "0", "B", "2.5", "s", "2.5", "s"],
        )
        self.assertEqual(text[3].split()[:5], ["all", "3", "1", "2", "6"])
        self.assertEqual(text[6].split()[:2], ["MODALITY", "2"])
        self.assertEqual(text[7].split()[:2], ["OTHER", "1"])
        self.assertIn("Ends: released 2, rejected 1", text)
        self.assertIn("Failures: A700H 3", text)
        self.assertEqual(len({len(each) for each in text[:4]}), 1)

    def test_nothing(self) -> None:
        """An empty journal is told as one."""
        self.write()
        self.assertEqual(self.command("--summary").out, "No associations.\n")


class DamageTests(JournalCase):
    """Lines and files that are not as they should be."""

    def test_lines(self) -> None:
        """Damaged lines are named and counted, the others shown, and the status is 1."""
        good = line()
        torn = json.dumps(good)[:40]
        nameless = {name: value for name, value in good.items() if name != "calling"}
        self.write(good, torn, "", nameless, good | {"v": 9}, "[]", good | {"client": 3}, good)
        said = self.command("--json")
        self.assertEqual(said.status, 1)
        self.assertEqual(len(said.out.splitlines()), 2)
        self.assertEqual(
            said.err.splitlines(),
            [
                f"{self.path}:2: warning: passed over, it is not JSON",
                f"{self.path}:4: warning: passed over, calling is missing",
                f"{self.path}:5: warning: passed over, it is of version 9, expected 1",
                f"{self.path}:6: warning: passed over, it is of version None, expected 1",
                f"{self.path}:7: warning: passed over, a field is not of its kind",
                "5 line(s) are damaged and were passed over",
            ],
        )

    def test_noBytes(self) -> None:
        """Bytes that are no text at all are a damaged line."""
        self.path.write_bytes(b"\xff\xfe\x00\n" + json.dumps(line()).encode() + b"\n")
        said = self.command()
        self.assertEqual((said.status, len(said.out.splitlines())), (1, 1))

    def test_kinds(self) -> None:
        """No value of any kind makes the reader fail in another way."""
        good = line(tallies=(h.STORED,))
        for name in good:
            for bad in (None, 1, "x", [], {}, [1], {"statuses": 5}):
                try:
                    row(parse(json.dumps(good | {name: bad})))
                except DamagedError:
                    pass

    def test_missing(self) -> None:
        """A file that is not there is told, and the status is 1."""
        said = self.command()
        self.assertEqual(said.status, 1)
        self.assertEqual(
            said.err, f"butterfly-tls journal: cannot read {self.path}: No such file or directory\n"
        )

    def test_badlyCompressed(self) -> None:
        """So is one that is not compressed as its name says."""
        path = self.directory / "journal.1.gz"
        path.write_text("{}\n")
        said = runCommand("journal", path)
        self.assertEqual(said.status, 1)
        self.assertIn(f"cannot read {path}: it is not compressed, or damaged", said.err)

    def test_contradiction(self) -> None:
        """What does not go together is a wrong command line."""
        for argv in (("--follow", "--summary"), ("other", "--follow")):
            said = self.command(*argv)
            self.assertEqual(said.status, 2)
            self.assertIn("--follow does not go with", said.err)


class FollowTests(JournalCase):
    """A journal that is still written to."""

    def following(self, *steps: Callable[[], object]) -> Iterator[str]:
        """What is read, while C{steps} happen one after the other in the pauses."""
        waiting = list(steps)

        def sleep(_seconds: float) -> None:
            waiting.pop(0)()

        return (text for _, text in follow(str(self.path), sleep))

    def append(self, text: str) -> None:
        """Write C{text} to the journal's file."""
        with self.path.open("a") as file:
            file.write(text)

    def test_grows(self) -> None:
        """What is there comes first, then what is written."""
        self.append("one\n")
        found = self.following(lambda: None, lambda: self.append("two\nthree\n"))
        self.assertEqual(list(islice(found, 3)), ["one", "two", "three"])

    def test_wholeLines(self) -> None:
        """A line counts once it is whole."""
        self.append("")
        found = self.following(lambda: self.append("be"), lambda: self.append("gin\n"))
        self.assertEqual(next(found), "begin")

    def test_rotated(self) -> None:
        """Another file in its place is gone on with, after the rest of the old one."""
        self.append("one\n")

        def rotate() -> None:
            self.append("two\n")
            self.path.rename(self.directory / "journal.1")

        found = self.following(rotate, lambda: None, lambda: self.append("three\n"))
        self.assertEqual(list(islice(found, 3)), ["one", "two", "three"])

    def test_truncated(self) -> None:
        """A file that was emptied is read from its begin again."""
        self.append("a long line\n")

        def truncate() -> None:
            self.path.write_text("new\n")

        self.assertEqual(list(islice(self.following(truncate), 2)), ["a long line", "new"])
