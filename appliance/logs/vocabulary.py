"""Every log line that the appliance writes: which event, which level, which words.

Where stunnel has a line for a situation, the words and the level are those of stunnel 5.75, since
scripts look for them. The reference documentation is made from this table. Levels are syslog's:
3 error, 4 warning, 5 notice (the default), 6 information, 7 debug.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from attrs import frozen

from appliance import events as e

MAIN = "main"
"""Stands in the brackets where a line is not about one connection."""


@frozen
class Line:
    """One line: C{level} as syslog has it, C{who} the connection's id or L{MAIN}."""

    level: int
    who: str
    text: str


@frozen
class Entry:
    """How one event becomes one line.

    C{words} is a format string over the event C{e}, or makes the text. C{when} narrows the entry
    to some events of its kind. C{doc} says when a person sees the line. The text of an entry with
    C{many} may have several lines, which nobody but we have written.
    """

    event: type[e.Event]
    level: int
    words: str | Callable[[Any], str]
    doc: str
    when: Callable[[Any], bool] = lambda _: True
    many: bool = False

    def text(self, event: e.Event) -> str:
        """The line's text for C{event}."""
        return self.words.format(e=event) if isinstance(self.words, str) else self.words(event)


def _closed(event: e.Closed) -> str:
    plain = event.reason in (e.Reason.COMPLETED, e.Reason.CLOSE_TIMEOUT)
    tlsAlerted = event.reason is e.Reason.HANDSHAKE
    how = "closed" if plain else "reset"
    if tlsAlerted:
        how = "closed/reset" if event.dialled else "reset/closed"
    return (
        f"Connection {how}: {event.sentToTLS} byte(s) sent to TLS, "
        f"{event.sentToSocket} byte(s) sent to socket"
    )


def _summary(event: e.Closed) -> str:
    parts = [
        f"Service [{event.section}] connection from {event.client} ended: {event.reason.value}"
    ]
    if event.backend is not None:
        parts.append(f"backend {event.backend}")
    if event.peer is not None:
        parts.append(f"{event.peer.version} {event.peer.cipher}")
    if event.peer is not None and event.peer.subject is not None:
        parts.append(f"certificate {event.peer.subject}")
    parts.append(f"{event.seconds:.1f} s")
    return ", ".join(parts)


def _session(event: e.Handshaken) -> str:
    verb = "connected" if event.dialled else "accepted"
    how = "previous session reused" if event.peer.resumed else "new session negotiated"
    if event.peer.psk:
        how = "PSK"
    return f"TLS {verb}: {how}"


def _ready(event: e.Ready) -> str:
    text = f"Service [{event.section}] serves {event.addresses} for {event.backends}"
    if event.certificate:
        text += f", certificate {event.certificate}, {event.daysLeft} days left"
    return text


def _ended(event: e.Ended) -> str:
    if event.leg is e.Leg.SOCKET:
        return "Read socket closed (readsocket)"
    clean = event.end is e.End.CLOSE_NOTIFY
    return "TLS closed (SSL_read)" if clean else "TLS socket closed (SSL_read)"


_TIMED_OUT = {
    e.Timer.BUSY: "ssl_start: s_poll_wait: TIMEOUTbusy exceeded: sending reset",
    e.Timer.IDLE: "transfer: s_poll_wait: TIMEOUTidle exceeded: sending reset",
    e.Timer.CLOSE: "transfer: s_poll_wait: TIMEOUTclose exceeded: closing",
}


# RFC 5280 5.3.1.
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


