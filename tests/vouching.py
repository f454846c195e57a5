"""Certificates that name OCSP responders, and responders: what they answer, made at run time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from attrs import define, evolve, field, frozen
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID
from twisted.internet.defer import Deferred, fail, succeed

from appliance.tls.certificate import Certificate, KeyPair
from tests import material as m

NOW = m.now().replace(microsecond=0)
"""The present of the answers that are judged without a clock: when the tests began."""

URL = "http://127.0.0.1:2560/ocsp"

GOOD, REVOKED, UNKNOWN = (
    ocsp.OCSPCertStatus.GOOD,
    ocsp.OCSPCertStatus.REVOKED,
    ocsp.OCSPCertStatus.UNKNOWN,
)


@cache
def issued(
    name: str,
    *urls: str,
    by: KeyPair | None = None,
    signer: bool = False,
    authority: bool = False,
    begin: datetime = NOW - timedelta(days=30),
    end: datetime = NOW + timedelta(days=3650),
) -> KeyPair:
    """A certificate for C{name} by the CA, which names C{urls}; C{signer}: one for OCSP."""
    above, key = by or m.ca(), m.key(name)
    builder = x509.CertificateBuilder(
        issuer_name=above.certificate.chain[0].subject,
        subject_name=x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]),
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=begin,
        not_valid_after=end,
    )
    builder = builder.add_extension(x509.BasicConstraints(authority, None), True)
    if urls:
        named = (
            x509.AccessDescription(
                AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(url)
            )
            for url in urls
        )
        builder = builder.add_extension(x509.AuthorityInformationAccess(named), False)
    if signer:
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING])
        builder = builder.add_extension(usage, False)
    names = [x509.DNSName("localhost")]
    builder = builder.add_extension(x509.SubjectAlternativeName(names), False)
    own = builder.sign(above.key, hashes.SHA256())
    chain = (own,) if above is m.ca() else (own, *above.certificate.chain)
    return KeyPair(Certificate.of(chain), key)


def x(pair: KeyPair) -> x509.Certificate:
    """The certificate itself."""
    return pair.certificate.chain[0]


@frozen
class Word:
    """What a responder says; C{by} signs it, C{None} for the CA that issued the certificate."""

    status: ocsp.OCSPCertStatus = GOOD
    thisUpdate: timedelta = timedelta(0)
    nextUpdate: timedelta | None = timedelta(hours=1)
    by: KeyPair | None = None
    included: tuple[KeyPair, ...] = ()
    byKey: bool = True
    nonce: bytes | None = None
    digest: hashes.HashAlgorithm = field(factory=hashes.SHA1)
    signature: hashes.HashAlgorithm = field(factory=hashes.SHA256)

    def about(
        self, pair: KeyPair, issuer: KeyPair | None = None, now: datetime | None = None
    ) -> bytes:
        """The response in DER about the certificate of C{pair}."""
        above, now = issuer or m.ca(), NOW if now is None else now
        signer = self.by or above
        revoked = self.status is REVOKED
        builder = ocsp.OCSPResponseBuilder().add_response(
            cert=x(pair),
            issuer=x(above),
            algorithm=self.digest,
            cert_status=self.status,
            this_update=now + self.thisUpdate,
            next_update=None if self.nextUpdate is None else now + self.nextUpdate,
            revocation_time=now - timedelta(days=1) if revoked else None,
            revocation_reason=x509.ReasonFlags.key_compromise if revoked else None,
        )
        naming = ocsp.OCSPResponderEncoding
        how = naming.HASH if self.byKey else naming.NAME
        builder = builder.responder_id(how, x(signer))
        if self.included:
            builder = builder.certificates([x(each) for each in self.included])
        if self.nonce is not None:
            builder = builder.add_extension(x509.OCSPNonce(self.nonce), False)
        edwards = isinstance(signer.key, ed25519.Ed25519PrivateKey)
        key: Any = signer.key
        made = builder.sign(key, None if edwards else self.signature)
        return made.public_bytes(Encoding.DER)


def refusal(status: ocsp.OCSPResponseStatus) -> bytes:
    """A response that is no answer."""
    made = ocsp.OCSPResponseBuilder.build_unsuccessful(status)
    return made.public_bytes(Encoding.DER)


@define
class Responder:
    """A responder in memory: what it says of whom, by serial number; it repeats nonces.

    Whom it has no word for it does not know; a word that is an exception is what asking fails
    with, and one that is C{None} leaves the question open: L{open}.
    """

    pairs: tuple[KeyPair, ...]
    word: Word | Exception | None = field(factory=Word)
    issuer: KeyPair | None = None
    now: datetime = NOW
    asked: list[str] = field(factory=list)
    open: list[Deferred[bytes]] = field(factory=list)

    def ask(self, url: str, request: bytes) -> Deferred[bytes]:
        """Answer C{request}, as L{appliance.tls.responder.Ask} has it."""
        self.asked.append(url)
        if isinstance(self.word, Exception):
            return fail(self.word)
        if self.word is None:
            self.open.append(Deferred())
            return self.open[-1]
        return succeed(self.answer(request, self.word))

    def answer(self, request: bytes, word: Word) -> bytes:
        """The response to C{request}."""
        question = ocsp.load_der_ocsp_request(request)
        pair = next(p for p in self.pairs if x(p).serial_number == question.serial_number)
        for extension in question.extensions:
            if isinstance(extension.value, x509.OCSPNonce):
                word = evolve(word, nonce=extension.value.nonce)
        return word.about(pair, self.issuer, self.now)


def chain(*pairs: KeyPair) -> Iterable[x509.Certificate]:
    """The certificates of C{pairs}."""
    return [x(pair) for pair in pairs]
