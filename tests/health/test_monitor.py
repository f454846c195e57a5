"""When backends are checked, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from appliance import events as e
from appliance.backend.board import Board
from appliance.dicom.reasons import CALLED_TITLE
from appliance.health.judge import Known, Limits
from appliance.health.monitor import JITTER, Monitor
from appliance.health.plan import Place, Plan, Probe
from appliance.health.result import TCP, Result, State, Step

INTERVAL = 30.0
ONE, OTHER = "192.0.2.1:104", "192.0.2.2:104"
GOOD = Result(State.ALIVE, "it answers the echo", "", (Step(TCP, 0.1), Step("echo", 0.2)))
GONE = Result(State.UNREACHABLE, "nothing listens", "start it", (Step(TCP, 0.1, False, "x"),))
REFUSED = Result(State.REFUSED, "refused", "check it", rejection=CALLED_TITLE)


class MonitorCase(SynchronousTestCase):
    """A monitor on a clock of its own, whose probes the test answers."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.board = Board()
        self.heard: list[e.Event] = []
        self.events = e.Events(onError=lambda error: self.fail(repr(error)))
        self.events.subscribe(self.heard.append)
        self.asked: list[tuple[str, float]] = []
        self.answers: dict[str, Result | None] = {}
        self.waiting: dict[str, Deferred[Result]] = {}
        self.cancelled: list[str] = []
        self.learnt: list[tuple[str, ...]] = []
        self.known = Known.SET
        self.checked = True
        self.drawn: Callable[[float, float], float] = lambda low, high: (low + high) / 2

    async def ask(self, target: str) -> Result:
        """Answer at once what the test has prepared, or when it pleases."""
        self.asked.append((target, self.clock.seconds()))
        answer = self.answers.get(target, GOOD)
        if answer is not None:
            return answer
        self.waiting[target] = Deferred(lambda _: self.cancelled.append(target))
        return await self.waiting[target]

    def probe(self, target: str) -> Probe | None:
        return Probe("echo", self.known, lambda: self.ask(target)) if self.checked else None

    def place(self, *targets: str) -> Place:
        """An address that stands for C{targets}."""

        async def found() -> Sequence[str]:
            return targets

        return Place(found, self.probe)

    def plan(self, *places: Place, interval: float = INTERVAL) -> Plan:
        return Plan(
            places,
            interval,
            Limits(2, 3, 3 * interval),
            lambda *told: self.learnt.append(told),
            lambda target: self.learnt.append((target,)),
        )

    def monitor(self, *places: Place) -> Monitor:
        """A monitor that has been started."""
        plan = self.plan(*(places or (self.place(ONE),)))
        monitor = Monitor(
            self.clock,
            "DICOM STORE",
            self.events,
            self.board,
            plan,
            lambda low, high: self.drawn(low, high),
        )
        monitor.start()
        return monitor

    def rounds(self, number: int) -> None:
        """Let C{number} more rounds pass, of the middle length."""
        self.clock.pump([INTERVAL] * number)

    def of(self, kind: type[e.Event]) -> list[Any]:
        return [event for event in self.heard if isinstance(event, kind)]

    @property
    def times(self) -> list[float]:
        """When it was asked."""
        return [at for _, at in self.asked]


