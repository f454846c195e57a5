"""A server's own staple: the answer about our certificate that clients may ask us for (RFC 6066 8).

It is fetched in the background, so that neither a start nor a reload nor a handshake waits for a
responder, and fetched anew before it is too old. Without one, handshakes go on without.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from attrs import define, field
from cryptography import x509
from OpenSSL import SSL
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from appliance.config.model import TLSConfig
from appliance.events import Events, StapleFailed, StapleFetched, StapleFetching
from appliance.tls.answers import UNSURE, Now, fetch, utc
from appliance.tls.ocsp import (
    NO_ISSUER,
    Answer,
    AnswerError,
    Question,
    Status,
    issuerOf,
    responders,
)
from appliance.tls.responder import Ask, asker

log = Logger()

SOONEST = 60.0
"""Seconds between two fetches, at least; after failures the time doubles each time."""

LATEST = 3600.0
"""Seconds between two fetches, at most."""


@define(eq=False)
class Staple:
    """What we staple to C{certificate} at present; C{issuer} is C{None} where it is not known.

    A context holds its L{serve}; whoever fetches sets C{answer}.
    """

    certificate: x509.Certificate
    issuer: x509.Certificate | None
    now: Now = utc
    answer: Answer | None = field(default=None, init=False)

    @classmethod
    def of(
        cls,
        tls: TLSConfig,
        chain: Sequence[x509.Certificate],
        authorities: Iterable[x509.Certificate],
    ) -> Staple | None:
        """The staple for a server's C{chain}; C{None} where there is nobody to ask for one."""
        if tls.client or not tls.ocsp.staple or not chain or not responders(chain[0]):
            return None
        return cls(chain[0], issuerOf(chain[0], (*chain[1:], *authorities)))

    def inherit(self, previous: Staple | None) -> None:
        """Go on with the answer of C{previous}, where that was about the same certificate."""
        if previous is not None and previous.certificate == self.certificate:
            self.answer = previous.answer

    def serve(self, _connection: SSL.Connection, _data: object = None) -> bytes:
        """A server's callback, see C{Context.set_ocsp_server_callback}: empty for no staple."""
        answer = self.answer
        if answer is None or self.now() >= answer.goodUntil():
            return b""
        return answer.encoded


class Stapler:
    """Keeps C{staple} of a C{section} fresh, from L{start} to L{stop}.

    C{jitter} gives a number from 0 to 1, so that many sections do not ask in step. C{ask} stands
    in for the network in tests.
    """

    def __init__(
        self,
        reactor: Any,
        section: str,
        tls: TLSConfig,
        staple: Staple,
        events: Events,
        ask: Ask | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.staple = staple
        self._clock = reactor
        self._section = section
        self._flags = tls.ocsp.flags
        self._events = events
        self._ask = asker(reactor, tls.ocsp.timeout) if ask is None else ask
        self._jitter = jitter
        self._again: IDelayedCall | None = None
        self._fetching: Deferred[Any] | None = None
        self._trouble: str | None = None
        self._failures = 0

    def start(self) -> None:
        """Fetch now, and again from time to time."""
        if self._fetching is None and self._again is None:
            self._fetch()

    def stop(self) -> None:
        """Fetch no more."""
        if self._again is not None:
            self._again.cancel()
            self._again = None
        if self._fetching is not None:
            self._fetching.cancel()

    def _fetch(self) -> None:
        self._again = None
        self._fetching = fetching = Deferred.fromCoroutine(self._fetchOnce())
        fetching.addCallbacks(self._fetched, self._failed)

    async def _fetchOnce(self) -> Answer:
        staple, error = self.staple, AnswerError("")
        if staple.issuer is None:
            raise AnswerError(NO_ISSUER)
        for url in responders(staple.certificate):
            if self._trouble is None:
                self._events.publish(StapleFetching(self._section, url))
            try:
                question = Question(staple.certificate, staple.issuer)
                return await fetch(self._ask, url, question, staple.now, self._flags)
            except UNSURE as problem:
                error = AnswerError(f"{url}: {problem}")
        raise error

    def _fetched(self, answer: Answer) -> None:
        self._fetching = None
        status, now = answer.status, self.staple.now()
        # Nobody would deal with a server that says itself that its certificate is not good.
        self.staple.answer = answer if status is Status.GOOD else None
        if status is Status.GOOD:
            self._failures, self._trouble = 0, None
            until = answer.goodUntil()
            self._events.publish(StapleFetched(self._section, until.timestamp()))
            left = (until - now).total_seconds()
            self._later(min(left / 2, LATEST))
        else:
            self._retry(f"the responder says of our certificate: {status.value}")

    def _failed(self, failure: Failure) -> None:
        self._fetching = None
        if failure.check(CancelledError):
            return
        if not failure.check(AnswerError):
            log.failure("fetching a staple failed", failure)
        self._retry(str(failure.value) if failure.check(AnswerError) else "internal error")

    def _retry(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            self._events.publish(StapleFailed(self._section, trouble))
        self._later(min(SOONEST * 2**self._failures, LATEST))
        self._failures = min(self._failures + 1, 10)

    def _later(self, seconds: float) -> None:
        wait = max(seconds, SOONEST)
        self._again = self._clock.callLater(wait * (1 + self._jitter() / 10), self._fetch)
