"""Connects to one target, from the address and through the proxy that a section wants.

The socket is made and bound here, since Twisted's own endpoints cannot prepare it before it
connects. Nothing here knows which target is next, or what will be said on the connection.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterable
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
    IWriteDescriptor,
)
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from appliance.backend.caller import Caller
from appliance.backend.resolve import Target
from appliance.backend.tunnel import Tunnel, TunnelError
from appliance.config.model import SocketOption
from appliance.system.wire import Wire

IP_TRANSPARENT = 19
IP_BIND_ADDRESS_NO_PORT = 24
IPV6_TRANSPARENT = 75
"""From C{linux/in.h} and C{in6.h}; Python has no names for them."""

BUSY_UNIX = 0.05
"""Seconds until a unix socket whose queue is full is tried again: nothing tells when it is not."""


class OutOfTimeError(Exception):
    """A target did not answer in time."""


class SourceError(Exception):
    """A target cannot be dialled from the address that is wanted; C{str} says why."""


@frozen
class Dialler:
    """Dials targets, each for C{timeout} seconds.

    C{local} are source addresses, of which one of the target's family is used; none leaves the
    choice to the kernel. C{transparent} dials from the caller's own address (C{IP_TRANSPARENT},
    L{ip(7)}). Through C{tunnel}, targets are HTTP proxies. C{options} are set on each socket.
    """

    reactor: Any
    timeout: float
    local: tuple[str, ...] = ()
    transparent: bool = False
    tunnel: Tunnel | None = None
    options: tuple[SocketOption, ...] = ()

    @property
    def longest(self) -> float:
        """Seconds that one target may take, the proxy's answer included."""
        return self.timeout + (0.0 if self.tunnel is None else self.tunnel.timeout)

    def endpoint(self, target: Target) -> IStreamClientEndpoint:
        """The endpoint that dials C{target} for nobody in particular."""
        return _Endpoint(self, target)

    async def connect(self, target: Target, factory: IProtocolFactory, caller: Caller) -> IProtocol:
        """Connect a protocol of C{factory} to C{target} on behalf of C{caller}.

        Fails with L{OutOfTimeError}, L{SourceError}, L{TunnelError} or C{OSError}. Cancel it to
        give up.
        """
        asking = None if self.tunnel is None else self.tunnel.through(factory, self.reactor)
        handle = self._socket(target, caller)
        where = target.host if not target.port else (target.host, target.port)
        number = _begin(handle, where)
        if number:
            await _Attempt(self.reactor, handle, where, self.timeout, number).done
        protocol = self._carry(handle, asking or factory)
        return protocol if asking is None else await asking.answered

    def _carry(self, handle: socket.socket, factory: IProtocolFactory) -> IProtocol:
        try:
            protocol = factory.buildProtocol(None)  # type: ignore[arg-type]
            if protocol is None:
                raise OSError(errno.ECANCELED, os.strerror(errno.ECANCELED))
            Wire(self.reactor, handle, self.options).carry(protocol)
        except BaseException:
            handle.close()
            raise
        return protocol

    def _socket(self, target: Target, caller: Caller) -> socket.socket:
        family = _family(target)
        handle = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            if family is not socket.AF_UNIX:
                self._bind(handle, caller)
        except (OSError, SourceError):
            handle.close()
            raise
        return handle

    def _bind(self, handle: socket.socket, caller: Caller) -> None:
        # The port is chosen when connecting, so that a source address has more than 28000 of them.
        if self.transparent and caller.host:
            try:
                makeTransparent(handle)
            except PermissionError as error:
                words = f"{dialError(error)}: transparent = source needs CAP_NET_ADMIN"
                raise SourceError(words) from None
            source = caller.host
        elif self.local:
            source = _ofFamily(handle.family, self.local)
        else:
            return
        if _familyOf(source) is not handle.family:
            raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))
        handle.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        handle.bind((source, 0))


