"""How long things took, to be shown at the end of a run; no test is held to it."""

from __future__ import annotations

TIMINGS: list[str] = []


def note(what: str, seconds: float) -> None:
    """Show at the end of the run that C{what} took so long."""
    TIMINGS.append(f"{what}: {seconds:.2f} s")