class ScheduleTests(MonitorCase):
    """When."""

    def test_resting(self) -> None:
        """A target that rests is not checked, not even by what was under way; others are."""
        self.answers[ONE] = None
        monitor = self.monitor(self.place(ONE), self.place(OTHER))
        self.rounds(1)
        monitor.rest(ONE, True)
        self.assertEqual(self.cancelled, [ONE])
        self.asked.clear()
        self.rounds(2)
        self.assertEqual([target for target, _ in self.asked], [OTHER, OTHER])
        monitor.rest(ONE, False)
        self.asked.clear()
        self.rounds(1)
        self.assertEqual([target for target, _ in self.asked], [ONE, OTHER])
        monitor.stop()

    def test_first(self) -> None:
        """The first check comes within a tenth of the interval, not at once."""
        for drawn in (lambda low, _: low, lambda _, high: high):
            self.asked.clear()
            self.drawn = drawn
            start = self.clock.seconds()
            monitor = self.monitor()
            self.assertEqual(self.asked, [])
            self.clock.advance(JITTER * INTERVAL)
            self.assertTrue(start <= self.times[0] <= start + JITTER * INTERVAL)
            monitor.stop()

    def test_bounds(self) -> None:
        """From one to the next it takes the interval, a tenth more or less."""
        bounds: list[tuple[float, float]] = []

        def draw(low: float, high: float) -> float:
            bounds.append((low, high))
            return low if len(bounds) % 2 else high

        self.drawn = draw
        self.monitor()
        self.clock.pump([0.5] * 300)
        self.assertEqual(bounds[:2], [(0, 3.0), (27.0, 33.0)])
        gaps = {after - before for before, after in zip(self.times, self.times[1:], strict=False)}
        self.assertEqual(gaps, {27.0, 33.0})

    def test_everyTarget(self) -> None:
        """Each target of each address is checked in each round, and once only."""
        self.monitor(self.place(ONE, OTHER), self.place(ONE))
        self.rounds(2)
        self.assertEqual([target for target, _ in self.asked], [ONE, OTHER, ONE, OTHER])

    def test_hung(self) -> None:
        """While a check is under way there is no other of that target; others go on."""
        self.answers[ONE] = None
        self.monitor(self.place(ONE, OTHER))
        self.rounds(5)
        self.assertEqual([target for target, _ in self.asked].count(ONE), 1)
        self.assertEqual([target for target, _ in self.asked].count(OTHER), 5)
        self.waiting[ONE].callback(GOOD)
        self.rounds(1)
        self.assertEqual([target for target, _ in self.asked].count(ONE), 2)

    def test_slowNames(self) -> None:
        """A resolver that hangs is asked once, and holds up no other address."""
        asked: list[Deferred[Sequence[str]]] = []

        async def found() -> Sequence[str]:
            asked.append(Deferred())
            return await asked[-1]

        self.monitor(Place(found, self.probe), self.place(OTHER))
        self.rounds(3)
        self.assertEqual(len(asked), 1)
        self.assertEqual([target for target, _ in self.asked], [OTHER] * 3)
        asked[0].callback((ONE,))
        self.rounds(1)
        self.assertEqual(len(asked), 2)

    def test_notChecked(self) -> None:
        """Where there is no probe nobody is asked, and nothing is known."""
        self.checked = False
        self.monitor()
        self.rounds(3)
        self.assertEqual(self.asked, [])
        self.assertIs(self.board.standings[ONE].health, e.Health.UNKNOWN)
        self.assertFalse(self.board.standings[ONE].checked)
        self.assertEqual(self.of(e.BackendChanged), [])

    def test_stop(self) -> None:
        """A stop ends what is under way, and nothing comes after it."""
        self.answers[ONE] = None
        monitor = self.monitor(self.place(ONE, OTHER))
        self.rounds(1)
        stopped = monitor.stop()
        self.assertEqual(self.cancelled, [ONE])
        self.successResultOf(stopped)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.rounds(3)
        self.assertEqual(len(self.asked), 2)
        self.assertEqual(len(self.of(e.Checked)), 1)
        self.successResultOf(monitor.stop())

    def test_stopWaits(self) -> None:
        """The stop is over when the check is, which may take its time to end."""
        ending: Deferred[Result] = Deferred(lambda _: None)
        ending.cancel = lambda: None  # type: ignore[method-assign]

        async def ask() -> Result:
            return await ending

        probe = Probe("echo", Known.SET, ask)
        monitor = self.monitor(Place(self.place(ONE).targets, lambda _: probe))
        self.rounds(1)
        stopped = monitor.stop()
        self.assertNoResult(stopped)
        ending.errback(CancelledError())
        self.successResultOf(stopped)

    def test_stopWhileResolving(self) -> None:
        """A stop also ends a wait for the resolver."""

        async def found() -> Sequence[str]:
            return await Deferred()

        monitor = self.monitor(Place(found, self.probe))
        self.successResultOf(monitor.stop())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_defect(self) -> None:
        """A probe with a defect is reported, and the next round is another try."""

        async def ask() -> Result:
            self.asked.append((ONE, 0.0))
            raise ZeroDivisionError

        probe = Probe("echo", Known.SET, ask)
        self.monitor(Place(self.place(ONE).targets, lambda _: probe))
        self.rounds(2)
        self.assertEqual(len(self.asked), 2)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)