def makeTransparent(handle: socket.socket) -> None:
    """Let C{handle} be bound to addresses that are not ours; only root may do this."""
    if handle.family == socket.AF_INET6:
        handle.setsockopt(socket.IPPROTO_IPV6, IPV6_TRANSPARENT, 1)
    else:
        handle.setsockopt(socket.IPPROTO_IP, IP_TRANSPARENT, 1)


def _family(target: Target) -> socket.AddressFamily:
    return _familyOf(target.host) if target.port else socket.AF_UNIX


def _familyOf(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _ofFamily(family: int, hosts: Iterable[str]) -> str:
    """The first of C{hosts} that is of C{family}; any other one when none is."""
    hosts = tuple(hosts)
    return next((host for host in hosts if _familyOf(host) == family), hosts[0])


@implementer(IStreamClientEndpoint)
@frozen
class _Endpoint:
    """One target as Twisted wants it."""

    dialler: Dialler
    target: Target

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """Connect a protocol of C{protocolFactory}."""
        return Deferred.fromCoroutine(
            self.dialler.connect(self.target, protocolFactory, Caller(""))
        )


def _begin(handle: socket.socket, where: Any) -> int:
    """Begin to connect C{handle}; the C{errno} that the kernel gives, 0 when it is connected."""
    number = handle.connect_ex(where)
    # Within one machine it has come to an end by now, good or bad.
    return handle.connect_ex(where) if number == errno.EINPROGRESS else number


@implementer(IWriteDescriptor)
class _Attempt:
    """One socket on its way to being connected to C{where}; C{done} fires when it is.

    C{number} is the C{errno} with which it has begun.
    """

    def __init__(
        self, reactor: Any, handle: socket.socket, where: Any, timeout: float, number: int
    ) -> None:
        self.done: Deferred[None] = Deferred(lambda _: self._end(close=True))
        self._reactor = reactor
        self._handle = handle
        self._where = where
        self._number = handle.fileno()
        self._again: Any = None
        self._overdue = reactor.callLater(timeout, self._fail, OutOfTimeError())
        self._judge(number)

    def _try(self) -> None:
        self._again = None
        self._judge(_begin(self._handle, self._where))

    def _judge(self, number: int) -> None:
        if not number:
            self._succeed()
        elif number in (errno.EINPROGRESS, errno.EALREADY):
            self._reactor.addWriter(self)
        elif number == errno.EAGAIN:
            self._again = self._reactor.callLater(BUSY_UNIX, self._try)
        else:
            self._fail(OSError(number, os.strerror(number)))

    def doWrite(self) -> None:
        """The kernel has decided."""
        number = self._handle.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            self._fail(OSError(number, os.strerror(number)))
        else:
            self._succeed()

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: ARG002
        """The reactor found the socket broken, as when it is refused."""
        if not self.done.called:
            self.doWrite()

    def _succeed(self) -> None:
        self._end(close=False)
        self.done.callback(None)

    def _fail(self, error: Exception) -> None:
        self._end(close=True)
        self.done.errback(error)

    def _end(self, close: bool) -> None:
        self._reactor.removeWriter(self)
        for timer in (self._overdue, self._again):
            if timer is not None and timer.active():
                timer.cancel()
        if close:
            self._handle.close()

    def fileno(self) -> int:
        """The socket's number, also after its end: a reactor looks for one that has changed."""
        return self._number

    def logPrefix(self) -> str:
        """What Twisted calls us in a log of its own."""
        return "dial"


def dialError(error: BaseException) -> str | None:
    """C{Connection refused (111)}: the system's words for a failed dial; C{None}: out of time."""
    if isinstance(error, OutOfTimeError):
        return None
    if isinstance(error, TunnelError | SourceError):
        return str(error)
    number = getattr(error, "errno", None)
    if isinstance(number, int):
        return f"{os.strerror(number)} ({number})"
    return "connection failed"
