"""What happens to the process as a whole."""

from __future__ import annotations

from attrs import frozen

from appliance.events.base import Event, SectionEvent


@frozen
class Starting(Event):
    """The process starts: its version, and the OpenSSL it runs on."""

    version: str
    platform: str
    openssl: str


@frozen
class Reading(Event):
    """The configuration is about to be read, from a file or from a C{descriptor}."""

    path: str
    descriptor: bool = False


@frozen
class ByteOrderMark(Event):
    """The configuration begins with a byte order mark or not."""

    found: bool


@frozen
class StartFailed(Event):
    """The start failed, though not for anything in the configuration; C{why} may have lines."""

    why: str


@frozen
class RootChanged(Event):
    """The process is locked into the directory C{path}."""

    path: str


@frozen
class PidFileFailed(Event):
    """The pid file at C{path} cannot be written."""

    path: str
    error: str


@frozen
class Warned(Event):
    """Something in the configuration deserves a person's attention."""

    text: str


@frozen
class Configured(Event):
    """The configuration was accepted as a whole."""


@frozen
class Refused(Event):
    """The configuration was refused as a whole; C{problems} is all that is wrong."""

    problems: tuple[str, ...]
    reload: bool = False


@frozen
class Accepting(Event):
    """Every section listens and the reactor runs."""


@frozen
class Stopping(Event):
    """The process was told to stop by C{signal} (C{"SIGTERM"}); C{connections} are still open."""

    signal: str
    connections: int


@frozen
class Draining(Event):
    """Nobody is accepted any more; C{connections} may go on for C{seconds}, C{None} for ever."""

    connections: int
    seconds: float | None


@frozen
class DrainExpired(Event):
    """The time to end is over, or a second signal came, with C{connections} still open."""

    connections: int


@frozen
class HandedOver(Event):
    """The process C{pid} serves now, and gets all new C{connections}; ours end by themselves."""

    pid: int
    connections: int


@frozen
class HandOverFailed(Event):
    """No other process could take over, so that this one goes on; C{why} may have lines."""

    why: str


@frozen
class LogReopened(Event):
    """The log file was closed and opened again."""


@frozen
class LogGap(Event):
    """The log file at C{path} takes lines again; so many have been C{lost} meanwhile."""

    path: str
    lost: int


@frozen
class LogLost(Event):
    """The log file at C{path} cannot be opened again; the old one is still written to."""

    path: str
    error: str


@frozen
class Active(SectionEvent):
    """One connection of the list that an administrator asked for."""

    number: int
    sentToTLS: int
    sentToSocket: int


@frozen
class ActiveListed(Event):
    """The end of that list."""

    count: int


@frozen
class ActiveListing(Event):
    """The begin of that list."""


@frozen
class WorkerStarted(Event):
    """The worker process C{number} was started."""

    number: int
    pid: int


@frozen
class WorkerLost(Event):
    """A worker process ended unasked, by C{how} (C{"signal 9"}); its connections are gone."""

    number: int
    pid: int
    how: str


@frozen
class LoopStalled(Event):
    """The reactor stood still for C{seconds}; C{where} is what it did then, innermost first."""

    seconds: float
    where: tuple[str, ...]


@frozen
class InternalError(Event):
    """A defect of ours: the exception's type and place, and the traceback's lines."""

    what: str
    traceback: tuple[str, ...]
