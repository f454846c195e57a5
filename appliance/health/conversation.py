"""One outgoing connection of a probe, from the dial to its very end, within a time limit.

L{hold} returns only when nothing is left: no connection, no timer. It knows nothing of DICOM.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import cast

from attrs import frozen
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import (
    IProtocolFactory,
    IReactorTime,
    IStreamClientEndpoint,
    ISystemHandle,
    ITCPTransport,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure

Wrapper = Callable[[IProtocolFactory], IProtocolFactory]
"""Puts a layer, such as TLS, beneath the protocols of a factory."""


class _Prompt(ProtocolWrapper):
    """Acknowledges what comes at once, so that the times of a probe are the peer's own.

    dcmtk writes each PDU in two pieces with Nagle on: a delayed ACK of ours, which is the kernel's
    habit, would add 40 ms to a step. The kernel drops the flag by itself, hence after each read.
    """

    def connectionMade(self) -> None:
        self._acknowledge()

    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data)
        self._acknowledge()

    def _acknowledge(self) -> None:
        if self.wrappedProtocol is not None and ITCPTransport.providedBy(self.transport):
            handle = cast(socket.socket, cast(ISystemHandle, self.transport).getHandle())
            handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


@frozen
class Ending:
    """How a conversation ended: C{error} is a C{ConnectionDone} when it was closed properly.

    C{expired} is true when the time limit, not the peer, ended it.
    """

    error: BaseException | None
    expired: bool = False


class Conversation(Protocol):
    """A client's protocol that closes its connection when it has heard enough.

    C{error} is why the connection ended, or why there was none.
    """

    error: BaseException | None = None

    def __init__(self) -> None:
        self._over = False
        self._waiting: list[Deferred[None]] = []

    def whenOver(self) -> Deferred[None]:
        """Fires when the connection is gone, or has not come about."""
        over: Deferred[None] = Deferred()
        if self._over:
            over.callback(None)
        else:
            self._waiting.append(over)
        return over

    def stop(self) -> None:
        """Drop the connection, if there is one."""
        if self.connected:
            cast(ITCPTransport, self.transport).abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Keep why it ended and tell who waits for it."""
        self.connected = 0
        self.error = reason.value
        self._over = True
        waiting, self._waiting = self._waiting, []
        for over in waiting:
            over.callback(None)


async def hold(
    clock: IReactorTime,
    endpoint: IStreamClientEndpoint,
    conversation: Conversation,
    *,
    timeout: float,
    wrap: Wrapper | None = None,
) -> Ending:
    """Connect C{conversation} to C{endpoint} and wait until its connection is gone.

    After C{timeout} seconds, all in all, whatever is under way is dropped. Cancelling drops it
    too, and takes effect when it is gone.
    """
    factory = Factory.forProtocol(lambda: conversation)
    prompt: WrappingFactory[_Prompt] = WrappingFactory(factory if wrap is None else wrap(factory))
    prompt.protocol = _Prompt
    factory.noisy = prompt.noisy = False
    expired = False

    def drop() -> None:
        connecting.cancel()
        conversation.stop()

    def expire() -> None:
        nonlocal expired
        expired = True
        drop()

    deadline = clock.callLater(timeout, expire)
    connecting = endpoint.connect(prompt)
    connecting.addErrback(conversation.connectionLost)
    try:
        await conversation.whenOver()
    except CancelledError:
        drop()
        await conversation.whenOver()
        raise
    finally:
        if deadline.active():
            deadline.cancel()
    return Ending(conversation.error, expired)
