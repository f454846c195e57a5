"""Connections that fail over and over are summed up, and nothing else is ever held back."""

from __future__ import annotations

import re
from collections.abc import Iterable

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from appliance import events as e
from appliance.logs.damper import MOST_EVENTS, MOST_SOURCES, SHOWN, WINDOW, Damper
from appliance.logs.listener import LogListener
from appliance.logs.shapes import STUNNEL
from appliance.logs.text import body
from appliance.logs.vocabulary import Line
from tests.audit import happenings as h

HOST = "10.1.2.3"
NOTHING = "0 byte(s) sent to TLS, 0 byte(s) sent to socket"
END = "handshake, 0.1 s"
FOUND = "speaks HTTP on a port for DICOM over TLS"


class Kept:
    """A sink that keeps its lines."""

    shape = STUNNEL

    def __init__(self) -> None:
        self.lines: list[str] = []

    def write(self, line: Line) -> None:
        """Keep C{line}."""
        self.lines.append(body(line))

    def reopen(self) -> None:
        """There is nothing to open."""

    def close(self) -> None:
        """There is nothing to close."""

    def take(self) -> list[str]:
        """What was written since."""
        lines, self.lines = self.lines, []
        return lines


class DamperCase(SynchronousTestCase):
    """A damper before a log, and connections numbered from 0."""

    level = 5

    def setUp(self) -> None:
        self.clock = Clock()
        self.sink = Kept()
        self.log = LogListener((self.sink,), self.level)
        self.damper = Damper(self.clock, self.log)
        self.number = 0

    def hears(self, events: Iterable[e.Event]) -> list[str]:
        """The lines that come of C{events}."""
        for event in events:
            self.damper(event)
        return self.sink.take()

    def own(self, section: str = "S") -> tuple[str, str]:
        """The section and the number of the next connection."""
        self.number += 1
        return section, str(self.number)

    def refused(
        self, host: str = HOST, section: str = "S", kind: str = "http", found: str = FOUND
    ) -> tuple[e.Event, ...]:
        """A connection whose handshake fails."""
        own, client = self.own(section), f"{host}:{1000 + self.number}"
        return (
            e.Accepted(*own, client, 9),
            e.Opened(*own, client),
            e.HandshakeFailed(*own, client, "http request", kind, found, "do this", False),
            e.Closed(*own, client, e.Reason.HANDSHAKE, 0, 0, 0.1, False),
        )

    def good(self, host: str = HOST, reason: e.Reason = e.Reason.COMPLETED) -> tuple[e.Event, ...]:
        """A connection that is relayed, though it is not known to be DICOM."""
        own, client = self.own(), f"{host}:{1000 + self.number}"
        return (
            e.Opened(*own, client),
            e.Handshaken(*own, h.PEER, False),
            e.Dialled(*own, h.BACKEND, "192.0.2.8:1"),
            e.Closed(*own, client, reason, 1, 2, 0.1, False, h.BACKEND, h.PEER),
        )

    def flood(self, times: int = SHOWN) -> None:
        """Let the client fail so often, and forget the lines."""
        for _ in range(times):
            self.hears(self.refused())


