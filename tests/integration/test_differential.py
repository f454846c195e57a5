"""The same files for stunnel and for us: both start or neither does, but for a listed reason."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from queue import SimpleQueue

import pytest
from attrs import frozen

from tests.differential import files, layout, mixtures, optionvalues, together
from tests.differential.case import Case
from tests.differential.differences import DIFFERENCES, NEWER_WORDS, OTHER_WORDS
from tests.differential.programs import STUNNEL, Verdict, ours, stunnel

CASES = (*layout.CASES, *optionvalues.CASES, *together.CASES, *mixtures.CASES)
WORKERS = 4
PORTS = 4

REFERENCE = "5.68"
"""The release that the list of differences was made with: Debian 12's."""


def release() -> str:
    """Which stunnel is installed, C{"none"} for none."""
    if not Path(STUNNEL).exists():
        return "none"
    said = subprocess.run([STUNNEL, "-version"], capture_output=True, text=True).stderr
    found = re.search(r"stunnel (\d+\.\d+)", said)
    return "unknown" if found is None else found[1]


pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(
        release() != REFERENCE,
        reason=f"the reference is stunnel {REFERENCE}, and {release()} is installed",
    ),
]


@frozen
class Outcome:
    """What both say of one case."""

    case: Case
    theirs: Verdict
    ours: Verdict

    @property
    def differs(self) -> bool:
        """True when only one of the two would start."""
        return self.theirs.accepted is not self.ours.accepted


def freePorts(number: int) -> tuple[int, ...]:
    """Ports of 127.0.0.1 that nobody listens on, from below those that the kernel hands out.

    Two runs at once begin at different ones.
    """
    found: list[int] = []
    with ExitStack() as stack:
        for port in count(20000 + os.getpid() % 600 * 20):
            if len(found) == number:
                break
            one = stack.enter_context(socket.socket())
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                continue
            found.append(port)
    return tuple(found)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """What both say of every case, by its name."""
    home = tmp_path_factory.mktemp("differential")
    files.write(home)
    ports = iter(freePorts(WORKERS * PORTS))
    slots: SimpleQueue[tuple[int, ...]] = SimpleQueue()
    for _ in range(WORKERS):
        slots.put(tuple(next(ports) for _ in range(PORTS)))

    def heard(numbered: tuple[int, Case]) -> Outcome:
        number, case = numbered
        path = home / f"{number}.conf"
        slot = slots.get()
        path.write_bytes(case.at(slot, str(home)))
        theirs = stunnel(path)
        slots.put(slot)
        return Outcome(case, theirs, ours(path))

    with ThreadPoolExecutor(WORKERS) as pool:
        return {one.case.name: one for one in pool.map(heard, enumerate(CASES))}


def listed() -> Iterator[tuple[str, bool]]:
    """Every case that is listed as a difference, and whether we start."""
    for difference in DIFFERENCES:
        yield from ((name, difference.accepted) for name in difference.cases)


def test_corpus() -> None:
    """There are 200 files and more, each under a name of its own."""
    names = [case.name for case in CASES]
    assert len(names) >= 200
    assert len(names) == len(set(names))


def test_table() -> None:
    """Every listed difference has a case, and is listed once."""
    names = [name for name, _ in listed()]
    assert len(names) == len(set(names))
    assert set(names) <= {case.name for case in CASES}


def test_unlisted(outcomes: dict[str, Outcome]) -> None:
    """Both start or neither does, unless the difference is listed."""
    known = dict(listed())
    unlisted = [
        f"{name}: stunnel {'starts' if o.theirs.accepted else 'does not'}; we say {o.ours.said!r}"
        for name, o in outcomes.items()
        if o.differs and name not in known
    ]
    assert not unlisted, "\n".join(unlisted)


def test_listed(outcomes: dict[str, Outcome]) -> None:
    """Every listed difference is still there, and lies on the side that the table says."""
    gone = [
        name
        for name, accepted in listed()
        if not outcomes[name].differs or outcomes[name].ours.accepted is not accepted
    ]
    assert not gone


def test_words(outcomes: dict[str, Outcome]) -> None:
    """Where both refuse and we hold that stunnel says the same, it does."""
    unlike = [
        f"{name}: {one.ours.words}"
        for name, one in outcomes.items()
        if one.ours.words
        and not (one.theirs.accepted or one.ours.accepted)
        and not any(f"{words}\n" in one.theirs.said for words in one.ours.words)
        and not any(part in one.ours.words[0] for part in NEWER_WORDS)
        and name not in OTHER_WORDS
    ]
    assert not unlike, "\n".join(unlike)
