"""The options of the process that say what is kept for the record: journal, audit, state."""

from __future__ import annotations

from typing import Any

from appliance.config import values
from appliance.config.vocabulary import Option, PathKind, Scope

STATE_DIRECTORY = Option(
    "stateDirectory",
    Scope.GLOBAL,
    "DIRECTORY",
    "what systemd gives (STATE_DIRECTORY), or none: then nothing is kept",
    "Where the appliance keeps what it has learnt, such as the AE titles of PACS.",
    values.fileName,
    path=PathKind.DIRECTORY,
)
JOURNAL = Option(
    "journal",
    Scope.GLOBAL,
    "FILE",
    "no journal",
    "A file that gets a line of JSON for each association: who, what, how it ended. It is opened "
    "again when told to, so that it can be rotated.",
    values.fileName,
    path=PathKind.CREATED,
)

OPTIONS: tuple[Option[Any], ...] = (STATE_DIRECTORY, JOURNAL)
