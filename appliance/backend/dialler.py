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
from twisted.internet.protocol import Factory, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from appliance.backend.caller import Caller
from appliance.backend.resolve import Target
from appliance.backend.tunnel import Tunnel, TunnelError

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
    L{ip(7)}). Through C{tunnel}, targets are HTTP proxies.
    """

    reactor: Any
    timeout: float
    local: tuple[str, ...] = ()
    transparent: bool = False
    tunnel: Tunnel | None = None

    def endpoint(self, target: Target) -> IStreamClientEndpoint:
        """The endpoint that dials C{target} for nobody in particular."""
        return _Endpoint(self, target)

    def connect(
        self, target: Target, factory: IProtocolFactory, caller: Caller
    ) -> Deferred[IProtocol]:
        """Connect a protocol of C{factory} to C{target} on behalf of C{caller}.

        Fails with L{OutOfTimeError}, L{SourceError}, L{TunnelError} or C{OSError}. Cancel it to
        give up.
        """
        return Deferred.fromCoroutine(self._connect(target, factory, caller))

    async def _connect(
        self, target: Target, factory: IProtocolFactory, caller: Caller
    ) -> IProtocol:
        asking = None if self.tunnel is None else self.tunnel.through(factory, self.reactor)
        handle = self._socket(target, caller)
        attempt = _Attempt(self.reactor, handle, asking or factory, self.timeout)
        attempt.start(target.host if not target.port else (target.host, target.port))
        protocol = await attempt.done
        return protocol if asking is None else await asking.answered

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
        return self.dialler.connect(self.target, protocolFactory, Caller(""))


class Built(Factory):
    """Remembers what a factory has built."""

    noisy = False
    built: IProtocol | None = None

    def __init__(self, factory: IProtocolFactory) -> None:
        self._factory = factory

    def buildProtocol(self, addr: Any) -> IProtocol | None:  # type: ignore[override]
        """Build the factory's own protocol."""
        self.built = self._factory.buildProtocol(addr)
        return self.built


@implementer(IWriteDescriptor)
class _Attempt:
    """One socket on its way to being connected; C{done} gives the protocol on it."""

    def __init__(
        self, reactor: Any, handle: socket.socket, factory: IProtocolFactory, timeout: float
    ) -> None:
        self.done: Deferred[IProtocol] = Deferred(lambda _: self._end())
        self._reactor = reactor
        self._handle = handle
        self._factory = factory
        self._number = handle.fileno()
        self._again: Any = None
        self._overdue = reactor.callLater(timeout, self._fail, OutOfTimeError())

    def start(self, where: Any) -> None:
        """Begin to connect."""
        self._again = None
        number = self._handle.connect_ex(where)
        if number in (0, errno.EISCONN):
            self._connected()
        elif number == errno.EINPROGRESS:
            self._reactor.addWriter(self)
        elif number == errno.EAGAIN:
            self._again = self._reactor.callLater(BUSY_UNIX, self.start, where)
        else:
            self._fail(OSError(number, os.strerror(number)))

    def doWrite(self) -> None:
        """The kernel has decided."""
        number = self._handle.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            self._fail(OSError(number, os.strerror(number)))
        else:
            self._connected()

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: ARG002
        """The reactor found the socket broken, as when it is refused."""
        if not self.done.called:
            self.doWrite()

    def _connected(self) -> None:
        self._reactor.removeWriter(self)
        built = Built(self._factory)
        try:
            self._handle.getpeername()
            self._reactor.adoptStreamConnection(self.fileno(), self._handle.family, built)
        except OSError as error:
            # Gone again already, or no descriptor is left.
            self._fail(error)
            return
        self._end()
        if built.built is not None and not self.done.called:
            self.done.callback(built.built)

    def _fail(self, error: Exception) -> None:
        self._end()
        self.done.errback(error)

    def _end(self) -> None:
        if self._handle.fileno() < 0:
            return
        self._reactor.removeWriter(self)
        for timer in (self._overdue, self._again):
            if timer is not None and timer.active():
                timer.cancel()
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
