from __future__ import annotations

import itertools
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from appliance.dicom import uids
from appliance.dicom.command import (
    C_CANCEL_RQ,
    C_FIND_RQ,
    C_GET_RQ,
    C_STORE_RQ,
    N_ACTION_RQ,
    N_EVENT_REPORT_RQ,
    RESPONSE,
    Command,
    echoRequest,
    echoResponse,
)
from appliance.dicom.inspect import Inspector
from appliance.dicom.items import AnsweredContext, ContextResult, ProposedContext, UserInformation
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
from appliance.dicom.pdv import PDV
from appliance.dicom.record import MOST_CONTEXTS, MOST_SYNTAXES
from appliance.dicom.tally import MOST_FAILURES, MOST_KINDS, MOST_STATUSES, MOST_WAITING
from appliance.dicom.walker import LONGEST
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
    Unreadable,
)
from tests.dicom.conversations import Turn, conversations
from tests.dicom.plain import Reader
from tests.dicom.test_framer import cutAt

US, CT = "1.2.840.10008.5.1.4.1.1.6.1", "1.2.840.10008.5.1.4.1.1.2"
COMMITMENT, STUDY_GET = "1.2.840.10008.1.20.1", "1.2.840.10008.5.1.4.1.2.2.3"
SYNTAXES = (uids.IMPLICIT_VR_LITTLE_ENDIAN, uids.EXPLICIT_VR_LITTLE_ENDIAN)
REQUEST = AssociateRQ(
    "PACS",
    "US1",
    tuple(
        ProposedContext(number, uid, SYNTAXES)
        for number, uid in ((1, uids.VERIFICATION), (3, US), (5, CT), (7, COMMITMENT))
    ),
    UserInformation(16384, "1.2.3", "SCANNER_1"),
)
ACCEPT = AssociateAC(
    "whoever",
    "whatever",
    (
        AnsweredContext(1, ContextResult.ACCEPTED, SYNTAXES[0]),
        AnsweredContext(3, ContextResult.ACCEPTED, SYNTAXES[1]),
        AnsweredContext(5, ContextResult.ABSTRACT_SYNTAX),
    ),
    UserInformation(0, "1.2.4", "PACS_9"),
)
CLIENT, BACKEND = True, False


def says(context: int, command: Command, size: int = 0) -> bytes:
    """A message in one P-DATA-TF, with a data set of C{size} bytes."""
    values = [PDV(context, command=True, last=True, data=command.encode())]
    if size:
        values.append(PDV(context, command=False, last=True, data=bytes(size)))
    return PDataTF(tuple(values)).encode()


def store(message: int, uid: str = US) -> Command:
    """C-STORE-RQ."""
    return Command(C_STORE_RQ, uid, messageID=message, hasDataSet=True)


def response(field: int, message: int, status: int | None = 0, uid: str = US) -> Command:
    """The response to a request of that field."""
    return Command(field | RESPONSE, uid, respondedTo=message, status=status)


