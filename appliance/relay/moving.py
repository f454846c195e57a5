"""How bytes move from one leg to the other: counted, looked at, passed on.

All of the data path that is neither TLS nor socket. Nothing here keeps or changes a byte.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from appliance.events import NotAdmitted, Reason
from appliance.relay.side import Side

if TYPE_CHECKING:
    from appliance.relay.join import Join

Mover = Callable[[Any], None]
"""Takes a view that is good during the call only."""


def mover(join: Join, side: Side, other: Side) -> Mover:
    """What takes the bytes of C{side} and writes them to C{other}."""
    write, leg, moved, seconds = (
        other.transport.write,
        other.leg,
        join.moved,
        join.terms.clock.seconds,
    )

    def move(view: Any) -> None:
        moved[leg] += len(view)
        join.lastMoved = seconds()
        write(view)

    inspector = join.inspector
    if inspector is None:
        return move
    watch = inspector.fromClient if side is join.front else inspector.fromBackend

    def moveWatched(view: Any) -> None:
        # First, since a view that was written may be written over.
        watch(view)
        move(view)

    def moveGated(view: Any) -> None:
        watch(view)
        if not evades(join):
            move(view)

    gated = join.terms.gate is not None and side is join.front
    return moveGated if gated else moveWatched


def evades(join: Join) -> bool:
    """True when the client says what could be an association that the gate has not let through.

    A request that we cannot read may be one that the backend can. The connection is ended then.
    """
    inspector = join.inspector
    if inspector is None or (inspector.requests < 2 and inspector.clientFault is None):
        return False
    if inspector.clientFault is not None:
        why = f"it does not speak DICOM properly: {inspector.clientFault}"
    else:
        why = "it asks for another association on the same connection"
    advice = "have it open a connection for each association, or write dicom = auto"
    join.publish(NotAdmitted, f"{why}; {advice}")
    join.abort(Reason.REFUSED)
    return True
