"""Gets answers about certificates, and keeps them while they are good.

A responder that is being asked about a certificate is not asked about it again: all who want to
know wait for the one answer. What is kept is bounded, and an answer is never kept for longer than
L{KEEP}, however long its responder vouches for it.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from appliance.config.model import OCSPConfig
from appliance.tls.ocsp import NONCE_BYTES, Answer, AnswerError, Question, judge
from appliance.tls.responder import Ask, NoAnswerError, asker

KEEP = timedelta(hours=1)
"""For how long an answer spares the responder another question, at most."""

KEPT = 1024
"""How many answers are kept."""

SILENCE = timedelta(seconds=30)
"""For how long one who does not need an answer leaves a responder alone that has given none."""

Now = Callable[[], datetime]
Key = tuple[str, bytes, int]


def utc() -> datetime:
    """The present, aware."""
    return datetime.now(UTC)


async def fetch(
    ask: Ask, url: str, question: Question, now: Now, flags: tuple[str, ...] = ()
) -> Answer:
    """Ask the responder at C{url}.

    Raises L{NoAnswerError} without an answer, L{AnswerError} for one that says nothing.
    """
    return judge(await ask(url, question.encoded()), question, now(), flags)


class Answers:
    """Answers to the questions of one section, as its C{config} wants them.

    C{ask} stands in for the network in tests.
    """

    def __init__(
        self, reactor: Any, config: OCSPConfig, ask: Ask | None = None, now: Now = utc
    ) -> None:
        self.now = now
        self._config = config
        self._ask = asker(reactor, config.timeout) if ask is None else ask
        self._kept: OrderedDict[Key, tuple[Answer, datetime]] = OrderedDict()
        self._waiting: dict[Key, list[Deferred[Answer]]] = {}
        self._silent: dict[str, tuple[datetime, str]] = {}

    def about(
        self,
        url: str,
        certificate: x509.Certificate,
        issuer: x509.Certificate,
        asking: Callable[[], None] = lambda: None,
    ) -> Deferred[Answer]:
        """The answer of the responder at C{url} about C{certificate}, fails as L{fetch} raises.

        C{asking} is called where one has to ask for it. A waiter that is cancelled leaves the
        question to the others.
        """
        key = (url, issuer.fingerprint(SHA256()), certificate.serial_number)
        known = self._known(key)
        if known is not None:
            return succeed(known)
        waiter: Deferred[Answer] = Deferred()
        if key in self._waiting:
            self._waiting[key].append(waiter)
            return waiter
        silent = self._silentFor(url)
        if silent is not None:
            waiter.errback(NoAnswerError(f"{silent} a moment ago, and is not asked again yet"))
            return waiter
        self._waiting[key] = [waiter]
        asking()
        nonce = secrets.token_bytes(NONCE_BYTES) if self._config.nonce else None
        question = Question(certificate, issuer, nonce)
        fetching = Deferred.fromCoroutine(
            fetch(self._ask, url, question, self.now, self._config.flags)
        )
        fetching.addBoth(self._hear, key)
        return waiter

    def _known(self, key: Key) -> Answer | None:
        found = self._kept.get(key)
        if found is None:
            return None
        answer, until = found
        if self.now() >= until:
            del self._kept[key]
            return None
        self._kept.move_to_end(key)
        return answer

    def _silentFor(self, url: str) -> str | None:
        """What was wrong with a responder that one can do without; C{None}: ask it."""
        since, why = self._silent.get(url, (None, ""))
        if self._config.required or since is None or self.now() >= since + SILENCE:
            return None
        return why

    def _hear(self, result: Answer | Failure, key: Key) -> None:
        url = key[0]
        self._silent.pop(url, None)
        if isinstance(result, Answer):
            if result.nextUpdate is not None:
                self._keep(key, result, min(result.nextUpdate, self.now() + KEEP))
        elif result.check(NoAnswerError):
            self._silent[url] = (self.now(), str(result.value))
            while len(self._silent) > KEPT:
                del self._silent[next(iter(self._silent))]
        for waiter in self._waiting.pop(key):
            if not waiter.called:
                waiter.callback(result)

    def _keep(self, key: Key, answer: Answer, until: datetime) -> None:
        self._kept[key] = (answer, until)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)


UNSURE = (AnswerError, NoAnswerError)
"""What L{fetch} raises where nothing was learnt."""
