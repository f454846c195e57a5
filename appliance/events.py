"""What happens, as frozen values, and the one place that hands them to whoever listens.

The data path publishes; logs, metrics, audit and status subscribe. Events carry addresses, counts,
names of protocols and certificate subjects, never patients' data. Nothing here formats or stores.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from attrs import define, field, frozen


@frozen
class Peer:
    """The TLS peer as known once the handshake has ended; C{None} where it did not say.

    C{group} is C{"unknown"} where the OpenSSL binding has no call for it. C{psk}: the handshake
    rests on a pre-shared key; C{resumed}: on an earlier session.
    """

    version: str
    cipher: str
    bits: int
    group: str = "unknown"
    serverName: str | None = None
    subject: str | None = None
    resumed: bool = False
    issuer: str | None = None
    psk: bool = False


class End(Enum):
    """How one direction of a connection came to its end."""

    CLOSE_NOTIFY = "close_notify"
    FIN = "fin"


class Leg(Enum):
    """One of the two legs of a connection: the encrypted one or the plain one."""

    TLS = "TLS"
    SOCKET = "socket"

    @property
    def other(self) -> Leg:
        """The opposite leg."""
        return Leg.SOCKET if self is Leg.TLS else Leg.TLS


class Timer(Enum):
    """The time limits of a connection, named as the options that set them."""

    BUSY = "TIMEOUTbusy"
    IDLE = "TIMEOUTidle"
    CLOSE = "TIMEOUTclose"


class Reason(Enum):
    """Why a connection ended. Every connection ends for exactly one of these."""

    COMPLETED = "completed"
    """Both directions came to their end by themselves."""
    PROBE = "probe"
    """The client went without sending a byte: a load balancer's or a scanner's bare connect."""
    HANDSHAKE = "handshake"
    """The TLS handshake with the peer failed."""
    HANDSHAKE_TIMEOUT = "handshake timeout"
    REFUSED = "refused"
    """The handshake ended well, and still the peer was not let in."""
    NO_BACKEND = "no backend"
    """No backend could be connected."""
    TLS_RESET = "TLS reset"
    """The encrypted leg was reset, or broke the protocol."""
    SOCKET_RESET = "socket reset"
    """The plain leg was reset."""
    IDLE = "idle"
    CLOSE_TIMEOUT = "close timeout"
    """One direction had ended and the other did not follow within TIMEOUTclose."""
    STOPPED = "stopped"
    """The appliance stopped."""
    WORKER_LOST = "worker lost"
    """The process that had the connection died."""
    INTERNAL = "internal error"


@frozen
class Event:
    """Anything that can be announced."""


@frozen
class SectionEvent(Event):
    """Something about one section; C{section} is its name."""

    section: str


@frozen
class ConnectionEvent(SectionEvent):
    """Something about one connection; C{connection} is its id within the process."""

    connection: str


# --- the process ---------------------------------------------------------------------------


@frozen
class Starting(Event):
    """The process starts: its version, and the OpenSSL it runs on."""

    version: str
    platform: str
    openssl: str


@frozen
class Reading(Event):
    """The configuration is about to be read, from a file or from a C{descriptor}."""

    path: str
    descriptor: bool = False


@frozen
class ByteOrderMark(Event):
    """The configuration begins with a byte order mark or not."""

    found: bool


@frozen
class StartFailed(Event):
    """The start failed, though not for anything in the configuration; C{why} may have lines."""

    why: str


@frozen
class RootChanged(Event):
    """The process is locked into the directory C{path}."""

    path: str


@frozen
class PidFileFailed(Event):
    """The pid file at C{path} cannot be written."""

    path: str
    error: str


@frozen
class Warned(Event):
    """Something in the configuration deserves a person's attention."""

    text: str


@frozen
class Configured(Event):
    """The configuration was accepted as a whole."""


@frozen
class Refused(Event):
    """The configuration was refused as a whole; C{problems} is all that is wrong."""

    problems: tuple[str, ...]
    reload: bool = False


@frozen
class Accepting(Event):
    """Every section listens and the reactor runs."""


@frozen
class Stopping(Event):
    """The process was told to stop by C{signal} (C{"SIGTERM"}); C{connections} are still open."""

    signal: str
    connections: int


@frozen
class LogReopened(Event):
    """The log file was closed and opened again."""


@frozen
class LogLost(Event):
    """The log file at C{path} cannot be opened again; the old one is still written to."""

    path: str
    error: str


@frozen
class Active(SectionEvent):
    """One connection of the list that an administrator asked for."""

    number: int
    sentToTLS: int
    sentToSocket: int


@frozen
class ActiveListed(Event):
    """The end of that list."""

    count: int


@frozen
class ActiveListing(Event):
    """The begin of that list."""


@frozen
class WorkerStarted(Event):
    """The worker process C{number} was started."""

    number: int
    pid: int


@frozen
class WorkerLost(Event):
    """A worker process ended unasked, by C{how} (C{"signal 9"}); its connections are gone."""

    number: int
    pid: int
    how: str


@frozen
class InternalError(Event):
    """A defect of ours: the exception's type and place, and the traceback's lines."""

    what: str
    traceback: tuple[str, ...]


# --- sections ------------------------------------------------------------------------------


@frozen
class Initializing(SectionEvent):
    """The section's certificate, key and context are about to be built."""


@frozen
class CertificateLoaded(SectionEvent):
    """The section's certificate was read from C{path}."""

    path: str


