"""The way of audit messages to their collector: by which protocol, from which spool, trusting whom.

Nothing here knows what is in a message.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from attrs import evolve, frozen
from OpenSSL import SSL
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone

from appliance.audit.datagrams import DatagramSender
from appliance.audit.outbox import Outbox
from appliance.audit.spool import Directory, Memory, Queue
from appliance.audit.stream import USER_TIMEOUT, Sender
from appliance.backend.dialler import Dialler, OutOfTimeError
from appliance.backend.named import Named
from appliance.backend.resolve import isLiteral, resolver
from appliance.config.model import (
    AuditConfig,
    ConfigError,
    GlobalConfig,
    Problem,
    SocketOption,
    SocketRole,
    TLSConfig,
)
from appliance.events import AuditSpoolFailed, Events, Warned
from appliance.system.process import ProcessError
from appliance.tls.context import build
from appliance.tls.creator import Creator
from appliance.tls.files import inspect
from appliance.tls.peer import Facts
from appliance.tls.transport import TLSWireFactory
from appliance.tls.verify import verdicts

CONNECT_WITHIN: Final = 10.0
"""Seconds that a connection to the audit collector may take."""


def _option(name: str, number: int, value: int) -> SocketOption:
    return SocketOption(SocketRole.REMOTE, name, socket.IPPROTO_TCP, number, value)


ATTENTIVE: Final = (
    _option("TCP_USER_TIMEOUT", socket.TCP_USER_TIMEOUT, int(USER_TIMEOUT * 1000)),
    _option("TCP_KEEPIDLE", socket.TCP_KEEPIDLE, 30),
    _option("TCP_KEEPINTVL", socket.TCP_KEEPINTVL, 10),
)
"""What lets the kernel find out that a collector is gone, whether or not there is much to send."""


def senderFor(
    reactor: Any, audit: AuditConfig, events: Events, queue: Callable[[], Queue]
) -> Sender | DatagramSender:
    """What sends messages as C{audit} says, from the C{queue} that is opened last.

    Raises L{ConfigError}, and whatever C{queue} raises.
    """
    secured = _secured(audit) if audit.protocol == "tls" else None
    # Before the spool is opened, since that may fail.
    creator = None if secured is None else _creator(audit, secured, events)
    outbox = Outbox(str(audit), queue(), events.publish)
    if audit.protocol == "udp":
        return DatagramSender(reactor, outbox, _finder(reactor, audit), audit.port)
    dialler = Dialler(reactor, CONNECT_WITHIN, options=ATTENTIVE)
    endpoint = Named(dialler, resolver(reactor), audit.host, audit.port)
    if secured is None or creator is None:
        return Sender(reactor, outbox, endpoint, lambda lines: lines, _why)
    wrap = partial(TLSWireFactory, creator, True)
    explain = partial(_whyInTLS, secured.tls)
    return Sender(reactor, outbox, endpoint, wrap, explain, encrypted=True)


def queueFor(audit: AuditConfig, events: Events) -> Queue:
    """The messages that wait, as C{audit} says where. Raises L{ProcessError}."""
    return Queue(_store(audit, events), audit.spoolSize)


def _store(audit: AuditConfig, events: Events) -> Memory | Directory:
    path = audit.spool
    if path is None:
        return Memory()

    def failed(error: OSError) -> None:
        events.publish(AuditSpoolFailed(path, error.strerror or "unknown error"))

    try:
        return Directory(path, failed)
    except BlockingIOError:
        raise ProcessError(
            f"auditSpool: another process uses {path}; give each appliance a directory of its own"
        ) from None
    except OSError as error:
        raise ProcessError(f"auditSpool: cannot read {path}: {error.strerror}") from None


def _finder(reactor: Any, audit: AuditConfig) -> Callable[[], Deferred[tuple[str, ...]]]:
    resolve = resolver(reactor)

    def find() -> Deferred[tuple[str, ...]]:
        return resolve(audit.host, audit.port).addCallback(
            lambda targets: tuple(target.host for target in targets)
        )

    return find


def auditProblems(process: GlobalConfig) -> tuple[Problem, ...]:
    """What is wrong with the certificates and keys for a collector that is sent TLS."""
    audit = process.audit
    return () if audit is None or audit.protocol != "tls" else _secured(audit).problems


@frozen
class _Secured:
    """How we speak TLS with the collector, and what is wrong with that; C{None}: we cannot."""

    tls: TLSConfig
    context: SSL.Context | None
    problems: tuple[Problem, ...]


def _secured(audit: AuditConfig) -> _Secured:
    literal = isLiteral(audit.host)
    tls = TLSConfig(
        client=True,
        cert=audit.cert,
        key=audit.key or audit.cert,
        certWhere=audit.certWhere,
        keyWhere=audit.keyWhere,
        caFile=audit.caFile,
        caWhere=audit.caWhere,
        verifyChain=True,
        checkHost=() if literal else (audit.host,),
        checkIP=(audit.host,) if literal else (),
    )
    material, found = inspect(tls, datetime.now(UTC))
    problems = tuple(map(_ours, found))
    if any(problem.fatal for problem in problems):
        return _Secured(tls, None, problems)
    try:
        return _Secured(tls, build("audit", audit.where, tls, material), problems)
    except ValueError as error:
        return _Secured(tls, None, (*problems, *map(_ours, error.args)))


def _creator(audit: AuditConfig, secured: _Secured, events: Events) -> Creator:
    """What makes our connections. Raises L{ConfigError}."""
    if secured.context is None:
        raise ConfigError(secured.problems)
    for problem in secured.problems:
        events.publish(Warned(str(problem)))
    name = None if isLiteral(audit.host) else audit.host
    return Creator(secured.context, name, tls=secured.tls)


def _ours(problem: Problem) -> Problem:
    """C{problem} under the name that the option has for audit messages."""
    names = {"CAfile": "auditCAfile", "cert": "auditCert", "key": "auditKey"}
    return evolve(problem, section="", option=names.get(problem.option, "audit"))


def _why(_transport: Any, error: BaseException) -> str:
    """Why the collector cannot be reached, or its connection has ended, in words."""
    if isinstance(error, ConnectionDone):
        return "it closes each connection at once"
    if isinstance(error, OutOfTimeError):
        return "it does not answer"
    if isinstance(error, OSError) and error.errno is not None:
        return f"{os.strerror(error.errno)} ({error.errno})"
    return str(error).rstrip(".") or type(error).__name__


def _whyInTLS(tls: TLSConfig, transport: Any, error: BaseException) -> str:
    """The same where the connection has TLS."""
    if transport is None or not isinstance(error, SSL.Error):
        return _why(transport, error)
    record = verdicts(transport.connection)
    if record is not None and record.error is not None:
        return (
            f"its certificate is not good for us, {record.error}: it must be for the host in "
            "'audit', and from an authority in auditCAfile"
        )
    failed = Facts(tls).failed(transport, error, "audit", "", "")
    return f"it {getattr(failed, 'found', 'fails in the TLS handshake')}"
