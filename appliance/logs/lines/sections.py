"""The lines about sections."""

from __future__ import annotations

from appliance import events as e
from appliance.logs.entry import Entry, moment


def _ready(event: e.Ready) -> str:
    text = f"Service [{event.section}] serves {event.addresses} for {event.backends}"
    if event.certificate:
        text += f", certificate {event.certificate}, {event.daysLeft} days left"
    return text


def _repeated(level: int) -> Entry:
    return Entry(
        e.Repeated,
        level,
        "Service [{e.section}] {e.client}: {e.count:,} more time(s) in the last {e.seconds:.0f} s: "
        "{e.why}",
        "Once a minute, instead of all lines of connections that fail in the same way.",
        lambda event: event.level == level,
    )


def _changed(event: e.FilesChanged) -> str:
    what = f"has taken up what has changed on the disk: {', '.join(event.files)}"
    text = f"Service [{event.section}] {what if event.files else 'can use its files again'}"
    if event.certificate:
        text += f" (certificate {event.certificate}, serial number {event.serial})"
    return text


ENTRIES: tuple[Entry, ...] = (
    Entry(e.Initializing, 6, "Initializing service [{e.section}]", "A section's files are read."),
    Entry(e.CertificateLoaded, 6, "Certificate loaded from: {e.path}", "A certificate was read."),
    Entry(e.KeyLoaded, 6, "Private key loaded from: {e.path}", "A private key was read."),
    Entry(e.KeyMatched, 7, "Private key check succeeded", "The key belongs to the certificate."),
    Entry(
        e.FilesChanged,
        5,
        _changed,
        "Certificates, keys or other files have changed on the disk; new connections are served "
        "with them.",
    ),
    Entry(
        e.FilesRefused,
        4,
        lambda event: "\n".join(
            f"Service [{event.section}] goes on with the files from before: {problem}"
            for problem in event.problems
        ),
        "Files have changed on the disk, and a section cannot use them. Once for each cause.",
        many=True,
    ),
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
            f"{moment(event.until)}"
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
    *map(_repeated, (3, 4, 5)),
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
        e.ResolveDelayed,
        6,
        "Cannot resolve connect target - delaying DNS lookup",
        "A backend's name is not known at the start.",
    ),
)
