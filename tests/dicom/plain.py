"""The facts of a conversation, found the plain and slow way: whole PDUs, all of them decoded.

It keeps everything and has few bounds, so it is good for what tests make up and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import define, evolve, field

from appliance.dicom.command import (
    RESPONSE,
    Command,
    isFailure,
    isPending,
    operationName,
    statusName,
)
from appliance.dicom.framer import Framer
from appliance.dicom.pdu import (
    PDU,
    Abort,
    AssociateAC,
    AssociateRJ,
    AssociateRQ,
    PDataTF,
    ReleaseRP,
    ReleaseRQ,
)
from appliance.events import (
    Application,
    Association,
    AssociationAccepted,
    AssociationEnded,
    AssociationRejected,
    AssociationRequested,
    Context,
    OperationFailed,
    Outcome,
    Tally,
)

Fact = tuple[Any, ...]


@define
class Message:
    """A command set, who sent it when and in which context, and the size of its data set."""

    fromClient: bool
    context: int
    command: Command
    time: float
    size: int = 0
    request: Message | None = None

    def key(self, contexts: dict[int, str]) -> tuple[str, str]:
        """The operation, and the SOP class."""
        asked = self.request or self
        uid = asked.command.affectedClass or asked.command.requestedClass
        return operationName(asked.command.field), (uid or contexts.get(asked.context, ""))[:64]

    @property
    def final(self) -> bool:
        """True when it is the last answer to a request."""
        status = self.command.status
        response = self.command.field & RESPONSE
        return bool(response) and status is not None and not isPending(status)


@define
class Talk:
    """One association."""

    request: AssociateRQ
    begun: float
    accept: AssociateAC | None = None
    releasing: set[bool] = field(factory=set)
    messages: list[Message] = field(factory=list)

    @property
    def classes(self) -> dict[int, str]:
        """SOP classes by their contexts."""
        return {context.id: context.abstractSyntax for context in self.request.contexts[:128]}

    def contexts(self) -> tuple[Context, ...]:
        """As they were proposed, or answered."""
        answers = {} if self.accept is None else {c.id: c for c in self.accept.contexts}
        found = []
        for each in self.request.contexts[:128]:
            syntaxes = tuple(syntax[:64] for syntax in each.transferSyntaxes[:64])
            context = Context(each.id, each.abstractSyntax[:64], syntaxes)
            if (answer := answers.get(each.id)) is not None:
                context = evolve(context, result=answer.result.value)
                if answer.result == 0:
                    context = evolve(context, transferSyntaxes=(answer.transferSyntax[:64],))
            found.append(context)
        return tuple(found)

    def tallies(self) -> tuple[Tally, ...]:
        """The messages, kind by kind."""
        kinds = dict.fromkeys(message.key(self.classes) for message in self.messages)
        return tuple(self.tally(*kind) for kind in kinds)

    def tally(self, operation: str, sopClass: str) -> Tally:
        """The messages of one kind."""
        mine = [m for m in self.messages if m.key(self.classes) == (operation, sopClass)]
        final = [m for m in mine if m.final]
        given = [m.command.status for m in final]
        return Tally(
            operation,
            sopClass,
            sum(not m.command.field & RESPONSE for m in mine),
            tuple((status, given.count(status)) for status in sorted(set(given))),
            sum(m.size for m in mine),
            sum(m.time - m.request.time for m in final if m.request is not None),
        )


def applied(pdu: AssociateRQ | AssociateAC) -> Application:
    """What one side says about itself."""
    user = pdu.user
    texts = (user.implementationClass[:64], user.implementationVersion[:64])
    return Application(*texts, user.maximumLength)


class Reader:
    """Reads turns, whole PDUs each, and collects the facts."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.facts: list[Fact] = []
        self._clock = clock
        self._framers = {True: Framer(1 << 32), False: Framer(1 << 32)}
        self._commands: dict[tuple[bool, int], bytes] = {}
        self._talk: Talk | None = None

    @property
    def pending(self) -> int:
        """How many bytes of unfinished PDUs there are."""
        return sum(framer.pending for framer in self._framers.values())

    def turn(self, fromClient: bool, data: bytes) -> None:
        """Somebody speaks."""
        for pdu in self._framers[fromClient].feed(data):
            self._heard(fromClient, pdu)

    def end(self, outcome: Outcome, why: str = "") -> None:
        """The association, if there is one, ends so."""
        talk, self._talk = self._talk, None
        if talk is not None:
            association = Association(
                talk.request.calling,
                talk.request.called,
                applied(talk.request),
                talk.accept and applied(talk.accept),
                talk.contexts(),
                talk.tallies(),
                self._clock() - talk.begun,
                outcome,
                why,
            )
            self.facts.append((AssociationEnded, association))

    def _heard(self, fromClient: bool, pdu: PDU) -> None:
        if not isinstance(pdu, PDataTF):
            for key in [key for key in self._commands if key[0] is fromClient]:
                del self._commands[key]
        talk = self._talk
        titles = talk and (talk.request.calling, talk.request.called)
        match pdu:
            case AssociateRQ() if fromClient and talk is None:
                self._talk = Talk(pdu, self._clock())
                titles = (pdu.calling, pdu.called)
                self._tell(AssociationRequested, *titles, applied(pdu), self._talk.contexts())
            case _ if talk is None:
                return
            case AssociateAC() if not fromClient and talk.accept is None:
                talk.accept = pdu
                self._tell(AssociationAccepted, *titles, applied(pdu), talk.contexts())
            case AssociateRJ() if not fromClient and talk.accept is None:
                numbers = (pdu.result, pdu.source, pdu.reason)
                self._tell(AssociationRejected, *titles, *numbers, pdu.words)
                self.end(Outcome.REJECTED, pdu.words)
            case PDataTF():
                self._data(talk, fromClient, pdu)
            case ReleaseRQ():
                talk.releasing.add(fromClient)
            case ReleaseRP() if (not fromClient) in talk.releasing:
                self.end(Outcome.RELEASED)
            case Abort():
                side = Outcome.ABORTED_BY_CLIENT if fromClient else Outcome.ABORTED_BY_BACKEND
                self.end(side, pdu.words)

    def _tell(self, *fact: Any) -> None:
        self.facts.append(fact)

    def _data(self, talk: Talk, fromClient: bool, pdu: PDataTF) -> None:
        for value in pdu.values:
            key = (fromClient, value.contextID)
            mine = [m for m in talk.messages if (m.fromClient, m.context) == key]
            if not value.command:
                if mine:
                    mine[-1].size += len(value.data)
                continue
            self._commands[key] = self._commands.get(key, b"") + value.data
            if value.last:
                command = Command.decode(self._commands.pop(key))
                self._message(talk, Message(*key, command, self._clock()))

    def _message(self, talk: Talk, message: Message) -> None:
        status = message.command.status
        if message.command.field & RESPONSE:
            message.request = self._asked(talk, message)
        operation, sopClass = message.key(talk.classes)
        if message.final and not message.fromClient and isFailure(status):
            before = [f[1::2] for f in self._sinceBegin() if f[0] is OperationFailed]
            if (operation, status) not in before:
                self._tell(OperationFailed, operation, sopClass, status, statusName(status))
        talk.messages.append(message)

    def _sinceBegin(self) -> list[Fact]:
        kinds = [fact[0] for fact in self.facts]
        return self.facts[len(kinds) - kinds[::-1].index(AssociationRequested) :]

    def _asked(self, talk: Talk, response: Message) -> Message | None:
        """The latest request with this id that has no final response yet."""
        asked = [
            m
            for m in talk.messages
            if not m.command.field & RESPONSE
            and m.fromClient is not response.fromClient
            and m.command.messageID == response.command.respondedTo
        ]
        if response.command.respondedTo is None or not asked:
            return None
        answered = any(m.request is asked[-1] and m.final for m in talk.messages)
        return None if answered else asked[-1]
