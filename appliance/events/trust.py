"""What TLS and the checks of certificates find on one connection."""

from __future__ import annotations

from attrs import frozen

from appliance.events.base import ConnectionEvent
from appliance.events.facts import Peer


@frozen
class CertificateAccepted(ConnectionEvent):
    """A certificate of the peer's chain was accepted."""

    depth: int
    subject: str


@frozen
class CertificateRejected(ConnectionEvent):
    """A certificate of the peer's chain was rejected, and the handshake with it."""

    depth: int
    subject: str
    error: str


@frozen
class OCSPAsking(ConnectionEvent):
    """The OCSP responder at C{url} is about to be asked about a certificate of the peer.

    C{configured} when the configuration names it; else the certificate does.
    """

    url: str
    configured: bool


@frozen
class OCSPAnswered(ConnectionEvent):
    """There is an OCSP answer about a certificate of the peer.

    C{url} is the responder's, C{None} where the peer has stapled the answer. C{status} is
    C{"good"}, C{"revoked"} or C{"unknown"}; times are seconds since 1970, C{None} where the answer
    has none. C{reason} of a revocation is a name like C{"keyCompromise"}.
    """

    url: str | None
    status: str
    thisUpdate: float
    nextUpdate: float | None
    revokedAt: float | None = None
    reason: str | None = None


@frozen
class OCSPUnanswered(ConnectionEvent):
    """The responder at C{url}, or the peer's staple for C{None}, told nothing."""

    url: str | None
    why: str


@frozen
class OCSPUnstapled(ConnectionEvent):
    """We asked a server to staple an OCSP answer, and it has none."""


@frozen
class OCSPRejected(ConnectionEvent):
    """A certificate of the peer's chain was revoked, or nobody says that it was not."""

    depth: int
    subject: str


@frozen
class OCSPForgiven(ConnectionEvent):
    """Nobody says that a certificate is good, and the peer is let in nevertheless."""

    depth: int
    subject: str


@frozen
class Handshaken(ConnectionEvent):
    """The TLS handshake ended well; C{dialled} when we were its client."""

    peer: Peer
    dialled: bool


@frozen
class HandshakeFailed(ConnectionEvent):
    """The TLS handshake failed.

    C{error} is OpenSSL's reason text, C{kind} ours in one word, C{found} and C{advice} words for
    the person who must mend it.
    """

    remote: str
    error: str
    kind: str
    found: str
    advice: str
    dialled: bool


@frozen
class NotAdmitted(ConnectionEvent):
    """The handshake ended well, and still the peer is not let in."""

    why: str


@frozen
class Redirected(ConnectionEvent):
    """The client failed the checks of its certificate and is sent to the C{redirect} backends."""


@frozen
class ServerNameAsked(ConnectionEvent):
    """The client asked for the server C{name}, if for any, and gets the section C{to} for it."""

    name: str | None
    to: str | None


@frozen
class ServerNameSent(ConnectionEvent):
    """A server is asked for by C{name}."""

    name: str
