"""One section: where to listen, where to connect, and how."""

from __future__ import annotations

from enum import Enum

from attrs import field, frozen

from appliance.config.model.addresses import Address, SocketOption
from appliance.config.model.limits import LimitsConfig
from appliance.config.model.problems import Where
from appliance.config.model.trust import NameRule, TLSConfig


class Failover(Enum):
    """In which order the backends of a section are tried (C{failover})."""

    PRIO = "prio"
    RR = "rr"
    LEASTCONN = "leastconn"


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


class Dicom(Enum):
    """How much of DICOM a section understands (C{dicom})."""

    NO = "no"
    AUTO = "auto"
    """Relay at once and observe; answer in DICOM only where the client spoke it."""
    YES = "yes"
    """Read the association request before a backend is dialled."""


class HealthCheck(Enum):
    """How the backends of a section are checked (C{healthCheck})."""

    AUTO = "auto"
    ECHO = "echo"
    TCP = "tcp"
    NONE = "none"


@frozen
class HealthConfig:
    """Periodic checks: C{interval} and C{timeout} are seconds.

    C{rise} and C{fall} are how many results in a row bring a backend up or down. C{hook} is a
    program that is told of each change.
    """

    check: HealthCheck = HealthCheck.AUTO
    interval: float = 30.0
    timeout: float = 5.0
    rise: int = 2
    fall: int = 3
    hook: str | None = None


@frozen
class CertificateRule:
    """Who shows a certificate with C{name} in it may call itself one of C{titles} only."""

    name: str
    titles: tuple[str, ...]


@frozen
class RouteRule:
    """Associations for the AE title C{called} go to C{addresses}."""

    called: str
    addresses: tuple[Address, ...]


@frozen
class TitleRule:
    """The AE title C{old}, or any for an empty one, becomes C{new} towards the backend."""

    old: str
    new: str


@frozen
class DicomConfig:
    """What a section does with associations; empty tuples are no restriction.

    Titles of rules may be patterns with C{*}. C{allowClasses} and C{denyClasses} are UIDs of SOP
    classes and names of families. Not C{enforced}, a breach of the rules is only told.
    """

    mode: Dicom = Dicom.AUTO
    allowCalling: tuple[str, ...] = ()
    allowCalled: tuple[str, ...] = ()
    allowClasses: tuple[str, ...] = ()
    denyClasses: tuple[str, ...] = ()
    certificates: tuple[CertificateRule, ...] = ()
    enforced: bool = True
    routes: tuple[RouteRule, ...] = ()
    rewriteCalling: tuple[TitleRule, ...] = ()
    rewriteCalled: tuple[TitleRule, ...] = ()


@frozen
class SectionConfig:
    """One C{[name]}: where to listen, where to connect, and how.

    C{client} true means plain in, TLS out; false (the default) means TLS in, plain out.
    C{debug} is the highest log level that this section's lines may have. C{retry} is seconds.
    C{exec} is a program to pass connections on to, C{redirect} where those go who fail the checks
    of their certificate. C{transparent} keeps the client's address towards the backend. C{setuid}
    and C{setgid} own the unix socket that is listened at. C{callingAET} and C{calledAET} name us
    and the PACS in our own echoes.

    C{proxySend} is the version of the PROXY header that backends hear first, 0 for none. With
    C{proxyAccept} connections from the networks C{proxyFrom}, or from everywhere where it is empty,
    begin with such a header.
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
    proxySend: int = 0
    proxyAccept: bool = False
    proxyFrom: tuple[str, ...] = ()
    proxyRequest: ConnectConfig | None = None
    transparent: bool = False
    reset: bool = True
    setuid: str | None = None
    setgid: str | None = None
    callingAET: str = "BUTTERFLYTLS"
    calledAET: str | None = None
    dicom: DicomConfig = DicomConfig()
    health: HealthConfig = HealthConfig()
    limits: LimitsConfig = field(factory=LimitsConfig)
