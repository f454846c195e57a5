"""The composition root: C{twistd butterfly-tls} begins here.

Everything that can fail does so in L{makeService}, before twistd leaves the terminal or writes a
pid file, and ends in C{SystemExit} with words and status 1.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

from attrs import evolve
from twisted.application.service import IServiceCollection
from twisted.logger import ILogObserver
from twisted.python import usage
from twisted.python.components import Componentized
from zope.interface import directlyProvides

from appliance.config.model import Config, ConfigError
from appliance.console.ofdaemon import attach
from appliance.daemon import Daemon, crewFor, sinksFor, starting
from appliance.events import Events, Reading
from appliance.logs.damper import Damper
from appliance.logs.journald import SOCKET, isJournal
from appliance.logs.listener import LogListener, onError, twistedObserver
from appliance.logs.sinks import Sink
from appliance.section.reading import load
from appliance.system.heritage import Heritage, Will, handedOver, heritage
from appliance.system.notify import HEARD, Notifier
from appliance.system.process import (
    ProcessError,
    become,
    checkPidFile,
    groupNumber,
    groupsOf,
    keepOpen,
    maskAtLeast,
    renumber,
    userNumber,
)
from appliance.system.reactor import install
from appliance.system.stall import StallWatch
from appliance.system.successor import SuccessionError, Successor

DEFAULT_CONFIG = "/etc/butterfly-tls/butterfly-tls.conf"


PIDFILE = ("twistd.pid", os.path.abspath("twistd.pid"))
"""What twistd's C{--pidfile} is where the command line says nothing."""


class Options(usage.Options):
    """The command line behind C{twistd butterfly-tls}."""

    optParameters = [
        ["config", "c", DEFAULT_CONFIG, "The configuration file: stunnel-style sections."],
        ["overlay", "o", None, "A file with options of our own for the sections of that one."],
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
    compData = usage.Completions(
        optActions={"config": usage.CompleteFiles(), "overlay": usage.CompleteFiles()}
    )


class Hosted(Daemon):
    """The appliance within twistd's application, whose log it takes over.

    C{twistd} are its options. Its pid file is one that it removes at the end; we empty the one in
    C{pid} where the user that we become may not remove it.
    """

    observesTwisted = True
    emptiesPidFile = False
    twistd: Any = {}
    groups: tuple[int, ...] | None = None
    _empty: Any = None

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
        if self.emptiesPidFile:
            # An old number in a file that stays would point to a stranger one day.
            empty = keepOpen(self.twistd["pidfile"])
            self._empty = self._reactor.addSystemEventTrigger("after", "shutdown", empty)
        if self.groups is not None:
            self._giveUpRights(self.groups)

    def _giveUpRights(self, groups: tuple[int, ...]) -> None:
        # twistd would do that next, but looks the user up, who may not be known in another root.
        try:
            become(self.twistd["uid"], self.twistd["gid"], groups)
        except ProcessError as error:
            raise SystemExit(f"{error}\nNothing was started") from None
        self.twistd["uid"] = self.twistd["gid"] = None

    def will(self) -> Will:
        """The same, and where our number stands."""
        path = self.twistd.get("pidfile")
        return evolve(super().will(), pidFile=os.path.abspath(path) if path else None)

    async def upgrade(self) -> int:
        """The same, and the pid file goes with it."""
        path = self.twistd.get("pidfile")
        try:
            pid = await super().upgrade()
        except SuccessionError:
            # The other may have written its own already.
            if path:
                renumber(path)
            raise
        self.twistd["pidfile"] = ""
        if self._empty is not None:
            self._reactor.removeSystemEventTrigger(self._empty)
        return pid


def makeService(options: Options) -> Hosted:
    """Build the service for twistd; exits with words when anything is wrong."""
    install()
    from twisted.internet import reactor

    # A pid file that everybody may write to would choose whom a stop ends.
    maskAtLeast(0o022)
    parent: Any = options.parent if options.parent is not None else {}
    path = os.path.abspath(options["config"])
    overlay = options["overlay"] and os.path.abspath(options["overlay"])
    left = heritage(os.environ, handedOver())
    try:
        config = load(path, overlay)
        _settle(parent, config)
        _succeed(parent, left)
        log = LogListener(_sinks(parent, config))
        events = Events(onError(log))
        damper = Damper(reactor, log)
        events.subscribe(damper)

        def tellReading() -> None:
            for each in filter(None, (path, overlay)):
                events.publish(Reading(each))

        def read() -> Config:
            tellReading()
            return load(path, overlay)

        crew = crewFor(reactor, config.process, events)
        daemon = Hosted(reactor, events, read, log, crew)
        daemon.observesTwisted = not bool(parent.get("logger"))
        daemon.twistd = parent
        if parent.get("uid") is not None and os.geteuid() == 0 and not parent.get("euid"):
            parent["gid"], daemon.groups = groupsOf(parent["uid"], parent.get("gid"))
        daemon.emptiesPidFile = bool(config.process.pid) and (
            parent.get("pidfile") == config.process.pid
        )
        daemon.addresses.heritage = left
        daemon.passphrases.learn({} if left.will is None else left.will.passphrases)
        daemon.adopt(config)
        events.publish(starting())
        tellReading()
        daemon.record(config, (parent.get("uid"), parent.get("gid")))
        daemon.begin(config)
        attach(daemon, reactor, events, log, config, os.environ)
        notifier = Notifier(reactor, os.environ)
        events.subscribe(notifier, HEARD)
        notifier.setServiceParent(daemon)
        StallWatch(reactor, events).setServiceParent(daemon)
        reactor.addSystemEventTrigger("after", "shutdown", damper.flush)
        daemon.departure.successor = Successor(reactor, sys.orig_argv, os.environ)
    except ConfigError as error:
        problems = "\n".join(map(str, error.problems))
        left.failed(problems)
        raise SystemExit(f"{problems}\nConfiguration failed: nothing was started") from None
    except ProcessError as error:
        left.failed(str(error))
        raise SystemExit(f"{error}\nConfiguration failed: nothing was started") from None
    return daemon


def _succeed(parent: Any, left: Heritage) -> None:
    """Let twistd keep the pid file that a predecessor has left, if we may write to it."""
    path = None if left.will is None else left.will.pidFile
    if path is not None and os.access(path, os.W_OK):
        parent["pidfile"] = path


def _settle(parent: Any, config: Config) -> None:
    """Give twistd what the file says of the process, where its command line says nothing."""
    process = config.process
    wanted: Mapping[str, Any] = {
        "uid": None if process.setuid is None else userNumber(process.setuid),
        "gid": None if process.setgid is None else groupNumber(process.setgid),
        "chroot": process.chroot,
    }
    # What a predecessor has become we are already.
    have = {"uid": os.getuid(), "gid": os.getgid(), "chroot": None}
    for name, value in wanted.items():
        if value != have[name] and parent.get(name) is None:
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
        journal = SOCKET if isJournal(os.environ) else None
        return sinksFor(process, foreground, output, syslog, owner, journal=journal)
    except OSError as error:
        raise ProcessError(f"cannot open the log file {output}: {error.strerror}") from None
