"""The options of a section that say where its connections come from, where they go, and how."""

from __future__ import annotations

from typing import Any

from appliance.config import machine, sockopts, values
from appliance.config.model import Failover, LogId
from appliance.config.vocabulary import Option, PathKind, Repeat, Scope


def transparent(value: str) -> bool:
    """Whether the client's address is kept towards the backend."""
    if value.lower() in ("destination", "both"):
        raise values.UnfitError(
            "none or source, since connections go where connect says and not where the client "
            "believes to be going"
        )
    known = {"none": False, "no": False, "source": True, "yes": True}
    return values.choice(known, "none or source")(value)


ACCEPT = Option(
    "accept",
    Scope.SERVICE,
    "[HOST:]PORT or /PATH",
    "none; every section needs one, but for those with sni or with both exec and connect",
    "Where to listen: a port on every address of this machine, or on the one that is named, or a "
    "unix socket. The port may be the name of a service.",
    values.address,
    Repeat.LIST,
)
CONNECT = Option(
    "connect",
    Scope.SERVICE,
    "[HOST:]PORT or /PATH",
    "none; every section needs one, or exec, or route",
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
    "rr, prio or leastconn",
    "prio",
    "In which order several connect addresses are tried: prio takes them as written, so that the "
    "later ones stand by, rr takes them in turn, leastconn begins with the one that has the fewest "
    "connections.",
    values.choice({each.value: each for each in Failover}),
    complaint="The argument needs to be either 'rr' or 'prio'",
)
DELAY = Option(
    "delay",
    Scope.SERVICE,
    "yes or no",
    "no",
    "Whether the names in connect are looked up for each connection instead of once at the start. "
    "With yes failover is prio.",
    values.yesNo,
)
RETRY = Option(
    "retry",
    Scope.SERVICE,
    "yes, no or MILLISECONDS",
    "no",
    "How long a section with both exec and connect waits before it starts its program again; yes "
    "is one second. It changes nothing for other sections.",
    values.retry,
    complaint="Illegal retry delay",
)
LOCAL = Option(
    "local",
    Scope.SERVICE,
    "HOST",
    "whatever the system chooses",
    "The address of this machine that outgoing connections come from.",
    machine.localHost,
    complaint="Failed to resolve local address",
)
TRANSPARENT = Option(
    "transparent",
    Scope.SERVICE,
    "none or source",
    "none",
    "With source the PACS sees connections come from the client's own address. That needs root or "
    "CAP_NET_ADMIN, and routes that lead the answers back here.",
    transparent,
    complaint="Selected transparent proxy mode is not available",
)
EXEC = Option(
    "exec",
    Scope.SERVICE,
    "PROGRAM",
    "none",
    "A program to pass each connection on to, as inetd does: it reads and writes the connection as "
    "its standard input and output. Together with connect, and without accept, it is what is "
    "connected there, at the start.",
    values.fileName,
    path=PathKind.PROGRAM,
)
EXEC_ARGS = Option(
    "execArgs",
    Scope.SERVICE,
    "NAME [ARGUMENT ...]",
    "the program in exec",
    "The arguments of the program in exec, the name it is to know itself by first. They are parted "
    "at blanks; there is no quoting.",
    machine.arguments,
)
REDIRECT = Option(
    "redirect",
    Scope.SERVICE,
    "[HOST:]PORT or /PATH",
    "none; they are turned away",
    "Where to pass on those whose certificate does not satisfy verifyChain or verifyPeer, or who "
    "show none.",
    values.address,
    Repeat.LIST,
)
RESET = Option(
    "reset",
    Scope.SERVICE,
    "yes or no",
    "yes",
    "Whether a connection that fails ends with a TCP reset, so that the other side learns of it.",
    values.yesNo,
)
LOG_ID = Option(
    "logId",
    Scope.SERVICE,
    "sequential, unique, thread or process",
    "sequential",
    "What connections go by in the log: numbers in their order, words that are never used twice, "
    "or for all of them the number of the thread or of the process.",
    values.choice({kind.value: kind for kind in LogId}),
    complaint="Invalid connection identifier type",
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
    complaint="Illegal socket option",
)
TIMEOUT_BUSY = Option(
    "TIMEOUTbusy",
    Scope.SERVICE,
    "SECONDS",
    "300",
    "How long a TLS handshake may take from its first byte to its last.",
    values.seconds,
    complaint="Illegal busy timeout",
)
TIMEOUT_CONNECT = Option(
    "TIMEOUTconnect",
    Scope.SERVICE,
    "SECONDS",
    "10",
    "How long to wait for each connect address before the next one is tried.",
    values.seconds,
    complaint="Illegal connect timeout",
)
TIMEOUT_IDLE = Option(
    "TIMEOUTidle",
    Scope.SERVICE,
    "SECONDS",
    "43200, which is twelve hours",
    "How long a connection may stand with nothing moving either way before it is cut.",
    values.seconds,
    complaint="Illegal idle timeout",
)
TIMEOUT_CLOSE = Option(
    "TIMEOUTclose",
    Scope.SERVICE,
    "SECONDS",
    "60",
    "How long to wait for the second side to end after the first one has. With 0 what that side "
    "still has to say is lost.",
    values.seconds,
    complaint="Illegal close timeout",
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
    *(ACCEPT, CONNECT, EXEC, EXEC_ARGS, REDIRECT, CLIENT, FAILOVER, DELAY, RETRY, LOCAL),
    *(TRANSPARENT, SOCKET, RESET, LOG_ID),
    *(TIMEOUT_BUSY, TIMEOUT_CONNECT, TIMEOUT_IDLE, TIMEOUT_CLOSE),
    *(CALLING_AET, CALLED_AET),
)
