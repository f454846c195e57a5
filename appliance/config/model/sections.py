"""One section: where to listen, where to connect, and how."""

from __future__ import annotations

from enum import Enum

from attrs import frozen

from appliance.config.model.addresses import Address, SocketOption
from appliance.config.model.problems import Where
from appliance.config.model.trust import NameRule, TLSConfig


class Failover(Enum):
    """In which order the backends of a section are tried (C{failover})."""

    PRIO = "prio"
    RR = "rr"


class LogId(Enum):
    """What stands in the brackets of a connection's log lines (C{logId})."""

    SEQUENTIAL = "sequential"
    UNIQUE = "unique"
    THREAD = "thread"
    PROCESS = "process"


class Preface(Enum):
    """What is said to the backend, or to a proxy before it, ahead of the data (C{protocol})."""

    PROXY = "proxy"
    CONNECT = "connect"


@frozen
class ConnectConfig:
    """How to ask an HTTP proxy for a way through (C{protocol = connect} and its options)."""

    host: str
    username: str | None = None
    password: str | None = None
    headers: tuple[str, ...] = ()


@frozen
class Timeouts:
    """Seconds, with stunnel's defaults (C{TIMEOUTbusy} and so on).

    C{busy} bounds the whole handshake, C{connect} each backend address, C{idle} a connection on
    which nothing moves, C{close} the wait for the second end after the first has ended.
    """

    busy: float = 300.0
    connect: float = 10.0
    idle: float = 43200.0
    close: float = 60.0


@frozen
class SectionConfig:
    """One C{[name]}: where to listen, where to connect, and how.

    C{client} true means plain in, TLS out; false (the default) means TLS in, plain out.
    C{debug} is the highest log level that this section's lines may have. C{retry} is seconds.
    C{exec} is a program to pass connections on to, C{redirect} where those go who fail the checks
    of their certificate. C{transparent} keeps the client's address towards the backend. C{setuid}
    and C{setgid} own the unix socket that is listened at. C{callingAET} and C{calledAET} name us
    and the PACS in our own echoes.
    """

    name: str
    where: Where
    accept: tuple[Address, ...]
    connect: tuple[Address, ...]
    tls: TLSConfig
    client: bool = False
    timeouts: Timeouts = Timeouts()
    failover: Failover = Failover.PRIO
    delay: bool = False
    retry: float | None = None
    local: str | None = None
    socketOptions: tuple[SocketOption, ...] = ()
    debug: int = 5
    logId: LogId = LogId.SEQUENTIAL
    slave: NameRule | None = None
    redirect: tuple[Address, ...] = ()
    exec: str | None = None
    execArgs: tuple[str, ...] = ()
    protocol: Preface | None = None
    proxyVersion: int = 1
    proxyRequest: ConnectConfig | None = None
    transparent: bool = False
    reset: bool = True
    setuid: str | None = None
    setgid: str | None = None
    callingAET: str = "BUTTERFLYTLS"
    calledAET: str | None = None
