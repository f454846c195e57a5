"""A server's staple, its own answer about its certificate, as a client judges it (RFC 6066 8).

The judge runs inside OpenSSL's callback, so it asks nobody. A server whose staple says that its
certificate was revoked is refused there and then: its handshake fails, so that there is no session
with which it could come again.
"""

from __future__ import annotations

from collections.abc import Iterable
from weakref import WeakKeyDictionary

from attrs import frozen
from cryptography import x509
from OpenSSL import SSL

from appliance.config.model import TLSConfig
from appliance.tls.answers import Now, utc
from appliance.tls.certificate import subjectText
from appliance.tls.ocsp import (
    NO_ISSUER,
    Answer,
    AnswerError,
    Question,
    Status,
    issuerOf,
    judge,
    responders,
)
from appliance.tls.verify import Judgement, verdicts

REVOKED = "certificate revoked"
CERT_REVOKED = 23
OCSP_VERIFY_FAILED = 74
"""X509 verification errors by OpenSSL's numbers (X509_V_ERR_*)."""


@frozen
class Stapled:
    """What a server has stapled: an answer, or one that says nothing for the reason C{trouble}."""

    answer: Answer | None
    trouble: str = ""

    @property
    def good(self) -> bool:
        """True when the server's certificate needs no other check."""
        return self.answer is not None and self.answer.status is Status.GOOD


_noted: WeakKeyDictionary[SSL.Connection, Stapled] = WeakKeyDictionary()


def noted(connection: SSL.Connection) -> Stapled | None:
    """What the server of C{connection} has stapled, if it has."""
    return _noted.get(connection)


def wantsStaple(tls: TLSConfig) -> bool:
    """True for a client that asks servers for a staple: one that verifies their chain."""
    return tls.client and tls.verifyChain


class StapleJudge:
    """The callback of one section's context; see C{Context.set_ocsp_client_callback}.

    C{authorities} are where the issuer is looked for that the chain has not.
    """

    def __init__(
        self, tls: TLSConfig, authorities: Iterable[x509.Certificate], now: Now = utc
    ) -> None:
        self._config = tls.ocsp
        self._authorities = tuple(authorities)
        self._now = now

    def __call__(self, connection: SSL.Connection, encoded: bytes, _data: object = None) -> bool:
        """True to go on with the handshake; C{encoded} is empty where there is no staple."""
        chain = connection.get_verified_chain(as_cryptography=True)
        if not encoded or not chain:
            return True
        stapled = self._judge(chain, encoded)
        _noted[connection] = stapled
        if stapled.good or (stapled.answer is None and self._canBeForgiven(chain[0])):
            return True
        record, revoked = verdicts(connection), stapled.answer is not None
        if record is not None:
            words = REVOKED if revoked else f"OCSP verification failed: {stapled.trouble}"
            subject = subjectText(chain[0].subject)
            code = CERT_REVOKED if revoked else OCSP_VERIFY_FAILED
            record.add(Judgement(0, subject, words), code)
        return False

    def _judge(self, chain: list[x509.Certificate], encoded: bytes) -> Stapled:
        issuer = issuerOf(chain[0], (*chain[1:2], *self._authorities))
        try:
            if issuer is None:
                raise AnswerError(NO_ISSUER)
            question = Question(chain[0], issuer)
            answer = judge(encoded, question, self._now(), self._config.flags)
        except AnswerError as error:
            return Stapled(None, str(error))
        if answer.status is Status.UNKNOWN:
            return Stapled(None, "the responder does not know the certificate")
        return Stapled(answer)

    def _canBeForgiven(self, leaf: x509.Certificate) -> bool:
        """True when a staple that says nothing does no harm: others are asked, or nobody must."""
        config = self._config
        asked = config.url is not None or (config.aia and bool(responders(leaf)))
        return asked or not config.required
