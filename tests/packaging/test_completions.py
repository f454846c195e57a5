"""What shells complete: up to date, and as real shells have it."""

from __future__ import annotations

import os
import pty
import select
import subprocess
from pathlib import Path

import pytest

from appliance.cli.main import COMMANDS
from docs import completions
from tests.peers import program

ROOT = Path(__file__).parent.parent.parent
SCRIPTS = ROOT / "completions"

BASH = """
source "$1"
shift
# Known only while readline completes; it changes how names are shown.
compopt() { :; }
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
"$(complete -p butterfly-tls | awk '{ print $3 }')" "${COMP_WORDS[0]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""

ZSH = """
# The functions of zsh's completion, which tell what they were asked for.
_arguments() { print -l -- "$@" }
_describe() { print -l -- "${(@P)2}" }
compadd() { shift; print -l -- "$@" }
script=$1
shift
words=("$@")
CURRENT=$#
source $script
"""


ZSH_START = (
    b"fpath=(completions $fpath); autoload -Uz compinit; compinit -u -D; "
    # In two parts, so that what is typed is not taken for what is said.
    b"print ready to' 'type\n"
)


def readUntil(terminal: int, text: str) -> None:
    """Read from C{terminal} until there is C{text}; fails after half a minute without a byte."""
    seen = ""
    while text not in seen:
        assert select.select([terminal], [], [], 30)[0], f"no {text!r} in {seen!r}"
        seen += os.read(terminal, 4096).decode(errors="replace")


def lines(*command: str | Path) -> list[str]:
    """What C{command} prints, run where the repository is."""
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_upToDate() -> None:
    """Every script is there, none is left over, and each is what the parsers say."""
    made = completions.scripts()
    assert sorted(made) == sorted(path.name for path in SCRIPTS.iterdir())
    for name, text in made.items():
        assert (SCRIPTS / name).read_text("utf-8") == text, f"{name} is out of date: make docs"


@pytest.mark.real
class TestBash:
    """bash, without any other completion installed."""

    def complete(self, *words: str) -> list[str]:
        """What bash offers for the last of C{words}."""
        script = SCRIPTS / "butterfly-tls.bash"
        return lines(program("bash"), "--norc", "-c", BASH, "bash", script, "butterfly-tls", *words)

    def test_commands(self) -> None:
        """The first word is a command."""
        assert sorted(self.complete("")) == sorted((*COMMANDS, "--help", "--version"))
        assert self.complete("up") == ["upgrade"]

    def test_options(self) -> None:
        """What begins with a dash is an option of the command."""
        assert self.complete("check", "--o") == ["--overlay", "--offline"]
        assert self.complete("cert", "--o") == ["--out"]

    def test_values(self) -> None:
        """After an option come its values, where they are known."""
        assert self.complete("cert", "--type", "") == ["rsa", "ecdsa", "both"]
        assert self.complete("cert", "--days", "") == [""]

    def test_files(self) -> None:
        """Files and directories are offered where they are meant."""
        assert "etc/butterfly-tls.conf" in self.complete("check", "etc/")
        assert self.complete("check", "--overlay", "etc/butterfly-tls") == [
            "etc/butterfly-tls.conf"
        ]
        assert "etc/butterfly-tls.conf" not in self.complete("cert", "--out", "etc/")

    def test_shell(self) -> None:
        """The commands of the administrator's shell come after ask."""
        assert "sections" in self.complete("ask", "sec")


@pytest.mark.real
class TestFish:
    """fish."""

    def complete(self, line: str) -> list[str]:
        """What fish offers at the end of C{line}, without descriptions."""
        script = f'source completions/butterfly-tls.fish; complete -C "butterfly-tls {line}"'
        return [each.partition("\t")[0] for each in lines(program("fish"), "-N", "-c", script)]

    def test_commands(self) -> None:
        """The first word is a command."""
        assert self.complete("up") == ["upgrade"]
        assert set(COMMANDS) <= set(self.complete(""))

    def test_options(self) -> None:
        """Options are those of the command, and their values those of the option."""
        # A newer fish also offers what has these letters elsewhere.
        offered = self.complete("check --o")
        assert offered[:2] == ["--offline", "--overlay"]
        assert "--out" not in offered
        assert sorted(self.complete("cert --type ")) == ["both", "ecdsa", "rsa"]
        assert self.complete("stunnel -f") == ["-fd"]

    def test_files(self) -> None:
        """Files are offered where they are meant, and nowhere else."""
        assert "etc/" in self.complete("check et")
        assert self.complete("probe et") == []


@pytest.mark.real
class TestZsh:
    """zsh, by its own functions."""

    def complete(self, *words: str) -> list[str]:
        """What zsh's functions are given for the last of C{words}."""
        script = SCRIPTS / "_butterfly-tls"
        return lines(program("zsh"), "-f", "-c", ZSH, "zsh", script, "butterfly-tls", *words)

    def test_commands(self) -> None:
        """The first word is a command."""
        offered = [each.partition(":")[0] for each in self.complete("")]
        assert sorted(offered) == sorted((*COMMANDS, "--help", "--version"))

    def test_options(self) -> None:
        """After a command come its own arguments."""
        specifications = self.complete("check", "")
        assert "*:CONFIG:_files" in specifications
        assert any(each.startswith("--overlay[") for each in specifications)
        assert not any(each.startswith("--out[") for each in specifications)

    @pytest.mark.parametrize(
        ("typed", "becomes"),
        [
            ("up", "upgrade"),
            ("check --has", "check --has-sections"),
            ("cert --type ecd", "cert --type ecdsa"),
            ("check etc/butterfly-tls.c", "check etc/butterfly-tls.conf"),
            ("ask cer", "ask certs"),
        ],
    )
    def test_typed(self, typed: str, becomes: str) -> None:
        """At its prompt a tab writes what is missing."""
        ours, theirs = pty.openpty()
        command = [program("zsh"), "-f", "-i"]
        environment = {**os.environ, "TERM": "dumb"}
        with subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=theirs, stdout=theirs, stderr=theirs
        ) as shell:
            os.close(theirs)
            os.write(ours, ZSH_START)
            readUntil(ours, "ready to type")
            os.write(ours, f"butterfly-tls {typed}\t".encode())
            readUntil(ours, f"butterfly-tls {becomes}")
            shell.kill()
        os.close(ours)
