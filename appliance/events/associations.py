"""What happens to one DICOM association, as far as headers and command sets tell.

Never names, identifiers or data sets: only AE titles, UIDs of classes, counts, statuses and sizes.
"""

from __future__ import annotations

from enum import Enum

from attrs import field, frozen

from appliance.events.base import ConnectionEvent


class Outcome(Enum):
    """How an association ended. Each ends for exactly one of these."""

    RELEASED = "released"
    REJECTED = "rejected"
    """The backend's A-ASSOCIATE-RJ."""
    DECLINED = "declined"
    """Our own A-ASSOCIATE-RJ: no backend, or against the section's rules."""
    ABORTED_BY_CLIENT = "aborted by the client"
    ABORTED_BY_BACKEND = "aborted by the backend"
    CUT_BY_CLIENT = "cut by the client"
    """The client's connection ended without a release or an abort."""
    CUT_BY_BACKEND = "cut by the backend"
    CUT_BY_US = "cut by the appliance"
    """A time limit, a stop or a defect of ours ended it."""


@frozen
class Application:
    """What one side says about itself; C{maximumLength} is bytes (0: no limit)."""

    implementationClass: str = ""
    implementationVersion: str = ""
    maximumLength: int = 0


@frozen
class Context:
    """A presentation context: the UIDs of its SOP class and of its transfer syntaxes.

    C{result} is C{None} while it is proposed, else the answer's number (0: accepted).
    """

    id: int
    sopClass: str
    transferSyntaxes: tuple[str, ...]
    result: int | None = None


@frozen
class Tally:
    """All messages of one kind in one association.

    C{operation} is a name like C{"C-STORE"}, C{sopClass} a UID. C{requests} counts requests,
    C{statuses} the final answers by their number, C{bytes} is the size of their data sets, both
    ways, and C{seconds} the time from a request's begin to its final answer, in all.
    """

    operation: str
    sopClass: str
    requests: int
    statuses: tuple[tuple[int, int], ...] = ()
    bytes: int = 0
    seconds: float = 0.0


@frozen
class Association:
    """One association so far, or as it was in the end (C{outcome}, with C{why} in words)."""

    calling: str
    called: str
    requestor: Application = Application()
    acceptor: Application | None = None
    contexts: tuple[Context, ...] = ()
    tallies: tuple[Tally, ...] = ()
    seconds: float = 0.0
    outcome: Outcome | None = None
    why: str = ""


@frozen
class AssociationEvent(ConnectionEvent):
    """Something about one association; C{backend} is C{None} while none is connected."""

    backend: str | None


@frozen
class AssociationRequested(AssociationEvent):
    """The client asked for an association (A-ASSOCIATE-RQ)."""

    calling: str
    called: str
    requestor: Application
    contexts: tuple[Context, ...]


@frozen
class AssociationAccepted(AssociationEvent):
    """The backend accepted it (A-ASSOCIATE-AC); the titles are the request's."""

    calling: str
    called: str
    acceptor: Application
    contexts: tuple[Context, ...]


@frozen
class AssociationRejected(AssociationEvent):
    """The backend rejected it (A-ASSOCIATE-RJ, PS3.8 table 9-21), in words C{why}."""

    calling: str
    called: str
    result: int
    source: int
    reason: int
    why: str


@frozen
class AssociationRefused(AssociationEvent):
    """It is against the section's rules; not C{enforced} where those only report."""

    calling: str
    called: str
    why: str
    advice: str
    enforced: bool = True


@frozen
class OperationFailed(AssociationEvent):
    """The backend answered an operation with a failure, for the first time in the association."""

    operation: str
    sopClass: str
    status: int
    words: str


@frozen
class AssociationEnded(AssociationEvent):
    """The one and only end of an association."""

    association: Association = field()


@frozen
class Unreadable(AssociationEvent):
    """A side's bytes cannot be read as DICOM any more; they are passed on unread."""

    fromClient: bool
    what: str
