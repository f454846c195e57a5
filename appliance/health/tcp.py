"""Is something listening? Connects and closes at once, without a byte.

For addresses that may not speak DICOM. A PACS logs it as a lone connection, so its health check is
L{appliance.health.echo}.
"""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint

from appliance.health.conversation import Conversation, hold
from appliance.health.explain import silent, unconnected
from appliance.health.result import TCP, Result, State, Stopwatch


class _Knock(Conversation):
    def __init__(self, watch: Stopwatch) -> None:
        super().__init__()
        self._watch = watch

    def connectionMade(self) -> None:
        self._watch.note("connected")
        if self.transport is not None:
            self.transport.loseConnection()


async def reach(clock: IReactorTime, endpoint: IStreamClientEndpoint, *, timeout: float) -> Result:
    """Connect to C{endpoint} within C{timeout} seconds and close.

    The state is C{ALIVE} or C{UNREACHABLE}; nothing is raised but C{CancelledError}.
    """
    watch = Stopwatch(clock.seconds)
    ending = await hold(clock, endpoint, _Knock(watch), timeout=timeout)
    if watch.steps:
        return watch.finish(Result(State.ALIVE, "it accepts connections"))
    return watch.finish(silent(TCP, timeout) if ending.expired else unconnected(ending.error))
