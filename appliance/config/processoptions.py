"""The options that concern the whole process; all but two stand before the first [section]."""

from __future__ import annotations

from typing import Any

from appliance.config import machine, values
from appliance.config.vocabulary import Option, PathKind, Repeat, Scope

FOREGROUND = Option(
    "foreground",
    Scope.GLOBAL,
    "yes, quiet or no",
    "no",
    "Whether to stay in the foreground. With yes the log goes to standard error too, with quiet it "
    "does not. Under twistd its own -n decides, and this option is not looked at.",
    values.choice({"yes": "yes", "quiet": "quiet", "no": "no"}),
    complaint="The argument needs to be either 'yes', 'quiet' or 'no'",
)
DEBUG = Option(
    "debug",
    Scope.BOTH,
    "[FACILITY.]LEVEL",
    "daemon.notice",
    "The least urgent level that is logged: emerg, alert, crit, err, warning, notice, info, debug, "
    "or its number from 0 to 7. In a section it holds for the lines of that section. The facility "
    "is syslog's and can be named for the process alone.",
    values.debug,
    parseInSection=values.debugInSection,
    complaint="Illegal debug level",
)
OUTPUT = Option(
    "output",
    Scope.GLOBAL,
    "FILE",
    "no log file",
    "The file that the log is written to. It is opened again when told to, so that logs can be "
    "rotated.",
    values.fileName,
    path=PathKind.CREATED,
)
LOG = Option(
    "log",
    Scope.GLOBAL,
    "append or overwrite",
    "append",
    "Whether the log file is continued or begun anew each time it is opened.",
    values.choice({"append": True, "overwrite": False}),
    complaint="The argument needs to be either 'append' or 'overwrite'",
)
SYSLOG = Option(
    "syslog",
    Scope.GLOBAL,
    "yes or no",
    "yes for a daemon without an output file; always with butterfly-tls stunnel",
    "Whether the log goes to syslog.",
    values.yesNo,
)
LOG_FORMAT = Option(
    "logFormat",
    Scope.GLOBAL,
    "stunnel or json",
    "stunnel",
    "How a line of the log is written: as stunnel writes it, or as an object of JSON, for programs "
    "that collect logs. A reload changes it too. Our own option.",
    values.choice({"stunnel": "stunnel", "json": "json"}),
)
WORKERS = Option(
    "workers",
    Scope.GLOBAL,
    "NUMBER or auto",
    "1",
    "How many processes share the connections; auto is one for each processor. One more listens, "
    "hands connections on and writes the log. It counts at the start, not at a reload. Our own "
    "option.",
    values.workers,
)
SERVICE = Option(
    "service",
    Scope.BOTH,
    "NAME",
    "butterfly-tls, or in a section the name in its header",
    "The name that the lines in syslog carry. In a section the name that this goes by, in the log "
    "and in the sni of others.",
    values.text("a name"),
    inherited=False,
)
PID = Option(
    "pid",
    Scope.GLOBAL,
    "FILE",
    "no file",
    "The file that the number of the process is written to; it is removed at the end, or emptied "
    "where the user in setuid may not remove it. An empty value means none.",
    values.orNothing(values.fileName),
    path=PathKind.CREATED,
)
SETUID = Option(
    "setuid",
    Scope.BOTH,
    "USER",
    "the user stays",
    "The user, by name or number, to become once all ports are open. A reload later can read only "
    "what that user can, keys included. In a section the owner of the unix socket in accept.",
    machine.user,
    inherited=False,
    complaint="Illegal UID",
)
SETGID = Option(
    "setgid",
    Scope.BOTH,
    "GROUP",
    "the group stays",
    "The group, by name or number, to become once all ports are open. All other groups are left. "
    "In a section the group of the unix socket in accept.",
    machine.group,
    inherited=False,
    complaint="Illegal GID",
)
CHROOT = Option(
    "chroot",
    Scope.GLOBAL,
    "DIRECTORY",
    "none",
    "The directory to lock the process into once all ports are open. A reload later finds only "
    "what lies in there.",
    values.fileName,
    path=PathKind.DIRECTORY,
)
SET_ENV = Option(
    "setEnv",
    Scope.GLOBAL,
    "NAME=VALUE",
    "the environment stays",
    "Sets a variable in the environment of the programs in exec.",
    machine.variable,
    Repeat.LIST,
)
DRAIN_DELAY = Option(
    "drainDelay",
    Scope.GLOBAL,
    "SECONDS",
    "0",
    "How long connections are still accepted after the signal to stop, while /readyz and probe "
    "say already that there should come no more: as long as a load balancer or a VRRP twin takes "
    "to notice. Our own option.",
    values.number(0, 3600, "seconds"),
)
DRAIN_TIMEOUT = Option(
    "drainTimeout",
    Scope.GLOBAL,
    "SECONDS",
    "60",
    "How long connections may go on after a signal to stop, once none are accepted any more. An "
    "association that is still open then hears A-ABORT. A second signal ends all at once. Our own "
    "option.",
    values.number(0, 86400, "seconds"),
)
INCLUDE = Option(
    "include",
    Scope.BOTH,
    "DIRECTORY",
    "none",
    "Reads every regular file of the directory as though its lines stood here, in the order of "
    "their names and whatever these end in. Directories in it are passed over. A section that an "
    "included file opens stays open after it.",
    values.fileName,
    complaint="Failed to include directory",
)

OPTIONS: tuple[Option[Any], ...] = (
    *(FOREGROUND, DEBUG, OUTPUT, LOG, SYSLOG, SERVICE, PID, SETUID, SETGID, CHROOT),
    *(LOG_FORMAT, SET_ENV, WORKERS, DRAIN_DELAY, DRAIN_TIMEOUT, INCLUDE),
)
