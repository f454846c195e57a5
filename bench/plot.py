"""How the cost grows with connections, sections and workers, as one picture."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import matplotlib as mpl
from attrs import frozen
from matplotlib.figure import Figure

from bench.report import ORDER, Results

COLOURS = {
    "ours": "#d1495b",
    "before": "#e9a3ad",
    "stunnel": "#00798c",
    "haproxy": "#edae49",
    "nginx": "#66a182",
    "hitch": "#8d6a9f",
    "direct": "#777777",
}


@frozen
class Panel:
    """A value over the number that C{cells} finds in a cell's name."""

    title: str
    part: str
    cells: str
    value: str
    across: str
    scale: float = 1.0
    logarithmic: bool = True


PANELS = (
    Panel(
        "bulk up, TLS 1.3: CPU s per GiB",
        "bulk",
        r"1\.3, (\d+) conn, up",
        "cpuPerGiB",
        "connections",
    ),
    Panel("idle connections: MiB in all", "memory", r"(\d+) idle", "totalMiB", "connections"),
    Panel("start: seconds", "sections", r"(\d+) section", "startMs", "sections", 1e-3),
    Panel("reload: seconds", "sections", r"(\d+) section", "reloadMs", "sections", 1e-3),
    Panel(
        "bulk up: MiB per CPU s of the busiest worker",
        "cores",
        r"up, (\d+) worker",
        "capacity",
        "workers",
        logarithmic=False,
    ),
    Panel(
        "new connections per CPU s of the busiest worker",
        "cores",
        r"RSA-2048, (\d+) worker",
        "capacity",
        "workers",
        logarithmic=False,
    ),
)


def points(results: Results, panel: Panel, program: str) -> list[tuple[int, float]]:
    """The medians of one program, by number."""
    found = []
    for cell in results.cells.get(panel.part, ()):
        match = re.search(panel.cells, cell)
        value = results.median(panel.part, cell, program, panel.value)
        if match and value is not None:
            found.append((int(match[1]), value * panel.scale))
    return sorted(found)


def plot(results: Results, directory: Path, *kinds: str) -> Iterable[Path]:
    """Draw the panels that have numbers into C{performance.KIND}, for each of C{kinds}."""
    drawn = [
        (panel, {name: at for name in ORDER if (at := points(results, panel, name))})
        for panel in PANELS
    ]
    drawn = [(panel, lines) for panel, lines in drawn if lines]
    if not drawn:
        return []
    mpl.rcParams["svg.hashsalt"] = "butterfly-tls"
    rows = -(-len(drawn) // 2)
    figure = Figure(figsize=(10, 3.4 * rows), layout="constrained")
    for place, (panel, lines) in enumerate(drawn):
        axes = figure.add_subplot(rows, min(2, len(drawn)), place + 1)
        for name, at in lines.items():
            width = 2.4 if name == "ours" else 1.4
            axes.plot(
                *zip(*at, strict=True), "o-", color=COLOURS[name], label=name, linewidth=width
            )
        ticks = sorted({x for at in lines.values() for x, _ in at})
        if panel.logarithmic and len(ticks) > 1:
            axes.set_xscale("log")
        axes.set_xticks(ticks, [f"{x:,}" for x in ticks])
        axes.minorticks_off()
        axes.set_ylim(bottom=0)
        axes.set_title(panel.title, fontsize=10)
        axes.set_xlabel(panel.across)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    made = [directory / f"performance.{kind}" for kind in kinds]
    for path in made:
        figure.savefig(path, dpi=110, metadata={"Date": None} if path.suffix == ".svg" else {})
    return made
