"""What must hold of any bytes at the control socket: a line gets its answer, and nothing breaks.

An input is all that a caller says. Behind the desk is an appliance of which nothing is real.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from appliance.console.answer import Answer
from appliance.console.control import ControlFactory
from appliance.console.wire import LONGEST_REQUEST, loadAnswer
from appliance.events import ConsoleRefused, InternalError
from tests.console.fake import FakeOperator, deskFor

PIECE = 7
"""Bytes: shorter than a request, so that each of them is cut somewhere."""


class Caller(StringTransport):
    """Somebody of whom the kernel knows nothing."""

    @property
    def socket(self) -> Caller:
        """Where it is asked."""
        return self

    def getsockopt(self, *_: int) -> bytes:
        """Tell nothing."""
        raise OSError

    def abortConnection(self) -> None:
        """Be cut."""
        self.loseConnection()


def answered(data: bytes, piece: int) -> list[Answer]:
    """What is answered to C{data}, which comes in pieces; the last is a refusal or the end."""
    clock, transport = Clock(), Caller()
    desk, heard = deskFor(FakeOperator())
    factory = ControlFactory(clock, desk)
    protocol = factory.buildProtocol(None)  # type: ignore[arg-type]
    assert protocol is not None
    protocol.makeConnection(transport)
    for at in range(0, len(data), piece):
        if transport.disconnecting:
            break
        protocol.dataReceived(data[at : at + piece])
        assert len(protocol._buffer) <= LONGEST_REQUEST + len(protocol.delimiter)
    if not transport.disconnecting:
        protocol.readConnectionLost()
    assert transport.disconnecting
    protocol.connectionLost()
    assert clock.getDelayedCalls() == []
    assert not [event for event in heard if isinstance(event, InternalError)], heard
    answers = [loadAnswer(line) for line in transport.value().splitlines()]
    refused = sum(isinstance(event, ConsoleRefused) for event in heard)
    assert refused <= 1
    assert len(answers) <= data.count(b"\n") + refused
    return answers


def check(data: bytes) -> None:
    """Raise C{AssertionError} where something does not hold of C{data}."""
    assert answered(data, PIECE) == answered(data, len(data) or 1), "cuts make a difference"
