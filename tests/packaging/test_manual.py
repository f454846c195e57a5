"""The manual pages: up to date, whole, and without a fault of form."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from appliance.cli.main import COMMANDS
from appliance.config.options import TABLE
from docs import manual
from tests.peers import program

MAN = Path(__file__).parent.parent.parent / "docs" / "man"
PAGES = sorted(MAN.iterdir())


def test_upToDate() -> None:
    """Every page is there, none is left over, and each is what the code says."""
    made = manual.pages()
    assert sorted(made) == [page.name for page in PAGES]
    for page in PAGES:
        assert page.read_text("utf-8") == made[page.name], f"{page} is out of date: make docs"


def test_whole() -> None:
    """Every command and every option has its place."""
    commands, options = (page.read_text("utf-8").replace("\\-", "-") for page in PAGES)
    assert [name for name in COMMANDS if f".SS butterfly-tls {name}\n" not in commands] == []
    assert [o.name for o in TABLE if f"\\fB{o.name}\\fR" not in options] == []


@pytest.mark.parametrize(
    ("text", "roff"),
    [
        (".start", r"\&.start"),
        ("'quoted'", r"\&'quoted'"),
        ("a\\b", r"a\eb"),
        ("with --long", r"with \-\-long"),
        ("two-fold", "two-fold"),
        ("one\n  line", "one line"),
    ],
)
def test_words(text: str, roff: str) -> None:
    """Nothing in a text is obeyed as an order to troff."""
    assert manual.words(text) == roff


def test_lines() -> None:
    """A line that begins with what troff would obey, by the way it is broken, is guarded."""
    assert list(manual.text(f"{'x' * 76} .so /etc/passwd"))[1].startswith(r"\&.so")


@pytest.mark.real
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
class TestForm:
    """What the programs that show a page think of it."""

    def test_mandoc(self, page: Path) -> None:
        """Nothing is wrong for mandoc, not even in style."""
        command = [program("mandoc"), "-Tlint", "-Wstyle", str(page)]
        said = subprocess.run(command, capture_output=True, text=True, check=False)
        assert said.stdout + said.stderr == ""

    def test_groff(self, page: Path) -> None:
        """Nor does groff warn of anything, as man calls it."""
        command = [program("man"), "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", str(page)]
        said = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (said.returncode, said.stderr) == (0, "")
