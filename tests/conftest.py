"""Leaves out the tests of the commands that need the [demo] extra, where it is not installed."""

from __future__ import annotations

from importlib.util import find_spec

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
