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
from appliance.config.model.console import RUNTIME_CONTROL, ConsoleConfig
from appliance.config.model.limits import BanRule, LimitsConfig, RateLimit
from appliance.config.model.problems import (
    NOWHERE,
    About,
    ConfigError,
    Problem,
    Said,
    Severity,
    Where,
)
from appliance.config.model.sections import (
    CertificateRule,
    ConnectConfig,
    Dicom,
    DicomConfig,
    Failover,
    HealthCheck,
    HealthConfig,
    LogId,
    Preface,
    RouteRule,
    SectionConfig,
    Timeouts,
    TitleRule,
)
from appliance.config.model.status import StatusConfig
from appliance.config.model.trust import (
    KeyPermissions,
    NameRule,
    OCSPConfig,
    Profile,
    TLSConfig,
    TLSVersion,
)
from appliance.config.model.whole import (
    AuditConfig,
    Config,
    GlobalConfig,
)

__all__ = [
    "NOWHERE",
    "RUNTIME_CONTROL",
    "About",
    "Address",
    "AuditConfig",
    "BanRule",
    "CertificateRule",
    "Config",
    "ConfigError",
    "ConnectConfig",
    "ConsoleConfig",
    "Dicom",
    "DicomConfig",
    "Failover",
    "GlobalConfig",
    "HealthCheck",
    "HealthConfig",
    "InetAddress",
    "KeyPermissions",
    "LimitsConfig",
    "LogId",
    "NameRule",
    "OCSPConfig",
    "Preface",
    "Problem",
    "Profile",
    "RateLimit",
    "RouteRule",
    "Said",
    "SectionConfig",
    "Severity",
    "SocketOption",
    "SocketRole",
    "StatusConfig",
    "TLSConfig",
    "TLSVersion",
    "Timeouts",
    "TitleRule",
    "UnixAddress",
    "Where",
]
