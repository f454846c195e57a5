"""One association as it unfolds: what the events about it are made of.

Bounded, whatever the peers say; their user identities and instance UIDs never come here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from attrs import define, evolve, field

from appliance.dicom.items import AnsweredContext, ContextResult, ProposedContext, UserInformation
from appliance.dicom.pdu import AssociateAC, AssociateRQ
from appliance.dicom.tally import UID_LENGTH, Tallies
from appliance.events import Application, Association, Context, Outcome

MOST_CONTEXTS: Final = 128
"""Presentation contexts of an association: their ids are the odd ones of a byte (PS3.8 9.3.2.2)."""
MOST_SYNTAXES: Final = 64
"""Transfer syntaxes of a context that are kept."""


def _application(user: UserInformation) -> Application:
    return Application(
        user.implementationClass[:UID_LENGTH],
        user.implementationVersion[:UID_LENGTH],
        user.maximumLength,
    )


def _proposed(context: ProposedContext) -> Context:
    syntaxes = tuple(uid[:UID_LENGTH] for uid in context.transferSyntaxes[:MOST_SYNTAXES])
    return Context(context.id, context.abstractSyntax[:UID_LENGTH], syntaxes)


def _answered(context: Context, answer: AnsweredContext | None) -> Context:
    """C{context} with its answer; an accepted one has the one transfer syntax that was chosen."""
    if answer is None:
        return context
    if answer.result is not ContextResult.ACCEPTED:
        return evolve(context, result=int(answer.result))
    return evolve(context, result=0, transferSyntaxes=(answer.transferSyntax[:UID_LENGTH],))


@define(eq=False)
class Record:
    """The association of C{calling} with C{called}; C{clock} gives seconds.

    C{releasing} are those who have asked for its release: the client (C{True}), the backend.
    """

    calling: str
    called: str
    requestor: Application
    contexts: tuple[Context, ...]
    clock: Callable[[], float]
    begun: float
    tallies: Tallies
    acceptor: Application | None = None
    releasing: set[bool] = field(factory=set)
    _classes: dict[int, str] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._classes = {context.id: context.sopClass for context in self.contexts}

    @classmethod
    def of(cls, request: AssociateRQ, clock: Callable[[], float]) -> Record:
        """The association that is asked for by C{request}, now."""
        return cls(
            request.calling,
            request.called,
            _application(request.user),
            tuple(map(_proposed, request.contexts[:MOST_CONTEXTS])),
            clock,
            clock(),
            Tallies(clock),
        )

    def accepted(self, answer: AssociateAC) -> Application:
        """The association was accepted so; what the acceptor says about itself."""
        answers = {context.id: context for context in answer.contexts}
        self.contexts = tuple(_answered(c, answers.get(c.id)) for c in self.contexts)
        self.acceptor = _application(answer.user)
        return self.acceptor

    def sopClass(self, context: int) -> str:
        """The SOP class of a presentation context, empty where there is no such context."""
        return self._classes.get(context, "")

    def frozen(self, outcome: Outcome | None = None, why: str = "") -> Association:
        """The association so far, or as it was in the end."""
        return Association(
            self.calling,
            self.called,
            self.requestor,
            self.acceptor,
            self.contexts,
            self.tallies.frozen(),
            self.clock() - self.begun,
            outcome,
            why,
        )
