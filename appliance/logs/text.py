"""What may stand in a line: nothing that could fake another one, and never more than so much."""

from __future__ import annotations

import re
from typing import Final

from appliance.logs.vocabulary import Line

MAX_TEXT: Final = 1024
"""A longer text is cut, as stunnel does: what peers say must not fill the disk."""

# Control characters, Unicode's own line ends, and halves of characters, which no file takes.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def clean(text: str, most: int = MAX_TEXT) -> str:
    """C{text} without anything that could fake another line, at most C{most} characters of it."""
    text = text[:most]
    return text if text.isprintable() else _UNPRINTABLE.sub(".", text)


def body(line: Line) -> str:
    """C{LOG5[main]: text}."""
    return f"LOG{line.level}[{line.who}]: {clean(line.text)}"
