"""What is known about backends, and what follows from it for a choice."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from appliance import events as e
from appliance.backend.board import UNKNOWN, Board, Standing
from appliance.backend.resolve import Target

ONE, OTHER, THIRD = (Target(f"192.0.2.{number}", 104) for number in (1, 2, 3))
NAME = str(ONE)


class BoardCase(SynchronousTestCase):
    """A board that counts its changes."""

    def setUp(self) -> None:
        self.changes = 0
        self.board = Board(self._changed)

    def _changed(self) -> None:
        self.changes += 1

    def put(
        self, target: Target, health: e.Health, checked: bool = True, why: str = "", at: float = 0.0
    ) -> None:
        """Let C{target} stand so."""
        self.board.put(str(target), health, why, "", at, checked)


class StandingTests(BoardCase):
    """What is told is what is found."""

    def test_unknown(self) -> None:
        """Nothing is known of who was never heard of, and nobody holds it against them."""
        self.assertEqual(self.board.standing(NAME), UNKNOWN)
        self.assertEqual(self.board.able([ONE]), [ONE])
        self.assertEqual(self.board.standings, {})

    def test_kept(self) -> None:
        """The state is kept with its words and its time."""
        self.board.put(NAME, e.Health.DOWN, "nothing listens", "start it", 7.0, True)
        expected = Standing(e.Health.DOWN, "nothing listens", "start it", 7.0, True)
        self.assertEqual(self.board.standings, {NAME: expected})

    def test_drainedStays(self) -> None:
        """Whether one is drained is not for checks to say, nor is it forgotten with the rest."""
        self.board.drain(NAME, True)
        self.put(ONE, e.Health.UP)
        self.assertTrue(self.board.standing(NAME).draining)
        self.board.forget(NAME)
        self.assertEqual(self.board.standing(NAME), Standing(draining=True))
        self.board.drain(NAME, False)
        self.board.forget(NAME)
        self.assertEqual(self.board.standings, {})

    def test_tellsChanges(self) -> None:
        """A change that a choice depends on is told, other words are not."""
        self.put(ONE, e.Health.UP)
        self.put(ONE, e.Health.UP, why="other words", at=3.0)
        self.assertEqual(self.changes, 1)
        self.put(ONE, e.Health.UP, checked=False)
        self.board.drain(NAME, True)
        self.board.drain(NAME, True)
        self.put(ONE, e.Health.DOWN)
        self.assertEqual(self.changes, 4)
        self.board.forget(str(OTHER))
        self.assertEqual(self.changes, 4)

    def test_summary(self) -> None:
        """Another process's board chooses by the summary as this one does."""
        self.put(ONE, e.Health.DOWN)
        self.put(OTHER, e.Health.DOWN, checked=False)
        self.board.drain(str(THIRD), True)
        there = Board()
        there.put("192.0.2.9:104", e.Health.DOWN, "", "", 0.0, True)
        there.replace(self.board.summary)
        self.assertEqual(there.summary, self.board.summary)
        self.assertEqual(there.able([ONE, OTHER, THIRD]), [OTHER])
        self.assertEqual(there.standing("192.0.2.9:104"), UNKNOWN)


class ChoiceTests(BoardCase):
    """Who may be tried, and who is tried last."""

    def test_able(self) -> None:
        """All but those who are drained, or down by checks."""
        for health in e.Health:
            for checked in (False, True):
                self.put(ONE, health, checked)
                out = health is e.Health.DOWN and checked
                self.assertEqual(self.board.able([ONE, OTHER]), [OTHER] if out else [ONE, OTHER])
        self.board.drain(str(OTHER), True)
        self.assertEqual(self.board.able([OTHER, THIRD]), [THIRD])

    @given(st.permutations([ONE, OTHER, THIRD]), st.sets(st.sampled_from([ONE, OTHER, THIRD])))
    def test_upFirst(self, order: list[Target], down: set[Target]) -> None:
        """Those that are down come last; otherwise the order stays."""
        board = Board()
        for target in down:
            board.put(str(target), e.Health.DOWN, "", "", 0.0, False)
        up = [target for target in order if target not in down]
        rest = [target for target in order if target in down]
        self.assertEqual(board.upFirst(order), up + rest)


class LoadTests(BoardCase):
    """How many connections each has."""

    def dialled(self, connection: str, target: Target = ONE) -> None:
        """A connection to C{target} has come about."""
        self.board.hear(e.Dialled("s", connection, str(target), "192.0.2.99:1"))

    def closed(self, connection: str) -> None:
        """A connection has ended."""
        reason = e.Reason.COMPLETED
        self.board.hear(e.Closed("s", connection, "x", reason, 0, 0, 0.0, False))

    def test_counted(self) -> None:
        """From the dial to the end."""
        self.dialled("0")
        self.dialled("1")
        self.dialled("2", OTHER)
        self.assertEqual([self.board.load(str(t)) for t in (ONE, OTHER, THIRD)], [2, 1, 0])
        self.closed("0")
        self.closed("2")
        self.assertEqual([self.board.load(str(t)) for t in (ONE, OTHER, THIRD)], [1, 0, 0])

    def test_twiceDialled(self) -> None:
        """A connection that is dialled again counts where it is now."""
        self.dialled("0")
        self.dialled("0", OTHER)
        self.assertEqual([self.board.load(str(t)) for t in (ONE, OTHER)], [0, 1])

    def test_others(self) -> None:
        """An end of a connection that was never dialled counts for nothing."""
        self.dialled("0")
        self.closed("7")
        self.board.hear(e.DialFailed("s", "8", NAME, None))
        self.assertEqual(self.board.load(NAME), 1)

    @given(st.lists(st.tuples(st.integers(0, 3), st.booleans())))
    def test_never(self, steps: list[tuple[int, bool]]) -> None:
        """However ends and dials come, the load is the number of connections that are open."""
        board, open_ = Board(), set()
        for number, begins in steps:
            if begins:
                board.hear(e.Dialled("s", str(number), NAME, "x"))
                open_.add(number)
            else:
                reason = e.Reason.COMPLETED
                board.hear(e.Closed("s", str(number), "x", reason, 0, 0, 0.0, False))
                open_.discard(number)
            self.assertEqual(board.load(NAME), len(open_))
