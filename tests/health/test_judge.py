"""From results and facts to the state of a backend."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from appliance.dicom.reasons import CALLED_TITLE, CALLING_TITLE
from appliance.events import Health
from appliance.health.judge import CALM, Judge, Known, Limits
from appliance.health.result import TCP, TLS, Result, State, Step

UNKNOWN, UP, DEGRADED, DOWN = Health.UNKNOWN, Health.UP, Health.DEGRADED, Health.DOWN
RECENT = 90.0
LIMITS = Limits(rise=2, fall=3, recent=RECENT)


def failing(state: State, step: str, text: str = "it fails", **more: object) -> Result:
    """A result that came of the failure of C{step}."""
    before = () if step == TCP else (Step(TCP, 0.1),)
    steps = (*before, Step(step, 1.0, False, text))
    return Result(state, text, "do something", steps, **more)  # type: ignore[arg-type]


GOOD = Result(State.ALIVE, "it answers the echo", steps=(Step(TCP, 0.1), Step("echo", 0.1)))
GONE = failing(State.UNREACHABLE, TCP, "nothing listens on that port")
SILENT = failing(State.UNREACHABLE, "association", "no answer")
NO_ECHO = failing(State.UNREACHABLE, "echo", "no answer to the echo")
HUNG_UP = failing(State.NOT_DICOM, "association", "it hung up")
NO_TLS = failing(State.TLS_FAILURE, TLS, "no cipher suite in common")
SILENT_TLS = failing(State.UNREACHABLE, TLS, "no TLS")
LATE_TLS = failing(State.TLS_FAILURE, "association", "the peer refused our certificate")
REFUSED = failing(State.REFUSED, "association", "refused", rejection=CALLED_TITLE)
STRANGER = failing(State.REFUSED, "association", "who are you", rejection=CALLING_TITLE)
ABORTED = failing(State.ABORTED, "echo", "aborted")
UNTRIED = failing(State.UNTRIED, TCP, "too many open files")


class JudgeCase(SynchronousTestCase):
    """One judge."""

    def setUp(self) -> None:
        self.judge = Judge(LIMITS)
        self.now = 1000.0

    @property
    def health(self) -> Health:
        """The state that the judge has come to."""
        return self.judge.verdict.health

    def check(self, *results: Result, known: Known = Known.SET) -> Health:
        """The state after checks with C{results}, a second apart."""
        for result in results:
            self.now += 1
            self.judge.checked(result, known, self.now)
        return self.health


class CheckTests(JudgeCase):
    """By checks alone."""

    def test_begin(self) -> None:
        """At first nothing is known."""
        self.assertIs(self.health, UNKNOWN)

    def test_oneGoodCheck(self) -> None:
        """The first good check is enough to be up, with its words."""
        self.assertIs(self.check(GOOD), UP)
        self.assertEqual(self.judge.verdict.why, "it answers the echo")

    def test_fall(self) -> None:
        """It is down after so many failures in a row, and for the last one's reason."""
        for before in ((), (GOOD,)):
            self.judge = Judge(LIMITS)
            self.check(*before)
            self.assertIs(self.check(SILENT, GONE), UP if before else UNKNOWN)
            self.assertIs(self.check(GONE), DOWN)
            self.assertEqual(self.judge.verdict.why, "nothing listens on that port")
            self.assertEqual(self.judge.verdict.advice, "do something")

    def test_notInARow(self) -> None:
        """A good check in between begins the count anew."""
        self.assertIs(self.check(GOOD, GONE, GONE, GOOD, GONE, GONE), UP)

    def test_rise(self) -> None:
        """It is up again after so many good checks in a row."""
        self.check(GONE, GONE, GONE)
        self.assertIs(self.check(GOOD), DOWN)
        self.assertIs(self.check(GONE, GOOD), DOWN)
        self.assertIs(self.check(GOOD), UP)

    def test_refusals(self) -> None:
        """Who refuses or aborts lives, and is degraded for that reason until a good check."""
        for result in (REFUSED, STRANGER, ABORTED):
            self.judge = Judge(LIMITS)
            self.assertIs(self.check(*[result] * 5), DEGRADED)
            self.assertEqual(self.judge.verdict.why, result.text)
            self.assertEqual(self.judge.verdict.advice, "do something")
            self.assertIs(self.check(GOOD), UP)

    def test_downThenRefused(self) -> None:
        """Signs of life count towards being up, even those that are refusals."""
        self.check(GONE, GONE, GONE)
        self.assertIs(self.check(REFUSED), DOWN)
        self.assertIs(self.check(REFUSED), DEGRADED)

    def test_untried(self) -> None:
        """What could not be asked, for a reason of ours, says nothing."""
        self.assertIs(self.check(*[UNTRIED] * 5), UNKNOWN)
        self.assertIs(self.check(GOOD, *[UNTRIED] * 5), UP)
        self.assertIs(self.check(GONE, GONE, UNTRIED, GONE), DOWN)

    def test_whatCounts(self) -> None:
        """What becomes of a backend after many equal failures depends on how its title is known."""
        table: dict[Known, dict[Health, tuple[Result, ...]]] = {
            Known.SET: {
                DOWN: (GONE, SILENT, NO_ECHO, HUNG_UP, NO_TLS, SILENT_TLS, LATE_TLS),
                DEGRADED: (REFUSED, STRANGER, ABORTED),
            },
            Known.LEARNT: {
                DOWN: (GONE, NO_TLS, SILENT_TLS, LATE_TLS),
                DEGRADED: (SILENT, NO_ECHO, HUNG_UP, REFUSED, ABORTED),
                UP: (STRANGER,),
            },
            Known.GUESSED: {
                DOWN: (GONE, NO_TLS, SILENT_TLS, LATE_TLS),
                DEGRADED: (SILENT, NO_ECHO, HUNG_UP),
                UP: (REFUSED, STRANGER, ABORTED),
            },
        }
        for known, outcomes in table.items():
            for health, results in outcomes.items():
                for result in results:
                    self.judge = Judge(LIMITS)
                    found = self.check(*[result] * 4, known=known)
                    self.assertIs(found, health, (known, result.text))

    def test_learntAndAnswered(self) -> None:
        """By a learnt title silence counts once a check has been answered."""
        for answer in (GOOD, REFUSED, ABORTED):
            self.judge = Judge(LIMITS)
            self.check(answer, known=Known.LEARNT)
            self.assertIs(self.check(HUNG_UP, SILENT, SILENT, known=Known.LEARNT), DOWN)

    def test_guessedAnswer(self) -> None:
        """Any answer to a guess is a sign of life; its words say what it was."""
        self.check(REFUSED, known=Known.GUESSED)
        self.assertEqual(self.judge.verdict.why, "it lives (refused)")
        self.assertEqual(self.judge.verdict.advice, "do something")

    def test_guessedSilenceAfterDown(self) -> None:
        """A PACS that is back and does not answer a guess is not down any more."""
        self.check(GONE, GONE, GONE, known=Known.GUESSED)
        self.assertIs(self.check(SILENT, known=Known.GUESSED), DOWN)
        self.assertIs(self.check(SILENT, known=Known.GUESSED), DEGRADED)

    def test_unchecked(self) -> None:
        """When there are no checks any more their last refusal is no longer held against it."""
        self.check(REFUSED)
        self.judge.unchecked()
        self.assertIs(self.health, UP)

    def test_newLimits(self) -> None:
        """New limits hold from the next result on."""
        self.check(GONE)
        self.judge.limits = Limits(1, 2, RECENT)
        self.assertIs(self.check(GONE), DOWN)
        self.assertIs(self.check(GOOD), UP)


