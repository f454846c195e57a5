"""Who a backend is dialled for: what a pool may want to know of the client, as a value."""

from __future__ import annotations

from attrs import frozen


@frozen
class Caller:
    """The client of one connection, whose id is C{connection}.

    C{host} and C{port} are where it called from; the host is empty for one without an IP address.
    C{subject} and C{issuer} are those of its certificate. C{resumed}: it took up an earlier TLS
    session. C{via} is the load balancer that has announced it, and took so many seconds
    (C{waited}) to do so; C{called} is where the client called there, C{None} for our own address.
    """

    connection: str
    host: str = ""
    port: int = 0
    subject: str | None = None
    issuer: str | None = None
    resumed: bool = False
    via: str | None = None
    called: tuple[str, int] | None = None
    waited: float = 0.0

    def __str__(self) -> str:
        return f"{self.host}:{self.port}" if self.host else "unnamed socket"
