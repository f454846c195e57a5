"""The threat model names tests, options and requirements that there are."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from appliance.config.options import TABLE

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")

TEST = re.compile(r"`([\w/]+\.py)::(\w+(?:::\w+)?)`")
SETTING = re.compile(r"`(\w+) = [^`]*`")
WORD = re.compile(r"`([A-Za-z]+)`")

OTHERS = {
    *("accept", "check", "chmod", "close", "drain", "make", "systemd", "tests"),
    *("ButterflyTLSClientBanned", "LoadCredential", "SSLKEYLOGFILE"),
}
"""Words that are no options."""


def test_everyTest() -> None:
    """Each test that it names is one that pytest finds."""
    named = {(f"tests/{file}", name) for file, name in TEST.findall(TEXT)}
    assert len(named) > 60
    files = sorted({file for file, _ in named})
    missing = [file for file in files if not (ROOT / file).is_file()]
    assert missing == []
    command = (sys.executable, "-m", "pytest", "--collect-only", "-q", "-m", "", "-p")
    done = subprocess.run(
        [*command, "no:cacheprovider", *files], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = {line.partition("[")[0] for line in done.stdout.splitlines()}
    assert sorted({"::".join(each) for each in named} - found) == []


def test_everyRow() -> None:
    """A row without a test is one that has no answer, and no other."""
    for line in TEXT.partition("## Threats")[2].partition("## Secrets")[0].splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| ") and not cells[2] and len(cells) == 4:
            assert "nothing" in cells[1], line


def test_everyOption() -> None:
    """Each option that it names exists."""
    names = {name for option in TABLE for name in option.names}
    settings, words = set(SETTING.findall(TEXT)), set(WORD.findall(TEXT))
    assert len(settings | words) > 25
    assert sorted(settings - names) == []
    assert sorted(words - names - OTHERS) == []


def test_everyRequirement() -> None:
    """All foundational requirements of IEC 62443 and all functions of the framework are there."""
    for number in range(1, 8):
        assert f"| FR {number} " in TEXT
    for function in ("Govern", "Identify", "Protect", "Detect", "Respond", "Recover"):
        assert f"| {function} |" in TEXT
