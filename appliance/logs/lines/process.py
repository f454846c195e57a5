"""The lines about the process as a whole."""

from __future__ import annotations

from appliance import events as e
from appliance.logs.entry import Entry


def _upTo(seconds: float | None) -> str:
    return "" if seconds is None else f" up to {seconds:.0f} s"


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
    Entry(e.Accepting, 6, "Accepting new connections", "Once, when everything serves."),
    Entry(e.LogReopened, 5, "Log file reopened", "After SIGUSR1."),
    Entry(
        e.LogLost,
        3,
        "Cannot open log file: {e.path}: {e.error}",
        "After SIGUSR1, when that fails; the old file is still written to.",
    ),
    Entry(
        e.LogGap,
        4,
        "The log file can be written again: {e.path}, {e.lost} line(s) are missing",
        "In the log file itself, where lines would be that a full disk did not take.",
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
        e.Draining,
        5,
        lambda event: (
            f"Waiting{_upTo(event.seconds)} for {event.connections} connection(s) to end by "
            "themselves; a second signal ends them at once"
        ),
        "At a stop, when connections are still open: none are accepted any more.",
        lambda event: bool(event.connections) and event.seconds != 0,
    ),
    Entry(
        e.DrainExpired,
        4,
        "{e.connections} connection(s) did not end by themselves and are ended now",
        "At a stop, when drainTimeout is over or a second signal came.",
        lambda event: bool(event.connections),
    ),
    Entry(
        e.HandedOver,
        5,
        "Process {e.pid} serves now; {e.connections} connection(s) end here by themselves",
        "After butterfly-tls upgrade, from the process that was there before.",
    ),
    Entry(
        e.HandOverFailed,
        3,
        lambda event: f"{event.why}\nUpgrade failed: this process goes on as before",
        "After butterfly-tls upgrade, when no other process could take over.",
        many=True,
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
    Entry(
        e.LoopStalled,
        4,
        lambda event: f"The reactor stood still for {event.seconds:.1f} s: everything had to wait",
        "Something took the whole process's time; connections were not served meanwhile.",
    ),
    Entry(
        e.LoopStalled,
        4,
        lambda event: "\n".join(event.where),
        "What it was doing, innermost first.",
        many=True,
    ),
)
