"""What an entry of the table of log lines is made of.

Levels are syslog's: 3 error, 4 warning, 5 notice (the default), 6 information, 7 debug.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from attrs import frozen

from appliance import events as e


@frozen
class Entry:
    """How one event becomes one line.

    C{words} is a format string over the event C{e}, or makes the text. C{when} narrows the entry
    to some events of its kind. C{doc} says when a person sees the line. The text of an entry with
    C{many} may have several lines, which nobody but we have written.
    """

    event: type[e.Event]
    level: int
    words: str | Callable[[Any], str]
    doc: str
    when: Callable[[Any], bool] = lambda _: True
    many: bool = False

    def text(self, event: e.Event) -> str:
        """The line's text for C{event}."""
        return self.words.format(e=event) if isinstance(self.words, str) else self.words(event)


def moment(seconds: float) -> str:
    """A time as OpenSSL prints it: C{Nov  4 03:32:02 2026 GMT}."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%b %e %H:%M:%S %Y GMT")
