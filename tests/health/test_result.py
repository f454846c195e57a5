from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from appliance.health.result import TCP, TLS, Result, State, Step, Stopwatch


class ResultTests(SynchronousTestCase):
    """L{Result}."""

    def test_alive(self) -> None:
        """Only an answered echo is alive; whoever refuses or aborts us lives all the same."""
        states = {state: Result(state, "") for state in State}
        self.assertEqual({s for s, r in states.items() if r.alive}, {State.ALIVE})
        self.assertEqual(
            {s for s, r in states.items() if r.lives},
            {State.ALIVE, State.REFUSED, State.ABORTED},
        )

    def test_seconds(self) -> None:
        """The time of all is that of the steps together."""
        steps = (Step(TCP, 0.25), Step(TLS, 0.5))
        self.assertEqual(Result(State.ALIVE, "", steps=steps).seconds, 0.75)

    def test_failedAt(self) -> None:
        """The first step that went wrong is the one that matters."""
        steps = (Step(TCP, 0.25), Step(TLS, 0.5, False), Step("echo", 0.5, False))
        self.assertEqual(Result(State.TLS_FAILURE, "", steps=steps).failedAt, TLS)
        self.assertEqual(Result(State.ALIVE, "", steps=steps[:1]).failedAt, "")


class StopwatchTests(SynchronousTestCase):
    """L{Stopwatch}."""

    def test_steps(self) -> None:
        """Each step lasts from the end of the one before."""
        clock = Clock()
        watch = Stopwatch(clock.seconds)
        clock.advance(0.5)
        watch.note("connected", then=TLS)
        clock.advance(0.25)
        watch.note()
        result = watch.finish(Result(State.ALIVE, "fine"))
        self.assertEqual(result.steps, (Step(TCP, 0.5, True, "connected"), Step(TLS, 0.25)))

    def test_unfinished(self) -> None:
        """A step that is under way at the end failed, for the reason of the result."""
        clock = Clock()
        watch = Stopwatch(clock.seconds)
        clock.advance(3)
        result = watch.finish(Result(State.UNREACHABLE, "no connection"))
        self.assertEqual(result.steps, (Step(TCP, 3, False, "no connection"),))
