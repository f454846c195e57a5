"""The records of a process: its journal, and its audit trail.

They listen to the events of the process that owns the configuration, and nothing else knows them.
"""

from __future__ import annotations

from typing import Any

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, succeed

from appliance.audit.journal import Journal, Lines
from appliance.config.model import Config
from appliance.dicom import uids
from appliance.events import Events
from appliance.recording.auditing import Auditing
from appliance.system.process import ProcessError

Owner = tuple[int | None, int | None]
"""The numbers of the user and the group that the process becomes."""


class Records(MultiService):
    """The records of one process; C{reopen} opens their files again after these were moved away."""

    journal: Journal | None = None
    auditing: Auditing | None = None

    def reopen(self) -> None:
        """Open the journal's file again."""
        if self.journal is not None:
            self.journal.reopen()

    def lend(self) -> Deferred[None]:
        """Leave to another process what only one can have; fires when it can have it."""
        return succeed(None) if self.auditing is None else self.auditing.lend()

    def takeBack(self) -> None:
        """Go on as before. Raises L{ConfigError} or L{ProcessError} when that cannot be."""
        if self.auditing is not None:
            self.auditing.open()


def recordsFor(
    reactor: Any, config: Config, events: Events, owner: Owner = (None, None)
) -> Records:
    """The records that C{config} asks for, which listen from now on.

    Files are opened here, and given to C{owner}. Raises L{ConfigError} or L{ProcessError}.
    """
    records = Records()
    process = config.process
    if process.journal is not None:
        records.journal = _journal(process.journal, events, owner)
        events.subscribe(records.journal)
    if process.audit is not None:
        records.auditing = Auditing(reactor, config, process.audit, events)
        records.auditing.open()
        records.auditing.setServiceParent(records)
    return records


def _journal(path: str, events: Events, owner: Owner) -> Journal:
    try:
        return Journal(Lines(path, *owner), events.publish, uids.name)
    except OSError as error:
        raise ProcessError(
            f"journal: cannot open {path}: {error.strerror}; make its directory, or let us write "
            "there"
        ) from None
