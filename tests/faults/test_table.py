"""The table of faults, its page and the tests are one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.page import PAGE, page
from tests.faults.table import GROUPS

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


@pytest.fixture(scope="module")
def collected() -> set[str]:
    """All tests of this package but these, as the table writes them."""
    words = ("-m", "pytest", "--collect-only", "-q", "-m", "", "-p", "no:cacheprovider", HERE)
    said = subprocess.run(
        [sys.executable, *map(str, words)], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout
    found = {line.rpartition("/")[2].replace(".py::", "::") for line in said.splitlines() if line}
    return {each for each in found if "::" in each and not each.startswith("test_table")}


def test_everyTest(collected: set[str]) -> None:
    """Each test has its row, each row its tests, and none is there twice."""
    named = [test for group in GROUPS for fault in group.faults for test in fault.tests]
    assert sorted(named) == sorted(collected)


def test_everyRow() -> None:
    """A row says what must happen and what did."""
    for group in GROUPS:
        for fault in group.faults:
            assert fault.expected.endswith("."), fault.what
            assert fault.seen.endswith("."), fault.what
            assert fault.tests, fault.what


def test_page() -> None:
    """The page is what the table says today."""
    assert PAGE.read_text(encoding="utf-8") == page(), "python -m tests.faults.page"
