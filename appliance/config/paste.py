"""Recognises several settings pasted on one line, and shows how they were meant to be laid out.

The setup guide's web page shows its block of settings as one run of text. Copied from there it
arrives on one line, often behind the comment that stands before it, where all of it would silently
be a comment.
"""

from __future__ import annotations

import re
from itertools import chain, pairwise

from appliance.config.model import Problem
from appliance.config.options import BY_NAME
from appliance.config.wording import Place

_NAMES = "|".join(map(re.escape, BY_NAME))
_START = re.compile(
    rf"""(?<!\S) (?: \[ [^][]+ \] (?!\S)                # a [section]
                   | (?P<option> {_NAMES} ) (?: \s+= | =\s ) )  # or an option with a blank by its =
    """,
    re.IGNORECASE | re.VERBOSE,
)


def layOut(line: str) -> tuple[str, ...]:
    """The lines that C{line} should have been; none when nothing speaks for a paste.

    In a comment only a whole block counts (a [section] with accept and connect), since people do
    write options in comments.
    """
    starts = list(_START.finditer(line))
    options = {(start["option"] or "").lower() for start in starts}
    if line.startswith((";", "#")):
        pasted = {"", "accept", "connect"} <= options
    else:
        pasted = len(starts) > 1
    if not pasted:
        return ()
    edges = chain((start.start() for start in starts), (len(line),))
    return tuple(" ".join(line[start:end].split()) for start, end in pairwise(edges))


def explain(place: Place, line: str, layout: tuple[str, ...]) -> Problem:
    """The error about a pasted C{line} that should have been the lines of C{layout}."""
    found = "several settings pasted on one line, as the web page of the guide shows them"
    advice = "write this instead, each on a line of its own:"
    if line.startswith((";", "#")):
        found += f", after a {line[0]!r} that makes a comment of them all"
        advice = "delete the line if it is meant as a comment, or " + advice
    return place.error(found, "one option a line", "\n    ".join((advice, *layout)))
