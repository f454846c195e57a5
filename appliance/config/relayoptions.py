"""The options of a section that say where its connections come from, where they go, and how."""

from __future__ import annotations

from typing import Any

from appliance.config import sockopts, values
from appliance.config.model import Failover
from appliance.config.vocabulary import Option, Repeat, Scope

ACCEPT = Option(
    "accept",
    Scope.SERVICE,
    "[HOST:]PORT or /PATH",
    "none; every section needs one",
    "Where to listen: a port on every address of this machine, or on the one that is named, or a "
    "unix socket. The port may be the name of a service.",
    values.address,
    Repeat.LIST,
)
CONNECT = Option(
    "connect",
    Scope.SERVICE,
    "[HOST:]PORT or /PATH",
    "none; every section needs one",
    "Where to pass connections on to, mostly the PACS: a port of the named host, or of this "
    "machine, or a unix socket. Several make a list of which failover chooses.",
    values.address,
    Repeat.LIST,
)
CLIENT = Option(
    "client",
    Scope.SERVICE,
    "yes or no",
    "no",
    "Which side speaks TLS: with no the one that connects to us, with yes the one that we connect "
    "to.",
    values.yesNo,
)
FAILOVER = Option(
    "failover",
    Scope.SERVICE,
    "rr or prio",
    "prio",
    "In which order several connect addresses are tried: prio takes them as written, so that the "
    "later ones stand by, rr takes them in turn.",
    values.choice({"rr": Failover.RR, "prio": Failover.PRIO}),
)
DELAY = Option(
    "delay",
    Scope.SERVICE,
    "yes or no",
    "no",
    "Whether the names in connect are looked up for each connection instead of once at the start.",
    values.yesNo,
)
RETRY = Option(
    "retry",
    Scope.SERVICE,
    "yes, no or MILLISECONDS",
    "no",
    "How long a section that runs a program waits before it starts again; yes is one second. As in "
    "stunnel it changes nothing for a section that has accept.",
    values.retry,
)
LOCAL = Option(
    "local",
    Scope.SERVICE,
    "HOST",
    "whatever the system chooses",
    "The address of this machine that outgoing connections come from.",
    values.word("a host name or an IP address of this machine"),
)
SOCKET = Option(
    "socket",
    Scope.SERVICE,
    sockopts.SYNTAX,
    "SO_REUSEADDR on listening sockets, TCP_NODELAY on the others",
    "Sets an option on the listening socket (a), on connections that come in (l) or on those that "
    "go out (r). Values are yes or no, a number, seconds:microseconds, or for SO_LINGER "
    "on:seconds.",
    sockopts.socketOption,
    Repeat.FLAGS,
)
TIMEOUT_BUSY = Option(
    "TIMEOUTbusy",
    Scope.SERVICE,
    "SECONDS",
    "300",
    "How long a TLS handshake may take from its first byte to its last.",
    values.seconds,
)
TIMEOUT_CONNECT = Option(
    "TIMEOUTconnect",
    Scope.SERVICE,
    "SECONDS",
    "10",
    "How long to wait for each connect address before the next one is tried.",
    values.seconds,
)
TIMEOUT_IDLE = Option(
    "TIMEOUTidle",
    Scope.SERVICE,
    "SECONDS",
    "43200, which is twelve hours",
    "How long a connection may stand with nothing moving either way before it is cut.",
    values.seconds,
)
TIMEOUT_CLOSE = Option(
    "TIMEOUTclose",
    Scope.SERVICE,
    "SECONDS",
    "60",
    "How long to wait for the second side to end after the first one has.",
    values.seconds,
)
CALLING_AET = Option(
    "callingAET",
    Scope.SERVICE,
    "AETITLE",
    "BUTTERFLYTLS",
    "The AE title by which our own DICOM echoes to the PACS introduce themselves.",
    values.aeTitle,
)
CALLED_AET = Option(
    "calledAET",
    Scope.SERVICE,
    "AETITLE",
    "none",
    "The AE title of the PACS, to which our own DICOM echoes are addressed.",
    values.aeTitle,
)

OPTIONS: tuple[Option[Any], ...] = (
    *(ACCEPT, CONNECT, CLIENT, FAILOVER, DELAY, RETRY, LOCAL, SOCKET),
    *(TIMEOUT_BUSY, TIMEOUT_CONNECT, TIMEOUT_IDLE, TIMEOUT_CLOSE),
    *(CALLING_AET, CALLED_AET),
)
