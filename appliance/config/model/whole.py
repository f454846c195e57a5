"""The process, and the configuration as a whole."""

from __future__ import annotations

from attrs import field, frozen

from appliance.config.model.console import ConsoleConfig
from appliance.config.model.problems import NOWHERE, Problem, Where
from appliance.config.model.sections import SectionConfig
from appliance.config.model.status import StatusConfig


@frozen
class AuditConfig:
    """Where audit messages go: C{protocol} is C{"udp"}, C{"tcp"} or C{"tls"}.

    C{spool} is the directory that keeps what cannot be sent at once, at most C{spoolSize} bytes.
    C{caFile}, C{cert} and C{key} are for TLS. C{source} is the audit source's id. The last ones
    are where options were written, for messages.
    """

    host: str
    port: int
    protocol: str = "udp"
    caFile: str | None = None
    cert: str | None = None
    key: str | None = None
    spool: str | None = None
    spoolSize: int = 16 * 1024 * 1024
    source: str = "butterfly-tls"
    where: Where = field(default=NOWHERE, eq=False)
    caWhere: Where = field(default=NOWHERE, eq=False)
    certWhere: Where = field(default=NOWHERE, eq=False)
    keyWhere: Where = field(default=NOWHERE, eq=False)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port} ({self.protocol})"


@frozen
class GlobalConfig:
    """What stands before the first section and concerns the process.

    C{None} means that the file does not say. C{workers} 0 is one for each processor. C{output} is
    absolute. C{foreground} is C{"yes"}, C{"quiet"} or C{"no"}, C{logFormat} C{"stunnel"} or
    C{"json"}. C{drainDelay} and C{drainTimeout} are in seconds.
    """

    debug: int = 5
    facility: str = "daemon"
    output: str | None = None
    appendLog: bool = True
    syslog: bool | None = None
    logFormat: str = "stunnel"
    foreground: str | None = None
    pid: str | None = None
    setuid: str | None = None
    setgid: str | None = None
    chroot: str | None = None
    service: str = "butterfly-tls"
    workers: int = 1
    drainDelay: int = 0
    drainTimeout: int = 60
    stateDirectory: str | None = None
    journal: str | None = None
    audit: AuditConfig | None = None
    status: StatusConfig | None = None
    console: ConsoleConfig = field(factory=ConsoleConfig)
    environment: tuple[tuple[str, str], ...] = ()


@frozen
class Config:
    """A whole, valid configuration. C{files} are all the files that were read for it.

    C{overlay} is the file that was laid over the one at C{path}, if any.

    C{inetd} is there when the file has no section, for one connection on standard input: a section
    without C{accept}.
    """

    path: str
    process: GlobalConfig
    sections: tuple[SectionConfig, ...]
    files: tuple[str, ...] = ()
    warnings: tuple[Problem, ...] = field(default=())
    inetd: SectionConfig | None = None
    overlay: str | None = None