class RepeatTests(DamperCase):
    """The same over and over."""

    def test_firstOnes(self) -> None:
        """The first five have all their lines, as without a damper."""
        for _ in range(SHOWN):
            client = f"{HOST}:{1001 + self.number}"
            self.assertEqual(
                self.hears(self.refused()),
                [
                    f"LOG5[{self.number}]: Service [S] accepted connection from {client}",
                    f"LOG3[{self.number}]: SSL_accept: http request",
                    f"LOG4[{self.number}]: Service [S] refused {client}: {FOUND}; do this",
                    f"LOG5[{self.number}]: Connection reset/closed: {NOTHING}",
                    f"LOG5[{self.number}]: Service [S] connection from {client} ended: {END}",
                ],
            )

    def test_more(self) -> None:
        """More of them have no line, and one a minute says how many there were, and why."""
        self.flood()
        for _ in range(1234):
            self.assertEqual(self.hears(self.refused()), [])
        self.clock.advance(WINDOW)
        self.assertEqual(
            self.sink.take(),
            [f"LOG3[main]: Service [S] {HOST}: 1,234 more time(s) in the last 60 s: {FOUND}"],
        )

    def test_goesOn(self) -> None:
        """As long as it goes on there is that one line a minute and no other."""
        self.flood(SHOWN + 1)
        self.clock.advance(WINDOW)
        self.sink.take()
        for _ in range(3):
            self.assertEqual(self.hears(self.refused()), [])
            self.clock.advance(WINDOW)
            (line,) = self.sink.take()
            self.assertIn("1 more time(s)", line)

    def test_stops(self) -> None:
        """One that stops is told at the end of its minute, and begins anew after a quiet one."""
        self.flood(SHOWN + 2)
        self.clock.advance(WINDOW)
        (line,) = self.sink.take()
        self.assertIn("2 more time(s)", line)
        self.clock.advance(WINDOW)
        self.assertEqual(self.sink.take(), [])
        self.assertEqual(len(self.hears(self.refused())), 5)

    def test_slow(self) -> None:
        """Five in a minute are no flood, however long that goes on."""
        for _ in range(50):
            self.assertEqual(len(self.hears(self.refused())), 5)
            self.clock.advance(WINDOW / SHOWN)

    def test_levels(self) -> None:
        """The one line is as urgent as what it stands for: who sees less loses nothing by it."""
        self.log.level = 3
        self.flood(SHOWN + 2)
        self.clock.advance(WINDOW)
        (line,) = self.sink.take()
        self.assertRegex(line, r"^LOG3\[main\]: .* 2 more time")

    def test_stop(self) -> None:
        """At the end of the process all that was counted is told, and nothing is waited for."""
        self.flood(SHOWN + 2)
        self.clock.advance(10)
        self.hears(self.refused()[:2])
        self.damper.flush()
        self.assertEqual(
            self.sink.take(),
            [
                f"LOG3[main]: Service [S] {HOST}: 2 more time(s) in the last 10 s: {FOUND}",
                f"LOG5[8]: Service [S] accepted connection from {HOST}:1008",
            ],
        )
        self.assertEqual(self.clock.getDelayedCalls(), [])


class KindTests(DamperCase):
    """What counts as the same, and what as a failure."""

    def kinds(self) -> dict[str, tuple[e.Event, ...]]:
        """The events between accept and close, by the words that sum them up."""
        own = "S", "x"
        rule = e.AssociationRefused(*own, None, "A", "B", "not allowed", "allow it")
        rejected = e.AssociationRejected(*own, h.BACKEND, "A", "B", 1, 1, 7, "called AE title")
        return {
            FOUND: (e.HandshakeFailed(*own, "c:1", "x", "http", FOUND, "", False),),
            "its key is another": (e.NotAdmitted(*own, "its key is another"),),
            "not allowed": (rule,),
            f"{h.BACKEND} rejected the association: called AE title": (
                e.Dialled(*own, h.BACKEND, "192.0.2.8:1"),
                rejected,
                h.ended("x", outcome=e.Outcome.REJECTED),
            ),
            "no backend can be connected": (
                e.Dialling(*own, h.BACKEND),
                e.DialFailed(*own, h.BACKEND, "Connection refused (111)"),
                e.NoBackend(*own),
                e.Declined(*own, "busy"),
            ),
            "speaks TLS": (e.Misplaced(*own, "c:1", "speaks TLS", ""),),
        }

    def test_kinds(self) -> None:
        """Whatever keeps a client from its PACS is summed up in the words of that."""
        for words, events in self.kinds().items():
            for number in range(SHOWN + 3):
                self.number += 1
                own = "S", str(self.number)
                opened = e.Opened(*own, f"{HOST}:{number}")
                closed = e.Closed(*own, f"{HOST}:{number}", e.Reason.REFUSED, 0, 0, 0, False)
                moved = [evolve(each, connection=own[1]) for each in events]
                lines = self.hears((opened, *moved, closed))
                self.assertEqual(bool(lines), number < SHOWN, words)
            self.clock.advance(WINDOW)
            (line,) = self.sink.take()
            self.assertTrue(line.endswith(f"3 more time(s) in the last 60 s: {words}"), line)
            self.clock.advance(WINDOW)

    def test_unannounced(self) -> None:
        """A load balancer that does not say for whom it connects has no line of being accepted."""
        for number in range(SHOWN + 2):
            own, who = self.own(), f"{HOST}:{number}"
            untold = e.Unannounced(*own, who, "no header", "send one")
            closed = e.Closed(*own, who, e.Reason.UNANNOUNCED, 0, 0, 0, False)
            self.assertEqual(bool(self.hears((untold, closed))), number < SHOWN)

    def test_untold(self) -> None:
        """Where a worker has kept to itself what was not to be shown, the end alone will do."""
        self.log.level = 2
        for number in range(SHOWN + 2):
            opened, closed = self.refused()[1], self.refused()[3]
            closed = e.Closed("S", "0", closed.client, closed.reason, 0, 0, 0, False)
            self.hears((e.Opened("S", "0", opened.client), closed))
            self.log.level = 5 if number == SHOWN - 1 else self.log.level
        self.clock.advance(WINDOW)
        (line,) = self.sink.take()
        self.assertTrue(line.endswith("2 more time(s) in the last 60 s: handshake"), line)

    def test_otherKind(self) -> None:
        """A failure of another kind is shown, however loud the first one is."""
        self.flood(SHOWN + 2)
        self.assertEqual(len(self.hears(self.refused(kind="old", found="offers TLSv1"))), 5)

    def test_otherClient(self) -> None:
        """Another client is shown, and the same one at another section."""
        self.flood(SHOWN + 2)
        self.assertEqual(len(self.hears(self.refused(host="10.1.2.4"))), 5)
        self.assertEqual(len(self.hears(self.refused(section="T"))), 5)
        self.assertEqual(self.hears(self.refused()), [])

    def test_lastWords(self) -> None:
        """What peers may vary does not make another kind; the last words are told."""
        for number in range(SHOWN + 2):
            self.hears(self.refused(found=f"offers {number}"))
        self.clock.advance(WINDOW)
        self.assertIn(f"2 more time(s) in the last 60 s: offers {SHOWN + 1}", self.sink.take()[-1])

    def test_oddClients(self) -> None:
        """IPv6 addresses have colons, and unix sockets no port."""
        for client in ("2001:db8::1", "unnamed socket"):
            for number in range(SHOWN + 2):
                own = self.own()
                where = client if " " in client else f"{client}:{number}"
                closed = e.Closed(*own, where, e.Reason.REFUSED, 0, 0, 0, False)
                self.hears((e.Opened(*own, where), closed))
            self.clock.advance(WINDOW)
            self.assertIn(f"[S] {client}: 2 more time(s)", self.sink.take()[-1])


