"""C{butterfly-tls check --has-sections}: whether there is anything to serve, for a service."""

from __future__ import annotations

from pathlib import Path

from appliance.cli.check import NOTHING
from tests.peers import Said, runCommand


def hasSections(directory: Path, text: str) -> Said:
    """What is said of a configuration C{text}."""
    path = directory / "butterfly-tls.conf"
    path.write_text(text, "utf-8")
    return runCommand("check", "--has-sections", path)


def test_nothing(tmp_path: Path) -> None:
    """A file with comments and settings alone has a status of its own, and no words."""
    said = hasSections(tmp_path, "; [DICOM STORE]\ndebug = info\n")
    assert said == Said(NOTHING, "", "")


def test_section(tmp_path: Path) -> None:
    """A section is something to serve, whatever is wrong with it."""
    assert hasSections(tmp_path, "[DICOM STORE]\naccept = nowhere\n") == Said(0, "", "")


def test_included(tmp_path: Path) -> None:
    """So is one in an included directory."""
    (tmp_path / "conf.d").mkdir()
    assert hasSections(tmp_path, "include = conf.d\n").status == NOTHING
    (tmp_path / "conf.d" / "one").write_text("[DICOM STORE]\n", "utf-8")
    assert hasSections(tmp_path, "include = conf.d\n").status == 0


def test_unreadable(tmp_path: Path) -> None:
    """What cannot be read is for the start to tell of, not to be passed over."""
    assert runCommand("check", "--has-sections", tmp_path / "missing.conf").status == 0
    assert hasSections(tmp_path, "include = missing\n").status == 0
    assert hasSections(tmp_path, "sslVersion = TLSv1.2 [DICOM STORE] accept = 2761\n").status == 0