class Case(SynchronousTestCase):
    """An inspector under test, and what it has told."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.facts: list[tuple[Any, ...]] = []
        self.inspector = Inspector(self.tell, self.clock.seconds)

    def tell(self, *fact: Any) -> None:
        """Hear of an event."""
        self.facts.append(fact)

    def turn(self, who: bool, *said: PDU | bytes) -> None:
        """One side says PDUs."""
        hear = self.inspector.fromClient if who is CLIENT else self.inspector.fromBackend
        for each in said:
            hear(memoryview(each if isinstance(each, bytes) else each.encode()))

    def associate(self) -> None:
        """Ask for an association and accept it."""
        self.turn(CLIENT, REQUEST)
        self.turn(BACKEND, ACCEPT)
        self.facts.clear()

    def ended(self) -> Association:
        """The one association that has ended."""
        (association,) = (fact[1] for fact in self.facts if fact[0] is AssociationEnded)
        return association

    def now(self) -> Association:
        """The association as it stands."""
        association = self.inspector.association
        assert association is not None
        return association


class AssociationTests(Case):
    """How an association begins and ends."""

    def test_requested(self) -> None:
        """A request tells who calls whom, with what, and for which SOP classes."""
        self.turn(CLIENT, REQUEST)
        ((kind, calling, called, requestor, contexts),) = self.facts
        self.assertIs(kind, AssociationRequested)
        self.assertEqual((calling, called), ("US1", "PACS"))
        self.assertEqual(requestor, Application("1.2.3", "SCANNER_1", 16384))
        self.assertEqual(contexts[1], Context(3, US, SYNTAXES))
        self.assertTrue(self.inspector.requested)
        self.assertFalse(self.inspector.open)

    def test_accepted(self) -> None:
        """An acceptance tells the request's titles, and what became of each context."""
        self.turn(CLIENT, REQUEST)
        self.turn(BACKEND, ACCEPT)
        kind, calling, called, acceptor, contexts = self.facts[-1]
        self.assertIs(kind, AssociationAccepted)
        self.assertEqual((calling, called), ("US1", "PACS"))
        self.assertEqual(acceptor, Application("1.2.4", "PACS_9", 0))
        self.assertEqual(
            contexts,
            (
                Context(1, uids.VERIFICATION, (SYNTAXES[0],), 0),
                Context(3, US, (SYNTAXES[1],), 0),
                Context(5, CT, SYNTAXES, 3),
                Context(7, COMMITMENT, SYNTAXES),
            ),
        )
        self.assertTrue(self.inspector.open)
        self.assertEqual(self.now().contexts, contexts)

    def test_rejected(self) -> None:
        """A rejection is told in numbers and words, and is an end."""
        self.turn(CLIENT, REQUEST)
        self.turn(BACKEND, AssociateRJ(1, 1, 7))
        words = AssociateRJ(1, 1, 7).words
        self.assertEqual(self.facts[1], (AssociationRejected, "US1", "PACS", 1, 1, 7, words))
        self.assertEqual((self.ended().outcome, self.ended().why), (Outcome.REJECTED, words))
        self.assertFalse(self.inspector.requested)

    def test_declined(self) -> None:
        """A rejection of ours is an end, and not the backend's doing."""
        self.turn(CLIENT, REQUEST)
        self.inspector.declined(AssociateRJ(2, 3, 1), "no backend")
        self.assertEqual([fact[0] for fact in self.facts], [AssociationRequested, AssociationEnded])
        self.assertEqual((self.ended().outcome, self.ended().why), (Outcome.DECLINED, "no backend"))
        self.inspector.connectionEnded(Outcome.CUT_BY_CLIENT, "")
        self.ended()

    def test_released(self) -> None:
        """Either side may ask for a release; it is one when the other has agreed."""
        for asks in (CLIENT, BACKEND):
            self.associate()
            self.clock.advance(3)
            self.turn(asks, ReleaseRQ())
            self.assertTrue(self.inspector.open)
            self.turn(asks, ReleaseRP())
            self.assertEqual(self.facts, [])
            self.turn(not asks, ReleaseRP())
            self.assertEqual((self.ended().outcome, self.ended().seconds), (Outcome.RELEASED, 3))
            self.assertFalse(self.inspector.open)

    def test_aborted(self) -> None:
        """An abort is an end at any time, with its words."""
        self.associate()
        self.turn(BACKEND, Abort(2, 6))
        self.assertEqual(self.ended().outcome, Outcome.ABORTED_BY_BACKEND)
        self.assertIn("invalid parameter", self.ended().why)
        self.facts.clear()
        self.turn(CLIENT, REQUEST, Abort(0))
        self.assertEqual(self.ended().outcome, Outcome.ABORTED_BY_CLIENT)

    def test_cut(self) -> None:
        """The end of the connection ends what was under way, once, as the relay says."""
        self.associate()
        self.inspector.connectionEnded(Outcome.CUT_BY_BACKEND, "socket reset")
        self.inspector.connectionEnded(Outcome.CUT_BY_US, "again")
        self.assertEqual(
            (self.ended().outcome, self.ended().why), (Outcome.CUT_BY_BACKEND, "socket reset")
        )
        self.assertEqual(self.now(), self.ended())

    def test_nothing(self) -> None:
        """Without an association there is nothing to tell of the connection's end."""
        self.inspector.connectionEnded(Outcome.CUT_BY_CLIENT, "")
        self.inspector.declined(AssociateRJ(2, 3, 1), "")
        self.assertEqual((self.facts, self.inspector.association), ([], None))

    def test_another(self) -> None:
        """After its end another association may follow, and starts from nothing."""
        self.associate()
        self.turn(CLIENT, says(1, echoRequest(1)), ReleaseRQ())
        self.turn(BACKEND, ReleaseRP())
        self.associate()
        self.assertEqual((self.now().tallies, self.now().outcome), ((), None))
        self.assertTrue(self.inspector.open)

    def test_outOfPlace(self) -> None:
        """What comes from the wrong side, or at the wrong time, changes nothing."""
        self.turn(BACKEND, REQUEST, ACCEPT, AssociateRJ(1, 1, 1), ReleaseRP(), Abort(0))
        self.turn(CLIENT, says(1, echoRequest(1)))
        self.assertEqual(self.facts, [])
        self.turn(CLIENT, REQUEST, ACCEPT, AssociateRJ(1, 1, 1))
        self.assertTrue(self.inspector.requested)
        self.assertFalse(self.inspector.open)
        self.turn(CLIENT, Abort(0))
        self.associate()
        self.turn(CLIENT, REQUEST, ACCEPT, AssociateRJ(1, 1, 1), ReleaseRP())
        self.turn(BACKEND, ACCEPT, AssociateRJ(1, 1, 1), ReleaseRP())
        self.assertEqual(self.facts, [])
        self.assertTrue(self.inspector.open)

    def test_requests(self) -> None:
        """Requests are counted, wherever they stand; only a client makes any."""
        self.associate()
        self.turn(BACKEND, REQUEST)
        self.assertEqual(self.inspector.requests, 1)
        self.turn(CLIENT, REQUEST)
        self.assertEqual(self.inspector.requests, 2)


