"""The command that shows the end of the journal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from appliance.console.answer import Answer, CommandError
from appliance.console.arguments import number
from appliance.console.operator import Operator
from appliance.console.tables import table
from appliance.status.words import duration

USUAL: Final = 20
"""Entries that are shown where nobody says how many."""

MOST: Final = 1000

Entry = Mapping[str, Any]


async def journal(operator: Operator, words: Sequence[str]) -> Answer:
    """The last entries of the journal."""
    wanted = number(words, USUAL, MOST)
    try:
        entries = operator.journal(wanted)
    except OSError as error:
        raise CommandError(f"the journal cannot be read: {error.strerror}") from None
    if entries is None:
        raise CommandError("there is no journal", "'journal = FILE' in the configuration")
    head = ("OUTCOME", "ENDED", "SECTION", "CALLING", "CALLED", "BACKEND", "TOOK", "OPERATIONS")
    text = table(head, [_row(entry) for entry in entries])
    return Answer(list(entries), text or "The journal is empty.")


def _row(entry: Entry) -> tuple[str, ...]:
    names = ("section", "calling", "called", "backend")
    return (
        str(entry.get("outcome")),
        str(entry.get("end"))[:19].replace("T", " "),
        *(str(entry.get(name) or "") for name in names),
        _took(entry.get("seconds")),
        ", ".join(_operations(entry.get("operations"))),
    )


def _took(seconds: Any) -> str:
    return duration(seconds) if isinstance(seconds, int | float) else ""


def _operations(operations: Any) -> Iterator[str]:
    for each in operations if isinstance(operations, list) else ():
        if isinstance(each, dict):
            statuses = each.get("statuses")
            good = statuses.get("0000H", 0) if isinstance(statuses, dict) else 0
            yield f"{each.get('operation')} {good} of {each.get('requests')} with success"
