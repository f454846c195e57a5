"""The demo's report: what was done, how long it took, and whether it went well."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from attrs import define, field


@define
class Step:
    """One row; C{seconds} is what it took."""

    what: str
    detail: str = ""
    seconds: float = 0.0
    good: bool = True


@define
class Report:
    """The rows in the order in which things were done."""

    steps: list[Step] = field(factory=list)

    @property
    def good(self) -> bool:
        """True when every step went well."""
        return all(step.good for step in self.steps)

    def add(self, step: Step) -> None:
        """Put a step that is over at the end."""
        self.steps.append(step)

    @contextmanager
    def step(self, what: str) -> Iterator[Step]:
        """Announce a step and time it while the block runs."""
        print(f"- {what}", flush=True)
        step = Step(what)
        begun = perf_counter()
        yield step
        step.seconds = perf_counter() - begun
        self.add(step)

    def table(self) -> str:
        """All of it for people, the verdict at the end."""
        widest = max((len(step.what) for step in self.steps), default=0)
        rows = [
            f"  {'ok' if step.good else 'FAILED':<6}  {step.what:<{widest}}  "
            f"{step.seconds:7.2f} s  {step.detail}".rstrip()
            for step in self.steps
        ]
        verdict = "All went well." if self.good else "Not all went well."
        return "\n".join([*rows, verdict])
