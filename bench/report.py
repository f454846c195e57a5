"""Samples to medians and ratios, tables, verdicts and documents. It measures nothing.

C{python -m bench.report FILE.json… [--docs]} shows results again; where several files measured
the same part, the last one counts.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from bench.goals import GOALS, MEASURES, TITLES, Goal, Measure

ROOT = Path(__file__).parent.parent
DOCUMENT = ROOT / "docs" / "performance.md"
ORDER = ("ours", "before", "stunnel", "haproxy", "nginx", "hitch", "direct")
BUSY = 0.95
"""The share of its cores from which the load generator counts as the limit."""


class Results:
    """What a run measured: C{document} is its JSON."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        # part, cell, program, value: round to number
        self._values: dict[tuple[str, str, str, str], dict[int, float]] = defaultdict(dict)
        self.cells: dict[str, list[str]] = defaultdict(list)
        self.programs: dict[str, set[str]] = defaultdict(set)
        for sample in document["samples"]:
            part, cell, program = sample["part"], sample["cell"], sample["program"]
            if cell not in self.cells[part]:
                self.cells[part].append(cell)
            self.programs[part].add(program)
            for name, number in sample["values"].items():
                self._values[part, cell, program, name][sample["round"]] = number

    def median(self, part: str, cell: str, program: str, value: str) -> float | None:
        """The median over the rounds, C{None} where nothing was measured."""
        found = self._values.get((part, cell, program, value))
        return median(found.values()) if found else None

    def ratio(
        self, value: str, one: tuple[str, str, str], other: tuple[str, str, str]
    ) -> float | None:
        """The median of the rounds' ratios of two C{(part, cell, program)}.

        Both had their turns side by side in each round, so what slowed one slowed the other.
        Without a common round it is the ratio of the medians.
        """
        mine, theirs = self._values.get((*one, value)), self._values.get((*other, value))
        if not mine or not theirs:
            return None
        pairs = [mine[n] / theirs[n] for n in mine if theirs.get(n)]
        if pairs:
            return median(pairs)
        below = median(theirs.values())
        return median(mine.values()) / below if below else None

    # --- tables ----------------------------------------------------------------------------

    def tables(self, part: str) -> Iterable[tuple[str, list[list[str]]]]:
        """A title and a table for each measure of C{part} that has numbers."""
        programs = [name for name in ORDER if name in self.programs[part]]
        for measure in MEASURES[part]:
            cells = [
                cell
                for cell in self.cells[part]
                if any(self.median(part, cell, p, measure.value) is not None for p in programs)
            ]
            if cells:
                rows = [
                    [cell, *(self._shown(part, cell, p, measure) for p in programs)]
                    for cell in cells
                ]
                yield measure.title, [["", *programs], *rows]

    def _shown(self, part: str, cell: str, program: str, measure: Measure) -> str:
        number = self.median(part, cell, program, measure.value)
        if number is None:
            return "-"
        text = f"{number:.{measure.digits}f}"
        if measure.limited and (self.median(part, cell, program, "loadBusy") or 0) > BUSY:
            text += "*"
        if program != "ours":
            ratio = self.ratio(measure.value, (part, cell, program), (part, cell, "ours"))
            text += "" if ratio is None else f" ({ratio:.2f}x)"
        return text

    def verdict(self, goal: Goal) -> list[str] | None:
        """A row of the table of goals; C{None} where its cells were not measured."""
        found = []
        for cell in self.cells[goal.part]:
            if re.search(goal.cells, cell):
                mine = (goal.part, cell, "ours")
                theirs = (goal.part, cell, goal.other)
                if goal.replace != ("", ""):
                    theirs = (goal.part, cell.replace(*goal.replace), "ours")
                ratio = self.ratio(goal.value, mine, theirs)
                if ratio is not None:
                    found.append(ratio)
        if not found:
            return None
        worst, best = (min, max)[not goal.high](found), (min, max)[goal.high](found)
        sign = "≥" if goal.high else "≤"
        reached = (lambda limit: worst >= limit) if goal.high else (lambda limit: worst <= limit)
        word = "aim" if reached(goal.aim) else "pass" if reached(goal.atLeast) else "FAIL"
        span = f"{worst:.3f}" + (f" (best {best:.3f})" if len(found) > 1 else "")
        return [goal.figure, f"{sign} {goal.atLeast:g}", f"{sign} {goal.aim:g}", span, word]

    def goals(self) -> list[list[str]]:
        """The table of goals: ours to theirs, the worst of the cells that count."""
        rows = [row for row in map(self.verdict, GOALS) if row is not None]
        return [["ours to theirs", "at least", "aim", "worst cell", ""], *rows]

    # --- texts -----------------------------------------------------------------------------

    def section(self, part: str) -> str:
        """All that was measured in C{part}, as Markdown."""
        about = self.document["parts"].get(part, {})
        lines = [f"`{about.get('command', '')}`", ""]
        lines.insert(1, f"median of {about.get('rounds', '?')} rounds:")
        for title, rows in self.tables(part):
            lines += [f"{title[0].upper()}{title[1:]}:", "", markdown(rows), ""]
        if any("*" in cell for _, rows in self.tables(part) for row in rows for cell in row):
            lines += ["\\* the load generator was at its limit", ""]
        lines += [f"- {note.splitlines()[0]}" for note in about.get("notes", ())]
        return "\n".join(lines).strip()

    def machine(self) -> str:
        """Where and with what it was measured, as Markdown."""
        meta = self.document["meta"]
        machine = f"a {meta['cores']}-core {meta['kind']} ({meta['cpu']}), {meta['system']}"
        versions = (f"- {version}" for version in meta["versions"])
        return "\n".join([f"{meta['date']}, {machine}.", "", *versions])

    def text(self) -> str:
        """The whole report."""
        parts = [part for part in TITLES if part in self.cells]
        blocks = [self.machine()]
        blocks += [f"## {TITLES[part]}\n\n{self.section(part)}" for part in parts]
        if len(self.goals()) > 1:
            blocks.append(f"## Goals\n\n{markdown(self.goals())}")
        return "\n\n".join(blocks)

    def fill(self, document: Path = DOCUMENT) -> None:
        """Write what was measured between the document's marks C{<!-- bench:NAME -->}."""
        made = {part: self.section(part) for part in TITLES if self.cells.get(part)}
        made["machine"] = self.machine()
        if (document.parent / "performance.svg").exists():
            made["plot"] = "![How the cost grows](performance.svg)"
        if len(self.goals()) > 1:
            made["goals"] = markdown(self.goals())
        text = document.read_text(encoding="utf-8")
        document.write_text(refilled(text, made), encoding="utf-8")


