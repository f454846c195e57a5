"""What becomes of the records that are kept: the journal, the audit trail, and who logged in."""

from __future__ import annotations

from attrs import frozen

from appliance.events.base import Event


@frozen
class JournalFailed(Event):
    """The journal at C{path} cannot be written, or not be opened again.

    Lines are lost while C{dropping}; else they still go to the file that is open.
    """

    path: str
    error: str
    dropping: bool = True


@frozen
class JournalResumed(Event):
    """The journal at C{path} can be written again; C{lost} lines are missing."""

    path: str
    lost: int


@frozen
class AuditAway(Event):
    """The audit C{collector} takes no messages; announced once for each time.

    They wait where it C{keeps} them; else (UDP) those that are sent are lost.
    """

    collector: str
    why: str
    keeps: bool = True


@frozen
class AuditBack(Event):
    """It takes them again: C{waiting} had waited, C{lost} were given up meanwhile."""

    collector: str
    waiting: int
    lost: int


@frozen
class AuditLost(Event):
    """More wait for the C{collector} than may: the oldest are given up; announced once."""

    collector: str


@frozen
class AuditSpoolFailed(Event):
    """The directory C{path} takes no messages, which wait in memory; announced once."""

    path: str
    error: str


@frozen
class ConsoleLogin(Event):
    """C{user} tried to log in to the console from C{address} (C{"address:port"})."""

    user: str
    address: str
    ok: bool


@frozen
class ConsoleLogout(Event):
    """C{user}, who came from C{address}, has left the console."""

    user: str
    address: str