class GoodTests(DamperCase):
    """Connections that go well."""

    def test_never(self) -> None:
        """Those that go well are never held back, however many there are."""
        for _ in range(50):
            self.assertEqual(len(self.hears(self.good())), 5)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_resetAfterwards(self) -> None:
        """Nor are those that worked and end by a reset, as some devices always do."""
        for _ in range(50):
            self.assertEqual(len(self.hears(self.good(reason=e.Reason.TLS_RESET))), 5)

    def test_afterFailures(self) -> None:
        """One that goes well after many that did not is told as soon as that is known."""
        self.flood(SHOWN + 2)
        first, *others = self.good()
        self.assertEqual(self.hears((first, *others[:2])), [])
        number = str(self.number)
        lines = self.hears([h.accepted(number)])
        self.assertEqual([re.sub(r" from .*| 192.*", "", line) for line in lines], [
            f"LOG5[{number}]: Service [S] accepted connection",
            f"LOG5[{number}]: s_connect: connected",
            f"LOG5[{number}]: Service [S] connected remote server",
        ])  # fmt: skip
        self.assertEqual(len(self.hears(others[2:])), 2)

    def test_notDicom(self) -> None:
        """One of which nobody knows whether it goes well is told when it has ended."""
        self.flood(SHOWN + 2)
        *before, closed = self.good()
        self.assertEqual(self.hears(before), [])
        self.assertEqual(len(self.hears([closed])), 5)

    def test_longLasting(self) -> None:
        """One that just goes on is told after a minute or two."""
        self.flood(SHOWN + 2)
        self.clock.advance(1)
        self.hears(self.good()[:3])
        self.clock.advance(WINDOW - 1)
        self.assertEqual(len(self.sink.take()), 1)
        self.clock.advance(WINDOW)
        self.assertEqual(len(self.sink.take()), 3)

    def test_lastOne(self) -> None:
        """One that came when nobody had been summed up yet is not forgotten in the quiet after."""
        self.flood(SHOWN)
        self.clock.advance(WINDOW - 1)
        self.hears(self.good()[:3])
        self.clock.advance(1)
        self.assertEqual(len(self.sink.take()), 3)

    def test_rejectedThenAccepted(self) -> None:
        """A connection whose second association is accepted has not failed."""
        for _ in range(SHOWN + 5):
            opened, *_, closed = self.good()
            own = "S", opened.connection
            rejected = e.AssociationRejected(*own, h.BACKEND, "A", "B", 1, 1, 7, "no")
            lines = self.hears((opened, rejected, h.accepted(opened.connection), closed))
            self.assertEqual(len(lines), 4)

    def test_talkative(self) -> None:
        """One with very many events is no mere failure, and is not held back for ever."""
        self.flood(SHOWN + 2)
        own = self.own()
        self.hears([e.Opened(*own, f"{HOST}:1")])
        dialling = [e.Dialled(*own, h.BACKEND, "192.0.2.8:1")] * MOST_EVENTS
        self.assertEqual(len(self.hears(dialling)), 1 + 2 * MOST_EVENTS)

    def test_others(self) -> None:
        """What is about no connection passes at once, and in its place."""
        self.flood(SHOWN + 2)
        change = e.BackendChanged("S", h.BACKEND, e.Health.UP, e.Health.DOWN, "x", "y", 1.0)
        for _ in range(20):
            self.assertEqual(len(self.hears([change])), 1)


