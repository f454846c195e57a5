"""OCSP as values: what to ask about a certificate, and what an answer is worth (RFC 6960).

Pure: nobody is asked here (see L{appliance.tls.responder}) and nothing is kept (see
L{appliance.tls.answers}). The words of an L{AnswerError} are OpenSSL's where it has some.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta
from enum import Enum

from attrs import frozen
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID

from appliance.tls.certificate import MALFORMED
from appliance.tls.signer import notSigned

SKEW = timedelta(seconds=60)
"""How far a responder's clock may be off; stunnel 5.68 allows the same (measured)."""

OLDEST = timedelta(days=1)
"""How old an answer may be that does not say how long it is good (RFC 6960 2.4, 4.2.2.1)."""

NONCE_BYTES = 16
"""The size of our nonces; RFC 8954 2.1 allows 1 to 32, and every responder knows this one."""


NO_ISSUER = "the certificate of its issuer is not known"
"""Why nothing can be asked about a certificate, nor judged: both take its issuer's key."""


class AnswerError(Exception):
    """An answer says nothing about the certificate; C{str} says why."""


class Status(Enum):
    """What an answer says (RFC 6960 2.2)."""

    GOOD = "good"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


@frozen
class Question:
    """What is asked about C{certificate}: with C{nonce} an answer must be made for us alone."""

    certificate: x509.Certificate
    issuer: x509.Certificate
    nonce: bytes | None = None

    def encoded(self) -> bytes:
        """The request as sent, DER (RFC 6960 4.1); raises L{AnswerError} when there can be none."""
        try:
            # The hash only names the certificate, and SHA-1 is what responders know (RFC 5019).
            builder = ocsp.OCSPRequestBuilder().add_certificate(
                self.certificate,
                self.issuer,
                SHA1(),  # noqa: S303
            )
            if self.nonce is not None:
                builder = builder.add_extension(x509.OCSPNonce(self.nonce), critical=False)
            return builder.build().public_bytes(Encoding.DER)
        except MALFORMED as error:
            raise AnswerError("its certificates are not fit for a question") from error


@frozen
class Answer:
    """What a responder vouches for. The times are aware, in UTC; C{encoded} is the DER as it came.

    C{nextUpdate} C{None}: there may be newer information at any time.
    """

    status: Status
    thisUpdate: datetime
    nextUpdate: datetime | None
    encoded: bytes
    revokedAt: datetime | None = None
    reason: str | None = None

    def goodUntil(self) -> datetime:
        """When it stops to say anything."""
        return self.thisUpdate + OLDEST if self.nextUpdate is None else self.nextUpdate


def responders(certificate: x509.Certificate) -> tuple[str, ...]:
    """The URLs of the responders that C{certificate} names (RFC 5280 4.2.2.1), alternatives all."""
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess)
    except (x509.ExtensionNotFound, *MALFORMED):
        return ()
    return tuple(
        description.access_location.value
        for description in access.value
        if description.access_method == AuthorityInformationAccessOID.OCSP
        and isinstance(description.access_location, x509.UniformResourceIdentifier)
    )


def issuerOf(
    certificate: x509.Certificate, candidates: Iterable[x509.Certificate]
) -> x509.Certificate | None:
    """The one of C{candidates} that has issued C{certificate}, if there is one."""
    for candidate in candidates:
        try:
            certificate.verify_directly_issued_by(candidate)
        except (InvalidSignature, *MALFORMED):
            continue
        return candidate
    return None


def judge(encoded: bytes, question: Question, now: datetime, flags: Collection[str] = ()) -> Answer:
    """What C{encoded}, a response in DER, says to C{question} at the aware time C{now}.

    Raises L{AnswerError} for one that says nothing, or that nobody with a say has signed. C{flags}
    are values of C{OCSPflag}, see L{appliance.tls.signer.FLAGS}.
    """
    try:
        response = ocsp.load_der_ocsp_response(encoded)
        if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            status = response.response_status
            name = status.name.lower().replace("_", "")
            raise AnswerError(f"Responder error: {status.value}: {name}")
        wrong = notSigned(response, question.issuer, now, flags)
        if wrong is not None:
            raise AnswerError(wrong)
        if question.nonce is not None:
            _checkNonce(response, question.nonce)
        return _answer(response, question, now, encoded)
    except MALFORMED as error:
        raise AnswerError("the answer is malformed") from error


def _checkNonce(response: ocsp.OCSPResponse, nonce: bytes) -> None:
    try:
        found = response.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce
    except x509.ExtensionNotFound:
        found = None
    if found != nonce:
        raise AnswerError("Invalid or unsupported nonce")


def _answer(
    response: ocsp.OCSPResponse, question: Question, now: datetime, encoded: bytes
) -> Answer:
    single = next(_about(question, response.responses), None)
    if single is None:
        raise AnswerError("the answer is not about this certificate")
    begin, end = single.this_update_utc, single.next_update_utc
    if begin > now + SKEW:
        raise AnswerError(f"status not yet valid: it begins at {begin:%Y-%m-%d %H:%M:%S} UTC")
    if end is not None and end < begin:
        raise AnswerError("nextUpdate field error: it ends before it begins")
    answer = Answer(
        Status[single.certificate_status.name],
        begin,
        end,
        encoded,
        single.revocation_time_utc,
        None if single.revocation_reason is None else single.revocation_reason.value,
    )
    if answer.goodUntil() < now - SKEW:
        raise AnswerError(f"status expired at {answer.goodUntil():%Y-%m-%d %H:%M:%S} UTC")
    return answer


def _about(
    question: Question, responses: Iterator[ocsp.OCSPSingleResponse]
) -> Iterator[ocsp.OCSPSingleResponse]:
    """Those of C{responses} that are about the certificate (RFC 6960 4.1.1, CertID)."""
    certificate, issuer = question.certificate, question.issuer
    for single in responses:
        if single.serial_number != certificate.serial_number:
            continue
        builder = ocsp.OCSPRequestBuilder()
        asked = builder.add_certificate(certificate, issuer, single.hash_algorithm).build()
        if (asked.issuer_name_hash, asked.issuer_key_hash) == (
            single.issuer_name_hash,
            single.issuer_key_hash,
        ):
            yield single
