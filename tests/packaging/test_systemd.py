"""What systemd and AppArmor themselves think of the files that they get."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.peers import program

pytestmark = pytest.mark.real

ETC = Path(__file__).parent.parent.parent / "etc"

WORST = 1.5
"""The exposure that C{systemd-analyze security} may find."""


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """What C{command} has printed and returned."""
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def exposure(unit: Path) -> float:
    """How exposed systemd finds the service of C{unit}."""
    security = (program("systemd-analyze"), "security", "--offline=yes", "--no-pager")
    said = run(*security, unit)
    found = re.search(r"exposure level for .*: ([\d.]+) ", said.stdout)
    assert found is not None, said.stdout + said.stderr
    return float(found[1])


class TestUnit:
    """The unit of the service."""

    def test_hardened(self) -> None:
        """It can do little harm, as systemd counts it."""
        assert exposure(ETC / "systemd" / "butterfly-tls.service") <= WORST

    def test_counts(self, tmp_path: Path) -> None:
        """That is due to what is in it: a unit without its last third is found exposed."""
        text = (ETC / "systemd" / "butterfly-tls.service").read_text("utf-8")
        bare = tmp_path / "butterfly-tls.service"
        bare.write_text(text.partition("# --- what it may do")[0], "utf-8")
        assert exposure(bare) > WORST

    def test_understood(self) -> None:
        """Every setting is known to systemd, in it and in the example of a socket."""
        with tempfile.TemporaryDirectory() as home:
            for each in (ETC / "systemd").iterdir():
                text = each.read_text("utf-8")
                # What it starts is not installed here, and is no matter of the unit's.
                (Path(home) / each.name).write_text(
                    re.sub(r"(?m)^(Exec\w+)=.*$", r"\1=/bin/true", text), "utf-8"
                )
            said = run(program("systemd-analyze"), "verify", "--man=no", *Path(home).iterdir())
        assert [line for line in said.stderr.splitlines() if "butterfly" in line] == []


class TestProfile:
    """The profile for AppArmor."""

    def test_parsed(self) -> None:
        """AppArmor's own parser takes it."""
        parser = shutil.which("apparmor_parser", path="/usr/sbin:/sbin") or program(
            "apparmor_parser"
        )
        said = run(parser, "--skip-kernel-load", "--skip-cache", ETC / "apparmor" / "butterfly-tls")
        assert said.returncode == 0, said.stderr