class OperationTests(Case):
    """Messages, counted."""

    def setUp(self) -> None:
        super().setUp()
        self.associate()

    def test_store(self) -> None:
        """A C-STORE is counted with its SOP class, status, size and time."""
        for number, status in enumerate((0, 0, 0xB000)):
            self.turn(CLIENT, says(3, store(number), 1000))
            self.clock.advance(2)
            self.turn(BACKEND, says(3, response(C_STORE_RQ, number, status)))
        statuses = ((0, 2), (0xB000, 1))
        self.assertEqual(self.now().tallies, (Tally("C-STORE", US, 3, statuses, 3000, 6.0),))
        self.assertEqual(self.facts, [])

    def test_pending(self) -> None:
        """Pending responses are no answers yet, but their data sets count."""
        self.turn(CLIENT, says(3, Command(C_FIND_RQ, CT, 1, hasDataSet=True), 10))
        for status in (0xFF00, 0xFF01, 0):
            self.clock.advance(1)
            size = 100 if status else 0
            self.turn(BACKEND, says(3, response(C_FIND_RQ, 1, status, CT), size))
        self.assertEqual(self.now().tallies, (Tally("C-FIND", CT, 1, ((0, 1),), 210, 3.0),))

    def test_asynchronous(self) -> None:
        """Several requests may be outstanding and be answered in any order."""
        for number in range(3):
            self.turn(CLIENT, says(3, store(number), 10))
            self.clock.advance(1)
        for number in (2, 0, 1):
            self.turn(BACKEND, says(3, response(C_STORE_RQ, number)))
        self.assertEqual(self.now().tallies, (Tally("C-STORE", US, 3, ((0, 3),), 30, 6.0),))

    def test_fromBackend(self) -> None:
        """The backend asks too, with message ids of its own: C-STORE in C-GET, commitment."""
        self.turn(CLIENT, says(3, Command(C_GET_RQ, STUDY_GET, 1, hasDataSet=True), 10))
        self.turn(BACKEND, says(3, store(1), 500))
        self.turn(CLIENT, says(3, response(C_STORE_RQ, 1)))
        self.turn(BACKEND, says(3, response(C_GET_RQ, 1, 0, STUDY_GET)))
        report = Command(N_EVENT_REPORT_RQ, COMMITMENT, 2, hasDataSet=True)
        self.turn(BACKEND, says(7, report, 20))
        self.turn(CLIENT, says(7, response(N_EVENT_REPORT_RQ, 2, 0, COMMITMENT)))
        self.assertEqual(
            self.now().tallies,
            (
                Tally("C-GET", STUDY_GET, 1, ((0, 1),), 10),
                Tally("C-STORE", US, 1, ((0, 1),), 500),
                Tally("N-EVENT-REPORT", COMMITMENT, 1, ((0, 1),), 20),
            ),
        )

    def test_classes(self) -> None:
        """The SOP class is the affected one, the requested one, or else the context's."""
        action = Command(N_ACTION_RQ, messageID=1, requestedClass=COMMITMENT)
        self.turn(CLIENT, says(3, action), says(3, Command(C_CANCEL_RQ, respondedTo=9)))
        self.turn(BACKEND, says(3, Command(N_ACTION_RQ | RESPONSE, respondedTo=1, status=0)))
        self.turn(CLIENT, says(99, Command(C_CANCEL_RQ, respondedTo=9)))
        self.assertEqual(
            self.now().tallies,
            (
                Tally("N-ACTION", COMMITMENT, 1, ((0, 1),)),
                Tally("C-CANCEL", US, 1),
                Tally("C-CANCEL", "", 1),
            ),
        )

    def test_failed(self) -> None:
        """A failure is told the first time that the backend answers with it."""
        for number, status in enumerate((0xA700, 0, 0xA700, 0xC000)):
            self.turn(CLIENT, says(3, store(number), 10))
            self.turn(BACKEND, says(3, response(C_STORE_RQ, number, status)))
        self.assertEqual(
            self.facts,
            [
                (OperationFailed, "C-STORE", US, 0xA700, "out of resources"),
                (OperationFailed, "C-STORE", US, 0xC000, "unable to process"),
            ],
        )

    def test_failedAtClient(self) -> None:
        """A client's failure is nobody's news, and does not hide the backend's."""
        for who in (CLIENT, BACKEND):
            self.assertEqual(self.facts, [])
            self.turn(not who, says(3, store(1)))
            self.turn(who, says(3, response(C_STORE_RQ, 1, 0x0122)))
        self.assertEqual([fact[3] for fact in self.facts], [0x0122])

    def test_unasked(self) -> None:
        """A response that nobody asked for is counted, without a time."""
        self.clock.advance(5)
        self.turn(BACKEND, says(3, response(C_STORE_RQ, 8)))
        self.turn(BACKEND, says(3, response(C_STORE_RQ, 8, None)))
        self.assertEqual(self.now().tallies, (Tally("C-STORE", US, 0, ((0, 1),)),))

    def test_underWay(self) -> None:
        """The bytes of a data set count as they pass, and to the end of a cut connection."""
        stream = says(3, store(1)) + PDataTF((PDV(3, False, True, bytes(1000)),)).encode()
        self.turn(CLIENT, stream[:-600])
        self.assertEqual(self.now().tallies[0].bytes, 400)
        self.turn(CLIENT, stream[-600:-100])
        self.inspector.connectionEnded(Outcome.CUT_BY_CLIENT, "")
        self.assertEqual(self.ended().tallies[0].bytes, 900)

    def test_private(self) -> None:
        """Nothing told or kept has an instance UID, an error comment or a data set in it."""
        secret = b"DOE^JOHN"
        elements = b"\0\0\0\x10\x08\0\0\0" + secret + b"\0\0\x02\x09\x08\0\0\0" + secret
        fragment = PDV(3, True, True, response(C_STORE_RQ, 1, 0xC000).encode() + elements)
        self.turn(CLIENT, says(3, store(1)), PDataTF((PDV(3, False, True, secret),)))
        self.turn(BACKEND, PDataTF((fragment,)))
        self.turn(CLIENT, Abort(0))
        self.assertEqual(self.ended().tallies[0].bytes, 8)
        self.assertNotIn("DOE", repr(self.facts) + repr(vars(self.inspector)))


