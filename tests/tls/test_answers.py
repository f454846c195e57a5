"""Answers: asked for once, and kept while they are good."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from attrs import evolve
from cryptography import x509
from cryptography.x509 import ocsp
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from appliance.config.model import OCSPConfig
from appliance.tls.answers import KEEP, KEPT, SILENCE, Answers
from appliance.tls.ocsp import Answer, AnswerError, Status
from appliance.tls.responder import NoAnswerError
from tests import material as m
from tests.vouching import NOW, URL, Responder, Word, issued, x


class AnswersTests(SynchronousTestCase):
    """The answers of one section."""

    def setUp(self) -> None:
        self.pair = issued("modality", URL)
        self.responder = Responder((self.pair,))
        self.now = NOW
        self.asking: list[None] = []

    def answers(self, **config: Any) -> Answers:
        """Answers that know nothing yet."""
        return Answers(None, OCSPConfig(**config), self.responder.ask, self.present)

    def present(self) -> datetime:
        """The time of the test; responders live in it too."""
        self.responder.now = self.now
        return self.now

    def about(self, answers: Answers, url: str = URL) -> Deferred[Answer]:
        """Ask about the modality."""
        self.present()
        note = lambda: self.asking.append(None)  # noqa: E731
        return answers.about(url, x(self.pair), x(m.ca()), note)

    def test_asked(self) -> None:
        """A responder is asked, and its answer judged."""
        answer = self.successResultOf(self.about(self.answers()))
        self.assertIs(answer.status, Status.GOOD)
        self.assertEqual(self.responder.asked, [URL])
        self.assertEqual(len(self.asking), 1)

    def test_kept(self) -> None:
        """Within its time an answer spares the next question."""
        answers = self.answers()
        first = self.successResultOf(self.about(answers))
        self.assertIs(self.successResultOf(self.about(answers)), first)
        self.assertEqual(len(self.responder.asked), 1)
        self.assertEqual(len(self.asking), 1)

    def test_over(self) -> None:
        """At its end one asks again."""
        self.responder.word = Word(nextUpdate=timedelta(minutes=10))
        answers = self.answers()
        self.successResultOf(self.about(answers))
        self.now += timedelta(minutes=10)
        self.successResultOf(self.about(answers))
        self.assertEqual(len(self.responder.asked), 2)

    def test_longGood(self) -> None:
        """However long a responder vouches, a revocation is noticed within the hour."""
        self.responder.word = Word(nextUpdate=timedelta(days=7))
        answers = self.answers()
        self.successResultOf(self.about(answers))
        self.now += KEEP
        self.successResultOf(self.about(answers))
        self.assertEqual(len(self.responder.asked), 2)

    def test_noEnd(self) -> None:
        """An answer without an end may be overtaken at any time, so it is not kept."""
        self.responder.word = Word(nextUpdate=None)
        answers = self.answers()
        for _ in range(2):
            self.successResultOf(self.about(answers))
        self.assertEqual(len(self.responder.asked), 2)

    def test_responders(self) -> None:
        """One responder's answer is not another's."""
        answers = self.answers()
        for url in (URL, "http://other/"):
            self.successResultOf(self.about(answers, url))
        self.assertEqual(self.responder.asked, [URL, "http://other/"])

    def test_failure(self) -> None:
        """A failure is told, and the next time one asks again."""
        answers = self.answers()
        self.responder.word = NoAnswerError("down")
        self.failureResultOf(self.about(answers), NoAnswerError)
        self.responder.word = Word()
        self.successResultOf(self.about(answers))

    def test_badAnswer(self) -> None:
        """So is an answer that says nothing."""
        answers = self.answers()
        self.responder.word = Word(thisUpdate=timedelta(days=1))
        self.failureResultOf(self.about(answers), AnswerError)
        self.responder.word = Word()
        self.successResultOf(self.about(answers))

    def test_together(self) -> None:
        """Many who want to know at once are one question."""
        self.responder.word = None
        answers = self.answers()
        waiting = [self.about(answers) for _ in range(3)]
        (question,) = self.responder.open
        question.callback(Word().about(self.pair))
        for each in waiting:
            self.assertIs(self.successResultOf(each).status, Status.GOOD)
        self.assertEqual(len(self.asking), 1)

    def test_togetherInVain(self) -> None:
        """All of them hear of a failure."""
        self.responder.word = None
        answers = self.answers()
        waiting = [self.about(answers) for _ in range(2)]
        self.responder.open[0].errback(NoAnswerError("down"))
        for each in waiting:
            self.failureResultOf(each, NoAnswerError)

    def test_oneGoes(self) -> None:
        """One who does not want to know any more leaves the question to the others."""
        self.responder.word = None
        answers = self.answers()
        gone, waiting = self.about(answers), self.about(answers)
        gone.cancel()
        self.failureResultOf(gone, CancelledError)
        self.responder.open[0].callback(Word().about(self.pair))
        self.successResultOf(waiting)

    def test_nonce(self) -> None:
        """With OCSPnonce each question has a number of its own, which its answer must repeat."""
        seen = []

        def ask(url: str, request: bytes) -> Deferred[bytes]:
            question = ocsp.load_der_ocsp_request(request)
            seen.append(question.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce)
            return self.responder.ask(url, request)

        answers = Answers(None, OCSPConfig(nonce=True), ask, self.present)
        for url in (URL, "http://other/"):
            self.successResultOf(self.about(answers, url))
        self.assertEqual(len(set(seen)), 2)

    def test_nonceMissing(self) -> None:
        """An answer without it could be an old one."""
        self.responder.word = None
        asking = self.about(self.answers(nonce=True))
        self.responder.open[0].callback(Word().about(self.pair))
        self.failureResultOf(asking, AnswerError)

    def test_silentAndNeeded(self) -> None:
        """A responder that must answer is asked each time."""
        self.responder.word = NoAnswerError("down")
        answers = self.answers()
        for _ in range(2):
            self.failureResultOf(self.about(answers), NoAnswerError)
        self.assertEqual(len(self.responder.asked), 2)

    def test_silentAndNotNeeded(self) -> None:
        """With OCSPrequire = no a dead responder does not hold up each connection."""
        self.responder.word = NoAnswerError("it is down")
        answers = self.answers(required=False)
        self.failureResultOf(self.about(answers), NoAnswerError)
        failure = self.failureResultOf(self.about(answers), NoAnswerError)
        self.assertIn("it is down a moment ago", str(failure.value))
        self.assertEqual(len(self.responder.asked), 1)
        self.now += SILENCE
        self.responder.word = Word()
        self.successResultOf(self.about(answers))

    def test_bounded(self) -> None:
        """Not more than so many answers are kept, and the oldest go first."""
        answers = self.answers()
        for number in range(KEPT + 1):
            self.successResultOf(self.about(answers, f"http://{number}/"))
        self.successResultOf(self.about(answers, "http://1/"))
        self.assertEqual(len(self.responder.asked), KEPT + 1)
        self.successResultOf(self.about(answers, "http://0/"))
        self.assertEqual(len(self.responder.asked), KEPT + 2)

    def test_flags(self) -> None:
        """OCSPflag goes along to the judge."""
        by = issued("stranger", by=m.ca("Other CA"))
        self.responder.word = evolve(Word(), by=by, included=(by,))
        self.failureResultOf(self.about(self.answers()), AnswerError)
        self.successResultOf(self.about(self.answers(flags=("NOVERIFY",))))
