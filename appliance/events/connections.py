"""What happens to one connection, from accept to close."""

from __future__ import annotations

from attrs import frozen

from appliance.events.base import ConnectionEvent
from appliance.events.facts import End, Leg, Peer, Reason, Timer


@frozen
class Accepted(ConnectionEvent):
    """The kernel accepted a connection from C{client} (C{"address:port"})."""

    client: str
    descriptor: int


@frozen
class Announced(ConnectionEvent):
    """A load balancer at C{via} has said for whom it connects (PROXY protocol).

    That is C{client}, who called C{called}; all are C{"address:port"}. It took so many C{seconds}.
    """

    client: str
    called: str
    via: str
    seconds: float


@frozen
class Unannounced(ConnectionEvent):
    """Who must say for whom it connects did not, or not so that it could be understood.

    C{found} and C{advice} are words for the person who must mend it.
    """

    remote: str
    found: str
    advice: str


@frozen
class Opened(ConnectionEvent):
    """The client said its first byte, or had none to say: no bare connect."""

    client: str


@frozen
class Misplaced(ConnectionEvent):
    """A leg speaks another language than its port is for: TLS on a plain port, for one."""

    remote: str
    found: str
    advice: str


@frozen
class ChildStarted(ConnectionEvent):
    """A program was started for the connection."""

    pid: int


@frozen
class Retrying(ConnectionEvent):
    """The section's own program will be started again."""


@frozen
class Persistent(ConnectionEvent):
    """The client resumed a session, and goes to the backend that it had then."""

    backend: str


@frozen
class Ordered(ConnectionEvent):
    """Several backend addresses are known; C{entry} of them is the first to be tried.

    C{fewest}: it is the one with the fewest connections.
    """

    roundRobin: bool
    entry: int
    fewest: bool = False


@frozen
class Dialling(ConnectionEvent):
    """A backend address is about to be connected."""

    backend: str


@frozen
class Dialled(ConnectionEvent):
    """A backend address was connected, from our own address C{local}."""

    backend: str
    local: str


@frozen
class DialFailed(ConnectionEvent):
    """A backend address could not be connected; C{error} is C{None} when it was out of time."""

    backend: str
    error: str | None


@frozen
class ResolveFailed(ConnectionEvent):
    """A backend's name could not be resolved."""

    name: str


@frozen
class NoBackend(ConnectionEvent):
    """No backend address was left to try; not C{resolved} where no name had an address.

    C{skipped} of them were not tried at all, since they are down or drained.
    """

    resolved: bool = True
    skipped: int = 0


@frozen
class Declined(ConnectionEvent):
    """The client's association request was rejected by us for now (A-ASSOCIATE-RJ), for C{why}."""

    why: str


@frozen
class Ended(ConnectionEvent):
    """One direction ended: C{leg} has nothing more to say."""

    leg: Leg
    end: End


@frozen
class TimedOut(ConnectionEvent):
    """A time limit ended the connection."""

    timer: Timer


@frozen
class Closed(ConnectionEvent):
    """The connection's one and only end. Bytes and seconds are its totals.

    C{via} is the load balancer that has announced the client, if one has.
    """

    client: str
    reason: Reason
    sentToTLS: int
    sentToSocket: int
    seconds: float
    dialled: bool
    backend: str | None = None
    peer: Peer | None = None
    via: str | None = None