class BoundTests(Case):
    """Peers that say too much."""

    def setUp(self) -> None:
        super().setUp()
        self.associate()

    def test_waiting(self) -> None:
        """Of requests that are never answered only the latest are remembered."""
        for number in range(MOST_WAITING + 1):
            self.turn(CLIENT, says(3, store(number)))
        self.clock.advance(1)
        for number in range(MOST_WAITING + 1):
            self.turn(BACKEND, says(3, response(C_STORE_RQ, number)))
        count = MOST_WAITING + 1
        seconds = float(MOST_WAITING)
        self.assertEqual(
            self.now().tallies, (Tally("C-STORE", US, count, ((0, count),), 0, seconds),)
        )

    def test_kinds(self) -> None:
        """SOP classes beyond a number are counted together."""
        for number in range(MOST_KINDS + 5):
            self.turn(CLIENT, says(3, store(1, f"1.{number}")))
        self.turn(CLIENT, says(3, store(1, "1.0")), says(1, echoRequest(1)))
        tallies = self.now().tallies
        self.assertEqual(len(tallies), MOST_KINDS + 2)
        self.assertEqual(tallies[0].requests, 2)
        self.assertEqual(tallies[-2:], (Tally("C-STORE", "", 5), Tally("C-ECHO", "", 1)))

    def test_longClass(self) -> None:
        """Of a SOP class no more is kept than a UID may have."""
        uid = b"\0\0\x02\0" + (5000).to_bytes(4, "little") + b"1" * 5000
        fragment = PDV(3, True, True, uid + Command(C_FIND_RQ).encode())
        self.turn(CLIENT, PDataTF((fragment,)))
        self.assertEqual(self.now().tallies[0].sopClass, "1" * 64)

    def test_statuses(self) -> None:
        """Statuses and failures beyond a number are not told."""
        for number in range(MOST_STATUSES + 5):
            self.turn(BACKEND, says(3, response(C_STORE_RQ, 1, 0xC000 + number)))
            self.turn(BACKEND, says(1, echoResponse(1, 0xC000 + number)))
        self.assertEqual([len(t.statuses) for t in self.now().tallies], [MOST_STATUSES] * 2)
        self.assertEqual(len(self.facts), MOST_FAILURES)

    def test_contexts(self) -> None:
        """A request with more than it may have is cut to that."""
        self.turn(CLIENT, Abort(0))
        first = ProposedContext(1, "1.2", SYNTAXES * 100)
        others = [ProposedContext(number, "1.2", ()) for number in range(256)]
        self.turn(CLIENT, AssociateRQ("A", "B", (first, *others)))
        self.assertEqual(len(self.now().contexts), MOST_CONTEXTS)
        self.assertEqual(len(self.now().contexts[0].transferSyntaxes), MOST_SYNTAXES)


