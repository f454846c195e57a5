"""The composition root: C{twistd butterfly-tls} begins here.

Everything that can fail does so in L{makeService}, before twistd leaves the terminal or writes a
pid file, and ends in C{SystemExit} with words and status 1.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from twisted.application.service import IServiceCollection
from twisted.logger import ILogObserver
from twisted.python import usage
from twisted.python.components import Componentized
from zope.interface import directlyProvides

from appliance.config.model import Config, ConfigError
from appliance.console.ofdaemon import attach
from appliance.daemon import Daemon, crewFor, sinksFor, starting
from appliance.events import Events, Reading
from appliance.logs.listener import LogListener, onError, twistedObserver
from appliance.logs.sinks import Sink
from appliance.section.reading import load
from appliance.system.notify import Notifier
from appliance.system.process import (
    ProcessError,
    checkPidFile,
    groupNumber,
    keepOpen,
    userNumber,
)
from appliance.system.reactor import install
from appliance.system.stall import StallWatch

DEFAULT_CONFIG = "/etc/butterfly-tls/butterfly-tls.conf"


PIDFILE = ("twistd.pid", os.path.abspath("twistd.pid"))
"""What twistd's C{--pidfile} is where the command line says nothing."""


class Options(usage.Options):
    """The command line behind C{twistd butterfly-tls}."""

    optParameters = [
        ["config", "c", DEFAULT_CONFIG, "The configuration file: stunnel-style sections."],
    ]
    longdesc = (
        "Runs one TLS server endpoint and one TCP client proxy to a PACS for each [section] of the "
        "configuration file, which is written like a stunnel.conf. Run it in the foreground with "
        "'twistd -n --pidfile= butterfly-tls --config FILE'; check a file beforehand with "
        "'butterfly-tls check FILE'. twistd's own options (before 'butterfly-tls') beat what the "
        "file says of pid, setuid, setgid, chroot and output. "
        "Signals: HUP reloads the file (all or nothing), USR1 opens the log file again, USR2 "
        "lists the connections, TERM and INT stop."
    )
    compData = usage.Completions(optActions={"config": usage.CompleteFiles()})


class Hosted(Daemon):
    """The appliance within twistd's application, whose log it takes over.

    C{pidFile} is one that twistd removes at the end, unless the user that we become may not.
    """

    observesTwisted = True
    pidFile: str | None = None

    def setServiceParent(self, parent: IServiceCollection) -> None:
        """Join the application, and take over its log unless the command line chose one."""
        if self.observesTwisted and isinstance(parent, Componentized):
            observer = twistedObserver(self._events)
            directlyProvides(observer, ILogObserver)
            parent.setComponent(ILogObserver, observer)
        super().setServiceParent(parent)

    def privilegedStartService(self) -> None:
        """Begin while we have all rights."""
        super().privilegedStartService()
        if self.pidFile is not None:
            # An old number in a file that stays would point to a stranger one day.
            empty = keepOpen(self.pidFile)
            self._reactor.addSystemEventTrigger("after", "shutdown", empty)


def makeService(options: Options) -> Hosted:
    """Build the service for twistd; exits with words when anything is wrong."""
    install()
    from twisted.internet import reactor

    parent: Any = options.parent if options.parent is not None else {}
    path = os.path.abspath(options["config"])
    try:
        config = load(path)
        _settle(parent, config)
        log = LogListener(_sinks(parent, config))
        events = Events(onError(log))
        events.subscribe(log)

        def read() -> Config:
            events.publish(Reading(path))
            return load(path)

        crew = crewFor(reactor, config.process, events)
        daemon = Hosted(reactor, events, read, log, crew)
        daemon.observesTwisted = not bool(parent.get("logger"))
        daemon.pidFile = config.process.pid if parent.get("pidfile") == config.process.pid else None
        daemon.adopt(config)
        events.publish(starting())
        events.publish(Reading(path))
        daemon.record(config, (parent.get("uid"), parent.get("gid")))
        daemon.begin(config)
        attach(daemon, reactor, events, log, config, os.environ)
        notifier = Notifier(reactor, os.environ)
        events.subscribe(notifier)
        notifier.setServiceParent(daemon)
        StallWatch(reactor, events).setServiceParent(daemon)
    except ConfigError as error:
        problems = "\n".join(map(str, error.problems))
        raise SystemExit(f"{problems}\nConfiguration failed: nothing was started") from None
    except ProcessError as error:
        raise SystemExit(f"{error}\nConfiguration failed: nothing was started") from None
    return daemon


def _settle(parent: Any, config: Config) -> None:
    """Give twistd what the file says of the process, where its command line says nothing."""
    process = config.process
    wanted: Mapping[str, Any] = {
        "uid": None if process.setuid is None else userNumber(process.setuid),
        "gid": None if process.setgid is None else groupNumber(process.setgid),
        "chroot": process.chroot,
    }
    for name, value in wanted.items():
        if value is not None and parent.get(name) is None:
            parent[name] = value
    if process.pid is not None and parent.get("pidfile") in PIDFILE:
        checkPidFile(process.pid)
        parent["pidfile"] = process.pid


def _sinks(parent: Any, config: Config) -> tuple[Sink, ...]:
    """Where the log goes: the command line's word first, then the file's."""
    process = config.process
    foreground = bool(parent.get("nodaemon") or parent.get("debug"))
    output = parent.get("logfile") if parent.get("logfile") not in (None, "-") else process.output
    syslog = True if parent.get("syslog") else process.syslog
    try:
        owner = (parent.get("uid"), parent.get("gid"))
        return sinksFor(process, foreground, output, syslog, owner)
    except OSError as error:
        raise ProcessError(f"cannot open the log file {output}: {error.strerror}") from None