class TellTests(MonitorCase):
    """What is told."""

    def changes(self) -> list[tuple[str, str, str]]:
        """All changes so far."""
        return [(x.backend, x.before.value, x.after.value) for x in self.of(e.BackendChanged)]

    def test_checked(self) -> None:
        """Each check is told with its steps."""
        self.monitor()
        self.rounds(2)
        first, _ = self.of(e.Checked)
        self.assertEqual((first.section, first.backend, first.kind), ("DICOM STORE", ONE, "echo"))
        self.assertEqual((first.alive, first.lives, first.found), (True, True, GOOD.text))
        self.assertAlmostEqual(first.seconds, 0.3)
        self.assertEqual([(step.name, step.ok) for step in first.steps], [(TCP, True), ("echo", 1)])

    def test_changes(self) -> None:
        """Each change is told once, with its words and how long the state before has lasted."""
        self.monitor()
        self.rounds(3)
        self.answers[ONE] = GONE
        self.rounds(5)
        self.answers[ONE] = GOOD
        self.rounds(4)
        self.assertEqual(
            self.changes(),
            [(ONE, "unknown", "up"), (ONE, "up", "down"), (ONE, "down", "up")],
        )
        _, down, _ = self.of(e.BackendChanged)
        self.assertEqual((down.why, down.advice), ("nothing listens", "start it"))
        self.assertEqual(down.seconds, 5 * INTERVAL)

    def test_board(self) -> None:
        """The board has the state, when it came about, and that it is checked."""
        self.monitor()
        self.rounds(1)
        standing = self.board.standing(ONE)
        self.assertEqual((standing.health, standing.why), (e.Health.UP, GOOD.text))
        self.assertTrue(standing.checked)
        self.answers[ONE] = REFUSED
        self.rounds(3)
        standing = self.board.standing(ONE)
        self.assertEqual((standing.health, standing.why), (e.Health.DEGRADED, REFUSED.text))
        self.assertEqual(standing.since, 2 * INTERVAL)

    def test_evenWordsAreKept(self) -> None:
        """A new reason for the same state is kept, and not announced."""
        self.answers[ONE] = GONE
        self.monitor()
        self.rounds(3)
        self.answers[ONE] = Result(State.UNREACHABLE, "no route", "", (Step(TCP, 0.1, False),))
        self.rounds(1)
        self.assertEqual(self.board.standing(ONE).why, "no route")
        self.assertEqual(len(self.of(e.BackendChanged)), 1)

    def test_cancelledTellsNothing(self) -> None:
        """A check that was cancelled says nothing."""
        self.answers[ONE] = None
        monitor = self.monitor()
        self.rounds(1)
        monitor.stop()
        self.assertEqual(self.of(e.Checked), [])


