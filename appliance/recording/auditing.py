"""The audit trail of a process, which can be left to another process and taken back.

A spool on disk belongs to one process at a time: what waits in it is sent by whoever has it.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, DeferredList, maybeDeferred, succeed

from appliance.audit.atna import Reporter
from appliance.audit.datagrams import DatagramSender
from appliance.audit.spool import Queue
from appliance.audit.stream import Sender
from appliance.audit.trail import Trail
from appliance.config.model import AuditConfig, Config, Dicom
from appliance.events import Events
from appliance.recording.collector import queueFor, senderFor


class Auditing(MultiService):
    """The trail that C{audit}, which C{config} has in it, asks for."""

    def __init__(self, reactor: Any, config: Config, audit: AuditConfig, events: Events) -> None:
        super().__init__()
        self._reactor = reactor
        self._config = config
        self._audit = audit
        self._events = events
        self._queue: Queue | None = None
        self._sender: Sender | DatagramSender | None = None
        self._forget: Callable[[], None] | None = None

    def open(self) -> None:
        """Listen from now on, and open what is needed to send.

        Raises L{ConfigError<appliance.config.model.ConfigError>} or
        L{ProcessError<appliance.system.process.ProcessError>}.
        """
        if self._sender is None or self._audit.spool is not None:
            self._sender = senderFor(self._reactor, self._audit, self._events, self._opened)
            self._sender.setServiceParent(self)
        uri = Path(os.path.abspath(self._config.path)).as_uri()
        name, titles = self._config.process.service, _titles(self._config)
        by = partial(_reporter, self._audit.source, socket.gethostname(), name, titles)
        self._forget = self._events.subscribe(Trail(self._reactor, by, uri, self._sender.send))

    def _opened(self) -> Queue:
        self._queue = queueFor(self._audit, self._events)
        return self._queue

    def lend(self) -> Deferred[None]:
        """Listen no more; fires when another process can have the spool, where there is one."""
        if self._forget is not None:
            self._forget()
            self._forget = None
        if self._audit.spool is None:
            # What waits in memory can be sent from here alone.
            return succeed(None)
        stopped = DeferredList([maybeDeferred(each.disownServiceParent) for each in list(self)])
        return stopped.addCallback(self._release)

    def _release(self, _: object) -> None:
        if self._queue is not None:
            self._queue.close()
            self._queue = None


def _titles(config: Config) -> tuple[str, ...]:
    """The AE titles by which we ask PACS for associations of our own."""
    ours = (each.callingAET for each in config.sections if each.dicom.mode is not Dicom.NO)
    return tuple(dict.fromkeys(ours))


def _reporter(source: str, host: str, name: str, titles: tuple[str, ...]) -> Reporter:
    # Asked for each time, since a daemon gets its number after all this.
    return Reporter(source, host, os.getpid(), name, titles)
