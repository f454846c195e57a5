"""The configuration as frozen values: what every other layer is handed.

Nothing here reads a file, opens a socket or knows how the text looked. Times are seconds.
"""

from appliance.config.model.addresses import (
    Address,
    InetAddress,
    SocketOption,
    SocketRole,
    UnixAddress,
)
from appliance.config.model.problems import (
    About,
    ConfigError,
    Problem,
    Said,
    Severity,
    Where,
)
from appliance.config.model.sections import (
    ConnectConfig,
    Failover,
    LogId,
    Preface,
    SectionConfig,
    Timeouts,
)
from appliance.config.model.trust import (
    KeyPermissions,
    NameRule,
    OCSPConfig,
    TLSConfig,
    TLSVersion,
)
from appliance.config.model.whole import (
    Config,
    GlobalConfig,
)

__all__ = [
    "About",
    "Address",
    "Config",
    "ConfigError",
    "ConnectConfig",
    "Failover",
    "GlobalConfig",
    "InetAddress",
    "KeyPermissions",
    "LogId",
    "NameRule",
    "OCSPConfig",
    "Preface",
    "Problem",
    "Said",
    "SectionConfig",
    "Severity",
    "SocketOption",
    "SocketRole",
    "TLSConfig",
    "TLSVersion",
    "Timeouts",
    "UnixAddress",
    "Where",
]