class UnreadableTests(Case):
    """What cannot be read, and defects of our own."""

    def test_once(self) -> None:
        """Each side's fault is told once, with what it is."""
        for _ in range(3):
            self.turn(CLIENT, b"GET / HTTP/1.1\r\n")
            self.turn(BACKEND, b"\x15\x03\x03\0\x02\x02\x28")
        self.assertEqual(
            self.facts,
            [
                (Unreadable, True, "HTTP instead of DICOM"),
                (Unreadable, False, "TLS instead of DICOM"),
            ],
        )

    def test_malformed(self) -> None:
        """An association PDU or a command set that makes no sense is as bad."""
        self.associate()
        self.turn(CLIENT, b"\x01\0\0\0\0\x04abcd")
        self.turn(BACKEND, PDataTF((PDV(1, True, True, b"DOE^JOHN"),)))
        self.assertEqual([fact[:2] for fact in self.facts], [(Unreadable, 1), (Unreadable, 0)])
        self.assertNotIn("DOE", repr(self.facts))

    def test_steersNobody(self) -> None:
        """With one side unreadable an association is not known to be open any more."""
        for side in (CLIENT, BACKEND):
            self.setUp()
            self.associate()
            self.turn(side, bytes(6))
            self.assertFalse(self.inspector.open or self.inspector.requested)
            self.assertFalse(self.inspector.mayAbortToClient or self.inspector.mayAbortToBackend)
            self.turn(not side, Abort(0))
            self.assertIn(
                self.ended().outcome, (Outcome.ABORTED_BY_CLIENT, Outcome.ABORTED_BY_BACKEND)
            )

    def test_released(self) -> None:
        """A release of which one half could not be read is a release."""
        for side in (CLIENT, BACKEND):
            self.setUp()
            self.associate()
            self.turn(side, bytes(6), ReleaseRQ())
            self.turn(not side, ReleaseRP())
            self.assertEqual(self.ended().outcome, Outcome.RELEASED)
            self.setUp()
            self.associate()
            self.turn(side, bytes(6), ReleaseRP())
            self.turn(not side, ReleaseRQ())
            self.inspector.connectionEnded(Outcome.CUT_BY_BACKEND, "socket reset")
            self.assertEqual((self.ended().outcome, self.ended().why), (Outcome.RELEASED, ""))

    def test_cut(self) -> None:
        """Without a word of a release the end is what the relay says."""
        self.associate()
        self.turn(BACKEND, bytes(6))
        self.inspector.connectionEnded(Outcome.CUT_BY_BACKEND, "socket reset")
        self.assertEqual(self.ended().outcome, Outcome.CUT_BY_BACKEND)

    def test_defect(self) -> None:
        """A defect of ours is told once for each side by its place, not its words; no more then."""

        def broken() -> float:
            raise ValueError("DOE^JOHN")

        inspector = Inspector(self.tell, broken)
        for _ in range(2):
            inspector.fromClient(REQUEST.encode())
            inspector.fromBackend(ACCEPT.encode())
        self.assertEqual([fact[:2] for fact in self.facts], [(Unreadable, 1), (Unreadable, 0)])
        self.assertRegex(self.facts[0][2], r"defect .* ValueError at test_inspect.py:[0-9]+\Z")
        self.assertFalse(inspector.requested)

    def test_deafListener(self) -> None:
        """Nothing is raised even where nothing can be told."""

        def broken(*_: object) -> None:
            raise ValueError

        for said in (REQUEST.encode(), bytes(6)):
            inspector = Inspector(broken, self.clock.seconds)
            inspector.fromClient(said)
            inspector.fromBackend(said)
            inspector.declined(AssociateRJ(1, 1, 1), "")
            inspector.connectionEnded(Outcome.CUT_BY_US, "")
            self.assertFalse(inspector.open)