class ConnectionTests(JudgeCase):
    """By what becomes of connections."""

    def test_dials(self) -> None:
        """Failed dials count as failed checks do, and so do both together."""
        self.judge.unconnected(GONE)
        self.check(GONE)
        self.judge.unconnected(UNTRIED)
        self.assertIs(self.health, UNKNOWN)
        self.judge.unconnected(GONE)
        self.assertIs(self.health, DOWN)
        self.judge.connected()
        self.assertIs(self.health, DOWN)
        self.judge.connected()
        self.assertIs(self.health, UP)

    def test_accepted(self) -> None:
        """An association that is accepted is a success, and begins the count of failures anew."""
        self.judge.accepted(self.now)
        self.assertIs(self.health, UP)
        self.check(GONE, GONE)
        self.judge.accepted(self.now)
        self.assertIs(self.check(GONE, GONE), UP)

    def test_busy(self) -> None:
        """While an association is under way only a connection that is not to be had tells."""
        self.check(GOOD)
        for result in (SILENT, HUNG_UP, NO_ECHO, SILENT_TLS) * 3:
            self.judge.checked(result, Known.SET, self.now, busy=True)
        self.assertEqual((self.health, self.judge.verdict.why), (UP, GOOD.text))
        for _ in range(3):
            self.judge.checked(GONE, Known.SET, self.now, busy=True)
        self.assertIs(self.health, DOWN)

    def test_acceptedAndSilent(self) -> None:
        """While associations are accepted a check that fails degrades and no more."""
        for result in (SILENT, HUNG_UP, NO_TLS, NO_ECHO):
            self.judge = Judge(LIMITS)
            self.judge.accepted(self.now)
            self.assertIs(self.check(*[result] * 5), DEGRADED, result)
            self.assertEqual(self.judge.verdict.why, result.text)

    def test_acceptedLongAgo(self) -> None:
        """That protection ends in time."""
        self.judge.accepted(self.now)
        self.now += RECENT - 2
        self.assertIs(self.check(SILENT), DEGRADED)
        self.assertIs(self.check(SILENT, SILENT), DEGRADED)
        self.assertIs(self.check(SILENT), DOWN)

    def test_acceptedAndGone(self) -> None:
        """A port that is closed is down, whoever was let in before."""
        self.judge.accepted(self.now)
        self.assertIs(self.check(GONE, GONE, GONE), DOWN)

    def test_strangerForgiven(self) -> None:
        """A PACS that does not know us is as it should be while it lets others in."""
        self.check(STRANGER)
        self.judge.accepted(self.now)
        self.assertIs(self.health, UP)
        self.assertIs(self.check(STRANGER), UP)
        self.judge.rejected("no", "", self.now)
        self.now += CALM
        self.judge.clean(self.now)
        self.assertIs(self.health, DEGRADED)
        self.judge.accepted(self.now)
        self.assertIs(self.health, UP)

    def test_otherRefusalsStand(self) -> None:
        """Any other refusal is not forgiven for that."""
        self.check(REFUSED)
        self.judge.accepted(self.now)
        self.assertIs(self.health, DEGRADED)

    def test_troubles(self) -> None:
        """Trouble with associations degrades, in words, and shows that it lives."""
        troubles: tuple[Callable[[Judge], None], ...] = (
            lambda judge: judge.rejected("trouble", "see there", self.now),
            lambda judge: judge.troubled("trouble", "see there", self.now),
        )
        for trouble in troubles:
            judge = Judge(LIMITS)
            trouble(judge)
            self.assertIs(judge.verdict.health, DEGRADED)
            self.assertEqual((judge.verdict.why, judge.verdict.advice), ("trouble", "see there"))

    def test_cut(self) -> None:
        """A backend that cuts an association is degraded, but that is no sign of life."""
        self.judge.troubled("cut", "", self.now, lives=False)
        self.assertIs(self.health, UNKNOWN)
        self.judge.accepted(self.now)
        self.assertIs(self.health, DEGRADED)

    def test_echoClearsNothing(self) -> None:
        """A green C-ECHO does not mean that stores work."""
        self.judge.troubled("trouble", "", self.now)
        self.assertIs(self.check(*[GOOD] * 10), DEGRADED)
        self.assertEqual(self.judge.verdict.why, "trouble")

    def test_cleared(self) -> None:
        """A clean association clears it, a while after the last trouble."""
        self.judge.troubled("trouble", "", self.now)
        self.judge.troubled("trouble", "", self.now + 30)
        self.judge.clean(self.now + CALM)
        self.assertIs(self.health, DEGRADED)
        self.judge.clean(self.now + 30 + CALM)
        self.assertIs(self.health, UP)
        self.assertEqual(self.judge.verdict.why, "associations go well again")

    def test_downWithTrouble(self) -> None:
        """One that is down is down, whatever trouble there was."""
        self.judge.troubled("trouble", "", self.now)
        self.assertIs(self.check(GONE, GONE, GONE), DOWN)
        self.assertIs(self.check(GOOD, GOOD), DEGRADED)


