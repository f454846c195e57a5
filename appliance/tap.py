"""The composition root: C{twistd butterfly-tls} begins here.

Everything that can fail does so in L{makeService}, before twistd leaves the terminal or writes a
pid file, and ends in C{SystemExit} with words and status 1.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from functools import partial
from getpass import getpass
from typing import Any

from OpenSSL import SSL
from twisted.application.service import IServiceCollection
from twisted.logger import ILogObserver
from twisted.python import usage
from twisted.python.components import Componentized
from zope.interface import directlyProvides

from appliance import __version__
from appliance.config.build import load
from appliance.config.model import Config, ConfigError
from appliance.events import Accepting, Events, Reading, Refused, Starting, Stopping
from appliance.logs.listener import LogListener, onError, twistedObserver
from appliance.logs.sinks import File, Sink, Syslog, terminal
from appliance.service import Appliance
from appliance.system.process import ProcessError, checkPidFile, groupNumber, userNumber
from appliance.system.signals import install
from appliance.system.workers import Crew

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


class Daemon(Appliance):
    """The appliance as twistd runs it: reads its file, writes its log, hears signals."""

    def __init__(
        self, reactor: Any, events: Events, path: str, log: LogListener, crew: Crew | None
    ) -> None:
        super().__init__(reactor, events, crew=crew)
        self._path = path
        self._log = log
        self.observesTwisted = True

    def begin(self, config: Config) -> None:
        """Make everything ready with the first configuration. Raises L{ConfigError}."""
        self._showLevels(config)
        platform = f"{sys.platform}, Python {sys.version.split()[0]}"
        openssl = SSL.OpenSSL_version(SSL.OPENSSL_VERSION).decode()
        self._events.publish(Starting(__version__, platform, openssl))
        self._events.publish(Reading(config.path))
        self.apply(config)

    def _showLevels(self, config: Config) -> None:
        self._log.level = config.process.debug
        self._log.levels = {section.name: section.debug for section in config.sections}

    def setServiceParent(self, parent: IServiceCollection) -> None:
        """Join twistd's application, and take over its log unless the command line chose one."""
        if self.observesTwisted and isinstance(parent, Componentized):
            observer = twistedObserver(self._events)
            directlyProvides(observer, ILogObserver)
            parent.setComponent(ILogObserver, observer)
        super().setServiceParent(parent)

    def startService(self) -> None:
        """Serve, and hear signals."""
        super().startService()
        self._hearSignals()
        self._reactor.callWhenRunning(self._serving)

    def _hearSignals(self) -> None:
        stops = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
        install(
            self._reactor,
            {
                signal.SIGHUP: self.reload,
                signal.SIGUSR1: self._log.reopen,
                signal.SIGUSR2: self.tellActive,
                **{number: partial(self._stop, number.name) for number in stops},
            },
        )

    def _serving(self) -> None:
        # Again, since Twisted sets handlers of its own when the reactor starts.
        self._hearSignals()
        self.tellReady()
        self._events.publish(Accepting())

    def reload(self) -> None:
        """Read the file again; a bad one changes nothing and is told."""
        self._events.publish(Reading(self._path))
        try:
            config = load(self._path)
            self.apply(config)
        except ConfigError as error:
            self._events.publish(Refused(tuple(map(str, error.problems)), reload=True))
            return
        self._showLevels(config)
        self.tellReady()

    def _stop(self, name: str) -> None:
        self._events.publish(Stopping(name, self.connections))
        self._reactor.stop()


def makeService(options: Options) -> Daemon:
    """Build the service for twistd; exits with words when anything is wrong."""
    from twisted.internet import reactor

    parent: Any = options.parent if options.parent is not None else {}
    path = os.path.abspath(options["config"])
    try:
        config = load(path)
        _settle(parent, config)
        log = LogListener(_sinks(parent, config))
        events = Events(onError(log))
        events.subscribe(log)
        workers = config.process.workers or len(os.sched_getaffinity(0))
        crew = Crew(reactor, workers, events) if workers > 1 else None
        daemon = Daemon(reactor, events, path, log, crew)
        daemon.observesTwisted = not bool(parent.get("logger"))
        if sys.stdin.isatty():
            daemon.passphrases.ask(getpass)
        daemon.begin(config)
        # Later nobody may be there, and a question would stop all work.
        daemon.passphrases.silence()
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
    sinks: list[Sink] = []
    if foreground:
        sinks.append(terminal())
    output = parent.get("logfile") if parent.get("logfile") not in (None, "-") else process.output
    if output is not None:
        try:
            sinks.append(File(output, process.appendLog, parent.get("uid"), parent.get("gid")))
        except OSError as error:
            raise ProcessError(f"cannot open the log file {output}: {error.strerror}") from None
    wantsSyslog = bool(parent.get("syslog")) or process.syslog is True
    if wantsSyslog or (not sinks and process.syslog is None):
        sinks.append(Syslog(process.service, process.facility))
    return tuple(sinks)