class ConnectionTests(MonitorCase):
    """What connections add to it."""

    WHO = ("DICOM STORE", "0", ONE)

    def accepted(self) -> e.AssociationAccepted:
        application = e.Application()
        return e.AssociationAccepted(*self.WHO, "US1", "PACS", application, ())

    def test_unchecked(self) -> None:
        """Without checks connections alone tell: down after so many, up by others."""
        self.checked = False
        monitor = self.monitor()
        for _ in range(3):
            monitor.hear(e.DialFailed(*self.WHO, "Connection refused (111)"))
        self.assertIs(self.board.standing(ONE).health, e.Health.DOWN)
        self.assertFalse(self.board.standing(ONE).checked)
        for _ in range(2):
            monitor.hear(e.Dialled(*self.WHO, "192.0.2.9:1"))
        self.assertIs(self.board.standing(ONE).health, e.Health.UP)

    def test_faster(self) -> None:
        """With checks failed dials make it down before the checks do."""
        monitor = self.monitor()
        self.rounds(1)
        for _ in range(3):
            monitor.hear(e.DialFailed(*self.WHO, None))
        self.assertIs(self.board.standing(ONE).health, e.Health.DOWN)
        self.assertTrue(self.board.standing(ONE).checked)

    def test_learns(self) -> None:
        """The title of an association that was accepted is learnt."""
        monitor = self.monitor()
        monitor.hear(self.accepted())
        self.assertEqual(self.learnt, [(ONE, "PACS")])

    def test_unlearns(self) -> None:
        """A learnt title that the backend does not go by any more is nobody's fault."""
        self.known = Known.LEARNT
        self.answers[ONE] = REFUSED
        self.monitor()
        self.rounds(1)
        self.assertEqual(self.learnt, [(ONE,)])
        self.assertIs(self.board.standing(ONE).health, e.Health.UP)

    def test_keepsSetTitles(self) -> None:
        """A title that somebody has set is told to be wrong."""
        self.answers[ONE] = REFUSED
        self.monitor()
        self.rounds(1)
        self.assertEqual(self.learnt, [])
        self.assertIs(self.board.standing(ONE).health, e.Health.DEGRADED)

    def test_noBackends(self) -> None:
        """Where no address is configured, as with exec, nobody is judged."""
        monitor = Monitor(self.clock, "x", self.events, self.board, self.plan())
        monitor.hear(e.DialFailed("x", "0", "/bin/cat", "No such file or directory (2)"))
        self.assertEqual(self.board.standings, {})


class ChangeTests(MonitorCase):
    """Backends that come and go, and new settings."""

    def moving(self) -> tuple[Place, list[str]]:
        """An address, and the targets that it stands for, which the test may change."""
        there = [ONE]

        async def found() -> Sequence[str]:
            return tuple(there)

        return Place(found, self.probe), there

    def test_moves(self) -> None:
        """A name that leads elsewhere takes the checks along, and the old target is forgotten."""
        place, there = self.moving()
        self.monitor(place)
        self.rounds(1)
        there[:] = [OTHER]
        self.rounds(2)
        self.assertEqual([target for target, _ in self.asked], [ONE, OTHER, OTHER])
        self.assertEqual(list(self.board.standings), [OTHER])

    def test_movesInACheck(self) -> None:
        """A check of a target that is no more is dropped."""
        place, there = self.moving()
        self.answers[ONE] = None
        self.monitor(place)
        self.rounds(1)
        there[:] = [OTHER]
        self.rounds(1)
        self.assertEqual(self.cancelled, [ONE])
        self.assertEqual(list(self.board.standings), [OTHER])

    def test_twoAddresses(self) -> None:
        """A target that another address still stands for stays."""
        place, there = self.moving()
        self.monitor(place, self.place(ONE))
        self.rounds(1)
        there[:] = [OTHER]
        self.rounds(1)
        self.assertEqual(set(self.board.standings), {ONE, OTHER})

    def test_reload(self) -> None:
        """New settings are checked soon; what is known stays, and what is gone goes."""
        monitor = self.monitor(self.place(ONE), self.place(OTHER))
        self.rounds(1)
        monitor.use(self.plan(self.place(ONE), interval=10.0))
        self.assertEqual(list(self.board.standings), [ONE])
        self.clock.advance(1.0)
        self.assertEqual(self.asked[2:], [(ONE, INTERVAL + 1.0)])
        self.assertEqual([x.after for x in self.of(e.BackendChanged)], [e.Health.UP] * 2)
        self.clock.pump([10.0] * 3)
        self.assertEqual([target for target, _ in self.asked[2:]], [ONE] * 4)

    def test_reloadOfAStopped(self) -> None:
        """New settings start nothing that was not started."""
        monitor = self.monitor()
        monitor.stop()
        monitor.use(self.plan(self.place(OTHER)))
        self.rounds(2)
        self.assertEqual(self.asked, [])

    def test_checksEnd(self) -> None:
        """Without checks any more the state is as connections have it."""
        self.answers[ONE] = REFUSED
        monitor = self.monitor()
        self.rounds(1)
        self.assertIs(self.board.standing(ONE).health, e.Health.DEGRADED)
        self.checked = False
        monitor.use(self.plan(self.place(ONE)))
        standing = self.board.standing(ONE)
        self.assertEqual((standing.health, standing.checked), (e.Health.UP, False))