class EverythingTests(DamperCase):
    """Level 7."""

    level = 7

    def test_everything(self) -> None:
        """Whoever shows level 7 sees everything."""
        for _ in range(50):
            self.assertEqual(len(self.hears(self.refused())), 6)
        self.clock.advance(WINDOW)
        self.assertEqual(self.sink.take(), [])

    def test_section(self) -> None:
        """That is so for each section by itself, and from the moment that it is asked for."""
        self.log.levels = {"S": 5}
        self.flood(SHOWN)
        self.assertEqual(self.hears(self.refused()), [])
        self.log.levels = {"S": 7}
        self.assertEqual(len(self.hears(self.refused())), 6)


class BoundTests(DamperCase):
    """Memory and lines are bounded whoever comes."""

    def test_manyClients(self) -> None:
        """Beyond so many clients the others of a section are counted together."""
        for number in range(MOST_SOURCES):
            self.hears(self.refused(host=f"10.2.{number // 256}.{number % 256}"))
        for number in range(SHOWN + 7):
            lines = self.hears(self.refused(host=f"10.3.0.{number}"))
            self.assertEqual(bool(lines), number < SHOWN)
        self.clock.advance(WINDOW)
        self.assertEqual(
            self.sink.take(),
            [f"LOG3[main]: Service [S] other clients: 7 more time(s) in the last 60 s: {FOUND}"],
        )
        self.assertEqual(len(self.hears(self.refused(host="10.3.0.1"))), 5)

    def test_nothingKept(self) -> None:
        """When all is quiet nothing is remembered."""
        self.flood(20)
        self.hears(self.good())
        self.clock.pump([WINDOW] * 2)
        kept = (self.damper._windows, self.damper._failures, self.damper._held)
        self.assertEqual(kept, ({}, {}, {}))
        self.assertEqual(self.clock.getDelayedCalls(), [])


class OtherListenersTests(DamperCase):
    """Who else listens."""

    def test_hearsAll(self) -> None:
        """Metrics, journal and audit hear every event."""
        heard: list[e.Event] = []
        events = e.Events()
        events.subscribe(self.damper)
        events.subscribe(heard.append)
        said = [event for _ in range(50) for event in self.refused()]
        for event in said:
            events.publish(event)
        self.assertEqual(heard, said)


CONNECTIONS = st.tuples(
    st.sampled_from(["10.0.0.1", "10.0.0.2", "2001:db8::1"]),
    st.sampled_from(["http", "old", "good"]),
    st.integers(0, 3),
)
STEPS = st.lists(st.tuples(CONNECTIONS, st.sampled_from([0.0, 0.0, 0.5, 20.0])), max_size=60)


class WholeTests(SynchronousTestCase):
    """No line is lost uncounted."""

    @settings(deadline=None)
    @given(STEPS, st.randoms(use_true_random=False))
    def test_allOrCounted(self, steps: list[tuple[tuple[str, str, int], float]], dice) -> None:
        """Each connection has all its lines in their order, or none and is counted."""
        case = DamperCase()
        case.setUp()
        waiting: list[list[e.Event]] = []
        expected: dict[str, list[str]] = {}
        for (host, kind, late), seconds in steps:
            events = case.good(host) if kind == "good" else case.refused(host, kind=kind)
            plain = Kept()
            for event in events:
                LogListener((plain,), 5)(event)
            expected[str(case.number)] = plain.lines
            waiting.append([*events])
            # Connections overlap: each says some of what it has to say, and the rest later.
            for _ in range(late * len(waiting)):
                said = dice.choice(waiting)
                if said:
                    case.damper(said.pop(0))
            case.clock.advance(seconds)
        for event in (each for said in waiting for each in said):
            case.damper(event)
        case.damper.flush()
        shown: dict[str, list[str]] = {}
        counted = 0
        for line in case.sink.lines:
            found = re.search(r"\[main\]: .*: ([\d,]+) more time", line)
            if found:
                counted += int(found[1])
            else:
                shown.setdefault(re.findall(r"\[(\d+)\]", line)[0], []).append(line)
        hidden = expected.keys() - shown.keys()
        self.assertEqual(shown, {name: expected[name] for name in expected.keys() - hidden})
        self.assertEqual(counted, len(hidden))
        self.assertEqual(case.clock.getDelayedCalls(), [])
