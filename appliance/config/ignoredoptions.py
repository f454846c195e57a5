"""The options of stunnel's that are accepted and left out, since nobody loses by it."""

from __future__ import annotations

from typing import Any

from appliance.config import tlsvalues, values
from appliance.config.vocabulary import Option, Scope, ignored

_RANDOM = "random numbers come from the kernel, which needs no seed"
_WINDOWS = "there is no Windows desktop to show it on"
_CACHE = "OpenSSL keeps its own limits for sessions to resume"
_TICKETS = "only the process that began a session resumes it; elsewhere there is a full handshake"

_NTLM = "it only means something to NTLM, which this version has not"

_YES_NO = "yes or no"

TICKET_KEY = ignored(
    "ticketKeySecret",
    Scope.SERVICE,
    "HEX",
    "The key that session tickets are encrypted with on every machine of a cluster.",
    _TICKETS,
    parse=tlsvalues.ticketKey,
    complaint="Failed to read ticketKeySecret",
    secret=True,
)
TICKET_MAC = ignored(
    "ticketMacSecret",
    Scope.SERVICE,
    "HEX",
    "The key that session tickets are signed with on every machine of a cluster.",
    _TICKETS,
    parse=tlsvalues.ticketKey,
    complaint="Failed to read ticketMacSecret",
    secret=True,
)

OPTIONS: tuple[Option[Any], ...] = (
    ignored("EGD", Scope.GLOBAL, "PATH", "The socket of a daemon that gathers entropy.", _RANDOM),
    ignored(
        "RNDbytes",
        Scope.GLOBAL,
        "BYTES",
        "How much to read from RNDfile.",
        _RANDOM,
        parse=values.number(0, 2_000_000_000, "bytes"),
        complaint="Illegal number of bytes to read from random seed files",
    ),
    ignored("RNDfile", Scope.GLOBAL, "FILE", "A file to seed random numbers with.", _RANDOM),
    ignored(
        "RNDoverwrite",
        Scope.GLOBAL,
        _YES_NO,
        "Whether to renew RNDfile.",
        _RANDOM,
        parse=values.yesNo,
    ),
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
        parse=values.yesNo,
    ),
    ignored(
        "stack",
        Scope.SERVICE,
        "BYTES",
        "The size of the stack of each connection's thread.",
        "connections have no threads of their own",
        parse=values.number(0, 2_000_000_000, "bytes"),
        complaint="Illegal thread stack size",
    ),
    ignored(
        "sessionCacheSize",
        Scope.SERVICE,
        "NUMBER",
        "How many sessions a server keeps for peers to resume.",
        _CACHE,
        default="that of OpenSSL",
        parse=values.number(0, 2_000_000_000),
        complaint="Illegal session cache size",
    ),
    ignored(
        "sessiond",
        Scope.SERVICE,
        "HOST:PORT",
        "The server that several machines keep their TLS sessions in.",
        _TICKETS,
    ),
    TICKET_KEY,
    TICKET_MAC,
    ignored(
        "protocolDomain",
        Scope.SERVICE,
        "DOMAIN",
        "The domain to log in to at a web proxy.",
        _NTLM,
    ),
)
