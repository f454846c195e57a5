"""Sums a journal up: what there was on each day, and from each calling AE title."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from attrs import define, field

from appliance.cli.journalreading import Entry
from appliance.logs.text import clean


@define
class Sum:
    """What several associations come to; C{failures} are answers by their status."""

    associations: int = 0
    good: int = 0
    operations: int = 0
    failed: int = 0
    bytes: int = 0
    seconds: float = 0.0
    longest: float = 0.0
    failures: dict[str, int] = field(factory=dict)
    outcomes: dict[str, int] = field(factory=dict)

    def add(self, entry: Entry) -> None:
        """Take one more in."""
        self.associations += 1
        self.good += entry.good
        self.seconds += entry.seconds
        self.longest = max(self.longest, entry.seconds)
        self.outcomes[entry.outcome] = self.outcomes.get(entry.outcome, 0) + 1
        for operation in entry.operations:
            self.operations += operation.requests
            self.failed += operation.failed
            self.bytes += operation.bytes
            for status, count in operation.failures.items():
                self.failures[status] = self.failures.get(status, 0) + count


@define
class Sums:
    """Sums by day, by calling AE title, and of all."""

    days: dict[str, Sum] = field(factory=dict)
    titles: dict[str, Sum] = field(factory=dict)
    all: Sum = field(factory=Sum)

    def add(self, entry: Entry) -> None:
        """Take one more association in."""
        day = f"{entry.begin:%Y-%m-%d}"
        self.days.setdefault(day, Sum()).add(entry)
        self.titles.setdefault(clean(entry.calling), Sum()).add(entry)
        self.all.add(entry)

    def report(self) -> Iterator[str]:
        """All of it for people."""
        yield from _table("Day", sorted(self.days.items()), self.all)
        yield ""
        busiest = sorted(self.titles.items(), key=lambda each: (-each[1].associations, each[0]))
        yield from _table("Calling AE title", busiest, self.all)
        for title, counts in (("Ends", self.all.outcomes), ("Failures", self.all.failures)):
            if counts:
                yield ""
                yield f"{title}: {', '.join(f'{clean(name)} {n}' for name, n in _most(counts))}"


def _most(counts: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda each: (-each[1], each[0]))


_COLUMNS: tuple[tuple[str, Callable[[Sum], str]], ...] = (
    ("associations", lambda one: str(one.associations)),
    ("good", lambda one: str(one.good)),
    ("not good", lambda one: str(one.associations - one.good)),
    ("operations", lambda one: str(one.operations)),
    ("failed", lambda one: str(one.failed)),
    ("data", lambda one: size(one.bytes)),
    ("mean", lambda one: f"{one.seconds / max(one.associations, 1):.1f} s"),
    ("longest", lambda one: f"{one.longest:.1f} s"),
)


def _table(what: str, sums: Iterable[tuple[str, Sum]], all_: Sum) -> Iterator[str]:
    head = [what, *(name for name, _ in _COLUMNS)]
    body = [[name, *(show(one) for _, show in _COLUMNS)] for name, one in (*sums, ("all", all_))]
    widths = [max(map(len, column)) for column in zip(head, *body, strict=True)]
    for row in (head, *body):
        first, *others = zip(row, widths, strict=True)
        yield "  ".join((f"{first[0]:<{first[1]}}", *(f"{cell:>{w}}" for cell, w in others)))


def size(count: float) -> str:
    """So many bytes in the unit that fits."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"
