"""The lines about TLS and certificates."""

from __future__ import annotations

from appliance import events as e
from appliance.logs.entry import Entry, moment


def _session(event: e.Handshaken) -> str:
    verb = "connected" if event.dialled else "accepted"
    how = "previous session reused" if event.peer.resumed else "new session negotiated"
    if event.peer.psk:
        how = "PSK"
    return f"TLS {verb}: {how}"


_REASONS = {
    "unspecified": 0,
    "keyCompromise": 1,
    "cACompromise": 2,
    "affiliationChanged": 3,
    "superseded": 4,
    "cessationOfOperation": 5,
    "certificateHold": 6,
    "removeFromCRL": 8,
    "privilegeWithdrawn": 9,
    "aACompromise": 10,
}


def _revoked(event: e.OCSPAnswered) -> str:
    if event.reason is None:
        return "OCSP: Certificate revoked"
    return f"OCSP: Certificate revoked: {_REASONS.get(event.reason, -1)}: {event.reason}"


ENTRIES: tuple[Entry, ...] = (
    Entry(
        e.CertificateAccepted,
        6,
        "Certificate accepted at depth={e.depth}: {e.subject}",
        "A certificate of the peer's chain was accepted.",
        lambda event: event.depth > 0,
    ),
    Entry(
        e.CertificateAccepted,
        5,
        "Certificate accepted at depth={e.depth}: {e.subject}",
        "The peer's own certificate was accepted.",
        lambda event: event.depth == 0,
    ),
    Entry(
        e.CertificateRejected,
        4,
        "CERT: Pre-verification error: {e.error}",
        "Why a certificate was rejected.",
        lambda event: event.error != "hostname mismatch",
    ),
    Entry(
        e.CertificateRejected,
        4,
        "CERT: Subject checks failed",
        "The certificate is not for a name that checkHost asks for.",
        lambda event: event.error == "hostname mismatch",
    ),
    Entry(
        e.CertificateRejected,
        4,
        "Rejected by CERT at depth={e.depth}: {e.subject}",
        "The certificate that was rejected.",
    ),
    Entry(
        e.OCSPAsking,
        5,
        lambda event: (
            f"OCSP: Connecting the {'configured' if event.configured else 'AIA'} responder "
            f'"{event.url}"'
        ),
        "A responder is asked about a certificate of the peer; not while an answer is known.",
    ),
    Entry(
        e.OCSPUnstapled,
        6,
        "OCSP: No OCSP stapling response received",
        "We asked a server for a staple and it has none (for stunnel an error each time).",
    ),
    Entry(
        e.OCSPUnanswered,
        3,
        lambda event: f"OCSP: {event.url or 'the stapled answer'}: {event.why}",
        "A responder has not answered, or its answer says nothing.",
    ),
    Entry(e.OCSPAnswered, 6, "OCSP: Status: {e.status}", "What a responder has answered."),
    Entry(
        e.OCSPAnswered,
        6,
        lambda event: f"OCSP: This update: {moment(event.thisUpdate)}",
        "Since when that is known.",
    ),
    Entry(
        e.OCSPAnswered,
        6,
        lambda event: f"OCSP: Next update: {moment(event.nextUpdate)}",
        "Until when that is good.",
        lambda event: event.nextUpdate is not None,
    ),
    Entry(
        e.OCSPAnswered,
        5,
        "OCSP: Certificate accepted",
        "The certificate was not revoked.",
        lambda event: event.status == "good",
    ),
    Entry(
        e.OCSPAnswered,
        3,
        _revoked,
        "The certificate was revoked, and why.",
        lambda event: event.status == "revoked",
    ),
    Entry(
        e.OCSPAnswered,
        5,
        lambda event: f"OCSP: Revoked at: {moment(event.revokedAt)}",
        "When it was revoked.",
        lambda event: event.revokedAt is not None,
    ),
    Entry(
        e.OCSPAnswered,
        4,
        "OCSP: Unknown verification status",
        "The responder does not know the certificate.",
        lambda event: event.status == "unknown",
    ),
    Entry(
        e.OCSPRejected,
        4,
        "Rejected by OCSP at depth={e.depth}: {e.subject}",
        "The peer is refused: its certificate was revoked, or nobody says that it was not.",
    ),
    Entry(
        e.OCSPForgiven,
        4,
        "OCSP: accepted at depth={e.depth} without an answer, since OCSPrequire = no: {e.subject}",
        "Nobody says whether the certificate was revoked, and the peer is let in.",
    ),
    Entry(e.Handshaken, 6, _session, "The TLS handshake has ended well."),
    Entry(
        e.Handshaken,
        6,
        "{e.peer.version} ciphersuite: {e.peer.cipher} ({e.peer.bits}-bit encryption)",
        "What was negotiated.",
    ),
    Entry(
        e.Handshaken,
        6,
        "Peer temporary key: {e.peer.group}",
        "The group of the key exchange.",
        lambda event: event.peer.group != "unknown",
    ),
    Entry(
        e.HandshakeFailed,
        3,
        lambda event: f"{'SSL_connect' if event.dialled else 'SSL_accept'}: {event.error}",
        "The TLS handshake failed; the reason is OpenSSL's own.",
    ),
    Entry(
        e.HandshakeFailed,
        4,
        "Service [{e.section}] refused {e.remote}: {e.found}; {e.advice}",
        "The same in words, with the next step.",
        lambda event: not event.dialled,
    ),
    Entry(
        e.HandshakeFailed,
        4,
        "Service [{e.section}] cannot use {e.remote}: {e.found}; {e.advice}",
        "The same in words where we are the TLS client.",
        lambda event: event.dialled,
    ),
    Entry(
        e.Redirected,
        5,
        "Redirecting connection",
        "The client's certificate is missing or bad, and there is a redirect for such clients.",
    ),
    Entry(
        e.NotAdmitted,
        4,
        "Service [{e.section}] does not admit the peer: {e.why}",
        "The handshake ended well, and still the peer is not let in.",
    ),
    Entry(
        e.ServerNameAsked,
        6,
        "SNI: requested servername: {e.name}",
        "Where sections share a socket: the name that the client asked for.",
        lambda event: event.name is not None,
    ),
    Entry(
        e.ServerNameAsked,
        5,
        "SNI: no servername received",
        "Where sections share a socket: the client asked for no name.",
        lambda event: event.name is None,
    ),
    Entry(
        e.ServerNameAsked,
        3,
        "SNI: no pattern matched servername: {e.name}",
        "No section is for this name, so the one that listens serves.",
        lambda event: event.name is not None and event.to is None,
    ),
    Entry(
        e.ServerNameAsked,
        5,
        "SNI: switched to service [{e.to}]",
        "The server name that the client asked for belongs to another section.",
        lambda event: event.to is not None,
    ),
    Entry(
        e.ServerNameSent,
        6,
        "SNI: sending servername: {e.name}",
        "As a TLS client: the name that the server is asked for.",
    ),
)
