"""Judges a peer's certificate chain as a section asks: chain, listed peers, names.

The judge runs inside OpenSSL's callback, so it never touches the network, nor any file but those
that OpenSSL would read there itself (C{CApath}). What it decided stays on the connection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from attrs import define, field, frozen
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from OpenSSL import SSL, crypto

from appliance.config.model import TLSConfig
from appliance.tls.binding import verifyErrorText, verifyResult, wasResumed
from appliance.tls.certificate import Certificate, subjectText
from appliance.tls.hashed import certificatesFor
from appliance.tls.identity import matchesEmail, matchesHost, matchesIP

OK = 0
UNABLE_TO_GET_ISSUER_LOCALLY = 20
UNABLE_TO_VERIFY_LEAF = 21
CERT_UNTRUSTED = 27
CERT_REJECTED = 28
HOSTNAME_MISMATCH = 62
EMAIL_MISMATCH = 63
IP_ADDRESS_MISMATCH = 64
"""X509 verification errors by OpenSSL's numbers (X509_V_ERR_*)."""

NOT_LISTED = "certificate not found in local repository"
NO_KEY = "the peer shows a certificate instead of using the pre-shared key"


def requires(tls: TLSConfig) -> bool:
    """True when a peer with neither certificate nor pre-shared key is not to be let in."""
    return tls.requireCert or (tls.verifies and not tls.verifyIfSent)


def asks(tls: TLSConfig) -> bool:
    """True when the peer's certificate is of interest at all."""
    return requires(tls) or tls.requestCert or tls.verifyIfSent or onlyByKey(tls)


def onlyByKey(tls: TLSConfig) -> bool:
    """True for a client that knows its server by the pre-shared key and by nothing else.

    A server may pass the key over and show any certificate, which nobody would look at.
    """
    return tls.client and tls.pskSecrets is not None and not tls.verifies


@frozen
class Judgement:
    """What was decided about one certificate of a chain; C{error} C{None} means accepted."""

    depth: int
    subject: str
    error: str | None = None


@define
class Verdicts:
    """What is known of one connection's peer, besides what OpenSSL remembers.

    C{tls} and C{certificate} are those of the section that the peer has come to, and C{section} is
    its name where the peer has chosen it by a server name. C{keyed} is true once a pre-shared key
    was found for the peer, or offered to it. There is one judgement for each depth, in the order
    in which they were made; C{code} is the first error of the chain.
    """

    judgements: list[Judgement] = field(factory=list)
    tls: TLSConfig = field(factory=TLSConfig)
    certificate: Certificate | None = None
    section: str | None = None
    keyed: bool = False
    code: int = OK

    @property
    def error(self) -> str | None:
        """Why the chain was rejected, if it was."""
        return next((j.error for j in self.judgements if j.error is not None), None)

    def add(self, judgement: Judgement, code: int) -> None:
        """Note a judgement. OpenSSL may ask several times about one depth; an error stays."""
        if self.code != OK and code == OK:
            return
        same = [k for k, known in enumerate(self.judgements) if known.depth == judgement.depth]
        if not same:
            self.judgements.append(judgement)
        elif self.judgements[same[0]].error is None:
            self.judgements[same[0]] = judgement
        self.code = self.code or code


def verdicts(connection: SSL.Connection) -> Verdicts | None:
    """What is known of the peer of C{connection}."""
    data = connection.get_app_data()
    return data if isinstance(data, Verdicts) else None


def chosen(connection: SSL.Connection) -> str | None:
    """The section that the peer chose by its server name; C{None}: the one that listens."""
    record = verdicts(connection)
    return None if record is None else record.section


def usedKey(connection: SSL.Connection) -> bool:
    """True when the handshake, which has ended, rests on a pre-shared key."""
    record = verdicts(connection)
    if record is None or not record.keyed:
        return False
    # TLS 1.3 treats a key as a session; a key that was known may still not have been used.
    return connection.get_protocol_version() < SSL.TLS1_3_VERSION or wasResumed(connection)