def refilled(text: str, made: Mapping[str, str]) -> str:
    """C{text} with what was C{made} between its marks C{<!-- bench:NAME -->}."""
    for name, block in made.items():
        mark = re.compile(rf"(<!-- bench:{name} -->\n).*?(<!-- bench -->)", re.S)
        text = mark.sub(lambda m, new=block: f"{m[1]}{new}\n{m[2]}", text)
    return text


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """A table whose columns line up, so that it reads on a terminal too."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]

    def line(cells: Sequence[str]) -> str:
        padded = [
            text.ljust(width) if k == 0 else text.rjust(width)
            for k, (text, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return f"| {' | '.join(padded)} |"

    rule = [
        f"{'-' * width}" if k == 0 else f"{'-' * max(1, width - 1)}:"
        for k, width in enumerate(widths)
    ]
    return "\n".join([line(rows[0]), line(rule), *map(line, rows[1:])])


def merged(documents: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Several runs as one: each part from the last that measured it."""
    whole: dict[str, Any] = {"meta": documents[-1]["meta"], "parts": {}, "samples": []}
    for document in documents:
        new = {sample["part"] for sample in document["samples"]}
        whole["samples"] = [s for s in whole["samples"] if s["part"] not in new]
        whole["samples"] += document["samples"]
        whole["parts"] |= {k: v for k, v in document["parts"].items() if k in new}
    return whole


def main() -> None:
    """Show results that were kept."""
    parser = argparse.ArgumentParser(description="Show benchmark results again.")
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--docs", action="store_true", help="fill docs/performance.md")
    arguments = parser.parse_args()
    results = Results(merged([json.loads(path.read_text()) for path in arguments.files]))
    print(results.text())
    if arguments.docs:
        from bench.plot import plot

        plot(results, DOCUMENT.parent, "svg")
        results.fill()


if __name__ == "__main__":
    main()
