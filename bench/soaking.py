"""Makes C{docs/soak.md} and its pictures from the results of soaks; it measures nothing.

C{python -m bench.soaking FILE...}: each file is what C{make soak} has written, and its own part of
the page, in that order.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any, Final

DOCS: Final = Path(__file__).parent.parent / "docs"

HEAD: Final = """\
<!-- Made by bench/soaking.py from the results of 'make soak': run that again, and then this. -->

# Thousands at a time

What `make soak` has seen: idle associations by the thousand, others that store objects beside them,
and a storm of handshakes at a port of its own, with a limit. Guests come to that port all the time,
from an address that nobody floods from: an association, one object, a release.

```sh
make soak SOAK="--minutes 60 --idle 2000 --active 20"
.venv/bin/python -m bench.soaking bench/results/soak-*.json
```

Objects are random bytes of up to 40 KB, known by their hashes: at the end those that were
acknowledged are compared with those that the archive has. Memory, descriptors and CPU are those of
the appliance alone, all its processes together. Memory that Python and OpenSSL have had is mostly
not given back to the system: what counts is that it is used again. After an upgrade there are two
processes, of which the old one keeps the idle associations until they end. Clients, archive and
appliance share the machine, two cores of a virtual one that had other work too.

The limit is what keeps a storm from those who are there already: without one (`handshakeRate =
none`) every handshake is served that there is time for, and all others have to wait.
"""

PANELS: Final = (
    ("memory, MiB", ("MiB",), False),
    ("descriptors", ("descriptors",), False),
    ("from a C-STORE to its response, ms", ("p50Ms", "p99Ms"), True),
    ("handshakes of the storm a second", ("offered", "served"), False),
)
PHASES: Final = ("calm", "storm", "after")

COLOURS: Final = {
    "MiB": "#d1495b",
    "descriptors": "#00798c",
    "p50Ms": "#66a182",
    "p99Ms": "#d1495b",
    "offered": "#edae49",
    "served": "#00798c",
}


Samples = Sequence[dict[str, Any]]


def of(samples: Samples, phase: str) -> list[dict[str, Any]]:
    """Those of one phase; where there are more, not the first: others are still in it then."""
    found = [each for each in samples if each["phase"] == phase]
    return found[1:] or found


def values(samples: Samples, name: str) -> list[float]:
    """The values of C{name} that there are."""
    return [each[name] for each in samples if each[name] is not None]


# --- the page -----------------------------------------------------------------------------------


def part(name: str, run: dict[str, Any]) -> Iterator[str]:
    """The part of the page about one run."""
    shape, samples = run["shape"], run["samples"]
    minutes = shape["seconds"] / 60
    yield (
        f"## {shape['idle']:,} idle and {shape['active']:,} active associations, "
        f"{minutes:g} minutes"
    )
    yield ""
    yield f"`make soak SOAK={json.dumps(run['command'])}`, {run['at']}."
    yield ""
    yield f"![Memory, descriptors, latency and handshakes](soak-{name}.svg)"
    yield ""
    yield from table(("", ""), facts(run))
    yield ""
    heads = ("", "calm", "in the storm", "after it")
    yield from table(heads, phases(samples))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A table of Markdown."""
    for row in (head, ["---"] * len(head), *rows):
        yield f"| {' | '.join(row)} |".replace("|  |", "| |")