@frozen
class KeyLoaded(SectionEvent):
    """The section's private key was read from C{path}."""

    path: str


@frozen
class KeyMatched(SectionEvent):
    """The private key belongs to the certificate."""


@frozen
class Bound(SectionEvent):
    """The section listens at C{address} on descriptor C{descriptor}."""

    address: str
    descriptor: int


@frozen
class BindFailed(SectionEvent):
    """The section could not listen at C{address}; another address of it may still do."""

    address: str
    error: str


@frozen
class Ready(SectionEvent):
    """The section serves: where, to which backends, with which certificate, for how long."""

    addresses: str
    backends: str
    certificate: str
    daysLeft: int | None


@frozen
class ResolveDelayed(SectionEvent):
    """A backend's name is not known when the section starts; each connection asks again."""


@frozen
class ChildEnded(SectionEvent):
    """A program of the section ended with C{code}, or by C{signal}."""

    pid: int
    code: int | None
    signal: int | None = None


@frozen
class Unbound(SectionEvent):
    """The section stopped listening."""


@frozen
class AcceptFailed(SectionEvent):
    """The kernel could give us no connection: out of descriptors or memory."""

    error: str


@frozen
class BareConnects(SectionEvent):
    """So many connections came and went without a byte since the last such count."""

    count: int
    clients: int


@frozen
class StapleFetching(SectionEvent):
    """The OCSP responder at C{url} is about to be asked about the section's own certificate."""

    url: str


@frozen
class StapleFetched(SectionEvent):
    """The section has an OCSP answer to staple, good until C{until} (seconds since 1970)."""

    until: float


@frozen
class StapleFailed(SectionEvent):
    """There is no new OCSP answer to staple; announced once for each C{why}, not for each try."""

    why: str


# --- connections ---------------------------------------------------------------------------


@frozen
class Accepted(ConnectionEvent):
    """The kernel accepted a connection from C{client} (C{"address:port"})."""

    client: str
    descriptor: int


@frozen
class Opened(ConnectionEvent):
    """The client said its first byte, or had none to say: no bare connect."""

    client: str


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
class Misplaced(ConnectionEvent):
    """A leg speaks another language than its port is for: TLS on a plain port, for one."""

    remote: str
    found: str
    advice: str


@frozen
class Redirected(ConnectionEvent):
    """The client failed the checks of its certificate and is sent to the C{redirect} backends."""


@frozen
class NotAdmitted(ConnectionEvent):
    """The handshake ended well, and still the peer is not let in."""

    why: str


@frozen
class ServerNameAsked(ConnectionEvent):
    """The client asked for the server C{name}, if for any, and gets the section C{to} for it."""

    name: str | None
    to: str | None


@frozen
class ServerNameSent(ConnectionEvent):
    """A server is asked for by C{name}."""

    name: str


@frozen
class ChildStarted(ConnectionEvent):
    """A program was started for the connection."""

    pid: int


@frozen
class Retrying(ConnectionEvent):
    """The section's own program will be started again."""


@frozen
class Persistent(ConnectionEvent):
    """The client resumed a session, and goes to the backend that it had then."""

    backend: str


@frozen
class Ordered(ConnectionEvent):
    """Several backend addresses are known; C{entry} of them is the first to be tried."""

    roundRobin: bool
    entry: int


@frozen
class Dialling(ConnectionEvent):
    """A backend address is about to be connected."""

    backend: str


@frozen
class Dialled(ConnectionEvent):
    """A backend address was connected, from our own address C{local}."""

    backend: str
    local: str


@frozen
class DialFailed(ConnectionEvent):
    """A backend address could not be connected; C{error} is C{None} when it was out of time."""

    backend: str
    error: str | None


@frozen
class ResolveFailed(ConnectionEvent):
    """A backend's name could not be resolved."""

    name: str


@frozen
class NoBackend(ConnectionEvent):
    """No backend address was left to try; not C{resolved} where no name had an address."""

    resolved: bool = True


@frozen
class Declined(ConnectionEvent):
    """No backend was there, and the client's association request was rejected (A-ASSOCIATE-RJ)."""


@frozen
class Ended(ConnectionEvent):
    """One direction ended: C{leg} has nothing more to say."""

    leg: Leg
    end: End


@frozen
class TimedOut(ConnectionEvent):
    """A time limit ended the connection."""

    timer: Timer


@frozen
class Closed(ConnectionEvent):
    """The connection's one and only end. Bytes and seconds are its totals."""

    client: str
    reason: Reason
    sentToTLS: int
    sentToSocket: int
    seconds: float
    dialled: bool
    backend: str | None = None
    peer: Peer | None = None


Subscriber = Callable[[Event], None]


@define
class Events:
    """Hands each published event to every subscriber, in the order of subscription.

    A subscriber that raises is a defect of its own: the others still hear the event, and
    C{onError} (never raises) hears of the exception.
    """

    onError: Callable[[BaseException], None] = field(default=lambda _: None)
    _subscribers: tuple[Subscriber, ...] = field(default=(), init=False)

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Add C{subscriber}; the returned callable takes it away again."""
        self._subscribers = (*self._subscribers, subscriber)

        def unsubscribe() -> None:
            self._subscribers = tuple(s for s in self._subscribers if s is not subscriber)

        return unsubscribe

    def publish(self, event: Event) -> None:
        """Hand C{event} to all subscribers."""
        for subscriber in self._subscribers:
            try:
                subscriber(event)
            except Exception as error:
                self.onError(error)
