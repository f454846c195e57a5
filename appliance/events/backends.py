"""What is known about the backends of a section: checked, up, degraded, down."""

from __future__ import annotations

from enum import Enum

from attrs import frozen

from appliance.events.base import SectionEvent


class Health(Enum):
    """In which state a backend is."""

    UNKNOWN = "unknown"
    """Neither a check nor a connection has told yet."""
    UP = "up"
    DEGRADED = "degraded"
    """It lives, but refuses or fails something. That informs and never changes who is chosen."""
    DOWN = "down"


@frozen
class CheckStep:
    """One step of a check: how long it took, in seconds, and what came of it."""

    name: str
    seconds: float
    ok: bool
    text: str


@frozen
class Checked(SectionEvent):
    """A periodic check of C{backend} (C{"address:port"}) has ended.

    C{kind} is C{"echo"} or C{"tcp"}; C{alive}: it answered as it should; C{lives}: there is a DICOM
    application, be it one that refuses us. C{found} and C{advice} are words for a person.
    """

    backend: str
    kind: str
    alive: bool
    lives: bool
    found: str
    advice: str
    seconds: float
    steps: tuple[CheckStep, ...] = ()


@frozen
class BackendChanged(SectionEvent):
    """C{backend} went from one state to another, for C{why}; announced once per change.

    C{seconds} is how long the state C{before} had lasted.
    """

    backend: str
    before: Health
    after: Health
    why: str
    advice: str
    seconds: float


@frozen
class BackendDrained(SectionEvent):
    """No new connection goes to C{backend} any more, or one may again (not C{draining})."""

    backend: str
    draining: bool


@frozen
class HookFailed(SectionEvent):
    """The program of C{healthHook} failed, was too slow, or could not be started."""

    program: str
    why: str
