"""The records of a process: its journal, and its audit trail.

They listen to the events of the process that owns the configuration, and nothing else knows them.
"""

from __future__ import annotations

import os
import socket
from functools import partial
from pathlib import Path
from typing import Any

from twisted.application.service import MultiService

from appliance.audit.atna import Reporter
from appliance.audit.journal import Journal, Lines
from appliance.audit.trail import Trail
from appliance.config.model import Config
from appliance.dicom import uids
from appliance.events import Events
from appliance.recording.collector import senderFor
from appliance.system.process import ProcessError

Owner = tuple[int | None, int | None]
"""The numbers of the user and the group that the process becomes."""


class Records(MultiService):
    """The records of one process; C{reopen} opens their files again after these were moved away."""

    journal: Journal | None = None

    def reopen(self) -> None:
        """Open the journal's file again."""
        if self.journal is not None:
            self.journal.reopen()


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
        sender = senderFor(reactor, process.audit, events)
        sender.setServiceParent(records)
        uri = Path(os.path.abspath(config.path)).as_uri()
        by = partial(_reporter, process.audit.source, socket.gethostname(), process.service)
        events.subscribe(Trail(reactor, by, uri, sender.send))
    return records


def _journal(path: str, events: Events, owner: Owner) -> Journal:
    try:
        return Journal(Lines(path, *owner), events.publish, uids.name)
    except OSError as error:
        raise ProcessError(
            f"journal: cannot open {path}: {error.strerror}; make its directory, or let us write "
            "there"
        ) from None


def _reporter(source: str, host: str, name: str) -> Reporter:
    # Asked for each time, since a daemon gets its number after all this.
    return Reporter(source, host, os.getpid(), name)