def authenticated(connection: SSL.Connection) -> bool:
    """True when the peer has proven all that its section asks of it.

    Where a section forgives, the handshake of a peer ends well that has not; and such a peer may
    come again with its session, when nobody judges a certificate.
    """
    record = verdicts(connection)
    if record is None or record.code != OK:
        return False
    if not record.tls.forgives or usedKey(connection):
        return True
    if verifyResult(connection) != OK:
        return False
    return not requires(record.tls) or connection.get_peer_certificate() is not None


def publicKey(certificate: x509.Certificate) -> bytes:
    """The certificate's public key as DER (SubjectPublicKeyInfo, RFC 5280 4.1)."""
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


_CHECKS: tuple[
    tuple[str, int, Callable[[x509.Certificate, Iterable[str]], bool]],
    ...,
] = (
    ("checkHost", HOSTNAME_MISMATCH, matchesHost),
    ("checkEmail", EMAIL_MISMATCH, matchesEmail),
    ("checkIP", IP_ADDRESS_MISMATCH, matchesIP),
)


class Judge:
    """The verifier of one section's context; see L{appliance.tls.binding.setVerifier}."""

    def __init__(self, tls: TLSConfig, authorities: Iterable[x509.Certificate]) -> None:
        self._tls = tls
        self._listed = {(a.subject, publicKey(a)) for a in authorities} if tls.verifyPeer else set()

    def __call__(
        self, connection: SSL.Connection, certificate: crypto.X509, error: int, depth: int
    ) -> int:
        """Return 0 to accept the certificate at C{depth} (0 is the peer's own)."""
        record = verdicts(connection)
        if record is None:
            raise LookupError("a connection without a record of its peer")
        try:
            code, text = self._judge(certificate, error, depth)
            subject = subjectText(certificate.to_cryptography().subject)
        except ValueError:
            code, text, subject = CERT_REJECTED, "certificate cannot be parsed", "?"
        record.add(Judgement(depth, subject, None if code == OK else text), code)
        # Where the section forgives, OpenSSL goes on; the first error must survive that.
        return record.code

    def _judge(self, certificate: crypto.X509, error: int, depth: int) -> tuple[int, str]:
        tls = self._tls
        if onlyByKey(tls):
            return CERT_REJECTED, NO_KEY
        if not (tls.verifies or tls.verifyIfSent):
            return OK, ""
        parsed = certificate.to_cryptography()
        if tls.verifyPeer:
            forgiven = depth > 0 or error in (
                UNABLE_TO_GET_ISSUER_LOCALLY,
                UNABLE_TO_VERIFY_LEAF,
                CERT_UNTRUSTED,
            )
            listed = depth > 0 or self._isListed(certificate, parsed)
            if error != OK and (tls.verifyChain or not forgiven):
                text = verifyErrorText(error)
                return error, text if listed else f"{NOT_LISTED}: {text}"
            if not listed:
                return CERT_REJECTED, NOT_LISTED
        elif error != OK:
            return error, verifyErrorText(error)
        return self._checkSubject(parsed) if depth == 0 else (OK, "")

    def _isListed(self, certificate: crypto.X509, parsed: x509.Certificate) -> bool:
        """True when the peer's very key stands in CAfile or CApath under its name."""
        wanted = parsed.subject, publicKey(parsed)
        if wanted in self._listed:
            return True
        found = certificatesFor(self._tls.caPath, certificate.subject_name_hash())
        return any((other.subject, publicKey(other)) == wanted for other in found)

    def _checkSubject(self, certificate: x509.Certificate) -> tuple[int, str]:
        """Accept a certificate that is for one of those in checkHost, checkEmail or checkIP."""
        asked = [
            (code, matches(certificate, wanted))
            for option, code, matches in _CHECKS
            if (wanted := getattr(self._tls, option))
        ]
        if not asked or any(matched for _, matched in asked):
            return OK, ""
        codes = [code for code, _ in asked]
        return codes[0], ", ".join(map(verifyErrorText, codes))
