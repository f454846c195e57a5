"""The configuration as frozen values: what every other layer is handed.

Nothing here reads a file, opens a socket or knows how the text looked. Times are seconds.
"""

from __future__ import annotations

from enum import Enum, IntEnum

from attrs import field, frozen


@frozen(order=True)
class Where:
    """A place in a configuration file, for people: C{path:line} (line 0: the whole file)."""

    path: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.path}:{self.line}" if self.line else self.path


class Severity(Enum):
    """How much a problem matters: an error stops the start, a warning is only told."""

    ERROR = "error"
    WARNING = "warning"


class About(Enum):
    """What stunnel puts around its message about a problem; see C{stunnelwords}."""

    LINE = "line"
    SECTION = "section"
    PROCESS = "process"
    CONTEXT = "context"
    NOTHING = "nothing"


@frozen
class Said:
    """What stunnel itself says of a problem; C{line} is the whole line as it is written."""

    message: str
    about: About = About.SECTION
    line: str = ""


@frozen
class Problem:
    """Something in the configuration that a person must know about.

    C{found} says what is there, C{expected} what should be, C{advice} what to do next; each is a
    phrase without a final full stop. C{section} and C{option} may be empty. C{said} is for those
    who look for stunnel's words, where it has any.
    """

    severity: Severity
    where: Where
    found: str
    expected: str = ""
    advice: str = ""
    section: str = ""
    option: str = ""
    said: Said | None = None

    def __str__(self) -> str:
        scope = f"[{self.section}] " if self.section else ""
        option = f"{self.option}: " if self.option else ""
        parts = [f"{self.where}: {self.severity.value}: {scope}{option}{self.found}"]
        if self.expected:
            parts.append(f"expected {self.expected}")
        if self.advice:
            parts.append(self.advice)
        return "; ".join(parts)

    @property
    def fatal(self) -> bool:
        """True when this problem stops the start."""
        return self.severity is Severity.ERROR


class ConfigError(Exception):
    """The configuration cannot be used; C{problems} says all that is wrong with it."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))


@frozen
class InetAddress:
    """C{host:port}; an empty host means every address (accept) or the local host (connect)."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}" if self.host else str(self.port)


@frozen
class UnixAddress:
    """A unix socket, by absolute path."""

    path: str

    def __str__(self) -> str:
        return self.path


Address = InetAddress | UnixAddress


class TLSVersion(IntEnum):
    """Protocol versions by their number on the wire."""

    SSLv3 = 0x0300
    TLSv1 = 0x0301
    TLSv1_1 = 0x0302
    TLSv1_2 = 0x0303
    TLSv1_3 = 0x0304

    @property
    def text(self) -> str:
        """The version as stunnel.conf spells it: C{TLSv1.2}."""
        return self.name.replace("_", ".")


class KeyPermissions(Enum):
    """What to do about private keys that others can read (C{keyPermissions})."""

    WARN = "warn"
    STRICT = "strict"


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


class SocketRole(Enum):
    """Which socket a C{socket} option is for: accepting, local (accepted) or remote (dialled)."""

    ACCEPT = "a"
    LOCAL = "l"
    REMOTE = "r"


@frozen
class SocketOption:
    """One C{socket = a|l|r:NAME=VALUE} line, ready for C{setsockopt(level, number, value)}."""

    role: SocketRole
    name: str
    level: int
    number: int
    value: int | bytes


@frozen
class OCSPConfig:
    """How a peer's certificate is checked by OCSP (RFC 6960), beside its chain.

    C{url} is asked for the leaf, C{aia} asks the responders that the certificates themselves name.
    C{timeout} is seconds for one responder. C{required} refuses a peer when there is no answer.
    C{staple} false keeps a server from fetching answers about its own certificate.
    """

    url: str | None = None
    aia: bool = False
    flags: tuple[str, ...] = ()
    nonce: bool = False
    required: bool = True
    timeout: float = 5.0
    staple: bool = True


@frozen
class NameRule:
    """A server section's C{sni = PRIMARY:PATTERN}: it serves those who ask the primary for it."""

    primary: str
    pattern: str


@frozen
class TLSConfig:
    """What one section's TLS context is built from; file names are absolute and exist.

    C{certWhere}, C{keyWhere} and C{caWhere} are where the names were written, for messages, and
    C{places} where the options were whose values only OpenSSL can judge. C{options} and
    C{clearOptions} are OpenSSL's C{SSL_OP_} flags to set and to leave unset.
    C{sni} is the name a client asks for: empty for none, C{None} for the host it connects to.
    C{requestCert} asks for a certificate without needing one, C{verifyIfSent} checks the chain of
    one that was sent, and C{forgives} lets a peer that fails the checks end its handshake (it is
    redirected then). C{pskSecrets} and C{keyPassphrase} are files.
    """

    client: bool = False
    cert: str | None = None
    key: str | None = None
    certWhere: Where = Where("")
    keyWhere: Where = Where("")
    caFile: str | None = None
    caPath: str | None = None
    requireCert: bool = False
    verifyChain: bool = False
    verifyPeer: bool = False
    checkHost: tuple[str, ...] = ()
    ciphers: str | None = None
    ciphersuites: str | None = None
    curves: str | None = None
    options: int = 0
    clearOptions: int = 0
    minimum: TLSVersion = TLSVersion.TLSv1_2
    maximum: TLSVersion = TLSVersion.TLSv1_3
    securityLevel: int | None = None
    sni: str | None = None
    caWhere: Where = Where("")
    places: tuple[tuple[str, Where], ...] = field(default=(), eq=False)
    crlFile: str | None = None
    crlPath: str | None = None
    requestCert: bool = False
    verifyIfSent: bool = False
    checkEmail: tuple[str, ...] = ()
    checkIP: tuple[str, ...] = ()
    ocsp: OCSPConfig = OCSPConfig()
    pskSecrets: str | None = None
    pskIdentity: str | None = None
    keyPassphrase: str | None = None
    sessionResume: bool = True
    sessionTimeout: int = 300
    signatureAlgorithms: str | None = None
    forgives: bool = False
    keyPermissions: KeyPermissions = KeyPermissions.WARN

    @property
    def verifies(self) -> bool:
        """True when the peer's certificate is checked against something."""
        return self.verifyChain or self.verifyPeer

    @property
    def wantsCertificate(self) -> bool:
        """True when a peer without a certificate is refused."""
        return self.requireCert or self.verifies


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


@frozen
class GlobalConfig:
    """What stands before the first section and concerns the process.

    C{None} means that the file does not say. C{workers} 0 is one for each processor. C{output} is
    absolute. C{foreground} is C{"yes"},
    C{"quiet"} or C{"no"}.
    """

    debug: int = 5
    facility: str = "daemon"
    output: str | None = None
    appendLog: bool = True
    syslog: bool | None = None
    foreground: str | None = None
    pid: str | None = None
    setuid: str | None = None
    setgid: str | None = None
    chroot: str | None = None
    service: str = "butterfly-tls"
    workers: int = 1
    environment: tuple[tuple[str, str], ...] = ()


@frozen
class Config:
    """A whole, valid configuration. C{files} are all the files that were read for it.

    C{inetd} is there when the file has no section, for one connection on standard input: a section
    without C{accept}.
    """

    path: str
    process: GlobalConfig
    sections: tuple[SectionConfig, ...]
    files: tuple[str, ...] = ()
    warnings: tuple[Problem, ...] = field(default=())
    inetd: SectionConfig | None = None