def facts(run: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What is to be known of a run as a whole."""
    shape, samples = run["shape"], run["samples"]
    first, last = run["first"], run["last"]
    calm = of(samples, "calm")
    grown = median(values(calm, "MiB")) - first["MiB"]
    many = shape["idle"] + shape["active"]
    yield (
        "the storm: handshakes a second, addresses, handshakeRate",
        (f"{shape['handshakes']:g}, {shape['addresses']}, {shape['rate']}"),
    )
    yield "idle associations opened in", f"{run['rise']:.0f} s"
    yield (
        "memory: before, with all of them, after",
        (f"{first['MiB']:.0f}, {first['MiB'] + grown:.0f}, {last['MiB']:.0f} MiB"),
    )
    yield "that is for each association", f"{grown * 1024 / many:.0f} KiB"
    if "again" in run:
        yield "memory when as many have come again", f"{run['again']['MiB']:.0f} MiB"
    open_ = median(values(calm, "descriptors"))
    yield (
        "descriptors: before, with all of them, after",
        f"{first['descriptors']}, {open_:.0f}, {last['descriptors']}",
    )
    yield (
        "objects acknowledged, and of these not in the archive",
        (f"{run['stored']:,}, **{run['missing']}**"),
    )
    cut = {why: count for why, count in run["problems"].items() if not why.startswith("guest")}
    yield "associations cut", f"**{sum(cut.values())}**"
    yield (
        "worker processes, reloads, upgrades",
        (f"{shape['workers']}, {run['reloads']}, {run['upgrades']}"),
    )


def phases(samples: Samples) -> Iterator[tuple[str, ...]]:
    """The rows that tell the phases apart."""
    parts = [of(samples, phase) for phase in PHASES]

    def row(title: str, name: str, how: Any, form: str) -> tuple[str, ...]:
        found = [values(each, name) for each in parts]
        return (title, *(format(how(each), form) if each else "-" for each in found))

    yield row("C-STORE to response, p50, ms", "p50Ms", median, ".1f")
    yield row("p99 of a second, median, ms", "p99Ms", median, ".1f")
    yield row("the longest, ms", "worstMs", max, ".0f")
    yield row("objects a second", "objects", median, ".0f")
    yield row("processor cores", "cores", median, ".2f")
    yield row("memory, at most, MiB", "MiB", max, ".0f")
    yield ("handshakes offered a second", *(f"{rate(each, 'offered'):.0f}" for each in parts))
    for what in ("served", "turned away", "timed out"):
        yield (f"{what} a second", *(f"{rate(each, what):.0f}" for each in parts))
    yield row("guests a second", "visits", lambda each: sum(each) / len(each), ".1f")
    yield row("a guest's visit, median, ms", "visitMs", median, ".0f")
    yield row("the longest, ms", "visitMs", max, ".0f")
    yield ("guests who were turned away", *(str(guests(each)) for each in parts))


def rate(samples: Samples, what: str) -> float:
    """How often that became of a handshake, a second."""
    if len(samples) < 2:
        return 0.0
    took = samples[-1]["at"] - samples[0]["at"]
    return sum(each["storm"].get(what, 0) for each in samples[1:]) / took


def guests(samples: Samples) -> int:
    """How many guests came in vain."""
    found: Counter[str] = Counter()
    for each in samples:
        found.update(each["problems"])
    return sum(count for why, count in found.items() if why.startswith("guest"))


# --- the picture --------------------------------------------------------------------------------


def draw(run: dict[str, Any], path: Path) -> None:
    """Draw what was seen each second."""
    # Only here: the page alone does without.
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams["svg.hashsalt"] = "butterfly-tls"
    samples = [each for each in run["samples"] if each["phase"] in PHASES]
    minutes = [each["at"] / 60 for each in samples]
    storm = [at for at, each in zip(minutes, samples, strict=True) if each["phase"] == "storm"]
    figure = Figure(figsize=(10, 6.4), layout="constrained")
    for place, (title, names, logarithmic) in enumerate(PANELS):
        axes = figure.add_subplot(2, 2, place + 1)
        if storm:
            axes.axvspan(storm[0], storm[-1], color="#edae49", alpha=0.15, linewidth=0)
        for name in names:
            at, values_ = series(samples, minutes, name)
            axes.plot(at, values_, color=COLOURS[name], linewidth=1, label=name)
        if logarithmic:
            axes.set_yscale("log")
        else:
            axes.set_ylim(bottom=0)
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("minutes")
        axes.grid(alpha=0.3)
        if len(names) > 1:
            axes.legend(fontsize=8)
    figure.savefig(path, metadata={"Date": None})


def series(samples: Samples, minutes: Sequence[float], name: str) -> tuple[list[float], list[Any]]:
    """When, and what C{name} was then; for the storm's, by the second."""
    if name not in ("offered", "served"):
        found = [(at, each[name]) for at, each in zip(minutes, samples, strict=True)]
    else:
        took = [60 * (b - a) for a, b in pairwise(minutes)]
        counts = [each["storm"].get(name, 0) for each in samples[1:]]
        rates = [count / max(t, 0.2) for count, t in zip(counts, took, strict=True)]
        found = list(zip(minutes[1:], rates, strict=True))
    known = [(at, value) for at, value in found if value is not None]
    return [at for at, _ in known], [value for _, value in known]


def main(paths: Sequence[str]) -> None:
    """Write the page and the pictures."""
    text = [HEAD]
    for each in map(Path, paths):
        name, run = each.stem.removeprefix("soak-"), json.loads(each.read_text())
        draw(run, DOCS / f"soak-{name}.svg")
        text += [*part(name, run), ""]
    (DOCS / "soak.md").write_text("\n".join(text).rstrip() + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