class BoundaryTests(Case):
    """Where an A-ABORT may be written."""

    def test_boundaries(self) -> None:
        """Only in an open association, and only between the PDUs that the hearer was sent."""
        self.turn(CLIENT, REQUEST)
        self.assertFalse(self.inspector.mayAbortToClient or self.inspector.mayAbortToBackend)
        self.turn(BACKEND, ACCEPT)
        self.assertTrue(self.inspector.mayAbortToClient and self.inspector.mayAbortToBackend)
        stream = says(3, store(1), 50)
        for end in range(1, len(stream)):
            self.turn(CLIENT, stream[end - 1 : end])
            self.assertFalse(self.inspector.mayAbortToBackend)
            self.assertTrue(self.inspector.mayAbortToClient)
        self.turn(CLIENT, stream[-1:])
        self.assertTrue(self.inspector.mayAbortToBackend)
        self.turn(BACKEND, stream[:1])
        self.assertFalse(self.inspector.mayAbortToClient)
        self.assertTrue(self.inspector.mayAbortToBackend)


class EquivalenceTests(SynchronousTestCase):
    """However the network cuts a conversation, the facts are those that plain decoding finds."""

    def inspected(self, turns: list[tuple[bool, list[bytes]]]) -> list[tuple[Any, ...]]:
        """What an inspector tells of C{turns}, a second for each change of speaker."""
        facts: list[tuple[Any, ...]] = []
        clock = Clock()
        inspector = Inspector(lambda *fact: facts.append(fact), clock.seconds)
        before = None
        for who, pieces in turns:
            clock.advance(who is not before)
            before = who
            for piece in pieces:
                (inspector.fromClient if who else inspector.fromBackend)(memoryview(piece))
        inspector.connectionEnded(Outcome.CUT_BY_US, "the end")
        return facts

    def plain(self, turns: list[Turn]) -> list[tuple[Any, ...]]:
        """What plain decoding finds."""
        clock = Clock()
        reader = Reader(clock.seconds)
        before = None
        for who, said in turns:
            clock.advance(who is not before)
            before = who
            reader.turn(who, said)
        reader.end(Outcome.CUT_BY_US, "the end")
        return reader.facts

    @given(conversations, st.data())
    def test_cut(self, turns: list[Turn], drawn: st.DataObject) -> None:
        """Cut anywhere, and joined where one side speaks on, nothing changes."""
        expected = self.plain(turns)
        self.assertEqual(self.inspected([(who, [said]) for who, said in turns]), expected)
        cuts = st.lists(st.integers(0, 2000), max_size=4)
        pieces = [(who, cutAt(said, drawn.draw(cuts))) for who, said in turns]
        self.assertEqual(self.inspected(pieces), expected)
        spoken = [
            (who, [b"".join(said for _, said in several)])
            for who, several in itertools.groupby(turns, lambda turn: turn[0])
        ]
        self.assertEqual(self.inspected(spoken), expected)

    @given(conversations)
    def test_everyByte(self, turns: list[Turn]) -> None:
        """Byte by byte neither."""
        pieces = [(who, [said[at : at + 1] for at in range(len(said))]) for who, said in turns]
        self.assertEqual(self.inspected(pieces), self.plain(turns))

    @given(conversations, st.data())
    def test_damaged(self, turns: list[Turn], drawn: st.DataObject) -> None:
        """With damaged bytes nothing is raised, and every association has one end."""
        damaged = []
        for who, said in turns:
            changed = bytearray(said)
            for at in drawn.draw(st.lists(st.integers(0, len(said) - 1), max_size=2)):
                changed[at] = drawn.draw(st.integers(0, 255))
            damaged.append((who, [bytes(changed)]))
        kinds = [fact[0] for fact in self.inspected(damaged)]
        self.assertEqual(kinds.count(AssociationEnded), kinds.count(AssociationRequested))
        self.assertLessEqual(kinds.count(Unreadable), 2)

    @given(st.lists(st.tuples(st.booleans(), st.binary(max_size=100)), max_size=10))
    def test_garbage(self, said: list[Turn]) -> None:
        """With no sense at all nothing is raised either, and no defect of ours comes to light."""
        facts = self.inspected([(who, [piece]) for who, piece in said])
        self.assertNotIn("defect", repr(facts))


class MemoryTests(Case):
    """What an inspector keeps."""

    def test_bounded(self) -> None:
        """However much passes, what is kept stays below the walkers' bounds."""
        self.associate()
        endless = PDataTF((PDV(3, True, False, bytes(1000)),)).encode()
        for _ in range(1000):
            self.turn(CLIENT, endless)
            self.assertLessEqual(self.inspector._client.pending, LONGEST)
        self.assertEqual(self.facts[0][:2], (Unreadable, True))
        self.assertEqual(self.inspector._client.pending, 0)
