"""The process behind C{butterfly-tls stunnel}: it starts, serves and ends in stunnel's order.

Configuration and ports first, then the root, the group and the user, then the log file, then into
the background, then the pid file. What happens before there is a log is held back; when the start
fails all of it is told on standard error, and the exit status is 1.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, Final

from twisted.logger import globalLogBeginner

from appliance.backend.resolve import isLiteral
from appliance.cli.stunnelsource import Source
from appliance.config.model import Config, ConfigError, InetAddress
from appliance.config.stunnelwords import bothForms, isBinding
from appliance.console.ofdaemon import attach
from appliance.daemon import Daemon, crewFor, sinksFor, starting, tellRefused
from appliance.events import Events, LogLost, PidFileFailed, RootChanged, StartFailed, Warned
from appliance.logs.held import Held
from appliance.logs.listener import LogListener, onError, twistedObserver
from appliance.logs.sinks import Syslog
from appliance.section.settings import destinations
from appliance.system.background import Background
from appliance.system.process import (
    PidFile,
    ProcessError,
    become,
    changeRoot,
    groupNumber,
    said,
    userNumber,
)
from appliance.system.stdio import standardSocket

MAIN: Final = "ui"
"""What stands in the brackets of lines that are about no connection."""

LATE: Final = (
    *("encodings.ascii", "encodings.idna", "encodings.latin_1", "stringprep", "unicodedata"),
    *("twisted.internet.process", "twisted.python.threadpool"),
)
"""What is imported when first needed: in another root, or as another user, it may not be found."""


UNRESOLVED: Final = (
    "chroot: the name {name} is looked up within {root}, where there is no etc/resolv.conf; put it "
    "and etc/hosts there, or write an address"
)


class Server(Daemon):
    """The appliance with a log by stunnel's rules, which each reload opens anew."""

    joinsGroups = False

    def openLog(self, config: Config) -> None:
        """Let the log be as C{config} says. Raises C{OSError}, and nothing is changed."""
        process = config.process
        foreground = process.foreground == "yes"
        syslog = process.syslog is not False
        fresh = sinksFor(process, foreground, process.output, syslog)
        super().adopt(config)
        old, self._log.sinks = self._log.sinks, fresh
        for sink in old:
            sink.close()

    def adopt(self, config: Config) -> None:
        """Let all be as C{config} says; the old log goes on where the new one cannot be had."""
        try:
            self.openLog(config)
        except OSError as error:
            super().adopt(config)
            self._events.publish(LogLost(str(error.filename), said(error)))


class OneConnection(Server):
    """Serves the connection that is this process's standard input and output, and stops."""

    def serving(self) -> None:
        """The reactor runs, and the client waits."""
        (section,) = self.sections
        handle, flushed = standardSocket(self._reactor)
        section.accept(handle)
        section.whenIdle().addCallback(lambda _: flushed).addCallback(lambda _: self._end())

    def _end(self) -> None:
        # A signal may have come before.
        if self._reactor.running:
            self._reactor.stop()


class Start:
    """The way from a command line to a process that serves."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._log = LogListener(main=MAIN)
        self._held = Held()
        self._events = Events(onError(self._log))
        self._events.subscribe(self._held)
        self._server: Server | None = None
        globalLogBeginner.beginLoggingTo(
            [twistedObserver(self._events)],  # type: ignore[list-item]
            redirectStandardIO=False,
            discardBuffer=True,
        )

    def run(self, find: Callable[[], Source]) -> int:
        """Serve by what is in the source that C{find} gives; returns the exit status."""
        self._events.publish(starting())
        try:
            config = self._prepare(find())
        except ConfigError as error:
            self._refuse(error)
        except ProcessError as error:
            self._events.publish(StartFailed(str(error)))
        else:
            return self._serve(config)
        self._unbind()
        for line in self._held.marked():
            print(line, file=sys.stderr)
        return 1

    # --- as long as a failure is told on the terminal ------------------------------------------

    def _prepare(self, source: Source) -> Config:
        """Do all that can fail: ports, then root, group and user, then the log.

        Raises L{ConfigError} or L{ProcessError}.
        """
        config = source.read(self._events)
        process = config.process
        user = None if process.setuid is None else userNumber(process.setuid)
        group = None if process.setgid is None else groupNumber(process.setgid)
        server = self._makeServer(source, config)
        server.addresses.needsAll = False
        server.begin(config)
        self._server = server
        server.record(config, (user, group))
        # Of those that inetd starts there are as many as connections.
        if config.inetd is None:
            attach(server, self._reactor, self._events, self._log, config, os.environ)
        # Before the change of the root, since Twisted opens a device for it.
        server.privilegedStartService()
        self._background = Background() if _leaves(config) else None
        for name in LATE:
            import_module(name)
        if process.chroot is not None:
            self._changeRoot(config)
        become(user, group)
        try:
            server.openLog(config)
        except OSError as error:
            name, why = error.filename, said(error)
            raise ProcessError(f"Cannot open log file: {name}: {why}") from None
        return config

    def _makeServer(self, source: Source, config: Config) -> Server:
        arguments = (self._reactor, self._events, lambda: source.read(self._events), self._log)
        if config.inetd is not None:
            return OneConnection(*arguments, words=bothForms)
        crew = crewFor(self._reactor, config.process, self._events)
        return Server(*arguments, crew=crew, words=bothForms)

    def _changeRoot(self, config: Config) -> None:
        process, root = config.process, str(config.process.chroot)
        if process.syslog is not False:
            # It is connected here, and stays so.
            Syslog(process.service, process.facility)
        if not os.path.exists(os.path.join(root, "etc/resolv.conf")):
            for name in _named(config):
                self._events.publish(Warned(UNRESOLVED.format(name=name, root=root)))
        changeRoot(root)
        self._events.publish(RootChanged(root))

    def _refuse(self, error: ConfigError) -> None:
        fatal = [problem for problem in error.problems if problem.fatal]
        if all(map(isBinding, fatal)):
            self._events.publish(StartFailed("\n".join(map(bothForms, fatal))))
        else:
            tellRefused(self._events, error, bothForms)

    def _unbind(self) -> None:
        if self._server is not None:
            for section in self._server.sections:
                section.stopListening()

    # --- from here on there is a log -----------------------------------------------------------

    def _serve(self, config: Config) -> int:
        server = self._server
        assert server is not None  # noqa: S101
        tell = (lambda _: None) if self._background is None else self._background.enter()
        self._held.release(self._log)
        pid = None
        if config.process.pid is not None and config.inetd is None:
            pid = PidFile(config.process.pid)
            try:
                pid.write()
            except OSError as error:
                self._events.publish(PidFileFailed(pid.path, said(error)))
                self._unbind()
                tell(1)
                return 1
        server.startService()
        self._reactor.addSystemEventTrigger("before", "shutdown", server.stopService)
        tell(0)
        self._reactor.run()
        if pid is not None:
            pid.remove()
        return 0


def _named(config: Config) -> Iterator[str]:
    """The hosts that connections go to and that are not written as addresses."""
    for section in config.sections:
        for address in (*destinations(section), *section.redirect):
            if isinstance(address, InetAddress) and address.host and not isLiteral(address.host):
                yield address.host


def _leaves(config: Config) -> bool:
    """True when the process goes into the background."""
    return config.inetd is None and config.process.foreground in (None, "no")
