"""What commands may do to the appliance, and nothing else.

Commands know this protocol alone: neither the daemon behind it nor who asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from attrs import frozen

from appliance.config.model import Problem
from appliance.health.result import Result
from appliance.status.document import Document


@frozen
class Connection:
    """One connection that is open now; C{seconds} is its age, C{backend} empty until there is one.

    C{sentToTLS} and C{sentToSocket} are bytes so far.
    """

    id: str
    section: str
    client: str
    backend: str
    seconds: float
    sentToTLS: int
    sentToSocket: int


@frozen
class Reloaded:
    """What came of a reload; C{problems} are those of a configuration that was refused."""

    accepted: bool
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class UpgradeError(Exception):
    """No other process could take over; C{str} says why."""


@frozen
class Echo:
    """What a backend of a section answered to a C-ECHO; C{name} is how it is spelled."""

    name: str
    result: Result


class Operator(Protocol):
    """The appliance as its administrators have it before them."""

    def status(self) -> Document:
        """All that is known now."""

    @property
    def level(self) -> int:
        """The highest level of log lines about no section that are shown."""

    def levels(self) -> Mapping[str, int]:
        """The same for each section that serves, in the order of the configuration."""

    async def connections(self) -> Sequence[Connection]:
        """The connections that are open now, of all processes."""

    async def close(self, connection: str) -> bool:
        """End a connection; false when there is none of that id."""

    def drain(self, section: str | None, draining: bool) -> None:
        """Tell new clients of a section, or of all, to come again later, or serve them again."""

    def drainBackend(self, section: str, backend: str, draining: bool) -> None:
        """Send nobody new to a backend of a section (C{"address:port"}), or do so again."""

    def unban(self, client: str | None) -> int:
        """End the ban of C{client}, an address, or all bans; gives how many there were."""

    def reload(self) -> Reloaded:
        """Read the configuration again; a bad one changes nothing."""

    async def upgrade(self) -> int:
        """Have a process that is started anew take over; gives its number once it serves.

        Raises L{UpgradeError} when none could, and nothing has changed.
        """

    def check(self) -> Sequence[Problem]:
        """What is wrong with the configuration as the file has it now; nothing is changed."""

    async def echo(self, section: str, backend: str | None) -> Sequence[Echo]:
        """Ask a section's backends, or one of them, for a C-ECHO."""

    def setLevel(self, level: int, section: str | None) -> None:
        """Show log lines up to C{level}, of a section or of the process and all sections."""

    def journal(self, count: int) -> Sequence[Mapping[str, Any]] | None:
        """The last C{count} entries of the journal, the oldest first; C{None} without a journal.

        Raises C{OSError} when it cannot be read.
        """
