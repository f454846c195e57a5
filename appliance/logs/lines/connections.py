"""The lines about connections, from accept to close."""

from __future__ import annotations

from appliance import events as e
from appliance.logs.entry import Entry


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
    who = event.client if event.via is None else f"{event.client} via {event.via}"
    parts = [f"Service [{event.section}] connection from {who} ended: {event.reason.value}"]
    if event.backend is not None:
        parts.append(f"backend {event.backend}")
    if event.peer is not None:
        parts.append(f"{event.peer.version} {event.peer.cipher}")
    if event.peer is not None and event.peer.subject is not None:
        parts.append(f"certificate {event.peer.subject}")
    parts.append(f"{event.seconds:.1f} s")
    return ", ".join(parts)


def _ended(event: e.Ended) -> str:
    if event.leg is e.Leg.SOCKET:
        return "Read socket closed (readsocket)"
    clean = event.end is e.End.CLOSE_NOTIFY
    return "TLS closed (SSL_read)" if clean else "TLS socket closed (SSL_read)"


def _order(event: e.Ordered) -> str:
    if event.fewest:
        return "least connections"
    return "round-robin" if event.roundRobin else "priority"


_TIMED_OUT = {
    e.Timer.BUSY: "ssl_start: s_poll_wait: TIMEOUTbusy exceeded: sending reset",
    e.Timer.IDLE: "transfer: s_poll_wait: TIMEOUTidle exceeded: sending reset",
    e.Timer.CLOSE: "transfer: s_poll_wait: TIMEOUTclose exceeded: closing",
}


ENTRIES: tuple[Entry, ...] = (
    Entry(
        e.Accepted,
        7,
        "Service [{e.section}] accepted (FD={e.descriptor}) from {e.client}",
        "The kernel accepted a connection.",
    ),
    Entry(
        e.Announced,
        6,
        "Service [{e.section}] {e.via} announces {e.client}, who called {e.called}",
        "A load balancer says for whom it connects (proxyProtocolAccept).",
    ),
    Entry(
        e.Unannounced,
        4,
        "Service [{e.section}] refused {e.remote}: {e.found}; {e.advice}",
        "Who must say for whom it connects did not (proxyProtocolAccept).",
    ),
    Entry(
        e.Opened,
        5,
        "Service [{e.section}] accepted connection from {e.client}",
        "A client that has something to say; bare connects have no such line.",
    ),
    Entry(
        e.Misplaced,
        4,
        "Service [{e.section}] {e.remote}: {e.found}; {e.advice}",
        "A leg speaks another language than its port is for.",
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
        lambda event: f"failover: {_order(event)}, starting at entry #{event.entry}",
        "Where several backend addresses are known: which is tried first.",
    ),
    Entry(
        e.ChildStarted,
        6,
        "Local mode child started (PID={e.pid})",
        "A program was started for the connection (exec).",
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
        e.ResolveFailed,
        3,
        'Error resolving "{e.name}": no address is known',
        "A backend's name is not known.",
    ),
    Entry(
        e.NoBackend,
        3,
        "No more addresses to connect",
        "No backend address is left to try.",
        lambda event: event.resolved,
    ),
    Entry(
        e.NoBackend,
        3,
        "Service [{e.section}] backends that are down or drained and were not tried: {e.skipped}",
        "The same, where the state of backends is why.",
        lambda event: bool(event.skipped),
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
        "Service [{e.section}] rejected the association request: {e.why}",
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
)