def _moment(seconds: float) -> str:
    """A time as OpenSSL prints it: C{Nov  4 03:32:02 2026 GMT}."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%b %e %H:%M:%S %Y GMT")


def _revoked(event: e.OCSPAnswered) -> str:
    if event.reason is None:
        return "OCSP: Certificate revoked"
    return f"OCSP: Certificate revoked: {_REASONS.get(event.reason, -1)}: {event.reason}"


ENTRIES: tuple[Entry, ...] = (
    Entry(e.Starting, 5, "butterfly-tls {e.version} on {e.platform} platform", "The start."),
    Entry(e.Starting, 5, "Running with {e.openssl}", "The start: which OpenSSL is used."),
    Entry(
        e.Reading,
        5,
        "Reading configuration from file {e.path}",
        "At the start and at each reload.",
        lambda event: not event.descriptor,
    ),
    Entry(
        e.Reading,
        5,
        "Reading configuration from descriptor {e.path}",
        "At the start of butterfly-tls stunnel with -fd.",
        lambda event: event.descriptor,
    ),
    Entry(
        e.ByteOrderMark,
        5,
        lambda event: f"UTF-8 byte order mark {'' if event.found else 'not '}detected",
        "Under butterfly-tls stunnel, once the file was read.",
    ),
    Entry(e.Warned, 4, "{e.text}", "Something in the configuration deserves attention."),
    Entry(e.Initializing, 6, "Initializing service [{e.section}]", "A section's files are read."),
    Entry(e.CertificateLoaded, 6, "Certificate loaded from: {e.path}", "A certificate was read."),
    Entry(e.KeyLoaded, 6, "Private key loaded from: {e.path}", "A private key was read."),
    Entry(e.KeyMatched, 7, "Private key check succeeded", "The key belongs to the certificate."),
    Entry(e.Configured, 5, "Configuration successful", "The whole configuration was accepted."),
    Entry(
        e.Refused,
        3,
        lambda event: "\n".join(event.problems),
        "One line for each problem of a refused configuration.",
        many=True,
    ),
    Entry(e.Refused, 3, "Configuration failed", "The configuration was refused."),
    Entry(
        e.Refused,
        3,
        "Failed to reload the configuration file",
        "A reload was refused; the old configuration goes on.",
        lambda event: event.reload,
    ),
    Entry(
        e.StartFailed,
        3,
        "{e.why}",
        "Under butterfly-tls stunnel: why nothing was started.",
        many=True,
    ),
    Entry(
        e.RootChanged,
        5,
        "Switched to chroot directory: {e.path}",
        "Under butterfly-tls stunnel, with chroot.",
    ),
    Entry(
        e.PidFileFailed,
        3,
        "Cannot create pid file {e.path}",
        "Under butterfly-tls stunnel, which ends then.",
    ),
    Entry(e.PidFileFailed, 3, "create: {e.error}", "Why."),
    Entry(
        e.BindFailed,
        5,
        "Binding service [{e.section}] to {e.address}: {e.error}",
        "One address of a section cannot be listened at.",
    ),
    Entry(
        e.Bound,
        6,
        "Service [{e.section}] (FD={e.descriptor}) bound to {e.address}",
        "The section listens there.",
    ),
    Entry(e.Ready, 5, _ready, "One summary line per section once it serves."),
    Entry(e.Accepting, 6, "Accepting new connections", "Once, when everything serves."),
    Entry(
        e.StapleFetching,
        5,
        'OCSP: Connecting the AIA responder "{e.url}"',
        "Our own certificate's responder is asked for an answer to staple.",
    ),
    Entry(
        e.StapleFetched,
        6,
        lambda event: (
            f"Service [{event.section}] has an OCSP answer to staple, good until "
            f"{_moment(event.until)}"
        ),
        "The responder has answered.",
    ),
    Entry(
        e.StapleFailed,
        4,
        "Service [{e.section}] has no new OCSP answer to staple: {e.why}",
        "The responder has not; connections go on without. Once for each cause.",
    ),
    Entry(e.Unbound, 7, "Service [{e.section}] stopped listening", "A section stops."),
    Entry(
        e.AcceptFailed,
        3,
        "Service [{e.section}] cannot accept: {e.error}; accepting again in a second",
        "The process is out of descriptors or memory.",
    ),
    Entry(
        e.BareConnects,
        5,
        "Service [{e.section}] saw {e.count} bare connect(s) from {e.clients} address(es) that "
        "sent no byte: probes of a load balancer or a scanner",
        "Once an hour and at the stop, instead of a line for each.",
    ),
    Entry(
        e.Accepted,
        7,
        "Service [{e.section}] accepted (FD={e.descriptor}) from {e.client}",
        "The kernel accepted a connection.",
    ),
    Entry(
        e.Opened,
        5,
        "Service [{e.section}] accepted connection from {e.client}",
        "A client that has something to say; bare connects have no such line.",
    ),
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
        lambda event: f"OCSP: This update: {_moment(event.thisUpdate)}",
        "Since when that is known.",
    ),
    Entry(
        e.OCSPAnswered,
        6,
        lambda event: f"OCSP: Next update: {_moment(event.nextUpdate)}",
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
        lambda event: f"OCSP: Revoked at: {_moment(event.revokedAt)}",
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
        e.Misplaced,
        4,
        "Service [{e.section}] {e.remote}: {e.found}; {e.advice}",
        "A leg speaks another language than its port is for.",
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
    Entry(
        e.Persistent,
        6,
        "persistence: {e.backend} reused",
        "A client that resumed its session goes to the backend that it had.",
    ),
    Entry(
        e.Ordered,
        6,
        lambda event: (
            f"failover: {'round-robin' if event.roundRobin else 'priority'}, "
            f"starting at entry #{event.entry}"
        ),
        "Where several backend addresses are known: which is tried first.",
    ),
    Entry(
        e.ChildStarted,
        6,
        "Local mode child started (PID={e.pid})",
        "A program was started for the connection (exec).",
    ),
    Entry(
        e.ChildEnded,
        6,
        "Child process {e.pid} finished with code {e.code}",
        "A program that exec started has ended.",
        lambda event: event.signal is None,
    ),
    Entry(
        e.ChildEnded,
        6,
        "Child process {e.pid} terminated on signal {e.signal}",
        "A program that exec started was killed.",
        lambda event: event.signal is not None,
    ),
    Entry(
        e.Retrying,
        6,
        "Retrying an exec+connect section",
        "The program of a section with exec, connect and retry is started again.",
    ),
    Entry(e.Dialling, 6, "s_connect: connecting {e.backend}", "A backend address is tried."),
    Entry(e.Dialled, 5, "s_connect: connected {e.backend}", "A backend address was connected."),
    Entry(
        e.Dialled,
        5,
        "Service [{e.section}] connected remote server from {e.local}",
        "The same, with our own address.",
    ),
    Entry(
        e.DialFailed,
        3,
        lambda event: (
            f"s_connect: s_poll_wait {event.backend}: TIMEOUTconnect exceeded"
            if event.error is None
            else f"s_connect: connect {event.backend}: {event.error}"
        ),
        "A backend address could not be connected.",
    ),
    Entry(
        e.ResolveDelayed,
        6,
        "Cannot resolve connect target - delaying DNS lookup",
        "A backend's name is not known at the start.",
    ),
    Entry(
        e.ResolveFailed,
        3,
        'Error resolving "{e.name}": no address is known',
        "A backend's name is not known.",
    ),
    Entry(
        e.NoBackend,
        3,
        "No more addresses to connect",
        "Every backend address was tried.",
        lambda event: event.resolved,
    ),
    Entry(
        e.NoBackend,
        3,
        "No remote host resolved",
        "No backend's name has an address.",
        lambda event: not event.resolved,
    ),
    Entry(
        e.Declined,
        5,
        "Service [{e.section}] rejected the association request: temporary congestion, since no "
        "backend can be connected",
        "A DICOM client hears an A-ASSOCIATE-RJ, so that it shows a reason and tries again.",
    ),
    Entry(e.Ended, 6, _ended, "One direction came to its end."),
    Entry(
        e.TimedOut,
        6,
        lambda event: _TIMED_OUT[event.timer],
        "A time limit ended the connection.",
        lambda event: event.timer is not e.Timer.CLOSE,
    ),
    Entry(
        e.TimedOut,
        3,
        lambda event: _TIMED_OUT[event.timer],
        "The second end did not follow the first in time.",
        lambda event: event.timer is e.Timer.CLOSE,
    ),
    Entry(
        e.Closed,
        5,
        _closed,
        "The one end of each connection, with its totals.",
        lambda event: event.reason is not e.Reason.PROBE,
    ),
    Entry(e.Closed, 7, _closed, "A bare connect's end.", lambda ev: ev.reason is e.Reason.PROBE),
    Entry(
        e.Closed,
        5,
        _summary,
        "The same end with its reason and all that is known.",
        lambda event: event.reason is not e.Reason.PROBE,
    ),
    Entry(e.LogReopened, 5, "Log file reopened", "After SIGUSR1."),
    Entry(
        e.LogLost,
        3,
        "Cannot open log file: {e.path}: {e.error}",
        "After SIGUSR1, when that fails; the old file is still written to.",
    ),
    Entry(e.ActiveListing, 0, "Active connections:", "After SIGUSR2."),
    Entry(
        e.Active,
        0,
        "Active connection {e.number}: Service [{e.section}], {e.sentToTLS} byte(s) sent to TLS, "
        "{e.sentToSocket} byte(s) sent to socket",
        "After SIGUSR2, for each connection.",
    ),
    Entry(e.ActiveListed, 0, "Listed {e.count} active connection(s)", "After SIGUSR2."),
    Entry(
        e.Stopping,
        5,
        "Terminated",
        "SIGTERM was received.",
        lambda event: event.signal == "SIGTERM",
    ),
    Entry(
        e.Stopping,
        3,
        "Received {e.signal}; terminating",
        "SIGINT or SIGQUIT was received.",
        lambda event: event.signal != "SIGTERM",
    ),
    Entry(
        e.Stopping,
        6,
        "Terminating {e.connections} connection(s)",
        "How many connections are ended by the stop.",
    ),
    Entry(
        e.WorkerStarted,
        6,
        "Worker {e.number} started (PID={e.pid})",
        "A worker process begins, with workers = 2 or more.",
    ),
    Entry(
        e.WorkerLost,
        3,
        "Worker {e.number} (PID={e.pid}) ended by {e.how}: its connections are gone, another "
        "takes its place",
        "A worker process died.",
    ),
    Entry(e.InternalError, 2, "Internal error: {e.what}", "A defect of ours; please report it."),
    Entry(
        e.InternalError,
        2,
        lambda event: "\n".join(event.traceback),
        "Where the defect is.",
        lambda event: bool(event.traceback),
        many=True,
    ),
)

_BY_EVENT: dict[type[e.Event], tuple[Entry, ...]] = {
    kind: tuple(entry for entry in ENTRIES if entry.event is kind)
    for kind in {entry.event for entry in ENTRIES}
}

_LEAST = {kind: min(entry.level for entry in entries) for kind, entries in _BY_EVENT.items()}


def lines(event: e.Event, main: str = MAIN) -> Iterator[Line]:
    """The lines for C{event}, in order; those of no connection have C{main} in the brackets."""
    who = event.connection if isinstance(event, e.ConnectionEvent) else main
    for entry in _BY_EVENT.get(type(event), ()):
        if entry.when(event):
            text = entry.text(event)
            for each in text.split("\n") if entry.many else (text,):
                yield Line(entry.level, who, each)


def levels(event: type[e.Event]) -> int:
    """The lowest (most urgent) level at which C{event} makes a line; 8 when it makes none."""
    return _LEAST.get(event, 8)
