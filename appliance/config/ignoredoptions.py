"""The options of stunnel's that are accepted and left out, since nobody loses by it."""

from __future__ import annotations

from appliance.config.vocabulary import Option, Scope, ignored

_RANDOM = "random numbers come from the kernel, which needs no seed"
_WINDOWS = "there is no Windows desktop to show it on"
_NO_PROTOCOL = "it only means something next to protocol, which this version has not"
_NO_EXEC = "it only means something next to exec, which this version has not"
_NO_OCSP = "it only means something next to OCSP, which this version has not"
_CACHE = "OpenSSL keeps its own limits for sessions to resume"
_TICKETS = "only the process that began a session resumes it; elsewhere there is a full handshake"

_YES_NO = "yes or no"

OPTIONS: tuple[Option[str], ...] = (
    ignored("EGD", Scope.GLOBAL, "PATH", "The socket of a daemon that gathers entropy.", _RANDOM),
    ignored("RNDbytes", Scope.GLOBAL, "BYTES", "How much to read from RNDfile.", _RANDOM),
    ignored("RNDfile", Scope.GLOBAL, "FILE", "A file to seed random numbers with.", _RANDOM),
    ignored("RNDoverwrite", Scope.GLOBAL, _YES_NO, "Whether to renew RNDfile.", _RANDOM),
    ignored("iconActive", Scope.GLOBAL, "FILE", "The icon while connections are open.", _WINDOWS),
    ignored("iconError", Scope.GLOBAL, "FILE", "The icon when the configuration is bad.", _WINDOWS),
    ignored("iconIdle", Scope.GLOBAL, "FILE", "The icon while there is no connection.", _WINDOWS),
    ignored(
        "taskbar",
        Scope.GLOBAL,
        _YES_NO,
        "Whether to show an icon in the Windows taskbar.",
        _WINDOWS,
        harmless=("no",),
    ),
    ignored(
        "setEnv",
        Scope.GLOBAL,
        "NAME=VALUE",
        "Sets a variable in the environment of the programs that are started.",
        "no program is started that could read it",
    ),
    ignored(
        "stack",
        Scope.SERVICE,
        "BYTES",
        "The size of the stack of each connection's thread.",
        "connections have no threads of their own",
    ),
    ignored(
        "logId",
        Scope.SERVICE,
        "sequential, unique, thread or process",
        "What kind of name a connection goes by in the log.",
        "each connection has a number of its own in the log",
        default="sequential",
        harmless=("sequential",),
    ),
    ignored(
        "reset",
        Scope.SERVICE,
        _YES_NO,
        "Whether a connection that fails ends with a TCP reset.",
        "a connection that fails is always reset, so that the other side learns of it",
        default="yes",
        harmless=("yes",),
    ),
    ignored(
        "renegotiation",
        Scope.SERVICE,
        _YES_NO,
        "Whether the peer may renegotiate TLS in the middle of a connection.",
        "renegotiation is always refused",
        default="no",
        harmless=("no",),
    ),
    ignored(
        "sessionCacheSize",
        Scope.SERVICE,
        "NUMBER",
        "How many sessions a server keeps for peers to resume.",
        _CACHE,
        default="that of OpenSSL",
    ),
    ignored(
        "sessionCacheTimeout",
        Scope.SERVICE,
        "SECONDS",
        "How long a session can be resumed.",
        _CACHE,
        default="that of OpenSSL",
        aliases=("session",),
    ),
    ignored(
        "sessiond",
        Scope.SERVICE,
        "HOST:PORT",
        "The server that several machines keep their TLS sessions in.",
        _TICKETS,
    ),
    ignored(
        "ticketKeySecret",
        Scope.SERVICE,
        "HEX",
        "The key that session tickets are encrypted with on every machine of a cluster.",
        _TICKETS,
    ),
    ignored(
        "ticketMacSecret",
        Scope.SERVICE,
        "HEX",
        "The key that session tickets are signed with on every machine of a cluster.",
        _TICKETS,
    ),
    ignored(
        "execArgs",
        Scope.SERVICE,
        "ARGUMENTS",
        "The arguments of the program in exec, its own name included.",
        _NO_EXEC,
    ),
    ignored(
        "pty",
        Scope.SERVICE,
        _YES_NO,
        "Whether the program in exec gets a terminal.",
        _NO_EXEC,
        default="no",
        harmless=("no",),
    ),
    ignored(
        "protocolAuthentication",
        Scope.SERVICE,
        "basic, ntlm, plain or login",
        "How to log in while talking before TLS.",
        _NO_PROTOCOL,
    ),
    ignored(
        "protocolDomain",
        Scope.SERVICE,
        "DOMAIN",
        "The domain to log in to while talking before TLS.",
        _NO_PROTOCOL,
    ),
    ignored(
        "protocolHeader",
        Scope.SERVICE,
        "HEADER",
        "A header to send to a web proxy before TLS.",
        _NO_PROTOCOL,
    ),
    ignored(
        "protocolHost",
        Scope.SERVICE,
        "HOST:PORT",
        "The host to ask a web proxy for before TLS.",
        _NO_PROTOCOL,
    ),
    ignored(
        "protocolPassword",
        Scope.SERVICE,
        "PASSWORD",
        "The password to log in with while talking before TLS.",
        _NO_PROTOCOL,
    ),
    ignored(
        "protocolUsername",
        Scope.SERVICE,
        "NAME",
        "The user to log in as while talking before TLS.",
        _NO_PROTOCOL,
    ),
    ignored(
        "TIMEOUTocsp",
        Scope.SERVICE,
        "SECONDS",
        "How long to wait until an OCSP responder is reached.",
        _NO_OCSP,
    ),
)