RESULTS = st.sampled_from(
    [GOOD, GONE, SILENT, HUNG_UP, NO_TLS, REFUSED, STRANGER, ABORTED, UNTRIED]
)
FACTS = st.one_of(
    st.tuples(st.just("check"), RESULTS, st.sampled_from(Known)),
    st.tuples(st.sampled_from(["connected", "unconnected", "accepted", "trouble", "clean"])),
)


class PropertyTests(SynchronousTestCase):
    """Whatever happens."""

    def tell(self, judge: Judge, fact: tuple, now: float) -> None:
        """Let C{judge} know of C{fact}."""
        match fact:
            case ("check", result, known):
                judge.checked(result, known, now)
            case ("connected",):
                judge.connected()
            case ("unconnected",):
                judge.unconnected(GONE)
            case ("accepted",):
                judge.accepted(now)
            case ("trouble",):
                judge.troubled("trouble", "", now)
            case ("clean",):
                judge.clean(now)

    @given(st.lists(FACTS), st.integers(1, 4), st.integers(1, 4))
    def test_rowsOnly(self, facts: list[tuple], rise: int, fall: int) -> None:
        """It goes down by a row of failures alone, up again by a row of successes alone."""
        judge = Judge(Limits(rise, fall, RECENT))
        before, since = UNKNOWN, 0
        for number, fact in enumerate(facts):
            self.tell(judge, fact, number * 10.0)
            after = judge.verdict.health
            self.assertTrue(judge.verdict.why)
            if after is DOWN and before is not DOWN:
                self.assertGreaterEqual(number + 1 - since, fall)
                self.assertIn(fact[0], ("check", "unconnected"))
            if before is DOWN and after is not DOWN:
                self.assertGreaterEqual(number + 1 - since, rise)
                self.assertIn(after, (UP, DEGRADED))
            if before is not UNKNOWN:
                self.assertIsNot(after, UNKNOWN)
            if (before is DOWN) is not (after is DOWN):
                since = number + 1
            before = after

    @given(st.lists(FACTS))
    def test_recovers(self, facts: list[tuple]) -> None:
        """Whatever was, checks and associations that go well bring it up."""
        judge = Judge(LIMITS)
        for number, fact in enumerate(facts):
            self.tell(judge, fact, float(number))
        later = len(facts) + CALM
        for number in range(LIMITS.rise):
            judge.checked(GOOD, Known.SET, later + number)
        judge.clean(later)
        self.assertIs(judge.verdict.health, UP)
