"""Is something listening? Connects and closes at once, without a byte.

For addresses that may not speak DICOM. A PACS logs it as a lone connection, so its health check is
L{appliance.health.echo}.
"""

from __future__ import annotations

from OpenSSL import SSL
from twisted.internet.interfaces import IHandshakeListener, IReactorTime, IStreamClientEndpoint
from zope.interface import implementer

from appliance.health.conversation import Conversation, Ending, Wrapper, hold
from appliance.health.explain import hungUp, silent, unconnected
from appliance.health.handshake import broken
from appliance.health.result import TCP, TLS, Result, State, Stopwatch
from appliance.health.spelling import ARGUMENTS, Spelling


@implementer(IHandshakeListener)
class _Knock(Conversation):
    """Closes once it is connected, or has shaken hands."""

    def __init__(self, watch: Stopwatch, *, encrypted: bool) -> None:
        super().__init__()
        self._watch = watch
        self._encrypted = encrypted

    def connectionMade(self) -> None:
        self._watch.note("connected", then=TLS if self._encrypted else "")
        if not self._encrypted:
            self._leave()

    def handshakeCompleted(self) -> None:
        self._watch.note("handshake done")
        self._leave()

    def _leave(self) -> None:
        if self.transport is not None:
            self.transport.loseConnection()

    def conclude(self, ending: Ending, timeout: float, spelling: Spelling) -> Result:
        """What the connection, which ended with C{ending}, has shown."""
        watch = self._watch
        if not watch.step:
            found = Result(State.ALIVE, "it accepts connections")
        elif ending.expired:
            found = silent(watch.step, timeout, spelling)
        elif watch.step == TCP:
            found = unconnected(ending.error)
        elif isinstance(ending.error, SSL.Error):
            found = broken(ending.error, spelling)
        else:
            found = hungUp(watch.step, encrypted=True, spelling=spelling)
        return watch.finish(found)


async def reach(
    clock: IReactorTime,
    endpoint: IStreamClientEndpoint,
    *,
    timeout: float,
    tls: Wrapper | None = None,
    spelling: Spelling = ARGUMENTS,
) -> Result:
    """Connect to C{endpoint} within C{timeout} seconds and close.

    C{tls} puts TLS beneath a factory, and hands are shaken too. C{spelling} is how advice names
    our settings. The state is C{ALIVE}, C{UNREACHABLE}, C{UNTRIED} or C{TLS_FAILURE}; nothing is
    raised but C{CancelledError}.
    """
    conversation = _Knock(Stopwatch(clock.seconds), encrypted=tls is not None)
    ending = await hold(clock, endpoint, conversation, timeout=timeout, wrap=tls)
    return conversation.conclude(ending, timeout, spelling)
