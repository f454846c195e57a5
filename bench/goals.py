"""What is shown of each part, and the ratios that are to be reached. Data, and nothing else."""

from __future__ import annotations

from attrs import frozen


@frozen
class Measure:
    """A value of a part's samples and how to show it; C{limited} means by the load generator."""

    value: str
    title: str
    digits: int = 2
    limited: bool = False


@frozen
class Goal:
    """A ratio of ours to another's, to be reached in each cell that matches C{cells}.

    C{other} is the program that ours is compared with; with C{replace} it is the same program in
    the cell with that other name. A ratio must not be above the limits, or with C{high} not below.
    """

    figure: str
    part: str
    cells: str
    value: str
    other: str
    atLeast: float
    aim: float
    replace: tuple[str, str] = ("", "")
    high: bool = False


MEASURES: dict[str, tuple[Measure, ...]] = {
    "bulk": (
        Measure("cpuPerGiB", "CPU seconds per GiB", 3),
        Measure("MiBps", "MiB per second", 0, limited=True),
    ),
    "connections": (
        Measure("cpuMs", "CPU milliseconds per connection", 3),
        Measure("p50Ms", "time to the first echoed byte, one at a time, p50 in ms"),
        Measure("p99Ms", "the same, p99 in ms"),
        Measure("perSecond", "connections per second, four at a time", 0, limited=True),
    ),
    "profile": (Measure("cpuMs", "CPU milliseconds per connection", 3),),
    "roundtrip": (
        Measure("p50Us", "round trip of 100 bytes, p50 in µs", 0),
        Measure("p99Us", "the same, p99 in µs", 0),
    ),
    "dicom": (
        Measure("seconds", "seconds"),
        Measure("cpuSeconds", "CPU seconds of the program", 3),
    ),
    "memory": (
        Measure("KiBEach", "KiB of resident memory per connection", 1),
        Measure("baseMiB", "MiB before the first connection", 1),
        Measure("count", "connections that were held", 0),
    ),
    "sections": (
        Measure("startMs", "milliseconds from start to serving", 0),
        Measure("reloadMs", "milliseconds from the signal to the new certificate", 0),
        Measure("startCPUMs", "CPU milliseconds of the start", 0),
        Measure("MiB", "MiB of resident memory", 1),
    ),
    "cores": (
        Measure("cpuPerGiB", "CPU seconds per GiB", 3),
        Measure("MiBps", "MiB per second", 0, limited=True),
        Measure("perSecond", "connections per second", 0, limited=True),
        Measure("capacity", "work per CPU second of the busiest process", 0),
    ),
}

TITLES = {
    "bulk": "Bulk transfer",
    "connections": "New connections",
    "profile": "Where a connection's time goes",
    "roundtrip": "Small messages",
    "dicom": "DICOM",
    "memory": "Memory",
    "sections": "Start and reload",
    "cores": "All cores",
}

_FEW = r", [18] conn, "

GOALS = (
    Goal(
        "CPU per GiB, 1 and 8 connections, vs stunnel",
        "bulk",
        _FEW,
        "cpuPerGiB",
        "stunnel",
        0.95,
        0.80,
    ),
    Goal("the same vs HAProxy", "bulk", _FEW, "cpuPerGiB", "haproxy", 1.10, 0.95),
    Goal("the same vs nginx stream", "bulk", _FEW, "cpuPerGiB", "nginx", 1.3, 1.05),
    Goal("CPU per new connection vs stunnel", "connections", "", "cpuMs", "stunnel", 1.0, 0.8),
    Goal("memory per idle connection vs stunnel", "memory", "idle", "KiBEach", "stunnel", 0.5, 0.3),
    Goal(
        "a 200-object study, storescu → storescp, vs stunnel",
        "dicom",
        "^200 objects, dcmtk$",
        "seconds",
        "stunnel",
        0.1,
        0.03,
    ),
    Goal(
        "the same vs direct, no proxy",
        "dicom",
        "^200 objects, dcmtk$",
        "seconds",
        "direct",
        0.2,
        0.05,
    ),
    Goal(
        "round trip p99 under a bulk transfer vs stunnel",
        "roundtrip",
        "^under",
        "p99Us",
        "stunnel",
        1.5,
        1.0,
    ),
    Goal(
        "DICOM gate and inspection on vs off, CPU per GiB",
        "dicom",
        "^cine.*, dicom = yes$",
        "cpuPerGiB",
        "ours",
        1.10,
        1.03,
        (", dicom = yes", ", dicom = no"),
    ),
    Goal(
        "throughput of 2 workers vs 1 (bulk)",
        "cores",
        "^bulk.*2 workers$",
        "MiBps",
        "ours",
        1.6,
        1.9,
        ("2 workers", "1 worker"),
        True,
    ),
    Goal(
        "the same (new connections)",
        "cores",
        "^conn.*2 workers$",
        "perSecond",
        "ours",
        1.6,
        1.9,
        ("2 workers", "1 worker"),
        True,
    ),
    Goal(
        "capacity of 2 workers vs 1, by the busiest process",
        "cores",
        "2 workers$",
        "capacity",
        "ours",
        1.6,
        1.9,
        ("2 workers", "1 worker"),
        True,
    ),
)
