"""Leaves out the tests of the commands that need the [demo] extra, where it is not installed."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from tests.timings import TIMINGS

collect_ignore = (
    []
    if find_spec("pynetdicom") is not None
    else [f"cli/test_{name}.py" for name in ("demo", "pacs", "phantom", "send", "worklist")]
)


def pytest_report_header() -> str | None:
    """Say what is left out."""
    if not collect_ignore:
        return None
    return f"left out, for want of pynetdicom (the [demo] extra): {', '.join(collect_ignore)}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show how long things took that tests have noted."""
    if TIMINGS:
        terminalreporter.section("timings")
        for line in TIMINGS:
            terminalreporter.write_line(line)
