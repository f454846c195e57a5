"""What the parsers of C{butterfly-tls} say of themselves, for documents and completions.

The help text of argparse itself depends on the terminal and on the release of Python, and it has
no public way to its own tables: what is private there is touched here alone.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator


def subparsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The parsers of the subcommands."""
    (chosen,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    return dict(chosen.choices)


def actionsOf(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """The arguments, those first that are known by their place, without C{--help}."""
    actions = [a for a in parser._actions if not isinstance(a, argparse._HelpAction)]
    return sorted(actions, key=lambda action: not positional(action))


def synopsis(parser: argparse.ArgumentParser) -> str:
    """How the command is called, in one line."""
    actions = actionsOf(parser)
    wanted = [wantedAs(a).format(value(a)) for a in actions if positional(a)]
    options = [] if all(map(positional, actions)) else ["[OPTION ...]"]
    return " ".join([parser.prog, *options, *wanted])


def wantedAs(action: argparse.Action) -> str:
    """How to show that an argument may be left out or repeated."""
    return {"?": "[{}]", "+": "{} ...", "*": "[{} ...]"}.get(str(action.nargs), "{}")


def positional(action: argparse.Action) -> bool:
    """True for an argument that is known by its place, not by a name."""
    return not action.option_strings


def value(action: argparse.Action) -> str:
    """What stands for the argument's value; nothing where it takes none."""
    if action.nargs == 0:
        return ""
    if action.metavar is None and action.choices is not None:
        return f"{{{','.join(choices(action))}}}"
    return str(action.metavar or (action.dest if positional(action) else action.dest.upper()))


def choices(action: argparse.Action) -> tuple[str, ...]:
    """The values that the argument can have, where these are few."""
    return tuple(map(str, action.choices or ()))


def spelled(action: argparse.Action) -> list[str]:
    """The ways to write an argument."""
    return [f"{option} {value(action)}".strip() for option in action.option_strings or [""]]


def meaning(action: argparse.Action) -> str:
    """What the argument is for."""
    return (action.help or "") % vars(action)


def paragraphs(text: str) -> Iterator[str]:
    """The paragraphs of a description, each on one line."""
    for paragraph in text.strip().split("\n\n"):
        yield " ".join(paragraph.split())
