"""What administrators do to the running process, and who was kept from it."""

from __future__ import annotations

from attrs import frozen

from appliance.events.base import Event


@frozen
class CommandGiven(Event):
    """C{who} has entered C{line} at a C{face} of the console, and it was done, or it was not.

    C{face} is C{"ssh"}, C{"control"} or C{"python"}; C{changes} where it may have changed
    something.
    """

    who: str
    face: str
    line: str
    ok: bool
    changes: bool


@frozen
class ConsoleRefused(Event):
    """Somebody at C{address} was kept from a C{face} of the console, for C{why}."""

    face: str
    address: str
    why: str
