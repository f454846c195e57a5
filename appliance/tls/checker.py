"""Checks a peer's certificates by OCSP, after the handshake and before anything is relayed.

Nothing here runs inside a TLS callback. What the peer sends meanwhile is held by whoever asks for
the check.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence

from attrs import define, field
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from OpenSSL import SSL
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from appliance.config.model import TLSConfig
from appliance.events import (
    OCSPAnswered,
    OCSPAsking,
    OCSPForgiven,
    OCSPRejected,
    OCSPUnanswered,
    OCSPUnstapled,
)
from appliance.tls.answers import UNSURE, Answers
from appliance.tls.binding import wasResumed
from appliance.tls.certificate import subjectText
from appliance.tls.ocsp import NO_ISSUER, Answer, AnswerError, Status, issuerOf, responders
from appliance.tls.stapled import noted, wantsStaple

REMEMBERED = 1024
"""Of how many peers the chain is remembered, for when they come again with a session."""

PATIENCE = 30.0
"""Seconds after which no further responder is asked about a peer."""

Chain = tuple[x509.Certificate, ...]
Tell = Callable[..., None]
"""C{(kind, *facts)}: announce an event of the connection, as C{Join.publish} does."""


class NotGoodError(Exception):
    """The peer's certificate was revoked, or nobody says that it was not; C{str} says which."""


def checks(tls: TLSConfig) -> bool:
    """True when a section of C{tls} has anything to check by OCSP."""
    return tls.ocsp.url is not None or tls.ocsp.aia or wantsStaple(tls)


class Checker:
    """Checks the peers of one section with the configuration C{tls}.

    C{authorities} are certificates in which an issuer is looked for that is not in the chain.
    """

    def __init__(
        self,
        clock: IReactorTime,
        tls: TLSConfig,
        answers: Answers,
        authorities: Iterable[x509.Certificate] = (),
    ) -> None:
        self._clock = clock
        self._tls = tls
        self._answers = answers
        self._authorities = tuple(authorities)
        self._chains: OrderedDict[bytes, Chain] = OrderedDict()

    def check(self, connection: SSL.Connection, tell: Tell) -> Deferred[None]:
        """Fires when the peer of C{connection} may stay; fails with L{NotGoodError} else.

        Only for a connection whose handshake has ended and whose chain was accepted: a responder
        named by a certificate that nobody vouches for is not to be asked.
        """
        return Deferred.fromCoroutine(self._check(connection, tell))

    async def _check(self, connection: SSL.Connection, tell: Tell) -> None:
        chain = self._chain(connection)
        stapled = self._stapled(connection, chain[0], tell) if chain else False
        inTime = self._deadline()
        # From the root down, since a revoked authority's word on the leaf is worth nothing.
        for depth in reversed(range(len(chain))):
            certificate = chain[depth]
            sources = self._sources(depth, certificate)
            if certificate.issuer == certificate.subject or (depth == 0 and stapled):
                continue
            issuer = issuerOf(certificate, (*chain[depth + 1 : depth + 2], *self._authorities))
            case = _Case(certificate, issuer, self._answers, self._tls.ocsp.url, tell)
            if not await case.isGood(sources, inTime):
                self._refuse(depth, case, tell)

    def _deadline(self) -> Callable[[], bool]:
        end = self._clock.seconds() + PATIENCE
        return lambda: self._clock.seconds() < end

    def _stapled(self, connection: SSL.Connection, own: x509.Certificate, tell: Tell) -> bool:
        """Tell what a server has stapled; true when it is good."""
        if not wantsStaple(self._tls) or wasResumed(connection):
            return False
        stapled = noted(connection)
        if stapled is None:
            tell(OCSPUnstapled)
            return False
        if stapled.answer is None:
            tell(OCSPUnanswered, None, stapled.trouble)
            if not self._sources(0, own):
                tell(OCSPForgiven, 0, subjectText(own.subject))
        else:
            _tellAnswer(tell, None, stapled.answer)
        return stapled.good

    def _refuse(self, depth: int, case: _Case, tell: Tell) -> None:
        """Refuse a peer with a certificate that is not known to be good, if that is asked for."""
        subject = subjectText(case.certificate.subject)
        if case.revoked or self._tls.ocsp.required:
            tell(OCSPRejected, depth, subject)
            what = "was revoked" if case.revoked else f"is not known to be good: {case.trouble}"
            raise NotGoodError(f"its certificate {subject} {what}")
        tell(OCSPForgiven, depth, subject)

    def _sources(self, depth: int, certificate: x509.Certificate) -> list[tuple[str, ...]]:
        """Who has to be asked about C{certificate}: of each tuple of URLs one must answer."""
        url = self._tls.ocsp.url
        configured = [(url,)] if depth == 0 and url is not None else []
        named = responders(certificate) if self._tls.ocsp.aia else ()
        return [*configured, *([named] if named else [])]

    def _chain(self, connection: SSL.Connection) -> Chain:
        """The peer's certificate and those above it, nothing where it has shown none.

        A session that is resumed brings no chain, so that of its first handshake is used.
        """
        own = connection.get_peer_certificate(as_cryptography=True)
        if own is None:
            return ()
        fingerprint = own.fingerprint(SHA256())
        found: Sequence[x509.Certificate] = (
            connection.get_verified_chain(as_cryptography=True) or ()
        )
        if found:
            self._chains[fingerprint] = tuple(found)
        elif fingerprint not in self._chains:
            return (own,)
        self._chains.move_to_end(fingerprint)
        while len(self._chains) > REMEMBERED:
            self._chains.popitem(last=False)
        return self._chains[fingerprint]


@define
class _Case:
    """One certificate of a peer, and what is learnt about it; C{configured} is the OCSP option."""

    certificate: x509.Certificate
    issuer: x509.Certificate | None
    answers: Answers
    configured: str | None
    tell: Tell
    revoked: bool = field(default=False, init=False)
    trouble: str = field(default="", init=False)

    async def isGood(self, sources: list[tuple[str, ...]], inTime: Callable[[], bool]) -> bool:
        """True when each of C{sources} says that the certificate is good."""
        for urls in sources:
            status = None
            for url in urls:
                status = await self._ask(url, inTime())
                if status in (Status.GOOD, Status.REVOKED):
                    break
            if status is not Status.GOOD:
                return False
        return True

    async def _ask(self, url: str, inTime: bool) -> Status | None:
        try:
            if not inTime:
                raise AnswerError("it is not asked any more, since others took too long")
            if self.issuer is None:
                raise AnswerError(NO_ISSUER)
            answer = await self.answers.about(
                url,
                self.certificate,
                self.issuer,
                lambda: self.tell(OCSPAsking, url, url == self.configured),
            )
        except UNSURE as error:
            self.trouble = str(error)
            self.tell(OCSPUnanswered, url, self.trouble)
            return None
        self.revoked = self.revoked or answer.status is Status.REVOKED
        if answer.status is Status.UNKNOWN:
            self.trouble = "the responder does not know it"
        _tellAnswer(self.tell, url, answer)
        return answer.status


def _tellAnswer(tell: Tell, url: str | None, answer: Answer) -> None:
    tell(
        OCSPAnswered,
        url,
        answer.status.value,
        answer.thisUpdate.timestamp(),
        None if answer.nextUpdate is None else answer.nextUpdate.timestamp(),
        None if answer.revokedAt is None else answer.revokedAt.timestamp(),
        answer.reason,
    )
