"""Writes what bash, zsh and fish complete for C{butterfly-tls}, from the parsers of its commands.

Words that are known beforehand alone: no script asks the running appliance for anything.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from typing import Final

from appliance.cli.main import COMMANDS, buildParser, command
from appliance.console.commands import COMMANDS as SHELL
from docs.commandline import actionsOf, choices, meaning, positional, subparsers, value

MADE: Final = "Made by docs/generate.py from appliance/cli: change it there and run 'make docs'."

FILES: Final = ("CONFIG", "FILE", "FILES", "PATH")
DIRECTORIES: Final = ("DIR",)
"""What stands for a value (metavar) that is a name in the file system."""

WORDS: Final = {"WORD": tuple(each.name for each in SHELL)}
"""What stands for a value that is one of many words, and these."""

EVERYWHERE: Final = {"--help": "show what it does and takes"}
TOP: Final = {**EVERYWHERE, "--version": "show the version"}


def scripts() -> dict[str, str]:
    """The text of each script, by the name of its file."""
    parsers = subparsers(buildParser())
    made = {
        "butterfly-tls.bash": bash(parsers),
        "_butterfly-tls": zsh(parsers),
        "butterfly-tls.fish": fish(parsers),
    }
    return {name: "\n".join(lines) + "\n" for name, lines in made.items()}


Parsers = dict[str, argparse.ArgumentParser]


def options(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """The arguments that go by a name."""
    return [action for action in actionsOf(parser) if not positional(action)]


def places(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """The arguments that go by their place."""
    return [action for action in actionsOf(parser) if positional(action)]


def words(action: argparse.Action) -> tuple[str, ...]:
    """The values that are known beforehand."""
    return choices(action) or WORDS.get(value(action), ())


def first(text: str) -> str:
    """C{text} as a hint, on one line."""
    return " ".join(text.split()).rstrip(".")


# --- bash -------------------------------------------------------------------------------------

BASH: Final = """\
_butterfly_tls() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}}
    local words="" files=""
    if ((COMP_CWORD == 1)); then
        words="{top}"
    else
        # Values of options first, then options, then what goes by its place.
        case ${{COMP_WORDS[1]}}:$previous:$current in
{cases}
        esac
    fi
    if [ -n "$files" ]; then
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -A "$files" -- "$current")
    else
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
    fi
}}
complete -F _butterfly_tls butterfly-tls"""


def bash(parsers: Parsers) -> Iterator[str]:
    """The script for bash; it needs nothing but bash."""
    yield f"# bash completion for butterfly-tls\n# {MADE}\n"
    cases = (f"            {pattern}) {what} ;;" for pattern, what in bashCases(parsers))
    yield BASH.format(top=" ".join((*COMMANDS, *TOP)), cases="\n".join(cases))


def bashCases(parsers: Parsers) -> Iterator[tuple[str, str]]:
    """What C{command:previous:current} looks like, and what sets the variables then."""
    for name, parser in parsers.items():
        for action in options(parser):
            if action.nargs != 0:
                yield "|".join(f"{name}:{o}:*" for o in action.option_strings), bashValue(action)
        known = (each for action in options(parser) for each in action.option_strings)
        yield f"{name}:*:-*", f'words="{" ".join((*known, *EVERYWHERE))}"'
        for action in places(parser)[-1:]:
            yield f"{name}:*", bashValue(action)


def bashValue(action: argparse.Action) -> str:
    """What sets the variables for a value of C{action}."""
    if value(action) in FILES:
        return "files=file"
    if value(action) in DIRECTORIES:
        return "files=directory"
    return f'words="{" ".join(words(action))}"'


# --- zsh --------------------------------------------------------------------------------------


def zsh(parsers: Parsers) -> Iterator[str]:
    """The script for zsh."""
    yield f"#compdef butterfly-tls\n# {MADE}\n"
    yield "_butterfly-tls() {\n    local -a commands\n    commands=("
    yield from (f"        {quoted(f'{n}:{first(command(n).SUMMARY)}')}" for n in COMMANDS)
    yield "    )\n    if ((CURRENT == 2)); then"
    yield f"        compadd -- {' '.join(TOP)}"
    yield "        _describe command commands\n        return\n    fi"
    yield "    local command=$words[2]\n    shift words\n    ((CURRENT--))"
    yield "    case $command in"
    for name, parser in parsers.items():
        specs = (quoted(spec) for spec in zshSpecs(parser))
        yield f"        {name})\n            _arguments \\"
        yield " \\\n".join(f"                {spec}" for spec in specs)
        yield "            ;;"
    yield '    esac\n}\n\n_butterfly-tls "$@"'


def zshSpecs(parser: argparse.ArgumentParser) -> Iterator[str]:
    """The arguments as C{_arguments} wants them."""
    yield from (f"{name}[{text}]" for name, text in EVERYWHERE.items())
    for action in options(parser):
        text = first(meaning(action)).replace("[", r"\[").replace("]", r"\]").replace(":", r"\:")
        after = "" if action.nargs == 0 else f":{value(action).strip('{}')}:{zshAction(action)}"
        yield from (f"{name}[{text}]{after}" for name in action.option_strings)
    for action in places(parser)[-1:]:
        yield f"*:{value(action)}:{zshAction(action)}"


def zshAction(action: argparse.Action) -> str:
    """What completes a value of C{action}."""
    if value(action) in FILES:
        return "_files"
    if value(action) in DIRECTORIES:
        return "_files -/"
    return f"({' '.join(words(action))})" if words(action) else " "


def quoted(text: str) -> str:
    """C{text} as one word of a shell."""
    return "'" + text.replace("'", "'\\''") + "'"


# --- fish -------------------------------------------------------------------------------------


def fish(parsers: Parsers) -> Iterator[str]:
    """The script for fish."""
    yield f"# fish completion for butterfly-tls\n# {MADE}\n"
    yield "complete -c butterfly-tls -f"
    top = "__fish_use_subcommand"
    for name, text in TOP.items():
        yield fishLine(top, ["-l", name.removeprefix("--")], text)
    for name in COMMANDS:
        yield fishLine(top, ["-a", name], command(name).SUMMARY)
    for name, parser in parsers.items():
        seen = f"__fish_seen_subcommand_from {name}"
        for action in options(parser):
            yield fishLine(seen, [*fishNames(action), *fishValue(action)], meaning(action))
        for action in places(parser)[-1:]:
            if value(action) in FILES:
                yield fishLine(seen, ["-F"])
            elif words(action):
                yield fishLine(seen, ["-a", " ".join(words(action))])


def fishLine(when: str, what: Iterable[str], text: str = "") -> str:
    """One call of C{complete}."""
    hint = ["-d", first(text)] if text else []
    arguments = (each if each.isalnum() else quotedForFish(each) for each in (*what, *hint))
    shown = " ".join(a.strip("'") if a.startswith("'-") else a for a in arguments)
    return f"complete -c butterfly-tls -n {quotedForFish(when)} {shown}"


def fishNames(action: argparse.Action) -> Iterator[str]:
    """The names of C{action}: -s for one letter, -l for words, -o for words after one dash."""
    for option in action.option_strings:
        bare = option.lstrip("-")
        kind = "l" if option.startswith("--") else "s" if len(bare) == 1 else "o"
        yield from (f"-{kind}", bare)


def fishValue(action: argparse.Action) -> list[str]:
    """What completes a value of C{action}, if it takes one."""
    if action.nargs == 0:
        return []
    if value(action) in FILES:
        return ["-r", "-F"]
    if value(action) in DIRECTORIES:
        return ["-x", "-a", "(__fish_complete_directories)"]
    return ["-x", *(["-a", " ".join(words(action))] if words(action) else [])]


def quotedForFish(text: str) -> str:
    """C{text} as one word of fish."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
